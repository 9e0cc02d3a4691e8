// Pooling of channels-last arrays in up to three dims.
//
// The cells of a window are a list of distances from its first cell; few lists serve all windows,
// as only those at the border, or of uneven adaptive windows, differ. Channels are taken in pieces
// of vectors, and each piece of a row of windows at once, so that what neighbours share stays near.
// Planes (arrays of one channel) are turned into channels, as many as a vector has lanes; but maxima
// of two columns each are taken along their lines.
#include "pool.h"

#include <algorithm>
#include <limits>
#include <memory>
#include <type_traits>

#include "lanes.h"
#include "planes.h"
#include "threads.h"
#include "windows.h"

namespace rl::RL_LEVEL {
namespace {

constexpr Index TASK = 1 << 16;  // cells of windows, times channels, of a task
constexpr Index RUN = 64;        // numbers added up in a row: sums of sums lose fewer bits

template <class T, int L>
struct LanesOf {
    typedef T type __attribute__((vector_size(L * sizeof(T))));
};
template <class T, int L>
using Lanes = typename LanesOf<T, L>::type;

// Integers as wide as T: what comparisons of its vectors give.
template <class T>
using Int = std::conditional_t<sizeof(T) == 4, int32_t, int64_t>;

template <int L, class T>
Lanes<T, L> get(const T* p) {
    Lanes<T, L> v;
    std::memcpy(&v, p, sizeof v);
    return v;
}
template <class T, class V>
void put(T* p, V v) {
    std::memcpy(p, &v, sizeof v);
}

// Call f<L, V>(c) for the channels from c on in pieces of V vectors of L lanes, the widest first.
template <class T, int L, class F>
void narrow_pieces(Index c, Index channels, F&& f) {
    if (channels - c >= L) {
        f.template operator()<L, 1>(c);
        c += L;
    }
    if constexpr (L > 1) narrow_pieces<T, L / 2>(c, channels, f);
}
template <class T, class F>
void pieces(Index channels, F&& f) {
    Index c = 0;
    for (; channels - c >= 4 * W<T>; c += 4 * W<T>) f.template operator()<W<T>, 4>(c);
    for (; channels - c >= W<T>; c += W<T>) f.template operator()<W<T>, 1>(c);
    if (c < channels) narrow_pieces<T, W<T> / 2>(c, channels, f);
}

// ---- what all kernels have in common

template <class U>
struct Block {
    U* data;
    Index cells;  // of a sample
};

// The work of a task: rows of windows in one sample.
struct Part {
    Index from, to, channels;
};

// Call body(part, in..., out) with pointers to the arrays of a sample. `apart`: rows of windows do
// not write to the same cells of `out`, so that tasks may share a sample.
template <class T, class U, class Body, class... In>
void run(const Pool& s, const Windows& windows, bool apart, Body&& body, Block<U> out,
         Block<const In>... in) {
    if (s.channels > 1) {
        Index row = windows.columns * windows.most * s.channels;
        Index size = apart ? std::clamp(TASK / row, Index(1), windows.rows) : windows.rows;
        Index parts = (windows.rows + size - 1) / size, units = s.samples * parts;
        Index group = std::max(Index(1), TASK / (size * row));
        parallel((units + group - 1) / group, [&](Index task) {
            for (Index unit = task * group; unit < std::min(units, (task + 1) * group); unit++) {
                Index from = unit % parts * size, sample = unit / parts * s.channels;
                body(Part{from, std::min(windows.rows, from + size), s.channels},
                     in.data + sample * in.cells..., out.data + sample * out.cells);
            }
        });
        return;
    }
    constexpr int R = W<T>;
    parallel((s.samples + R - 1) / R, [&](Index task) {
        Index sample = task * R, count = std::min<Index>(R, s.samples - sample);
        auto lanes = [&]<class I>(Block<const I> a) {
            std::unique_ptr<I[]> turned(new I[a.cells * R]);
            to_lanes<R>(a.data + sample * a.cells, count, a.cells, turned.get());
            return turned;
        };
        std::unique_ptr<U[]> result(new U[out.cells * R]);
        body(Part{0, windows.rows, R}, lanes(in).get()..., result.get());
        to_planes<R>(result.get(), count, out.cells, out.data + sample * out.cells);
    });
}

// Call op<L, V>(window, c) for the windows of a row and pieces of channels.
template <class T, class Op>
void each_piece(const Windows& windows, const Part& part, Index row, bool back, Op&& op) {
    pieces<T>(part.channels, [&]<int L, int V>(Index c) {
        windows.row(row, back, [&](const Window& w) { op.template operator()<L, V>(w, c); });
    });
}

// The same for all windows of a part, in the order in which memory is fetched ahead.
template <class T, class Op>
void each_window(const Windows& windows, const Part& part, Op&& op) {
    for (Index row = part.from; row < part.to; row++)
        each_piece<T>(windows, part, row, false, op);
}

// The same where op adds to dx (which is cleared just before) if windows may share cells. Windows
// go backwards then because sums are added up in the order of the reference.
template <bool WHOLE, class T, class Op>
void each_share(const Pool& s, const Windows& windows, const Part& part, T* dx, Op&& op) {
    if (WHOLE) return each_window<T>(windows, part, op);
    Index pitch = s.size[2] * part.channels, clean = s.size[0] * s.size[1];
    auto clear = [&](Index row) {
        if (row >= clean) return;
        std::fill(dx + row * pitch, dx + clean * pitch, T(0));
        clean = row;
    };
    for (Index row = part.to - 1; row >= part.from; row--) {
        clear(windows.lowest(row));
        each_piece<T>(windows, part, row, true, op);
    }
    clear(0);
}

template <bool WHOLE, class T, class V>
void give(T* cell, V v) {
    put(cell, WHOLE ? v : get<sizeof(V) / sizeof(T)>(cell) + v);
}

// Call f(count) with a count that the compiler knows if it is one of the usual ones, for whole vectors.
template <class T, int L, class F>
void counted(Index count, F&& f) {
    if constexpr (L < W<T>) f(count);
    else if (count == 4) f(std::integral_constant<Index, 4>{});
    else if (count == 9) f(std::integral_constant<Index, 9>{});
    else f(count);
}

// ---- maximum

// A row of paired windows: y (columns) from its first one; the last vector over the one before.
template <class T, int... I>
void max_of_pairs(const Window& w, Index columns, T lowest, const T* x, T* y,
                  std::integer_sequence<int, I...>) {
    for (Index c = 0; c < columns; c += W<T>) {
        Index at = std::min(c, columns - W<T>);
        Vec<T> best = broadcast(lowest);
        for (Index t = 0; t < w.count; t += 2) {
            const T* p = x + w.first + w.taps[t] + 2 * at;
            Vec<T> a = load(p), b = load(p + W<T>);
            best = higher(best, shuffled<2 * I...>(a, b));
            best = higher(best, shuffled<(2 * I + 1)...>(a, b));
        }
        store(y + w.out + at, best);
    }
}

template <class T>
void max_forward(const Pool& s, const T* x, T* y, bool relu) {
    Windows windows(s);
    T lowest = relu ? T(0) : -std::numeric_limits<T>::infinity();
    if (s.channels == 1 && windows.paired(W<T>)) {
        return parallel(s.samples, windows.cells, TASK, [&](Index i) {
            for (Index row = 0; row < windows.rows; row++)
                max_of_pairs(windows.start(row), windows.columns, lowest, x + i * windows.cells,
                             y + i * windows.outs(), std::make_integer_sequence<int, W<T>>());
        });
    }
    auto body = [&](const Part& part, const T* x, T* y) {
        each_window<T>(windows, part, [&]<int L, int V>(const Window& w, Index c) {
            const T* cells = x + w.first * part.channels + c;
            Lanes<T, L> best[V];
            for (int v = 0; v < V; v++) best[v] = lowest - Lanes<T, L>{};
            counted<T, L>(w.count, [&](auto count) {
                for (Index t = 0; t < count; t++)
                    for (int v = 0; v < V; v++) {
                        auto a = get<L>(cells + w.taps[t] * part.channels + v * L);
                        best[v] = higher(best[v], a);
                    }
            });
            for (int v = 0; v < V; v++) put(y + w.out * part.channels + c + v * L, best[v]);
        });
    };
    run<T, T>(s, windows, true, body, {y, windows.outs()}, Block<const T>{x, windows.cells});
}

// Which tap of a window holds its maximum: the first of equals, the last of NaNs.
template <int L, class T>
Lanes<Int<T>, L> winner(const T* cells, const Index* taps, auto count, Index channels) {
    Lanes<Int<T>, L> found{}, tap{};
    Lanes<T, L> best = -__builtin_inf() - Lanes<T, L>{};
    for (Index t = 0; t < count; t++, tap += 1) {
        auto a = get<L>(cells + taps[t] * channels);
        auto higher = (a > best) | (a != a);
        best = higher ? a : best;
        found = higher ? tap : found;
    }
    return found;
}

template <class T>
void max_indices(const Pool& s, const T* x, int64_t* index) {
    Windows windows(s);
    auto body = [&](const Part& part, const T* x, int64_t* index) {
        each_window<T>(windows, part, [&]<int L, int V>(const Window& w, Index c) {
            for (int v = 0; v < V; v++, c += L) {
                const T* cells = x + w.first * part.channels + c;
                Index at = w.out * part.channels + c;
                auto tap = winner<L>(cells, w.taps, w.count, part.channels);
                for (int l = 0; l < L; l++)
                    index[at + l] = w.first + (w.count ? w.taps[tap[l]] : 0);
            }
        });
    };
    run<T, int64_t>(s, windows, true, body, {index, windows.outs()},
                    Block<const T>{x, windows.cells});
}

// y: what max_forward gave with relu, or null.
template <bool WHOLE, class T>
void max_grad(const Pool& s, const T* g, const T* x, const T* y, T* dx) {
    Windows windows(s);
    bool relu = y;
    auto body = [&](const Part& part, const T* g, const T* y, const T* x, T* dx) {
        // the step has been elsewhere since x was made: without this, each row is waited for
        Index ahead = windows.pitch() * part.channels;
        each_share<WHOLE>(s, windows, part, dx, [&]<int L, int V>(const Window& w, Index c) {
            for (int v = 0; v < V; v++, c += L) {
                Index from = w.first * part.channels + c, at = w.out * part.channels + c;
                auto share = get<L>(g + at);
                if (relu) share = get<L>(y + at) == 0 ? Lanes<T, L>{} : share;
                counted<T, L>(w.count, [&](auto count) {
                    auto won = winner<L>(x + from, w.taps, count, part.channels);
                    Lanes<Int<T>, L> tap{};
                    for (Index t = 0; t < count; t++, tap += 1) {
                        Index cell = from + w.taps[t] * part.channels;
                        if (WHOLE) {
                            __builtin_prefetch(x + cell + ahead);
                            __builtin_prefetch(dx + cell + ahead, 1);
                        }
                        give<WHOLE>(dx + cell, won == tap ? share : Lanes<T, L>{});
                    }
                });
            }
        });
    };
    Block<const T> shares{g, windows.outs()}, outs{y ? y : g, windows.outs()};
    run<T, T>(s, windows, WHOLE, body, {dx, windows.cells}, shares, outs,
              Block<const T>{x, windows.cells});
}

// ---- average

template <class T>
std::vector<T> divisors(const Pool& s) {
    std::vector<T> products;
    for (double a : s.divisor[0])
        for (double b : s.divisor[1])
            for (double c : s.divisor[2]) products.push_back(T(a * b * c));
    return products;
}

// The means of planes whose cells adjoin: nothing is to be turned for that.
template <class T>
void plane_means(Index planes, Index cells, T divisor, const T* x, T* y) {
    parallel(planes, cells, TASK, [=](Index i) {
        double sum;
        row_sums<T, 1>(cells, &sum, [=]<class V>(V, Index t, V* sum) {
            *sum += RL_LEVEL::get<V>(x + i * cells + t);
        });
        y[i] = T(sum) / divisor;
    });
}

template <class T>
void avg_forward(const Pool& s, const T* x, T* y) {
    Windows windows(s);
    std::vector<T> divisor = divisors<T>(s);
    if (s.channels == 1 && s.whole && windows.outs() == 1)
        return plane_means(s.samples, windows.cells, divisor[0], x, y);
    auto body = [&](const Part& part, const T* x, T* y) {
        each_window<T>(windows, part, [&]<int L, int V>(const Window& w, Index c) {
            const T* cells = x + w.first * part.channels + c;
            Lanes<T, L> total[V] = {};
            for (Index t = 0; t < w.count;) {
                Lanes<T, L> sum[V] = {};
                for (Index end = std::min(w.count, t + RUN); t < end; t++)
                    for (int v = 0; v < V; v++)
                        sum[v] += get<L>(cells + w.taps[t] * part.channels + v * L);
                for (int v = 0; v < V; v++) total[v] += sum[v];
            }
            for (int v = 0; v < V; v++)
                put(y + w.out * part.channels + c + v * L, total[v] / divisor[w.out]);
        });
    };
    run<T, T>(s, windows, true, body, {y, windows.outs()}, Block<const T>{x, windows.cells});
}

template <bool WHOLE, class T>
void avg_grad(const Pool& s, const T* g, T* dx) {
    Windows windows(s);
    std::vector<T> divisor = divisors<T>(s);
    auto body = [&](const Part& part, const T* g, T* dx) {
        each_share<WHOLE>(s, windows, part, dx, [&]<int L, int V>(const Window& w, Index c) {
            Lanes<T, L> share[V];
            for (int v = 0; v < V; v++)
                share[v] = get<L>(g + w.out * part.channels + c + v * L) / divisor[w.out];
            for (Index t = 0; t < w.count; t++)
                for (int v = 0; v < V; v++)
                    give<WHOLE>(dx + (w.first + w.taps[t]) * part.channels + c + v * L, share[v]);
        });
    };
    run<T, T>(s, windows, WHOLE, body, {dx, windows.cells}, Block<const T>{g, windows.outs()});
}

}  // namespace

template <class T>
void fill_pool(PoolKernels<T>& k) {
    k.max_forward = max_forward<T>;
    k.max_indices = max_indices<T>;
    k.max_grad = [](const Pool& s, const T* g, const T* x, const T* y, T* dx) {
        (s.whole ? max_grad<true, T> : max_grad<false, T>)(s, g, x, y, dx);
    };
    k.avg_forward = avg_forward<T>;
    k.avg_grad = [](const Pool& s, const T* g, T* dx) {
        (s.whole ? avg_grad<true, T> : avg_grad<false, T>)(s, g, dx);
    };
}
RL_FILL(fill_pool, PoolKernels)

}  // namespace rl::RL_LEVEL
