// Winograd's minimal filtering F(2 x 2, 3 x 3). A tile of 2 x 2 output cells sees 4 x 4 input cells;
// both are taken to a basis of 16 where the convolution is a product for each of the 16, so that
// 16 matrix products of (tiles, channels) by (channels, features) do the work of 36.
//
//     y = A' [(G g G') . (B' d B)] A,  and  dw = G' [(B' d B) . (A dy A')] G
//
// A. Lavin, S. Gray, Fast Algorithms for Convolutional Neural Networks, 2015. The larger F(4 x 4)
// would halve the products again, but loses two digits of float32.
#include "winograd.h"

#include <algorithm>
#include <array>

#include "onward.h"
#include "pack.h"
#include "scratch.h"
#include "threads.h"
#include "tile.h"

namespace rl::RL_LEVEL {
namespace {

constexpr Index TILES = 56;  // tiles of a task: their 16 matrices stay in the second-level cache
constexpr Index LEAST = 16;  // channels and features below which the direct sum is faster
constexpr Index SUMS = 1 << 21;
constexpr Index SHARES = 8;

enum Slot { WEIGHTS, DIRECT, INPUTS, OUTPUTS, SUMMED };

template <class V>
using Four = std::array<V, 4>;
template <class V>
using Square = std::array<Four<V>, 4>;

// B' d and its like, for four rows or columns at once.
template <class V>
Four<V> input(const Four<V>& d) {
    return {d[0] - d[2], d[1] + d[2], d[2] - d[1], d[1] - d[3]};
}
template <class V>
Four<V> weight(V a, V b, V c) {
    V sum = (a + c) * 0.5f, half = b * 0.5f;
    return {a, sum + half, sum - half, c};
}
template <class V>
std::array<V, 2> output(const Four<V>& m) {
    return {m[0] + m[1] + m[2], m[1] - m[2] - m[3]};
}
template <class V>
Four<V> spread(V a, V b) {  // A applied to a pair of output cells
    return {a, a + b, a - b, -b};
}
template <class V>
std::array<V, 3> gather(const Four<V>& u) {  // G' applied to the gradient of a weight's transform
    V sum = (u[1] + u[2]) * 0.5f, half = (u[1] - u[2]) * 0.5f;
    return {u[0] + sum, half, sum + u[3]};
}

template <class T>
struct Work {
    const Conv& s;
    Index across, down, tiles;  // tiles of a line, of a column, of all samples
    Index low[2];               // input cell of the first tap for output cell 0
    int order[2][3];           // which tap lies at low, low + 1, low + 2
    Index padded;

    explicit Work(const Conv& s) : s(s) {
        down = (s.out[1] + 1) / 2;
        across = (s.out[2] + 1) / 2;
        tiles = s.n * down * across;
        padded = round_up(s.features, W<T>);
        for (int d = 0; d < 2; d++) {
            const auto& offset = s.offset[d + 1];
            low[d] = *std::min_element(offset.begin(), offset.end());
            for (int t = 0; t < 3; t++) order[d][offset[t] - low[d]] = t;
        }
    }

    // Call f(tile within the task, sample, first output row, first output column).
    template <class F>
    void each(Index first, Index count, F&& f) const {
        for (Index t = 0; t < count; t++) {
            Index at = first + t, j = at % across, i = at / across % down;
            f(t, at / across / down, 2 * i, 2 * j);
        }
    }

    // to[16][count][channels]: the input's transform.
    void inputs(const T* x, Index first, Index count, T* to) const {
        Index size = count * s.channels;
        each(first, count, [&](Index t, Index n, Index i, Index j) {
            Index row = i + low[0], column = j + low[1];
            const T* corner = x + n * s.xs[0] + row * s.xs[2] + column * s.xs[3];
            for (Index c = 0; c < s.channels; c += W<T>) {
                int lanes = (int)std::min<Index>(W<T>, s.channels - c);
                Square<Vec<T>> d;
                for (int a = 0; a < 4; a++)
                    for (int b = 0; b < 4; b++) {
                        bool in = row + a >= 0 && row + a < s.in[1] && column + b >= 0 &&
                                  column + b < s.in[2];
                        const T* cell = corner + a * s.xs[2] + b * s.xs[3] + c;
                        d[a][b] = !in ? Vec<T>{} : lanes == W<T> ? load(cell) : load_part(cell, lanes);
                    }
                write(transformed(d), lanes, to + t * s.channels + c, size);
            }
        });
    }

    static Square<Vec<T>> transformed(const Square<Vec<T>>& d) {
        Square<Vec<T>> rows, all;
        for (int b = 0; b < 4; b++) {
            auto column = input<Vec<T>>({d[0][b], d[1][b], d[2][b], d[3][b]});
            for (int a = 0; a < 4; a++) rows[a][b] = column[a];
        }
        for (int a = 0; a < 4; a++) all[a] = input(rows[a]);
        return all;
    }

    static void write(const Square<Vec<T>>& m, int lanes, T* to, Index size) {
        for (int a = 0; a < 4; a++)
            for (int b = 0; b < 4; b++, to += size) {
                if (lanes == W<T>) store(to, m[a][b]);
                else store_part(to, m[a][b], lanes);
            }
    }
};

// packed[16][blocks of features][channels][lanes]: the weight's transform, of taps laid out as for
// the direct sum.
template <class T>
void weights(const Work<T>& k, const T* w, T* packed) {
    const Conv& s = k.s;
    Index size = s.channels * k.padded;
    T* direct = scratch<T>(DIRECT, 9 * size);
    pack(s, w, direct, k.padded);
    for (Index f = 0; f < k.padded; f += W<T>) {
        Index block = f / (V_MAX * W<T>) * (V_MAX * W<T>);
        Index width = std::min<Index>(k.padded - block, V_MAX * W<T>);
        for (Index c = 0; c < s.channels; c++) {
            Vec<T> g[3][3], rows[4][3];
            for (int a = 0; a < 3; a++)
                for (int b = 0; b < 3; b++) {
                    Index tap = k.order[0][a] * 3 + k.order[1][b];
                    g[a][b] = load(direct + block * 9 * s.channels +
                                   (tap * s.channels + c) * width + f - block);
                }
            for (int b = 0; b < 3; b++) {
                auto column = weight(g[0][b], g[1][b], g[2][b]);
                for (int a = 0; a < 4; a++) rows[a][b] = column[a];
            }
            T* to = packed + block * s.channels + c * width + f - block;
            for (int a = 0; a < 4; a++)
                for (Vec<T> u : weight(rows[a][0], rows[a][1], rows[a][2])) {
                    store(to, u);
                    to += size;
                }
        }
    }
}

// Take 16 matrices m[16][count][padded] back to output cells, or to the maxima of tiles.
template <class T>
void outputs(const Work<T>& k, const T* m, const T* bias, const After<T>& after, T lowest,
             Index first, Index count, T* y) {
    const Conv& s = k.s;
    Index size = count * k.padded;
    bool maxima = pooled(s);
    k.each(first, count, [&](Index t, Index n, Index i, Index j) {
        if (maxima && (i + 1 == s.out[1] || j + 1 == s.out[2])) return;
        T* corner = y + n * s.ys[0] + i / s.pool[0] * s.ys[2] + j / s.pool[1] * s.ys[3];
        for (Index f = 0; f < s.features; f += W<T>) {
            int lanes = (int)std::min<Index>(W<T>, s.features - f);
            auto write = [&](T* cell, Vec<T> v) {
                if (lanes == W<T>) store(cell + f, v);
                else store_part(cell + f, v, lanes);
            };
            const T* from = m + t * k.padded + f;
            std::array<Vec<T>, 2> rows[4];
            for (int a = 0; a < 4; a++)
                rows[a] = output<Vec<T>>({load(from + (4 * a) * size), load(from + (4 * a + 1) * size),
                                          load(from + (4 * a + 2) * size),
                                          load(from + (4 * a + 3) * size)});
            Vec<T> cells[2][2];
            for (int b = 0; b < 2; b++) {
                auto column = output<Vec<T>>({rows[0][b], rows[1][b], rows[2][b], rows[3][b]});
                for (int a = 0; a < 2; a++) {
                    Vec<T> v = column[a] + load(bias + f);
                    if (after.norm) {
                        const T* at = after.norm + f;
                        v = normalized(v, load(at), load(at + after.pitch), load(at + 2 * after.pitch));
                    }
                    cells[a][b] = after.relu ? max_nan(v, Vec<T>{}) : v;
                }
            }
            Vec<T> best = broadcast(lowest);
            for (int a = 0; a < 2 && i + a < s.out[1]; a++)
                for (int b = 0; b < 2 && j + b < s.out[2]; b++) {
                    if (maxima) best = higher(best, cells[a][b]);
                    else write(corner + a * s.ys[2] + b * s.ys[3], cells[a][b]);
                }
            if (maxima) write(corner, best);
        }
    });
}

// to[16][count][padded]: the transform of the output's gradient.
template <class T>
void gradients(const Work<T>& k, const T* g, Index first, Index count, T* to) {
    const Conv& s = k.s;
    Index size = count * k.padded;
    k.each(first, count, [&](Index t, Index n, Index i, Index j) {
        const T* corner = g + n * s.ys[0] + i * s.ys[2] + j * s.ys[3];
        for (Index f = 0; f < k.padded; f += W<T>) {
            int lanes = (int)std::min<Index>(W<T>, s.features - f);
            Vec<T> d[2][2];
            for (int a = 0; a < 2; a++)
                for (int b = 0; b < 2; b++) {
                    const T* cell = corner + a * s.ys[2] + b * s.ys[3] + f;
                    bool in = i + a < s.out[1] && j + b < s.out[2];
                    d[a][b] = !in ? Vec<T>{} : lanes == W<T> ? load(cell) : load_part(cell, lanes);
                }
            Square<Vec<T>> m;
            auto left = spread(d[0][0], d[1][0]), right = spread(d[0][1], d[1][1]);
            for (int a = 0; a < 4; a++) m[a] = spread(left[a], right[a]);
            Work<T>::write(m, W<T>, to + t * k.padded + f, size);
        }
    });
}

}  // namespace

bool winograd_fits(const Conv& s) {
    for (int d = 1; d < 3; d++) {
        const auto& o = s.offset[d];
        if (o.size() != 3 || s.step[d] != 1 || s.out[d] < 4) return false;
        if (o[1] - o[0] != o[2] - o[1] || (o[1] - o[0] != 1 && o[0] - o[1] != 1)) return false;
    }
    return s.offset[0].size() == 1 && s.offset[0][0] == 0 && s.in[0] == 1 && s.out[0] == 1 &&
           s.channels >= LEAST && s.features >= LEAST;
}

template <class T>
void winograd(const Conv& s, const T* x, const T* w, const T* b, const Onward<T>& on, T* y) {
    Work<T> k(s);
    Afters<T> afters(s, on, k.padded);
    for (Index group = 0; group < s.groups; group++) {
        After<T> after = afters.at(group, 0);
        T* packed = scratch<T>(WEIGHTS, 16 * s.channels * k.padded + 2 * k.padded);
        weights(k, w + group * s.wg, packed);
        T *bias = packed + 16 * s.channels * k.padded, *zeros = bias + k.padded;
        std::fill(bias, bias + 2 * k.padded, T(0));
        if (b) std::copy_n(b + group * s.features, s.features, bias);
        parallel((k.tiles + TILES - 1) / TILES, [&](Index task) {
            Index first = task * TILES, count = std::min(TILES, k.tiles - first);
            T* in = scratch<T>(INPUTS, 16 * TILES * s.channels);
            T* out = scratch<T>(OUTPUTS, 16 * TILES * k.padded);
            k.inputs(x + group * s.channels, first, count, in);
            Index height = tile_height(count);
            for (Index e = 0; e < 16; e++)
                for (Index f = 0; f < k.padded; f += V_MAX * W<T>) {
                    int v = k.padded - f > W<T> ? 2 : 1;
                    for (Index t = 0; t < count; t += height) {
                        int p = (int)std::min(height, count - t);
                        const T* rows[P_MAX];
                        T* to[P_MAX];
                        for (int i = 0; i < p; i++) {
                            rows[i] = in + (e * count + t + i) * s.channels;
                            to[i] = out + (e * count + t + i) * k.padded + f;
                        }
                        rows_tile_of<T>(p, v)(rows, p, 1, s.channels,
                                              packed + (e * k.padded + f) * s.channels, zeros, to,
                                              W<T>, After<T>());
                    }
                }
            outputs(k, out, bias, after, afters.lowest, first, count, y + group * s.features);
        });
    }
}

template <class T>
void winograd_weight(const Conv& s, const T* x, const T* g, T* dw) {
    Work<T> k(s);
    Index size = s.channels * k.padded;
    for (Index group = 0; group < s.groups; group++) {
        Index most = std::min(k.tiles / (2 * TILES), SUMS / (16 * size));
        Index shares = std::clamp(most, Index(1), SHARES);
        Index share = (k.tiles + shares - 1) / shares;
        T* sums = scratch<T>(SUMMED, shares * 16 * size);
        parallel(shares, [&](Index part) {
            T* sum = sums + part * 16 * size;
            T* in = scratch<T>(INPUTS, 16 * TILES * s.channels);
            T* out = scratch<T>(OUTPUTS, 16 * TILES * k.padded);
            Index end = std::min(k.tiles, (part + 1) * share), height = tile_height(s.channels);
            if (part * share >= end) std::fill(sum, sum + 16 * size, T(0));
            for (Index first = part * share; first < end; first += TILES) {
                Index count = std::min(TILES, end - first);
                bool more = first > part * share;
                k.inputs(x + group * s.channels, first, count, in);
                gradients(k, g + group * s.features, first, count, out);
                for (Index e = 0; e < 16; e++) {
                    const T* rows[TILES];
                    T* panel = out + e * count * k.padded;
                    for (Index t = 0; t < count; t++) rows[t] = in + (e * count + t) * s.channels;
                    for (Index f = 0; f < k.padded; f += V_MAX * W<T>) {
                        int v = k.padded - f > W<T> ? 2 : 1;
                        for (Index c = 0; c < s.channels; c += height)
                            cells_tile_of<T>((int)std::min(height, s.channels - c), v)(
                                rows, c, count, panel + f, k.padded,
                                sum + (e * s.channels + c) * k.padded + f, k.padded, more);
                    }
                }
            }
        });
        T* target = dw + group * 9 * s.channels * s.features;
        for (Index c = 0; c < s.channels; c++)
            for (Index f = 0; f < s.features; f += W<T>) {
                int lanes = (int)std::min<Index>(W<T>, s.features - f);
                std::array<Vec<T>, 3> rows[4];
                for (int a = 0; a < 4; a++) {
                    Four<Vec<T>> u;
                    for (int b = 0; b < 4; b++) {
                        const T* from = sums + ((4 * a + b) * s.channels + c) * k.padded + f;
                        u[b] = load(from);
                        for (Index part = 1; part < shares; part++) u[b] += load(from + part * 16 * size);
                    }
                    rows[a] = gather(u);
                }
                for (int b = 0; b < 3; b++) {
                    auto column = gather<Vec<T>>({rows[0][b], rows[1][b], rows[2][b], rows[3][b]});
                    for (int a = 0; a < 3; a++) {
                        Index tap = k.order[0][a] * 3 + k.order[1][b];
                        store_part(target + (tap * s.channels + c) * s.features + f, column[a], lanes);
                    }
                }
            }
    }
}

template void winograd(const Conv&, const float*, const float*, const float*, const Onward<float>&,
                       float*);
template void winograd(const Conv&, const double*, const double*, const double*, const Onward<double>&,
                       double*);
template void winograd_weight(const Conv&, const float*, const float*, float*);
template void winograd_weight(const Conv&, const double*, const double*, double*);

}  // namespace rl::RL_LEVEL
