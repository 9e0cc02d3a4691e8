// The register tiles that all products are made of.
//
// A tile holds P rows times V vectors of sums in registers. Each step of a product loads V vectors
// of one operand and broadcasts P numbers of the other: P * V multiply-adds for P + V loads. With
// AVX-512's 32 registers 14 x 2 keeps 28 sums, two vectors and a broadcast in flight; with 16
// registers 6 x 2 does. Rows that remain (P' < P) get a tile of their own, unrolled as well.
//
// Every height is compiled for each dtype, width and family: half of a build's time. So float64
// ends at 8 x 2 (sums enough to keep two multiply-adds a cycle busy), and of the heights above 6
// the even ones alone exist. `Tiles` cuts rows into heights that exist.
#pragma once

#include <algorithm>
#include <utility>

#include "simd.h"

namespace rl::RL_LEVEL {

template <class T>
inline constexpr int P_MAX = RL_BYTES < 64 ? 6 : sizeof(T) == 4 ? 14 : 8;
inline constexpr int V_MAX = 2;
template <class T>
constexpr Index PANEL = V_MAX * W<T>;  // numbers of a row of a whole tile

// Of what heights there are tiles; fewer where their build is not worth it.
#ifdef RL_QUICK
constexpr bool is_height(Index p) { return p <= 2 || p % 2 == 0; }
#else
constexpr bool is_height(Index p) { return p <= 6 || p % 2 == 0; }
#endif

// Rows cut into the fewest tiles of nearly equal height (16 as 8 + 8, not 14 + 2; 13 as 5 + 4 + 4), of
// which the last becomes two where there is none of its height:
// `for (auto [first, count] : Tiles(...))`.
class Tiles {
  public:
    struct Tile {
        Index first, count;
    };

    constexpr Tiles(Index rows, Index most) : rows(rows), lower(rows) {
        Index tiles = (rows + most - 1) / most;
        high = tiles ? (rows + tiles - 1) / tiles : 1;
        if (is_height(high) && is_height(high - 1)) lower = (rows - tiles * (high - 1)) * high;
        high += !is_height(high);  // no more than `most`, which is even
    }

    class Iterator {
      public:
        constexpr Tile operator*() const { return {first, tiles.from(first)}; }
        constexpr void operator++() { first += tiles.from(first); }
        constexpr bool operator!=(const Iterator& end) const { return first != end.first; }
        const Tiles& tiles;
        Index first;
    };
    constexpr Iterator begin() const { return {*this, 0}; }
    constexpr Iterator end() const { return {*this, rows}; }

    Index high;  // no tile is higher

  private:
    constexpr Index from(Index first) const {
        Index count = std::min(first < lower ? high : high - 1, rows - first);
        if (is_height(count)) return count;
        count = count / 2 + 1;  // the rest is less, and a height
        return count + !is_height(count);
    }
    Index rows, lower;  // where tiles of a row less begin
};

template <class T>
Tiles tiles_of(Index rows) {
    return {rows, P_MAX<T>};
}

#define RL_UNROLL _Pragma("GCC unroll 16")

// Batch norm of a number. The mean is taken off first, as it may be large beside the deviations.
template <class V>
inline V normalized(V x, V mean, V scale, V shift) {
    return (x - mean) * scale + shift;
}

// What is done to sums before they are stored: batch norm by mean, scale and shift of each feature
// (`pitch` apart; not if null), then relu if asked.
template <class T>
struct After {
    After(bool relu = false) : relu(relu) {}
    const T* norm = nullptr;
    Index pitch = 0;
    bool relu, maxima = false;  // maxima: of what is there

    // Of sums of features f, f + 1, ...
    Vec<T> of(Vec<T> y, Index f) const {
        if (norm) y = normal(y, f);
        return relu ? max_nan(y, Vec<T>{}) : y;
    }
    Vec<T> normal(Vec<T> y, Index f) const {
        return normalized(y, load(norm + f), load(norm + f + pitch), load(norm + f + 2 * pitch));
    }
    T of(T y, Index f) const {
        if (norm) y = normalized(y, norm[f], norm[f + pitch], norm[f + 2 * pitch]);
        return relu ? max_nan(y, T(0)) : y;
    }

    // The same from feature f on.
    After at(Index f) const {
        After after = *this;
        if (norm) after.norm += f;
        return after;
    }
};

// out[p] = the maximum of what is there and of sum[p]; several p that follow each other may have the
// same place.
template <class T, int P, int V>
inline void finish_maxima(const Vec<T> (&sum)[P][V], T* const* out, int lanes) {
    RL_UNROLL for (int v = 0; v < V; v++) {
        bool whole = v < V - 1 || lanes == W<T>;
        Vec<T> best{};
        RL_UNROLL for (int p = 0; p < P; p++) {
            T* to = out[p] + v * W<T>;
            if (p == 0 || out[p] != out[p - 1]) best = whole ? load(to) : load_part(to, lanes);
            best = higher(best, sum[p][v]);
            if (p < P - 1 && out[p] == out[p + 1]) continue;
            if (whole) store(to, best);
            else store_part(to, best, lanes);
        }
    }
}

template <class T, int P, int V>
inline void finish(Vec<T> (&sum)[P][V], T* const* out, int lanes, const After<T>& after) {
    RL_UNROLL for (int v = 0; v < V; v++)
        RL_UNROLL for (int p = 0; p < P; p++) sum[p][v] = after.of(sum[p][v], v * W<T>);
    if (after.maxima) return finish_maxima<T, P, V>(sum, out, lanes);
    RL_UNROLL for (int p = 0; p < P; p++) {
        RL_UNROLL for (int v = 0; v < V; v++) {
            if (v < V - 1 || lanes == W<T>) store(out[p] + v * W<T>, sum[p][v]);
            else store_part(out[p] + v * W<T>, sum[p][v], lanes);
        }
    }
}

// Sums of more numbers than this are sums of such sums: errors then grow with the root of the count.
inline constexpr Index DEEP = 256;

// Steps to a round of a sum's loop. A core that is shared decodes half as much at a time, and the loop's
// own instructions are then what it waits for: the tiles that do most of the work take several.
template <class T, int P, int V>
inline constexpr int STEPS = V < V_MAX || P < P_MAX<T> - 1 ? 1 : RL_TIES ? 4 : 2;

// sum[p] += x(p) * w: one step of all products. Where there are many to a round, sums are tied.
template <class T, int P, int V, bool TIED, class X>
[[gnu::always_inline]] inline void add_products(Vec<T> (&sum)[P][V], X x, const T* w) {
    Vec<T> b[V];
    RL_UNROLL for (int v = 0; v < V; v++) b[v] = load(w + v * W<T>);
    RL_UNROLL for (int p = 0; p < P; p++) {
        Vec<T> a = broadcast(x(p));
        RL_UNROLL for (int v = 0; v < V; v++) {
            Vec<T> total = sum[p][v];
            if constexpr (TIED) add_product<T>(total, a, b[v]);
            else total += a * b[v];
            sum[p][v] = total;
        }
    }
}

// sum[p] += over `depth` numbers of a(p)[k * APART] * w[k], N of them to a round of the loop; what
// follows these w.
template <class T, int P, int V, Index APART, int N = STEPS<T, P, V>, class A>
inline const T* rows_sum(Vec<T> (&sum)[P][V], A a, Index depth, const T* w) {
    auto step = [&](Index k, const T* w) __attribute__((always_inline)) {
        add_products<T, P, V, (N > 2)>(sum, [&](int p) { return a(p)[k * APART]; }, w);
    };
    Index k = 0;
    for (; k + N <= depth; k += N, w += N * V * W<T>)
        [&]<int... n>(std::integer_sequence<int, n...>) __attribute__((always_inline)) {
            (step(k + n, w + n * V * W<T>), ...);
        }(std::make_integer_sequence<int, N>{});
    for (; N > 1 && k < depth; k++, w += V * W<T>) step(k, w);
    return w;
}

// total += sum, and sum starts anew.
template <class T, int P, int V>
inline void settle(Vec<T> (&sum)[P][V], T (&total)[P][V][W<T>]) {
    RL_UNROLL for (int p = 0; p < P; p++)
        RL_UNROLL for (int v = 0; v < V; v++) {
            store(total[p][v], load(total[p][v]) + sum[p][v]);
            sum[p][v] = Vec<T>{};
        }
}

template <class T, int P, int V>
inline void begin(Vec<T> (&sum)[P][V], const T* bias) {
    RL_UNROLL for (int p = 0; p < P; p++)
        RL_UNROLL for (int v = 0; v < V; v++) sum[p][v] = load(bias + v * W<T>);
}

// out[p] = bias + sum over taps and channels of rows[tap][p][c] * w[tap][c]; w is packed (taps,
// channels, V * W). `lanes` counts the valid numbers of the last vector.
template <class T, int P, int V>
void rows_tile(const T* const* rows, Index pitch, Index taps, Index channels, const T* w,
               const T* bias, T* const* out, int lanes, const After<T>& after) {
    Vec<T> sum[P][V];
    begin<T, P, V>(sum, bias);
    bool deep = taps * channels > 2 * DEEP;
    T total[P][V][W<T>];
    if (deep) std::memset(total, 0, sizeof total);
    Index since = 0;
    for (Index tap = 0; tap < taps; tap++, rows += pitch) {
        const T* row[P];
        RL_UNROLL for (int p = 0; p < P; p++) row[p] = rows[p];
        for (Index c = 0; c < channels;) {
            Index count = deep ? std::min(channels - c, DEEP) : channels;
            w = rows_sum<T, P, V, 1>(sum, [&](int p) { return row[p] + c; }, count, w);
            c += count;
            since += count;
            if (deep && since >= DEEP) {
                settle<T, P, V>(sum, total);
                since = 0;
            }
        }
    }
    if (deep)
        RL_UNROLL for (int p = 0; p < P; p++)
            RL_UNROLL for (int v = 0; v < V; v++) sum[p][v] += load(total[p][v]);
    finish<T, P, V>(sum, out, lanes, after);
}

// out (P, V * W) = a (P, depth) times w, packed (depth, V * W); rows of a and out lie apart by pitches.
template <class T, int P, int V>
void product_tile(const T* a, Index pitch, Index depth, const T* w, T* out, Index out_pitch) {
    bool deep = depth > 2 * DEEP;
    for (Index k = 0; k < depth;) {
        Index count = deep ? std::min(depth - k, DEEP) : depth;
        Vec<T> sum[P][V];
        RL_UNROLL for (int p = 0; p < P; p++)
            RL_UNROLL for (int v = 0; v < V; v++) sum[p][v] = Vec<T>{};
        w = rows_sum<T, P, V, 1>(sum, [=](int p) { return a + p * pitch; }, count, w);
        RL_UNROLL for (int p = 0; p < P; p++)
            RL_UNROLL for (int v = 0; v < V; v++) {
                T* to = out + p * out_pitch + v * W<T>;
                store(to, k ? load(to) + sum[p][v] : sum[p][v]);
            }
        k += count;
        a += count;
    }
}

// sums (P, V * W; rows `pitch` apart) = sum over cells m of a(m, p) * b[m], and what was there if
// `more`; b has rows `step` apart.
template <class T, int P, int V, Index STEP, class A>
inline void cells_sum(A a, Index cells, const T* b, Index step, T* sums, Index pitch, bool more) {
    Vec<T> sum[P][V];
    RL_UNROLL for (int p = 0; p < P; p++)
        RL_UNROLL for (int v = 0; v < V; v++)
            sum[p][v] = Vec<T>{};
    for (Index m = 0; m < cells; m++, b += step) {
        const T* row = a(m);
        add_products<T, P, V, false>(sum, [=](int p) { return row[p * STEP]; }, b);
    }
    RL_UNROLL for (int p = 0; p < P; p++)
        RL_UNROLL for (int v = 0; v < V; v++) {
            T* to = sums + p * pitch + v * W<T>;
            store(to, more ? load(to) + sum[p][v] : sum[p][v]);
        }
}

// a(m, p) is a[m][from + p].
template <class T, int P, int V>
void cells_tile(const T* const* a, Index from, Index cells, const T* b, Index step, T* sums,
                Index pitch, bool more) {
    cells_sum<T, P, V, 1>([=](Index m) { return a[m] + from; }, cells, b, step, sums, pitch, more);
}

// a(m, p) is a[m * apart + p].
template <class T, int P, int V>
void cells_tile_even(const T* a, Index apart, Index cells, const T* b, Index step, T* sums,
                     Index pitch, bool more) {
    cells_sum<T, P, V, 1>([=](Index m) { return a + m * apart; }, cells, b, step, sums, pitch, more);
}

// y[to[p]] ... = bias + sum over k of x[from[p] + shift[k]] * w[k]; w is packed (depth, V * W). Shifts
// ascend by 1 within runs of `run`.
template <class T, int P, int V>
void rows_tile_by_line(const T* x, const Index* from, const Index* shift, Index run, Index depth,
                       const T* w, const T* bias, T* y, const Index* to, int lanes,
                       const After<T>& after) {
    Vec<T> sum[P][V];
    begin<T, P, V>(sum, bias);
    const T* row[P];
    RL_UNROLL for (int p = 0; p < P; p++) row[p] = x + from[p];
    auto sums = [&]<int N>(std::integral_constant<int, N>) {
        for (Index k = 0; k < depth; k += N)
            w = rows_sum<T, P, V, 1, N>(sum, [&, at = shift[k]](int p) { return row[p] + at; }, N, w);
    };
    constexpr int N = STEPS<T, P, V>;
    if (run % N) sums(std::integral_constant<int, 1>{});
    else sums(std::integral_constant<int, N>{});
    T* out[P];
    RL_UNROLL for (int p = 0; p < P; p++) out[p] = y + to[p];
    finish<T, P, V>(sum, out, lanes, after);
}

// sums (P, V * W; rows `pitch` apart) += the sum over `lines` of `cells` each of
// x[shift[p] + m * x_step] * b[m]; lines of x and b lie `x_next` and `b_next` apart.
template <class T, int P, int V>
void cells_tile_by_line(const T* x, const Index* shift, Index lines, Index x_next, Index cells,
                        Index x_step, const T* b, Index b_next, Index step, T* sums, Index pitch) {
    Vec<T> sum[P][V]{};
    for (Index l = 0; l < lines; l++, x += x_next, b += b_next) {
        const T *at[P], *row = b;
        RL_UNROLL for (int p = 0; p < P; p++) at[p] = x + shift[p];
        for (Index m = 0; m < cells; m++, row += step)
            add_products<T, P, V, false>(sum, [&](int p) { return at[p][m * x_step]; }, row);
    }
    RL_UNROLL for (int p = 0; p < P; p++)
        RL_UNROLL for (int v = 0; v < V; v++) {
            T* to = sums + p * pitch + v * W<T>;
            store(to, load(to) + sum[p][v]);
        }
}

// A table of the tiles of 1 ... P_MAX rows, of V vectors. `Tiles` asks for no others.
template <int P>
inline constexpr int HEIGHT = is_height(P) ? P : P - 1;
#define RL_TABLE(tile)                                                     \
    template <class T, int V, int... P>                                    \
    auto tile##_pick(int p, std::integer_sequence<int, P...>) {            \
        static constexpr decltype(&tile<T, 1, 1>) table[] = {&tile<T, HEIGHT<P + 1>, V>...}; \
        return table[p - 1];                                               \
    }
#define RL_PICK(tile, p, v)                                                \
    std::make_integer_sequence<int, P_MAX<T>> all;                            \
    return v == 1 ? tile##_pick<T, 1>(p, all) : tile##_pick<T, 2>(p, all);

// The tile of P rows and V vectors: one family of kernels takes these.
#define RL_OWN_TABLE(tile)                                                 \
    RL_TABLE(tile)                                                         \
    template <class T>                                                     \
    auto tile##_of(int p, int v) { RL_PICK(tile, p, v) }
RL_OWN_TABLE(product_tile)
RL_OWN_TABLE(rows_tile_by_line)
RL_OWN_TABLE(cells_tile_by_line)
#undef RL_OWN_TABLE

// Several families take these: they are compiled once, in `tile.cpp`.
template <class T>
decltype(&rows_tile<T, 1, 1>) rows_tile_of(int p, int v);
template <class T>
decltype(&cells_tile<T, 1, 1>) cells_tile_of(int p, int v);
template <class T>
decltype(&cells_tile_even<T, 1, 1>) cells_tile_even_of(int p, int v);

}  // namespace rl::RL_LEVEL
