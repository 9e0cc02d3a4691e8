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

#include "lanes.h"
#include "pack.h"
#include "scratch.h"
#include "threads.h"

namespace rl::RL_LEVEL {
namespace {

constexpr Index GROUP_BYTES = 192 << 10;  // of a packed group
constexpr Index TASK = 1 << 17;           // multiply-adds below which no other thread is asked
constexpr Index RANGES = 8;               // that the rows are cut into where groups are few
constexpr Index NEAR = 64;                // columns that are read where they lie
// Rows of a block that is turned: whole tiles, and whole vectors once it is turned.
template <class T>
constexpr Index TURNED = P_MAX<T> == 6 ? 24 : 112;

template <class T>
constexpr Index PANEL = V_MAX * W<T>;

// What becomes of a tile's sums: c = relu(from + sums), where `from` is a bias, or what was there.
template <class T>
struct Target {
    T* c;
    Index next;
    const T* from;
    Index from_next;
    bool relu;
};

// Every `next`-th number.
template <class T>
struct Strided {
    const T* at;
    Index next;
    T operator[](Index k) const { return at[k * next]; }
};

// The numbers that are read one by one lie in rows, or in columns, `a_next` apart.
template <class T, int P, int V, bool COLUMNS>
void tile(const T* a, Index a_next, Index depth, const T* w, const Target<T>& to, int lanes) {
    Vec<T> sum[P][V]{};
    if constexpr (COLUMNS) {
        rows_sum<T, P, V, 1>(sum, [=](int p) { return Strided<T>{a + p, a_next}; }, depth, w);
    } else {
        const T* row[P];
        RL_UNROLL for (int p = 0; p < P; p++) row[p] = a + p * a_next;
        rows_sum<T, P, V, 1>(sum, [&](int p) { return row[p]; }, depth, w);
    }
    T* out[P];
    RL_UNROLL for (int p = 0; p < P; p++) out[p] = to.c + p * to.next;
    if (to.from)
        RL_UNROLL for (int p = 0; p < P; p++)
            RL_UNROLL for (int v = 0; v < V; v++) {
                const T* from = to.from + p * to.from_next + v * W<T>;
                bool whole = v < V - 1 || lanes == W<T>;
                sum[p][v] += whole ? load(from) : load_part(from, lanes);
            }
    finish<T, P, V>(sum, out, lanes, to.relu);
}

template <class T>
using Tile = void (*)(const T*, Index, Index, const T*, const Target<T>&, int);

template <class T, int V, bool COLUMNS, int... P>
Tile<T> pick(Index p, std::integer_sequence<int, P...>) {
    static constexpr Tile<T> table[] = {tile<T, HEIGHT<P + 1>, V, COLUMNS>...};
    return table[p - 1];
}
template <class T>
Tile<T> tile_of(Index p, Index v, bool columns) {
    std::make_integer_sequence<int, P_MAX<T>> all;
    if (columns) return v == 1 ? pick<T, 1, true>(p, all) : pick<T, 2, true>(p, all);
    return v == 1 ? pick<T, 1, false>(p, all) : pick<T, 2, false>(p, all);
}

// to (panels, depth, PANEL) = as many whole panels of b, whose rows are read as they lie.
template <class T>
void pack_panels(Matrix<T> b, Index depth, Index panels, T* to) {
    for (Index k = 0; k < depth; k++, to += PANEL<T>)
        for (Index l = 0; l < panels; l++)
            RL_UNROLL for (int v = 0; v < V_MAX; v++)
                store(to + l * depth * PANEL<T> + v * W<T>,
                      load(b.at + k * b.down + l * PANEL<T> + v * W<T>));
}

// to (depth, width), dense, = the first `valid` columns of b, and zeros.
template <class T>
void pack_panel(Matrix<T> b, Index depth, Index valid, Index width, T* to) {
    Index k = 0;
    if (valid < width) std::fill(to, to + depth * width, T(0));
    Index turned = b.down == 1 ? valid / W<T> * W<T> : 0, whole = turned ? depth / W<T> * W<T> : 0;
    for (Index l = 0; l < turned; l += W<T>)
        for (k = 0; k < whole; k += W<T>) {
            Vec<T> block[W<T>];
            RL_UNROLL for (int i = 0; i < W<T>; i++) block[i] = load(b.at + (l + i) * b.along + k);
            transpose<T>(block);
            RL_UNROLL for (int i = 0; i < W<T>; i++) store(to + (k + i) * width + l, block[i]);
        }
    for (k = 0; k < depth; k++)
        for (Index l = k < whole ? turned : 0; l < valid; l++)
            to[k * width + l] = b.at[k * b.down + l * b.along];
}

// to (depth, rows), dense, = a (rows, depth) transposed.
template <class T>
void pack_rows(Matrix<T> a, Index depth, Index rows, T* to) {
    if (a.down == 1 && rows == P_MAX<T>) {  // copies of a known size are a few moves
        for (Index k = 0; k < depth; k++, to += P_MAX<T>)
            std::memcpy(to, a.at + k * a.along, P_MAX<T> * sizeof(T));
        return;
    }
    for (Index k = 0; k < depth; k++, to += rows)
        for (Index p = 0; p < rows; p++) to[p] = a.at[p * a.down + k * a.along];
}

template <class T>
struct Product {
    Index m, k, n;
    Matrix<T> a, b;  // b is packed
    const T* bias;
    T* c;
    Index next;   // how far apart rows of the result are
    bool turned;  // the result is (n, m), and the bias belongs to its rows
    bool relu;
    Index deep = 0, group = 0;  // numbers in a part of the depth, columns of b in a group

    void run() {
        Index count = std::max(Index(1), (k + DEEP / 2) / DEEP);
        deep = (k + count - 1) / count;
        Index most = GROUP_BYTES / sizeof(T) / deep / PANEL<T> * PANEL<T>;
        group = std::min(round_up(n, PANEL<T>), most);
        Index groups = (n + group - 1) / group;
        bool alone = m * k * n < 2 * TASK || threads() == 1;
        if (alone || groups >= RANGES) {
            auto body = [&](Index g) { parts(g, [&](auto&& f) { f(0, m); }); };
            if (alone)
                for (Index g = 0; g < groups; g++) body(g);
            else parallel(groups, body);
            return;
        }
        Index unit = turned ? TURNED<T> : P_MAX<T>;
        Index rows = round_up((m + RANGES - 1) / RANGES, unit), ranges = (m + rows - 1) / rows;
        for (Index g = 0; g < groups; g++)
            parts(g, [&](auto&& f) {
                parallel(ranges, [&](Index r) { f(r * rows, std::min(m, (r + 1) * rows)); });
            });
    }

    // Call each(f), which calls f(first row, end) for all rows, for each part of the depth.
    template <class Each>
    void parts(Index g, Each&& each) {
        Index j = g * group, width = std::min(group, n - j);
        T* packed = scratch<T>(0, deep * round_up(width, PANEL<T>));
        for (Index from = 0; from < k; from += deep) {
            Index depth = std::min(deep, k - from), l = 0;
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
            each([&](Index i, Index end) {
                if (turned) blocks(i, end, j, width, from, depth, packed);
                else rows(i, end, j, width, from, depth, packed);
            });
        }
    }

    void rows(Index first, Index end, Index j, Index width, Index from, Index depth, const T* packed) {
        for (auto [row, count] : tiles_of<T>(end - first)) {
            Index i = first + row;
            T* to = c + i * next + j;
            Target<T> target{to, next, to, next, relu && from + depth == k};
            if (from == 0) target.from = bias ? bias + j : nullptr, target.from_next = 0;
            const T* numbers = numbers_of(i, count, from, depth, scratch<T>(1, deep * P_MAX<T>));
            for (Index l = 0; l < width; l += PANEL<T>) {
                Index valid = std::min(PANEL<T>, width - l);
                run_tile(numbers, count, depth, packed + l * depth, valid, target);
                target.c += PANEL<T>;
                if (target.from) target.from += PANEL<T>;
            }
        }
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
        Index step = a.along == 1 ? a.down : columns() ? a.along : count;
        tile_of<T>(count, v, a.along != 1)(numbers, step, depth, panel, target, lanes);
    }

    // Blocks of the transposed result: TURNED rows of a by one panel after the other.
    void blocks(Index i, Index end, Index j, Index width, Index from, Index depth, const T* packed) {
        T* block = scratch<T>(2, TURNED<T> * PANEL<T>);
        T* room = scratch<T>(1, deep * TURNED<T>);
        for (; i < end; i += TURNED<T>) {
            Index count = std::min(TURNED<T>, end - i);
            Tiles tiles = tiles_of<T>(count);
            const T* numbers[TURNED<T>];
            for (auto [p, high] : tiles)
                numbers[p] = numbers_of(i + p, high, from, depth, room + p * depth);
            for (Index l = 0; l < width; l += PANEL<T>) {
                Index valid = std::min(PANEL<T>, width - l);
                for (auto [p, high] : tiles)
                    run_tile(numbers[p], high, depth, packed + l * depth, round_up(valid, W<T>),
                             {block + p * PANEL<T>, PANEL<T>, nullptr, 0, false});
                turn_block(block, count, valid, c + (j + l) * next + i, from, depth,
                           bias ? bias + i : nullptr);
            }
        }
    }

    // to (valid, count; rows `next` apart) = block (count, PANEL) transposed, with what it began as.
    void turn_block(const T* block, Index count, Index valid, T* to, Index from, Index depth,
                    const T* begin) {
        bool last = relu && from + depth == k;
        for (Index p = 0; p < count; p += W<T>) {
            int lanes = (int)std::min<Index>(W<T>, count - p);
            for (Index l = 0; l < valid; l += W<T>) {
                Vec<T> row[W<T>];
                RL_UNROLL for (int r = 0; r < W<T>; r++) row[r] = load(block + (p + r) * PANEL<T> + l);
                transpose<T>(row);
                RL_UNROLL for (int r = 0; r < W<T>; r++) {
                    if (l + r >= valid) break;
                    T* at = to + (l + r) * next + p;
                    const T* add = from ? at : begin ? begin + p : nullptr;
                    Vec<T> y = row[r];
                    if (add) y += lanes == W<T> ? load(add) : load_part(add, lanes);
                    if (last) y = max_nan(y, Vec<T>{});
                    if (lanes == W<T>) store(at, y);
                    else store_part(at, y, lanes);
                }
            }
        }
    }
};

// About how many multiply-adds of vectors the tiles and the packing of a product are worth.
template <class T>
Index cost(Index m, Index k, Index n, Matrix<T> a, Matrix<T> b, bool turned) {
    Index vectors = (n + W<T> - 1) / W<T>, packing = (b.along == 1 ? 1 : 8) * vectors;
    if (a.along != 1) packing += m;
    return (m * vectors + packing) * k + (turned ? 4 * m * vectors : 0);
}

// ---- one row, or one column: read once, so nothing is packed

constexpr Index BLOCK = 4, SUMS = 2;  // rows side by side, and vectors of sums of each

// sums[r] = dot of row r of w, rows `next` apart, with x.
template <class T, int R>
void dot_rows(const T* w, Index next, Index k, const T* x, T* sums) {
    constexpr Index step = SUMS * W<T>;
    std::fill(sums, sums + R, T(0));
    for (Index from = 0; from < k; from += DEEP * step) {
        Index end = std::min(k, from + DEEP * step), i = from;
        Vec<T> sum[R][SUMS]{};
        for (; i + step <= end; i += step)
            RL_UNROLL for (int v = 0; v < SUMS; v++) {
                Vec<T> b = load(x + i + v * W<T>);
                RL_UNROLL for (int r = 0; r < R; r++) sum[r][v] += load(w + r * next + i + v * W<T>) * b;
            }
        RL_UNROLL for (int r = 0; r < R; r++) {
            T rest = 0;
            for (Index l = i; l < end; l++) rest += w[r * next + l] * x[l];
            sums[r] += fold<T>(sum[r][0] + sum[r][1], [](auto a, auto b) { return a + b; }) + rest;
        }
    }
}

// c (n) = w (n, k) x + bias, whose numbers are `bias_next` apart.
template <class T>
void dots(Index n, Index k, Matrix<T> w, Matrix<T> x, const T* bias, Index bias_next, T* c, bool relu) {
    const T* column = x.at;
    if (x.down != 1 && k > 1) {
        T* dense = scratch<T>(0, k);
        for (Index l = 0; l < k; l++) dense[l] = x.at[l * x.down];
        column = dense;
    }
    auto some = [&](Index from, Index end) {
        for (Index i = from; i < end; i += BLOCK) {
            T sums[BLOCK];
            Index count = std::min(BLOCK, end - i);
            const T* at = w.at + i * w.down;
            if (count == BLOCK) dot_rows<T, BLOCK>(at, w.down, k, column, sums);
            else for (Index r = 0; r < count; r++) dot_rows<T, 1>(at + r * w.down, 0, k, column, sums + r);
            for (Index r = 0; r < count; r++) {
                T y = bias ? sums[r] + bias[(i + r) * bias_next] : sums[r];
                c[i + r] = relu ? max_nan(y, T(0)) : y;
            }
        }
    };
    Index ranges = n * k < TASK ? 1 : RANGES, rows = round_up((n + ranges - 1) / ranges, BLOCK);
    parallel((n + rows - 1) / rows, [&](Index r) { some(r * rows, std::min(n, (r + 1) * rows)); });
}

// c (V * W) = the sum of k rows of b, `next` apart, each times its number of x.
template <class T, int V>
void sum_rows(const T* x, Index x_next, Index k, const T* b, Index next, T* c) {
    for (Index from = 0; from < k; from += DEEP)
        cells_sum<T, 1, V, 1>([=](Index i) { return x + (from + i) * x_next; }, std::min(DEEP, k - from),
                              b + from * next, next, c, 0, from > 0);
}

// c (n) = x (k) b + bias, where the rows of b are dense.
template <class T>
void row_times(Index k, Index n, Matrix<T> x, Matrix<T> b, const T* bias, T* c, bool relu) {
    constexpr Index wide = 8 * W<T>;
    parallel(n * k < TASK ? 1 : (n + wide - 1) / wide, [&](Index task) {
        Index j = n * k < TASK ? 0 : task * wide, end = n * k < TASK ? n : std::min(n, j + wide);
        for (; j + wide <= end; j += wide) sum_rows<T, 8>(x.at, x.along, k, b.at + j, b.down, c + j);
        for (; j + W<T> <= end; j += W<T>) sum_rows<T, 1>(x.at, x.along, k, b.at + j, b.down, c + j);
        if (j == end) return;
        Index valid = end - j;
        T *part = scratch<T>(0, (k + 1) * W<T>), *sums = part + k * W<T>;
        pack_panel<T>({b.at + j, b.down, 1}, k, valid, W<T>, part);
        sum_rows<T, 1>(x.at, x.along, k, part, W<T>, sums);
        std::copy(sums, sums + valid, c + j);
    });
    if (bias || relu)
        for (Index j = 0; j < n; j++) {
            T y = bias ? c[j] + bias[j] : c[j];
            c[j] = relu ? max_nan(y, T(0)) : y;
        }
}

template <class T>
void product(Index m, Index k, Index n, Matrix<T> a, Matrix<T> b, const T* bias, T* c, bool relu) {
    if (!m || !n) return;
    if (!k) {
        for (Index i = 0; i < m; i++)
            for (Index j = 0; j < n; j++) {
                T y = bias ? bias[j] : T(0);
                c[i * n + j] = relu ? max_nan(y, T(0)) : y;
            }
        return;
    }
    if (n == 1 && (a.along == 1 || k == 1)) return dots(m, k, a, b, bias, 0, c, relu);
    if (m == 1 && (b.down == 1 || k == 1)) return dots(n, k, b.turned(), a.turned(), bias, 1, c, relu);
    if (m == 1 && b.along == 1) return row_times(k, n, a, b, bias, c, relu);
    bool turned = cost<T>(n, k, m, b.turned(), a.turned(), true) < cost<T>(m, k, n, a, b, false);
    Product<T> way{m, k, n, a, b, bias, c, n, false, relu};
    if (turned) way = {n, k, m, b.turned(), a.turned(), bias, c, n, true, relu};
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
