// Attention, one head after the other: while a block of its rows is in the cache, all is done to it.
//
// Heads are small (some thousand numbers): a BLAS spends as long on its arguments as on one of them.
#include "attention.h"

#include <algorithm>
#include <cmath>

#include "exp.h"
#include "lanes.h"
#include "scratch.h"
#include "softmax.h"
#include "strips.h"
#include "threads.h"
#include "tile.h"

namespace rl::RL_LEVEL {
namespace {

constexpr Index BLOCK = 64;       // rows that go through all steps together
constexpr Index TASK = 1 << 19;   // multiply-adds of a task: some ten microseconds

enum Slot { KEYS, VALUES, SCORES, WEIGHTS, GRADS, QUERIES, SUMS_K, SUMS_V };

// sums (n, width) = a^T b for a (cells, n) and b (cells, width), and what was there if `more`; the
// width is one of whole vectors, rows of b and of the sums lie `of_b` and `pitch` apart
template <class T>
void product_of_columns(Index n, Index width, Index cells, const T* a, const T* b, Index of_b,
                        T* sums, Index pitch, bool more) {
    const T* rows[BLOCK];
    for (Index i = 0; i < cells; i++) rows[i] = a + i * n;
    Tiles tiles = tiles_of<T>(n);
    for (Index from = 0; from < width; from += PANEL<T>) {
        int v = (int)(std::min<Index>(width - from, PANEL<T>) / W<T>);
        for (auto [i, count] : tiles)
            cells_tile_of<T>(count, v)(rows, i, cells, b + from, of_b, sums + i * pitch + from,
                                       pitch, more);
    }
}

// Rows (n, c) that lie `step` apart, filled up to whole vectors where they are not; `step` is then
// how far these lie apart.
template <class T>
const T* fill_up(Slot slot, Index n, Index c, const T* rows, Index& step) {
    Index width = padded<T>(c);
    if (width == c) return rows;
    T* filled = scratch<T>(slot, n * width);
    for (Index i = 0; i < n; i++) {
        std::copy_n(rows + i * step, c, filled + i * width);
        std::fill(filled + i * width + c, filled + (i + 1) * width, T(0));
    }
    step = width;
    return filled;
}

// The gradient (columns, c) of keys or values: a sum over all blocks of rows of a^T b.
template <class T>
class Summed {
  public:
    Summed(Slot slot, Index n, Index c, T* out, Index row) : n(n), c(c), out(out), row(row) {
        if (out && padded<T>(c) != c) sums = scratch<T>(slot, n * padded<T>(c));
    }

    void add(Slot filled, Index cells, const T* a, const T* b, Index step, bool more) const {
        b = fill_up(filled, cells, c, b, step);
        product_of_columns(n, padded<T>(c), cells, a, b, step, sums ? sums : out,
                           sums ? padded<T>(c) : row, more);
    }

    void finish() const {
        for (Index i = 0; sums && i < n; i++)
            std::copy_n(sums + i * padded<T>(c), c, out + i * row);
    }

  private:
    Index n, c;
    T *out, *sums = nullptr;
    Index row;
};

// p (m, c) = softmax of the rows of x; if `blind`, one of -inf gives 0
template <class T>
void probabilities(Index m, Index c, const T* x, T* p, bool blind) {
    Index group = group_of(c);
    for (Index first = 0; first < m; first += group)
        group_sums(m, c, first, std::min(group, m - first), x, p, [&](Index row, T top, T sum) {
            T *to = p + row * c, factor = 1 / sum;
            // a maximum passes over NaN, which stays
            if (blind && top == NEVER<T> && std::none_of(x + row * c, x + (row + 1) * c,
                                                         [](T a) { return std::isnan(a); }))
                std::fill_n(to, c, T(0));
            else
                each<T>(c, [&]<class V>(V, Index j) { put(to + j, V(get<V>(to + j) * factor)); });
        });
}

template <class T>
void multiply(Index n, const T* a, const T* b, T* y) {
    each<T>(n, [&]<class V>(V, Index i) { put(y + i, V(get<V>(a + i) * get<V>(b + i))); });
}

// Call f(n, h) for all heads, by tasks of several.
template <class F>
void each_head(const AttentionSizes& s, F&& f) {
    Index count = s.samples * s.heads, work = s.rows * s.columns * (s.depth + s.width);
    parallel(count, work, TASK, [&](Index i) { f(i / s.heads, i % s.heads); });
}

template <class T>
void forward(const AttentionSizes& s, Heads<const T> q, Heads<const T> k, Heads<const T> v,
             Heads<const T> bias, const T* factor, T* p, Heads<T> y) {
    each_head(s, [&](Index n, Index h) {
        Index c = s.columns, at = (n * s.heads + h) * s.rows * c;
        T* keys = scratch<T>(KEYS, s.depth * padded<T>(c));
        T* values = scratch<T>(VALUES, c * padded<T>(s.width));
        T* scores = scratch<T>(SCORES, BLOCK * c);
        pack_columns(s.depth, c, k.of(n, h), k.row, (T)s.scale, keys);
        pack_rows(c, s.width, v.of(n, h), v.row, values);
        for (Index row = 0; row < s.rows; row += BLOCK) {
            Index m = std::min(BLOCK, s.rows - row);
            T* weights = p + at + row * c;
            product(m, c, s.depth, q.of(n, h) + row * q.row, q.row, keys, scores, c);
            for (Index i = 0; bias.data && i < m; i++) {
                const T* more = bias.of(n, h) + (row + i) * bias.row;
                T* to = scores + i * c;
                each<T>(c, [&]<class V>(V, Index j) {
                    put(to + j, V(get<V>(to + j) + get<V>(more + j)));
                });
            }
            probabilities(m, c, scores, weights, s.blind);
            if (factor) multiply(m * c, weights, factor + at + row * c, scores);
            product(m, s.width, c, factor ? scores : weights, c, values,
                    y.of(n, h) + row * y.row, y.row);
        }
    });
}

// ds (m, c) = p (d - the row's sum of d p) scale, for d = dp times the factor
template <class T>
void scores_grad(Index m, Index c, const T* p, const T* factor, T scale, T* ds) {
    if (factor) multiply(m * c, ds, factor, ds);
    for (Index i = 0; i < m; i++) {
        Row<T> grad(ds, m, c, i), out(p, m, c, i);
        T* to = ds + i * c;
        T along = (T)total_of<T>(c, [&](Index j, int lanes) {
            return grad.take(j, lanes, T(0)) * out.take(j, lanes, T(0));
        });
        each<T>(c, [&]<class V>(V, Index j) {
            put(to + j, V((get<V>(grad.p + j) - along) * get<V>(out.p + j) * scale));
        });
    }
}

template <class T>
void grad(const AttentionSizes& s, Heads<const T> g, Heads<const T> q, Heads<const T> k,
          Heads<const T> v, const T* p, const T* factor, Heads<T> dq, Heads<T> dk, Heads<T> dv) {
    each_head(s, [&](Index n, Index h) {
        Index c = s.columns, at = (n * s.heads + h) * s.rows * c;
        T* keys = scratch<T>(KEYS, c * padded<T>(s.depth));
        T* values = scratch<T>(VALUES, s.width * padded<T>(c));
        T* weights = scratch<T>(WEIGHTS, BLOCK * c);
        T* ds = scratch<T>(SCORES, BLOCK * c);
        Summed<T> by_k(SUMS_K, c, s.depth, dk.of(n, h), dk.row);
        Summed<T> by_v(SUMS_V, c, s.width, dv.of(n, h), dv.row);
        bool scored = dq.data || dk.data;
        if (dq.data) pack_rows(c, s.depth, k.of(n, h), k.row, keys);
        if (scored) pack_columns(s.width, c, v.of(n, h), v.row, T(1), values);
        for (Index row = 0; row < s.rows; row += BLOCK) {
            Index m = std::min(BLOCK, s.rows - row), from = at + row * c;
            const T* part = g.of(n, h) + row * g.row;
            const T* own = factor ? factor + from : nullptr;
            if (dv.data) {
                if (own) multiply(m * c, p + from, own, weights);
                by_v.add(GRADS, m, own ? weights : p + from, part, g.row, row > 0);
            }
            if (!scored) continue;
            product(m, c, s.width, part, g.row, values, ds, c);
            scores_grad(m, c, p + from, own, (T)s.scale, ds);
            if (dq.data)
                product(m, s.depth, c, ds, c, keys, dq.of(n, h) + row * dq.row, dq.row);
            if (dk.data)
                by_k.add(QUERIES, m, ds, q.of(n, h) + row * q.row, q.row, row > 0);
        }
        by_v.finish();
        by_k.finish();
    });
}

}  // namespace

template <class T>
void fill_attention(AttentionKernels<T>& k) {
    k.forward = forward<T>;
    k.grad = grad<T>;
}
RL_FILL(fill_attention, AttentionKernels)

}  // namespace rl::RL_LEVEL
