// Products of matrices.
//
// The tiles (see tile.h) read one operand in vectors, the other number by number. What is read in
// vectors is packed: the depth is cut into parts of DEEP numbers and the width into groups, so that
// a packed group stays in the second cache while the rows of the other operand, P at a time in the
// first, pass by it. Packing is wasted where few rows pass, so the operand with fewer rows is packed:
// in x w^T with few samples that is x, not the weight. The product is then made transposed, in small
// blocks that are turned when they are stored.
//
// Every number of the product is a sum over its depth in order, begun anew every DEEP numbers: its
// bits depend on neither tiles, nor groups, nor threads. A product of one row or one column is summed
// by vectors where its matrix lies so: there strides count, too.
#include "gemm.h"

#include <algorithm>
#include <vector>

#include "gemv.h"
#include "kept.h"
#include "onward.h"

namespace rl::RL_LEVEL {
namespace {

constexpr Index GROUP_BYTES = 192 << 10;  // of a packed group
constexpr Index ROOM_BYTES = 4 << 20;     // of all that is packed for several threads
constexpr Index FAR_BYTES = 2 << 20;      // of a matrix whose rows are asked for ahead
constexpr Index NEAR = 64;                // columns that are read where they lie
constexpr Index ALONE = 16 * TASK;        // multiply-adds that two threads make no sooner than one
// Rows of a block that is turned: whole tiles, and whole vectors once it is turned.
template <class T>
constexpr Index TURNED = P_MAX<T> == 6 ? 48 : 112;

// What becomes of a tile's sums: c = after(from + sums), where `from` is a bias, or what was there.
template <class T>
struct Target {
    T* c;
    Index next;
    const T* from;
    Index from_next;
    After<T> after;
};

// Every `next`-th number.
template <class T>
struct Strided {
    const T* at;
    Index next;
    T operator[](Index k) const { return at[k * next]; }
    Strided operator+(Index k) const { return {at + k * next, next}; }
};

// Number k of row p is a[p * down + k * along].
template <class T, int P, int V>
void tile(const T* a, Index down, Index along, Index depth, const T* w, const Target<T>& to,
          int lanes) {
    Vec<T> sum[P][V]{};
    const T* row[P];
    RL_UNROLL for (int p = 0; p < P; p++) row[p] = a + p * down;
    auto strided = [&](int p) { return Strided<T>{row[p], along}; };
    constexpr int N = STEPS<T, P, V>;
    if (N > 1 && along == 1)
        rows_sum<T, P, V, 1, N>(sum, [&](int p) { return row[p]; }, depth, w);
    else if (N > 1 && down == 1 && along == P)  // packed
        rows_sum<T, P, V, P, N>(sum, [=](int p) { return a + p; }, depth, w);
    else rows_sum<T, P, V, 1, std::min(N, 2)>(sum, strided, depth, w);
    T* out[P];
    RL_UNROLL for (int p = 0; p < P; p++) out[p] = to.c + p * to.next;
    if (to.from)
        RL_UNROLL for (int p = 0; p < P; p++)
            RL_UNROLL for (int v = 0; v < V; v++) {
                const T* from = to.from + p * to.from_next + v * W<T>;
                bool whole = v < V - 1 || lanes == W<T>;
                sum[p][v] += whole ? load(from) : load_part(from, lanes);
            }
    if (to.after.norm)  // apart: asked for each sum, it would cost half the speed
        RL_UNROLL for (int v = 0; v < V; v++)
            RL_UNROLL for (int p = 0; p < P; p++) sum[p][v] = to.after.normal(sum[p][v], v * W<T>);
    finish<T, P, V>(sum, out, lanes, to.after.relu);
}

template <class T>
using Tile = void (*)(const T*, Index, Index, Index, const T*, const Target<T>&, int);

template <class T, int V, int... P>
Tile<T> pick(Index p, std::integer_sequence<int, P...>) {
    static constexpr Tile<T> table[] = {tile<T, HEIGHT<P + 1>, V>...};
    return table[p - 1];
}
template <class T>
Tile<T> tile_of(Index p, Index v) {
    std::make_integer_sequence<int, P_MAX<T>> all;
    return v == 1 ? pick<T, 1>(p, all) : pick<T, 2>(p, all);
}

// Parts that a depth is cut into, of nearly DEEP numbers.
Index parts_of(Index k) { return std::max(Index(1), (k + DEEP / 2) / DEEP); }

template <class T>
struct Product {
    Index m, k, n;
    Matrix<T> a, b;  // b is packed
    const T* bias;
    T* c;
    Index next;   // how far apart rows of the result are
    bool turned;  // the result is (n, m), and bias and features belong to its rows
    After<T> after;
    Index deep = 0, group = 0;  // numbers in a part of the depth, columns of b in a group

    void run() {
        Index count = parts_of(k), padded = round_up(n, PANEL<T>);
        deep = (k + count - 1) / count;
        group = std::min(padded, Index(GROUP_BYTES / sizeof(T)) / deep / PANEL<T> * PANEL<T>);
        Index groups = (n + group - 1) / group;
        bool alone = m * k * n < ALONE || threads() == 1;
        if (alone || groups >= RANGES) {
            Room<T> all = kept_room(b.at, k * padded);
            auto one = [&](Index g) {
                T* own = all.at ? nullptr : scratch<T>(0, deep * group);
                for (Index from = 0; from < k; from += deep) {
                    T* packed = all.at ? all.at + place(g, from, 0, padded) : own;
                    if (all.empty) pack(g, from, packed);
                    make(0, m, g, from, packed);
                }
            };
            if (alone)
                for (Index g = 0; g < groups; g++) one(g);
            else parallel(groups, one);
            return;
        }
        // All groups of some parts of the depth are packed, then all are made: so threads wait for each
        // other twice for each ROOM_BYTES, not at each group and part. What is kept has room for all.
        Index most = std::max(Index(1), Index(ROOM_BYTES / sizeof(T)) / (deep * padded));
        if (stays(b.at)) most = count;
        Index ranges = 4 * RANGES / groups, unit = turned ? TURNED<T> : P_MAX<T>;
        Index rows = round_up((m + ranges - 1) / ranges, unit);
        ranges = (m + rows - 1) / rows;
        Room<T> all = room_for(0, b.at, std::min(most * deep, k) * padded);
        for (Index first = 0; first < k; first += most * deep) {
            Index end = std::min(k, first + most * deep), parts = (end - first + deep - 1) / deep;
            auto at = [&](Index g, Index from) { return all.at + place(g, from, first, padded); };
            if (all.empty)
                parallel(groups * parts, [&](Index task) {
                    Index g = task % groups, from = first + task / groups * deep;
                    pack(g, from, at(g, from));
                });
            parallel(groups * ranges, [&](Index task) {
                Index g = task / ranges, i = task % ranges * rows;
                for (Index from = first; from < end; from += deep)
                    make(i, std::min(m, i + rows), g, from, at(g, from));
            });
        }
    }

    // Where a group of a part of the depth lies in all that is packed from `first` on.
    Index place(Index g, Index from, Index first, Index padded) const {
        return (from - first) * padded + g * group * std::min(deep, k - from);
    }

    // packed = group g of b, of one part of the depth.
    void pack(Index g, Index from, T* packed) const {
        Index j = g * group, width = std::min(group, n - j), depth = std::min(deep, k - from), l = 0;
        if (b.along == 1) {
            l = width / PANEL<T> * PANEL<T>;
            pack_panels<T>({b.at + from * b.down + j, b.down, 1}, depth, l / PANEL<T>, packed);
        }
        for (; l < width; l += PANEL<T>) {
            Index valid = std::min(PANEL<T>, width - l);
            const T* at = b.at + from * b.down + (j + l) * b.along;
            pack_panel<T>({at, b.down, b.along}, depth, valid, round_up(valid, W<T>),
                          packed + l * depth);
        }
    }

    // What rows i ... end of a, and this group and part, add to the product.
    void make(Index i, Index end, Index g, Index from, const T* packed) {
        Index j = g * group, width = std::min(group, n - j), depth = std::min(deep, k - from);
        if (turned) blocks(i, end, j, width, from, depth, packed);
        else rows(i, end, j, width, from, depth, packed);
    }

    void rows(Index first, Index end, Index j, Index width, Index from, Index depth, const T* packed) {
        bool far = a.along == 1 && m * k * (Index)sizeof(T) >= FAR_BYTES;
        for (auto [row, count] : tiles_of<T>(end - first)) {
            Index i = first + row;
            T* to = c + i * next + j;
            Target<T> target{to, next, to, next, {}};
            if (from + depth == k) target.after = after.at(j);
            if (from == 0) target.from = bias ? bias + j : nullptr, target.from_next = 0;
            const T* numbers = numbers_of(i, count, from, depth, scratch<T>(1, deep * P_MAX<T>));
            for (Index l = 0; l < width; l += PANEL<T>) {
                Index valid = std::min(PANEL<T>, width - l);
                if (far)
                    fetch(i + count, std::min(end, i + 2 * count), from + depth * l / width,
                          from + depth * std::min(width, l + PANEL<T>) / width);
                run_tile(numbers, count, depth, packed + l * depth, valid, target);
                target.c += PANEL<T>;
                if (target.from) target.from += PANEL<T>;
                target.after = target.after.at(PANEL<T>);
            }
        }
    }

    // Ask for numbers from ... to of the rows that come next: a share beside each panel.
    void fetch(Index i, Index end, Index from, Index to) const {
        for (; i < end; i++)
            for (Index l = from; l < to; l += 64 / sizeof(T))
                __builtin_prefetch(a.at + i * a.down + l, 0, 2);
    }

    // Whether columns of a are read where they lie: such lines of the cache stay for the next rows
    // if they are few, and packing does not pay if few panels read it.
    bool columns() const { return a.down == 1 && (deep <= NEAR || n <= 4 * PANEL<T>); }

    // Rows i ... of a as a tile reads them: where they lie, or in `room`.
    const T* numbers_of(Index i, Index count, Index from, Index depth, T* room) {
        const T* at = a.at + i * a.down + from * a.along;
        if (a.along == 1 || columns()) return at;
        pack_rows<T>({at, a.down, a.along}, depth, count, room);
        return room;
    }

    void run_tile(const T* numbers, Index count, Index depth, const T* panel, Index valid,
                  const Target<T>& target) {
        Index v = (valid + W<T> - 1) / W<T>;
        int lanes = (int)(valid - (v - 1) * W<T>);
        Index down = 1, along = columns() ? a.along : count;
        if (a.along == 1) down = a.down, along = 1;
        tile_of<T>(count, v)(numbers, down, along, depth, panel, target, lanes);
    }

    // Blocks of the transposed result: TURNED rows of a by all panels, turned together.
    void blocks(Index i, Index end, Index j, Index width, Index from, Index depth, const T* packed) {
        Index padded = round_up(width, PANEL<T>);
        T* block = scratch<T>(2, TURNED<T> * padded);
        T* room = scratch<T>(1, deep * P_MAX<T>);
        for (; i < end; i += TURNED<T>) {
            Index count = std::min(TURNED<T>, end - i);
            // ask for the lines that are written to: each row of the result begins a new one
            for (Index l = 0; l < width && !from; l++)
                for (Index p = 0; p < count; p += 64 / sizeof(T))
                    __builtin_prefetch(c + (j + l) * next + i + p, 1, 2);
            for (auto [p, high] : tiles_of<T>(count)) {
                const T* numbers = numbers_of(i + p, high, from, depth, room);
                for (Index l = 0; l < width; l += PANEL<T>)
                    run_tile(numbers, high, depth, packed + l * depth,
                             round_up(std::min(PANEL<T>, width - l), W<T>),
                             {block + p * padded + l, padded, nullptr, 0, {}});
            }
            for (Index l = 0; l < width; l += W<T>)
                turn_block(block + l, padded, count, std::min(Index(W<T>), width - l),
                           c + (j + l) * next + i, from, depth, i);
        }
    }

    // to (valid, count; rows `next` apart) = block (count; rows `pitch` apart) transposed, with what
    // it began as; it is of features f, f + 1, ...
    void turn_block(const T* block, Index pitch, Index count, Index valid, T* to, Index from, Index depth,
                    Index f) {
        bool last = from + depth == k;
        for (Index p = 0; p < count; p += W<T>) {
            int lanes = (int)std::min<Index>(W<T>, count - p);
            for (Index l = 0; l < valid; l += W<T>) {
                auto give = [&](int r, Vec<T> y) {
                    if (l + r >= valid) return;
                    T* at = to + (l + r) * next + p;
                    const T* add = from ? at : bias ? bias + f + p : nullptr;
                    if (add) y += lanes == W<T> ? load(add) : load_part(add, lanes);
                    if (last) y = after.of(y, f + p);
                    if (lanes == W<T>) store(at, y);
                    else store_part(at, y, lanes);
                };
                turn_square<T>([&](int r) { return load(block + (p + r) * pitch + l); }, give);
            }
        }
    }
};

// About how many multiply-adds of vectors the tiles and the packing of a product are worth; blocks
// are turned once for each part of the depth, and what is kept was packed for many products.
template <class T>
Index cost(Index m, Index k, Index n, Matrix<T> a, Matrix<T> b, bool turned) {
    Index vectors = (n + W<T> - 1) / W<T>, packing = (stays(b.at) ? 0 : b.along == 1 ? 1 : 6) * vectors;
    if (a.along != 1) packing += m;
    return (m * vectors + packing) * k + (turned ? 7 * parts_of(k) * m * vectors : 0);
}

template <class T>
void product(Index m, Index k, Index n, Matrix<T> a, Matrix<T> b, const T* bias, T* c,
             const Onward<T>& on) {
    if (!m || !n) return;
    After<T> after(on.relu);
    std::vector<T> norm;
    if (on.mean) {
        after.pitch = round_up(n, W<T>);
        norm.resize(4 * after.pitch);
        after.norm = norm.data();
        by_feature(n, on, 0, norm.data(), after.pitch, norm.data() + 3 * after.pitch);
    }
    if (!k) {
        for (Index i = 0; i < m; i++)
            for (Index j = 0; j < n; j++) c[i * n + j] = after.of(bias ? bias[j] : T(0), j);
        return;
    }
    if (n == 1 && (a.along == 1 || k == 1)) return dots(m, k, a, b, bias, 0, c, after);
    if (m == 1 && (b.down == 1 || k == 1)) return dots(n, k, b.turned(), a.turned(), bias, 1, c, after);
    if (m == 1 && b.along == 1) return row_times(k, n, a, b, bias, c, after);
    bool turned = cost<T>(n, k, m, b.turned(), a.turned(), true) < cost<T>(m, k, n, a, b, false);
    Product<T> way{m, k, n, a, b, bias, c, n, false, after};
    if (turned) way = {n, k, m, b.turned(), a.turned(), bias, c, n, true, after};
    way.run();
}

}  // namespace

template <class T>
void fill_gemm(GemmKernels<T>& k) {
    k.product = product<T>;
}
template void fill_gemm<float>(GemmKernels<float>&);
template void fill_gemm<double>(GemmKernels<double>&);

}  // namespace rl::RL_LEVEL
