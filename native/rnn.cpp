// The passes of a recurrent step as one, every number of a state on its own; and all steps of a
// layer in a row, each with its product.
#include "rnn.h"

#include <algorithm>

#include "exp.h"
#include "kept.h"
#include "scratch.h"
#include "strips.h"
#include "threads.h"

namespace rl::RL_LEVEL {
namespace {

constexpr Index TASK = 1 << 13;  // numbers of a state in a task: each takes five exp

// A whole vector at p, or the first n numbers of one.
template <class T>
struct Whole {
    Vec<T> get(const T* p) const { return load(p); }
    void put(T* p, Vec<T> v) const { store(p, v); }
};
template <class T>
struct Part {
    int n;
    Vec<T> get(const T* p) const { return load_part(p, n); }
    void put(T* p, Vec<T> v) const { store_part(p, v, n); }
};

// Call each f(lanes, row, j) in turn for the vectors of n rows of h numbers. What waits for long
// chains of others stands in functions of its own: then several vectors are under way together.
template <class T, class... F>
void states(Index n, Index h, F&&... f) {
    auto along = [h](auto&& each, Index row) {
        Index j = 0;
        for (; j + W<T> <= h; j += W<T>) each(Whole<T>(), row, j);
        if (j < h) each(Part<T>{(int)(h - j)}, row, j);
    };
    for (Index row = 0; row < n; row++) (along(f, row), ...);
}

// Call f(first, count) for n rows of h numbers, by tasks.
template <class F>
void some_rows(Index n, Index h, F&& f) {
    Index rows = std::max(Index(1), TASK / std::max(Index(1), h));
    parallel((n + rows - 1) / rows,
             [&](Index task) { f(task * rows, std::min(rows, n - task * rows)); });
}

// The derivative of a sigmoid or a tanh by its sum, from its value.
template <class T>
Vec<T> slope(Vec<T> sigmoid) {
    return sigmoid - sigmoid * sigmoid;
}
template <class T>
Vec<T> tanh_slope(Vec<T> tanh) {
    return T(1) - tanh * tanh;
}

// ---- one step. Quotients share a division where a NaN in one makes NaN of all that comes of both.

// A sigmoid by its share of a division, which rounds: 1 stays 1, or a state that is kept would drift.
template <class T>
Vec<T> shut(const Quotient<T>& q, Vec<T> share) {
    return q.upper == q.lower ? broadcast(T(1)) : share;
}

template <class T>
void lstm_rows(Index n, Index h, const T* product, const T* before, const T* c, T* gates, T* cell,
               T* tanhs, T* y) {
    auto sum = [=](auto lanes, Index row, Index j) {
        Index at = row * 4 * h + j;
        return lanes.get(before + at) - lanes.get(product + at);
    };
    states<T>(
        n, h,
        [&](auto lanes, Index row, Index j) {
            T* to = gates + row * 4 * h + j;
            Quotient<T> i = sigmoid_quotient<T>(sum(lanes, row, j));
            Quotient<T> f = sigmoid_quotient<T>(sum(lanes, row, j + h));
            Quotient<T> g = tanh_quotient<T>(sum(lanes, row, j + 2 * h));
            Vec<T> both = i.lower * g.lower, part = T(1) / (both * f.lower);
            Vec<T> keep = shut<T>(f, f.upper * (both * part)), rest = part * f.lower;
            Vec<T> in = shut<T>(i, i.upper * (g.lower * rest));
            Vec<T> fresh = g.upper * (i.lower * rest);
            fresh = fresh > T(1) ? broadcast(T(1)) : fresh < T(-1) ? broadcast(T(-1)) : fresh;
            lanes.put(to, in);
            lanes.put(to + h, keep);
            lanes.put(to + 2 * h, fresh);
            lanes.put(cell + row * h + j, keep * lanes.get(c + row * h + j) + in * fresh);
        },
        [&](auto lanes, Index row, Index j) {
            Index at = row * h + j;
            Quotient<T> o = sigmoid_quotient<T>(sum(lanes, row, j + 3 * h));
            Quotient<T> t = tanh_quotient<T>(lanes.get(cell + at));
            Vec<T> part = T(1) / (o.lower * t.lower);
            Vec<T> out = o.upper * (t.lower * part), tanh = t.upper * (o.lower * part);
            lanes.put(gates + row * 4 * h + j + 3 * h, out);
            lanes.put(tanhs + at, tanh);
            lanes.put(y + at, out * tanh);
        });
}

template <class T>
void lstm_rows_grad(Index n, Index h, const T* dy, T* dc, T* d, const T* gates, const T* tanhs,
                    const T* c) {
    states<T>(n, h, [&](auto lanes, Index row, Index j) {
        const T* from = gates + row * 4 * h + j;
        T* to = d + row * 4 * h + j;
        Index at = row * h + j;
        Vec<T> i = lanes.get(from), f = lanes.get(from + h), g = lanes.get(from + 2 * h);
        Vec<T> o = lanes.get(from + 3 * h), t = lanes.get(tanhs + at), by_y = lanes.get(dy + at);
        Vec<T> by_cell = lanes.get(dc + at) + by_y * (o * tanh_slope<T>(t));
        lanes.put(to, by_cell * (slope<T>(i) * g));
        lanes.put(to + h, by_cell * (slope<T>(f) * lanes.get(c + at)));
        lanes.put(to + 2 * h, by_cell * (i * tanh_slope<T>(g)));
        lanes.put(to + 3 * h, by_y * (slope<T>(o) * t));
        lanes.put(dc + at, by_cell * f);
    });
}

template <class T>
void gru_rows(Index n, Index h, const T* product, const T* before, const T* bias, const T* state,
              T* gates, T* fresh, T* hidden, T* y) {
    states<T>(
        n, h,
        [&](auto lanes, Index row, Index j) {
            const T *p = product + row * 3 * h + j, *x = before + row * 3 * h + j;
            T* to = gates + row * 2 * h + j;
            Quotient<T> r = sigmoid_quotient<T>(lanes.get(x) - lanes.get(p));
            Quotient<T> z = sigmoid_quotient<T>(lanes.get(x + h) - lanes.get(p + h));
            Vec<T> part = T(1) / (r.lower * z.lower);
            lanes.put(to, r.upper * (z.lower * part));
            lanes.put(to + h, z.upper * (r.lower * part));
            lanes.put(hidden + row * h + j, lanes.get(bias + j) - lanes.get(p + 2 * h));
        },
        [&](auto lanes, Index row, Index j) {
            const T* from = gates + row * 2 * h + j;
            Index at = row * h + j;
            Vec<T> sum = lanes.get(before + row * 3 * h + j + 2 * h);
            Vec<T> candidate = tanh<T>(sum + lanes.get(from) * lanes.get(hidden + at));
            Vec<T> change = lanes.get(state + at) - candidate;
            lanes.put(fresh + at, candidate);
            lanes.put(y + at, candidate + lanes.get(from + h) * change);
        });
}

// by_product (rows of r, z, hidden) and by_n lie `pitch` apart.
template <class T>
void gru_rows_grad(Index n, Index h, T* dy, T* by_product, T* by_n, Index pitch, const T* gates,
                   const T* fresh, const T* hidden, const T* state) {
    states<T>(n, h, [&](auto lanes, Index row, Index j) {
        const T* from = gates + row * 2 * h + j;
        T* to = by_product + row * pitch + j;
        Index at = row * h + j;
        Vec<T> r = lanes.get(from), z = lanes.get(from + h), by_y = lanes.get(dy + at);
        Vec<T> candidate = lanes.get(fresh + at);
        Vec<T> by_candidate = by_y * (tanh_slope<T>(candidate) * (T(1) - z));
        lanes.put(to, by_candidate * (slope<T>(r) * lanes.get(hidden + at)));
        lanes.put(to + h, by_y * (slope<T>(z) * (lanes.get(state + at) - candidate)));
        lanes.put(to + 2 * h, by_candidate * r);
        lanes.put(by_n + row * pitch + j, by_candidate);
        lanes.put(dy + at, by_y * z);
    });
}

template <class T>
void lstm(Index n, Index h, const T* product, const T* before, const T* c, T* gates, T* cell,
          T* tanhs, T* y) {
    some_rows(n, h, [&](Index i, Index count) {
        lstm_rows(count, h, product + i * 4 * h, before + i * 4 * h, c + i * h, gates + i * 4 * h,
                  cell + i * h, tanhs + i * h, y + i * h);
    });
}

template <class T>
void lstm_grad(Index n, Index h, const T* dy, T* dc, T* d, const T* gates, const T* tanhs,
               const T* c) {
    some_rows(n, h, [&](Index i, Index count) {
        lstm_rows_grad(count, h, dy + i * h, dc + i * h, d + i * 4 * h, gates + i * 4 * h,
                       tanhs + i * h, c + i * h);
    });
}

template <class T>
void gru(Index n, Index h, const T* product, const T* before, const T* bias, const T* state,
         T* gates, T* fresh, T* hidden, T* y) {
    some_rows(n, h, [&](Index i, Index count) {
        gru_rows(count, h, product + i * 3 * h, before + i * 3 * h, bias, state + i * h,
                 gates + i * 2 * h, fresh + i * h, hidden + i * h, y + i * h);
    });
}

template <class T>
void gru_grad(Index n, Index h, T* dy, T* d, const T* gates, const T* fresh, const T* hidden,
              const T* state) {
    some_rows(n, h, [&](Index i, Index count) {
        T* to = d + i * 4 * h;
        gru_rows_grad(count, h, dy + i * h, to, to + 3 * h, 4 * h, gates + i * 2 * h,
                      fresh + i * h, hidden + i * h, state + i * h);
    });
}

// ---- all steps: some sequences go through them alone, as no number of theirs meets another's

constexpr Index SEQUENCES = 12;   // about as many in a task: two tiles of AVX2, or one of AVX-512
constexpr Index ALONE = 1 << 18;  // multiply-adds below which no thread waits for another

enum Slot { WEIGHTS, PRODUCTS };

// The recurrent weight, laid out once for all steps.
template <class T>
class Weight {
  public:
    // That of products with -w^T, for w (n, depth); or with w, for w (depth, n).
    Weight(const Sequences& s, Index depth, Index n, const T* w, bool forward)
        : depth(depth), n(n), by_row(s.most() <= 2) {
        Room<T> room = room_for(WEIGHTS, w, depth * padded<T>(n));
        T* to = room.at;
        packed = to;
        if (!room.empty) return;
        if (forward && by_row) pack_columns<T, V_ROW>(depth, n, w, depth, T(-1), to);
        else if (forward) pack_columns<T>(depth, n, w, depth, T(-1), to);
        else if (by_row) pack_rows<T, V_ROW>(depth, n, w, n, to);
        else pack_rows<T>(depth, n, w, n, to);
    }

    // y (m, n) = a (m, depth) times it
    void product(Index m, const T* a, T* y) const {
        if (!by_row) return RL_LEVEL::product(m, n, depth, a, depth, packed, y, n);
        for (Index i = 0; i < m; i++) product_of_row(n, depth, a + i * depth, packed, y + i * n);
    }

  private:
    Index depth, n;
    bool by_row;
    const T* packed;
};

// What a task does of a step: `count` rows from `row` on, of the sequences from `first` on. The
// first `known` of them had a step before, in rows from `before` on.
struct Stretch {
    Index count, row, first, known, before;

    // Call f(rows, first row, state before) for the rows whose state comes of the step before, in
    // `states`, and for those whose state is that in `firsts`.
    template <class T, class F>
    void each(Index h, const T* states, const T* firsts, F&& f) const {
        if (known > 0) f(known, row, states + before * h);
        if (known < count) f(count - known, row + known, firsts + (first + known) * h);
    }
};

// Call f(stretches in the order in which the steps run, sequences) for each task, as many for each
// thread.
template <class F>
void each_task(const Sequences& s, Index h, F&& f) {
    Index all = s.most(), tasks = (all + SEQUENCES - 1) / SEQUENCES, steps = (Index)s.sizes.size();
    Index team = s.rows * 4 * h * h < ALONE ? 1 : threads();
    tasks = std::max(tasks / team, Index(1)) * team;
    Index size = std::max(Index(1), (all + tasks - 1) / tasks);
    parallel((all + size - 1) / size, [&](Index task) {
        Index first = task * size, last = std::min(all, first + size);
        std::vector<Stretch> found;
        for (Index k = 0; k < steps; k++) {
            Index t = s.reverse ? steps - 1 - k : k, count = std::min(last, s.sizes[t]) - first;
            if (count <= 0) continue;
            Stretch now{count, s.starts[t] + first, first, 0, 0};
            if (!found.empty()) {
                now.known = std::min(count, found.back().count);
                now.before = found.back().row;
            }
            found.push_back(now);
        }
        f(found, size);
    });
}

// Copy the states of the sequences that end to `last`.
template <class T>
void finish(const std::vector<Stretch>& all, Index h, const T* states, T* last) {
    for (std::size_t k = 0; k < all.size(); k++) {
        Index going = k + 1 < all.size() ? all[k + 1].count : 0;
        if (going < all[k].count)
            std::copy(states + (all[k].row + going) * h, states + (all[k].row + all[k].count) * h,
                      last + (all[k].first + going) * h);
    }
}

template <class T>
void add(Index n, const T* x, T* to) {
    for (Index i = 0; i < n; i++) to[i] += x[i];
}

template <class T>
void lstm_steps(const Sequences& s, Index h, const T* before, const T* h0, const T* c0, const T* w,
                T* gates, T* cells, T* tanhs, T* y, T* h_last, T* c_last) {
    Weight<T> weight(s, h, 4 * h, w, true);
    each_task(s, h, [&](const std::vector<Stretch>& all, Index most) {
        T* products = scratch<T>(PRODUCTS, most * 4 * h);
        for (const Stretch& now : all) {
            T* to = products;
            now.each(h, y, h0, [&](Index n, Index, const T* state) {
                weight.product(n, state, to);
                to += n * 4 * h;
            });
            const T* from = products;
            now.each(h, cells, c0, [&](Index n, Index row, const T* c) {
                lstm_rows(n, h, from, before + row * 4 * h, c, gates + row * 4 * h,
                          cells + row * h, tanhs + row * h, y + row * h);
                from += n * 4 * h;
            });
        }
        finish(all, h, y, h_last);
        finish(all, h, cells, c_last);
    });
}

template <class T>
void lstm_steps_grad(const Sequences& s, Index h, const T* g, T* dh, T* dc, const T* w, const T* gates,
                     const T* cells, const T* tanhs, const T* c0, T* d) {
    Weight<T> weight(s, 4 * h, h, w, false);
    each_task(s, h, [&](const std::vector<Stretch>& all, Index) {
        for (auto now = all.rbegin(); now != all.rend(); ++now) {
            T *dy = dh + now->first * h, *by_cell = dc + now->first * h;
            if (g) add(now->count * h, g + now->row * h, dy);
            now->each(h, cells, c0, [&](Index n, Index row, const T* c) {
                Index i = (row - now->row) * h;
                lstm_rows_grad(n, h, dy + i, by_cell + i, d + row * 4 * h, gates + row * 4 * h,
                               tanhs + row * h, c);
            });
            weight.product(now->count, d + now->row * 4 * h, dy);
        }
    });
}

template <class T>
void gru_steps(const Sequences& s, Index h, const T* before, const T* h0, const T* w, const T* bias,
               T* gates, T* fresh, T* hidden, T* y, T* h_last) {
    Weight<T> weight(s, h, 3 * h, w, true);
    each_task(s, h, [&](const std::vector<Stretch>& all, Index most) {
        T* products = scratch<T>(PRODUCTS, most * 3 * h);
        for (const Stretch& now : all)
            now.each(h, y, h0, [&](Index n, Index row, const T* state) {
                weight.product(n, state, products);
                gru_rows(n, h, products, before + row * 3 * h, bias, state, gates + row * 2 * h,
                         fresh + row * h, hidden + row * h, y + row * h);
            });
        finish(all, h, y, h_last);
    });
}

template <class T>
void gru_steps_grad(const Sequences& s, Index h, const T* g, T* dh, const T* w, const T* gates,
                    const T* fresh, const T* hidden, const T* y, const T* h0, T* by_before,
                    T* by_product) {
    Weight<T> weight(s, 3 * h, h, w, false);
    each_task(s, h, [&](const std::vector<Stretch>& all, Index most) {
        T* products = scratch<T>(PRODUCTS, most * h);
        for (auto now = all.rbegin(); now != all.rend(); ++now) {
            T* dy = dh + now->first * h;
            if (g) add(now->count * h, g + now->row * h, dy);
            now->each(h, y, h0, [&](Index n, Index row, const T* state) {
                T *to = by_product + row * 3 * h, *also = by_before + row * 3 * h;
                gru_rows_grad(n, h, dy + (row - now->row) * h, to, also + 2 * h, 3 * h,
                              gates + row * 2 * h, fresh + row * h, hidden + row * h, state);
                for (Index i = 0; i < n * 3 * h; i += 3 * h)
                    std::copy(to + i, to + i + 2 * h, also + i);
            });
            weight.product(now->count, by_product + now->row * 3 * h, products);
            add(now->count * h, products, dy);
        }
    });
}

}  // namespace

template <class T>
void fill_rnn(RnnKernels<T>& k) {
    k.lstm = lstm<T>;
    k.lstm_grad = lstm_grad<T>;
    k.gru = gru<T>;
    k.gru_grad = gru_grad<T>;
    k.lstm_steps = lstm_steps<T>;
    k.lstm_steps_grad = lstm_steps_grad<T>;
    k.gru_steps = gru_steps<T>;
    k.gru_steps_grad = gru_steps_grad<T>;
}
RL_FILL(fill_rnn, RnnKernels)

}  // namespace rl::RL_LEVEL
