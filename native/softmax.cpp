// Softmax and cross-entropy along the middle axis of (n, c, s).
//
// Vectors lie along the positions (n, s), so that each lane goes down the channels of its own
// position: no partial vectors, and no sum across lanes. Positions are taken by blocks whose maxima
// and sums stay in the first cache. Where channels adjoin (s = 1), rows are turned into a block
// before and back after, and small images are gathered; long rows fill vectors themselves
// (`softmax.h`).
#include "softmax.h"

#include <algorithm>
#include <cmath>

#include "maps.h"
#include "pointwise.h"
#include "scratch.h"

namespace rl::RL_LEVEL {
namespace {

constexpr Index POSITIONS = 128;  // most of a block: memory is read in runs of some lines
constexpr Index SHORT = 48;       // rows up to here are turned, unless they are whole vectors
constexpr Index SMALL = 16;       // images of fewer positions are gathered; at least a vector's

// Call f(i) for n units of so many numbers, by tasks of several; an exp costs some sums.
template <class F>
void by_tasks(Index n, Index numbers, F&& f) {
    parallel(n, numbers, NUMBERS / 4, f);
}

// ---- blocks of positions

// A vector at p of what ends at `end`, filled up.
template <class T>
Vec<T> take_until(const T* p, const T* end) {
    return end - p >= W<T> ? load(p) : load_part(p, (int)std::max<Index>(0, end - p));
}

template <class T>
void give_until(T* p, T* end, Vec<T> v) {
    if (end - p >= W<T>) store(p, v);
    else if (p < end) store_part(p, v, (int)(end - p));
}

// A number for each position of a block, by vectors. The last vector of a block may lie in memory
// over the one before, yet has a slot of its own here.
template <class T>
struct Slots {
    alignas(64) T at[POSITIONS];
    Vec<T> operator[](Index slot) const { return load(at + slot); }
    void put(Index slot, Vec<T> v) { store(at + slot, v); }
};

// `count` positions from `first` on, channel k of position i at a[i + k * pitch], and so for b and
// out; a vector is never to begin after `last`.
template <class T>
struct Block {
    Index first, count, c, pitch, last;
    const T *a, *b;
    T* out;

    // Call f(slot, position of the block) for vectors of positions.
    template <class F>
    void vectors(F&& f) const {
        for (Index j = 0; j < count; j += W<T>) f(j, std::min(j, last));
    }
    // The same for single positions.
    template <class F>
    void each(F&& f) const {
        vectors([&](Index j, Index i) {
            for (Index l = 0; l < std::min<Index>(W<T>, count - i); l++) f(j + l, i + l);
        });
    }
    // The same for vectors of all channels: f(slot, place).
    template <class F>
    void all(F&& f) const {
        for (Index k = 0; k < c; k++) vectors([&](Index j, Index i) { f(j, i + k * pitch); });
    }
    // The sums over the channels of f(slot, place); if there are many, sums of such sums.
    template <class F>
    void sums(Slots<T>& sum, F&& f) const {
        vectors([&](Index j, Index) { sum.put(j, Vec<T>{}); });
        for (Index from = 0; from < c; from += SPAN) {
            Slots<T> part;
            vectors([&](Index j, Index) { part.put(j, Vec<T>{}); });
            for (Index k = from; k < std::min(c, from + SPAN); k++)
                vectors([&](Index j, Index i) { part.put(j, part[j] + f(j, i + k * pitch)); });
            vectors([&](Index j, Index) { sum.put(j, sum[j] + part[j]); });
        }
    }
    void maxima(Slots<T>& top) const {
        vectors([&](Index j, Index) { top.put(j, broadcast(NEVER<T>)); });
        all([&](Index j, Index i) {
            Vec<T> x = load(a + i), most = top[j];
            top.put(j, x > most ? x : most);
        });
    }
};

// to (c, POSITIONS) = the first `count` of rows of c numbers, which go on to `end`. What lies
// behind a row, or behind the rows, goes to where nobody reads.
template <class T>
void turn_in(Index count, Index c, const T* rows, const T* end, T* to) {
    for (Index i = 0; i < count; i += W<T>)
        for (Index k = 0; k < c; k += W<T>)
            turn_square<T>([=](int l) { return take_until(rows + (i + l) * c + k, end); },
                           [=](int l, Vec<T> v) { store(to + (k + l) * POSITIONS + i, v); });
}

// The inverse. A vector goes on into the next row, which is stored later.
template <class T>
void turn_out(Index count, Index c, const T* from, T* rows) {
    T* end = rows + count * c;
    for (Index i = 0; i < count; i += W<T>)
        for (Index k = 0; k < c; k += W<T>) {
            Index first = std::max<Index>(0, std::min(k, c - W<T>));
            turn_square<T>(
                [=](int l) { return load(from + (first + l) * POSITIONS + i); },
                [=](int l, Vec<T> v) { give_until(rows + (i + l) * c + first, end, v); });
        }
}

// to (c, POSITIONS) = `count` images (c, s) beside each other. Here, too, a vector goes on into
// what is stored later.
template <class T>
void gather(Index count, Index c, Index s, const T* images, const T* end, T* to) {
    for (Index k = 0; k < c; k++)
        for (Index i = 0; i < count; i++)
            for (Index j = 0; j < s; j += W<T>)
                store(to + k * POSITIONS + i * s + j,
                      take_until(images + (i * c + k) * s + j, end));
}

template <class T>
void scatter(Index count, Index c, Index s, const T* from, T* images) {
    T* end = images + count * c * s;
    for (Index i = 0; i < count; i++)
        for (Index k = 0; k < c; k++)
            for (Index j = 0; j < s; j += W<T>)
                give_until(images + (i * c + k) * s + j, end,
                           load(from + k * POSITIONS + i * s + j));
}

// What is done with a block, by whatever kernel: the ways to one are compiled once for all kernels.
template <class T>
struct Work {
    const void* f;
    void (*run)(const void* f, const Block<T>& block);
    void operator()(const Block<T>& block) const { run(f, block); }
};

// Call work(block) for blocks of all positions; b may be null.
template <class T>
[[gnu::noinline]] void all_blocks(Index n, Index c, Index s, const T* a, const T* b, T* out,
                                  Work<T> work) {
    Index size = c * s, planes = round_up(c, W<T>) * POSITIONS;
    if (s < SMALL) {
        Index most = s == 1 ? POSITIONS : (POSITIONS - W<T>) / s;
        auto in = [=](Index count, const T* from, const T* end, T* to) {
            if (s == 1) turn_in(count, c, from, end, to);
            else gather(count, c, s, from, end, to);
        };
        return by_tasks((n + most - 1) / most, most * size, [&](Index index) {
            Index first = index * most, count = std::min(most, n - first);
            T *turned = scratch<T>(0, 2 * planes), *other = turned + planes;
            in(count, a + first * size, a + n * size, turned);
            if (b) in(count, b + first * size, b + n * size, other);
            work({first * s, count * s, c, POSITIONS, count * s, turned, other, turned});
            if (s == 1) turn_out(count, c, turned, out + first * size);
            else scatter(count, c, s, turned, out + first * size);
        });
    }
    Index pieces = (s + POSITIONS - 1) / POSITIONS, vectors = (s + W<T> - 1) / W<T>;
    by_tasks(n * pieces, std::min(s, POSITIONS) * c, [&](Index index) {
        Index image = index / pieces, piece = index % pieces;
        Index from = vectors * piece / pieces * W<T>;  // all of nearly one size, none of a few
        Index count = std::min(s, vectors * (piece + 1) / pieces * W<T>) - from;
        Index at = image * size + from, first = image * s + from;
        work({first, count, c, s, count - W<T>, a + at, b ? b + at : nullptr, out + at});
    });
}

template <class T, class F>
void each_block(Index n, Index c, Index s, const T* a, const T* b, T* out, const F& f) {
    all_blocks<T>(n, c, s, a, b, out, {&f, [](const void* f, const Block<T>& block) {
        (*static_cast<const F*>(f))(block);
    }});
}

// ---- long rows

// Call f(row, top, sum) for all rows, as `group_sums` does.
template <class T, class F>
void each_sum(Index m, Index c, const T* x, T* e, F&& f) {
    Index group = group_of(c);
    by_tasks((m + group - 1) / group, group * c, [&](Index index) {
        Index first = index * group;
        group_sums(m, c, first, std::min(group, m - first), x, e, f);
    });
}

template <class T>
bool is_long(Index c, Index s) {
    return s == 1 && (c > SHORT || (c > W<T> && c % W<T> == 0));
}

// ---- kernels: of long rows, then of blocks

template <class T>
void softmax(Index n, Index c, Index s, const T* x, T* y) {
    if (is_long<T>(c, s))
        return each_sum(n, c, x, y, [&](Index row, T, T sum) {
            T *to = y + row * c, factor = 1 / sum;
            each<T>(c, [&]<class V>(V, Index j) { put(to + j, V(get<V>(to + j) * factor)); });
        });
    each_block<T>(n, c, s, x, nullptr, y, [](const Block<T>& block) {
        Slots<T> top, sum;
        block.maxima(top);
        block.sums(sum, [&](Index j, Index i) {
            Vec<T> e = exp_down<T>(load(block.a + i) - top[j]);
            store(block.out + i, e);
            return e;
        });
        block.vectors([&](Index j, Index i) {
            sum.put(j, T(1) / sum[j]);
            std::fill_n(sum.at + j, j - i, T(1));  // what the vector before has done
        });
        block.all([&](Index j, Index i) { store(block.out + i, load(block.out + i) * sum[j]); });
    });
}

template <class T>
void softmax_grad(Index n, Index c, Index s, const T* g, const T* y, T* dx) {
    if (s == 1 && c > W<T>)  // no exp: to turn is not worth it
        return by_tasks(n, c, [&](Index row) {
            Row<T> grad(g, n, c, row), out(y, n, c, row);
            T* to = dx + row * c;
            T along = (T)total_of<T>(c, [&](Index j, int lanes) {
                return grad.take(j, lanes, T(0)) * out.take(j, lanes, T(0));
            });
            each<T>(c, [&]<class V>(V, Index j) {
                put(to + j, V((get<V>(grad.p + j) - along) * get<V>(out.p + j)));
            });
        });
    each_block<T>(n, c, s, g, y, dx, [](const Block<T>& block) {
        Slots<T> along;
        block.sums(along, [&](Index, Index i) {
            return load(block.a + i) * load(block.b + i);
        });
        block.all([&](Index j, Index i) {
            store(block.out + i, (load(block.a + i) - along[j]) * load(block.b + i));
        });
    });
}

template <class T>
void log_softmax(Index n, Index c, Index s, const T* x, T* y) {
    if (is_long<T>(c, s))
        return each_sum(n, c, x, (T*)nullptr, [&](Index row, T top, T sum) {
            const T *from = x + row * c, shift = std::log(sum);
            T* to = y + row * c;
            each<T>(c, [&]<class V>(V, Index j) {
                put(to + j, V((get<V>(from + j) - top) - shift));
            });
        });
    each_block<T>(n, c, s, x, nullptr, y, [](const Block<T>& block) {
        Slots<T> top, sum;
        block.maxima(top);
        block.sums(sum, [&](Index j, Index i) {
            return exp_down<T>(load(block.a + i) - top[j]);
        });
        block.vectors([&](Index j, Index) { sum.put(j, log_up<T>(sum[j])); });
        block.all([&](Index j, Index i) {
            store(block.out + i, (load(block.a + i) - top[j]) - sum[j]);
        });
    });
}

template <class T>
void log_softmax_grad(Index n, Index c, Index s, const T* g, const T* y, T* dx) {
    if (is_long<T>(c, s))
        return by_tasks(n, c, [&](Index row) {
            Row<T> grad(g, n, c, row), out(y, n, c, row);
            T* to = dx + row * c;
            T total = (T)total_of<T>(c, [&](Index j, int lanes) {
                return grad.take(j, lanes, T(0));
            });
            RL_LEVEL::vectors<T>(c, [&](Index j, int lanes) {
                Vec<T> p = exp<T>(out.take(j, lanes, NEVER<T>));
                give(to + j, grad.take(j, lanes, T(0)) - p * total, lanes);
            });
        });
    each_block<T>(n, c, s, g, y, dx, [](const Block<T>& block) {
        Slots<T> total;
        block.sums(total, [&](Index, Index i) { return load(block.a + i); });
        block.all([&](Index j, Index i) {
            store(block.out + i, load(block.a + i) - exp<T>(load(block.b + i)) * total[j]);
        });
    });
}

template <class T>
void cross_entropy(Index n, Index c, Index s, const T* x, const int64_t* classes, T* loss, T* e,
                   T* total) {
    if (is_long<T>(c, s))
        return each_sum(n, c, x, e, [&](Index row, T top, T sum) {
            total[row] = sum;
            loss[row] = std::log(sum) - (x[row * c + classes[row]] - top);
        });
    each_block<T>(n, c, s, x, nullptr, e, [=](const Block<T>& block) {
        Slots<T> top, sum, own;
        block.maxima(top);
        block.each([&](Index slot, Index i) {
            Index k = classes[block.first + i];
            own.at[slot] = block.a[i + k * block.pitch] - top.at[slot];
        });
        block.sums(sum, [&](Index j, Index i) {
            Vec<T> e = exp_down<T>(load(block.a + i) - top[j]);
            store(block.out + i, e);
            return e;
        });
        block.vectors([&](Index j, Index) { top.put(j, log_up<T>(sum[j]) - own[j]); });
        block.each([&](Index slot, Index i) {
            total[block.first + i] = sum.at[slot];
            loss[block.first + i] = top.at[slot];
        });
    });
}

template <class T>
void cross_entropy_grad(Index n, Index c, Index s, const T* e, const T* total,
                        const int64_t* classes, const T* scales, double scale, T* dx) {
    auto own = [=](Index position) { return scales ? scales[position] : (T)scale; };
    if (s == 1)
        return by_tasks(n, c, [=](Index row) {
            const T* from = e + row * c;
            T *to = dx + row * c, factor = own(row) / total[row];
            each<T>(c, [&]<class V>(V, Index j) { put(to + j, V(get<V>(from + j) * factor)); });
            dx[row * c + classes[row]] -= own(row);
        });
    each_block<T>(n, c, s, e, nullptr, dx, [=](const Block<T>& block) {
        Slots<T> factor;
        block.each([&](Index slot, Index i) {
            factor.at[slot] = own(block.first + i) / total[block.first + i];
        });
        block.all([&](Index j, Index i) { store(block.out + i, load(block.a + i) * factor[j]); });
        for (Index i = 0; i < block.count; i++) {
            Index position = block.first + i;
            block.out[i + classes[position] * block.pitch] -= own(position);
        }
    });
}

}  // namespace

template <class T>
void fill_softmax(PointwiseKernels<T>& k) {
    k.softmax = softmax<T>;
    k.softmax_grad = softmax_grad<T>;
    k.log_softmax = log_softmax<T>;
    k.log_softmax_grad = log_softmax_grad<T>;
    k.cross_entropy = cross_entropy<T>;
    k.cross_entropy_grad = cross_entropy_grad<T>;
}
RL_FILL(fill_softmax, PointwiseKernels)

}  // namespace rl::RL_LEVEL
