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
#include <vector>

#include "basis.h"
#include "kept.h"
#include "onward.h"
#include "pack.h"
#include "scratch.h"
#include "threads.h"
#include "tile.h"

namespace rl::RL_LEVEL {
namespace {

// Tiles of a task: whole register tiles, whose 16 matrices stay in the second-level cache.
template <class T>
constexpr Index TILES = round_up(54, P_MAX<T>);
constexpr Index LEAST = 16;  // channels and features below which the direct sum is faster
constexpr Index FEW = 4;     // times as many features as tiles, from which on features are the tasks
constexpr Index SUMS = 1 << 21;
constexpr Index SHARES = 8;

enum Slot { WEIGHTS, BIAS, DIRECT, INPUTS, OUTPUTS, SUMMED };

// How far the 16 matrices lie apart: by powers of two they would fall on a few sets of the cache.
template <class T>
constexpr Index apart(Index size) {
    return size + 64 / (Index)sizeof(T);
}

template <class T>
struct Work {
    const Conv& s;
    Index across, down, tiles;  // tiles of a line, of a column, of all samples
    Index low[2];               // input cell of the first tap for output cell 0
    int order[2][3];           // which tap lies at low, low + 1, low + 2
    Index padded;
    std::vector<T> zeros;       // a cell outside

    explicit Work(const Conv& s) : s(s) {
        down = (s.out[1] + 1) / 2;
        across = (s.out[2] + 1) / 2;
        tiles = s.n * down * across;
        padded = round_up(s.features, W<T>);
        zeros.assign(std::max(s.channels, s.features), T(0));
        for (int d = 0; d < 2; d++) {
            const auto& offset = s.offset[d + 1];
            low[d] = *std::min_element(offset.begin(), offset.end());
            for (int t = 0; t < 3; t++) order[d][offset[t] - low[d]] = t;
        }
    }

    // Call f(tile within the task, sample, first output row, first output column).
    template <class F>
    void each(Index first, Index count, F&& f) const {
        Index j = first % across, i = first / across % down, n = first / across / down;
        for (Index t = 0; t < count; t++) {
            f(t, n, 2 * i, 2 * j);
            if (++j < across) continue;
            j = 0;
            if (++i < down) continue;
            i = 0;
            n++;
        }
    }

    // to[16], each [count][channels], `size` apart: the input's transform.
    void inputs(const T* x, Index first, Index count, T* to, Index size) const {
        Index whole = s.channels / W<T> * W<T>;
        each(first, count, [&](Index t, Index n, Index i, Index j) {
            Index row = i + low[0], column = j + low[1];
            const T *corner = x + n * s.xs[0] + row * s.xs[2] + column * s.xs[3], *cell[4][4];
            for (int a = 0; a < 4; a++) {
                bool in = row + a >= 0 && row + a < s.in[1];
                for (int b = 0; b < 4; b++)
                    cell[a][b] = in && column + b >= 0 && column + b < s.in[2]
                                     ? corner + a * s.xs[2] + b * s.xs[3]
                                     : zeros.data();
            }
            T* line = to + t * s.channels;
            for (Index c = 0; c < whole; c += W<T>)
                input_tile<T, true>(cell, c, W<T>, line + c, size);
            if (whole < s.channels)
                input_tile<T, false>(cell, whole, s.channels - whole, line + whole, size);
        });
    }
};

// packed[16], each [channels][lanes], `size` apart: the transform of the weight of `width` features from
// `block` on, of taps laid out as for the direct sum.
template <class T>
void weights(const Work<T>& k, const T* w, Index block, Index width, T* packed, Index size) {
    const Conv& s = k.s;
    Index line = s.channels * width;
    T* from = scratch<T>(DIRECT, 9 * line);
    const T* tap[3][3];
    pack_block(s, w, block, width, from);
    for (int a = 0; a < 3; a++)
        for (int b = 0; b < 3; b++) tap[a][b] = from + (k.order[0][a] * 3 + k.order[1][b]) * line;
    for (Index i = 0; i < line; i += W<T>) {
        Vec<T> rows[4][3];
        RL_UNROLL for (int b = 0; b < 3; b++) {
            auto column = weight(load(tap[0][b] + i), load(tap[1][b] + i), load(tap[2][b] + i));
            RL_UNROLL for (int a = 0; a < 4; a++) rows[a][b] = column[a];
        }
        T* to = packed + i;
        RL_UNROLL for (int a = 0; a < 4; a++) {
            auto row = weight(rows[a][0], rows[a][1], rows[a][2]);
            RL_UNROLL for (int b = 0; b < 4; b++, to += size) store(to, row[b]);
        }
    }
}

// out[16], each [count][padded], = in[16], each [count][channels], times packed[16], each
// [blocks of features][channels][lanes].
template <class T>
void products(Index count, Index channels, Index padded, const T* in, Index in_size,
              const T* packed, Index size, T* out, Index out_size) {
    Tiles tiles = tiles_of<T>(count);
    for (Index e = 0; e < 16; e++)
        for (Index f = 0; f < padded; f += PANEL<T>)
            for (auto [t, rows] : tiles)
                product_tile_of<T>(rows, padded - f > W<T> ? 2 : 1)(
                    in + e * in_size + t * channels, channels, channels,
                    packed + e * size + f * channels, out + e * out_size + t * padded + f, padded);
}

// Take 16 matrices m[16], each [count][width], back to output cells of so many features, or to the
// maxima of tiles.
template <class T>
void outputs(const Work<T>& k, const T* m, const T* bias, const After<T>& after, T lowest,
             Index first, Index count, Index features, Index width, T* y) {
    const Conv& s = k.s;
    Index size = apart<T>(count * width);
    bool maxima = pooled(s);
    k.each(first, count, [&](Index t, Index n, Index i, Index j) {
        bool inside = i + 1 < s.out[1] && j + 1 < s.out[2];
        if (maxima && !inside) return;
        T* corner = y + n * s.ys[0] + i / s.pool[0] * s.ys[2] + j / s.pool[1] * s.ys[3];
        for (Index f = 0; f < features; f += W<T>) {
            int lanes = (int)std::min<Index>(W<T>, features - f);
            auto write = [&](T* cell, Vec<T> v) {
                if (lanes == W<T>) store(cell + f, v);
                else store_part(cell + f, v, lanes);
            };
            Vec<T> cells[2][2], start = load(bias + f), best = broadcast(lowest);
            output_tile(m + t * width + f, size, cells);
            RL_UNROLL for (int a = 0; a < 2; a++)
                RL_UNROLL for (int b = 0; b < 2; b++) {
                    if (!inside && (i + a >= s.out[1] || j + b >= s.out[2])) continue;
                    Vec<T> v = after.of(cells[a][b] + start, f);
                    if (maxima) best = higher(best, v);
                    else write(corner + a * s.ys[2] + b * s.ys[3], v);
                }
            if (maxima) write(corner, best);
        }
    });
}

// to[16], each [count][padded]: the transform of the output's gradient.
template <class T>
void gradients(const Work<T>& k, const T* g, Index first, Index count, T* to) {
    const Conv& s = k.s;
    Index size = apart<T>(count * k.padded), whole = s.features / W<T> * W<T>;
    k.each(first, count, [&](Index t, Index n, Index i, Index j) {
        const T *corner = g + n * s.ys[0] + i * s.ys[2] + j * s.ys[3], *cell[2][2];
        for (int a = 0; a < 2; a++)
            for (int b = 0; b < 2; b++)
                cell[a][b] = i + a < s.out[1] && j + b < s.out[2]
                                 ? corner + a * s.ys[2] + b * s.ys[3]
                                 : k.zeros.data();
        T* line = to + t * k.padded;
        for (Index f = 0; f < whole; f += W<T>)
            gradient_tile<T, true>(cell, f, W<T>, line + f, size);
        if (whole < s.features)
            gradient_tile<T, false>(cell, whole, s.features - whole, line + whole, size);
    });
}

// By tiles: the weight is taken to the basis once, then each task takes some tiles through.
template <class T>
void by_tiles(const Work<T>& k, const Afters<T>& afters, Index group, const T* x, const T* w,
              const T* bias, T* y) {
    const Conv& s = k.s;
    After<T> after = afters.at(group, 0);
    Index size = apart<T>(s.channels * k.padded), parts = (k.tiles + TILES<T> - 1) / TILES<T>;
    Index even = round_up(parts, threads());  // no thread has more to do than the others
    Index per = std::max(Index(P_MAX<T>), (k.tiles + even - 1) / even);
    Room<T> room = room_for(WEIGHTS, w, 16 * size);
    T* packed = room.at;
    if (room.empty)
        parallel((k.padded + PANEL<T> - 1) / PANEL<T>, [&](Index task) {
            Index f = task * PANEL<T>, width = std::min(k.padded - f, PANEL<T>);
            weights(k, w, f, width, packed + f * s.channels, size);
        });
    parallel((k.tiles + per - 1) / per, [&](Index task) {
        Index first = task * per, count = std::min(per, k.tiles - first);
        Index in_size = apart<T>(count * s.channels), out_size = apart<T>(count * k.padded);
        T *in = scratch<T>(INPUTS, 16 * in_size), *out = scratch<T>(OUTPUTS, 16 * out_size);
        k.inputs(x, first, count, in, in_size);
        products(count, s.channels, k.padded, in, in_size, packed, size, out, out_size);
        outputs(k, out, bias, after, afters.lowest, first, count, s.features, k.padded, y);
    });
}

// By features, where there are few tiles: the input is taken to the basis once, then each task takes
// some features through. So the weight's transform, which is then the largest of all, is never whole,
// unless it is kept.
template <class T>
void by_features(const Work<T>& k, const Afters<T>& afters, Index group, const T* x, const T* w,
                 const T* bias, T* y) {
    const Conv& s = k.s;
    Index in_size = apart<T>(k.tiles * s.channels), per = P_MAX<T>;
    T* in = scratch<T>(INPUTS, 16 * in_size);
    parallel((k.tiles + per - 1) / per, [&](Index task) {
        Index first = task * per, count = std::min(per, k.tiles - first);
        k.inputs(x, first, count, in + first * s.channels, in_size);
    });
    Index blocks = (k.padded + PANEL<T> - 1) / PANEL<T>;
    Index block = 16 * apart<T>(s.channels * PANEL<T>);  // the most numbers of a block's transform
    Room<T> room = kept_room(w, blocks * block);
    parallel(blocks, [&](Index task) {
        Index f = task * PANEL<T>, width = std::min(k.padded - f, PANEL<T>);
        Index size = apart<T>(s.channels * width), out_size = apart<T>(k.tiles * width);
        T* packed = room.at ? room.at + task * block : scratch<T>(WEIGHTS, 16 * size);
        T* out = scratch<T>(OUTPUTS, 16 * out_size);
        if (room.empty) weights(k, w, f, width, packed, size);
        products(k.tiles, s.channels, width, in, in_size, packed, size, out, out_size);
        outputs(k, out, bias + f, afters.at(group, f), afters.lowest, 0, k.tiles,
                std::min(width, s.features - f), width, y + f);
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
    T* bias = scratch<T>(BIAS, k.padded);
    std::fill(bias, bias + k.padded, T(0));
    bool few = FEW * k.tiles <= k.padded;
    for (Index group = 0; group < s.groups; group++) {
        if (b) std::copy_n(b + group * s.features, s.features, bias);
        (few ? by_features<T> : by_tiles<T>)(k, afters, group, x + group * s.channels,
                                             w + group * s.wg, bias, y + group * s.features);
    }
}

template <class T>
void winograd_weight(const Conv& s, const T* x, const T* g, T* dw) {
    Work<T> k(s);
    Index size = apart<T>(s.channels * k.padded);
    for (Index group = 0; group < s.groups; group++) {
        Index most = std::min(k.tiles / (2 * TILES<T>), SUMS / (16 * size));
        Index shares = std::clamp(most, Index(1), SHARES);
        Index share = (k.tiles + shares - 1) / shares;
        T* sums = scratch<T>(SUMMED, shares * 16 * size);
        parallel(shares, [&](Index part) {
            T* sum = sums + part * 16 * size;
            T* in = scratch<T>(INPUTS, 16 * apart<T>(TILES<T> * s.channels));
            T* out = scratch<T>(OUTPUTS, 16 * apart<T>(TILES<T> * k.padded));
            Index end = std::min(k.tiles, (part + 1) * share);
            Tiles tiles = tiles_of<T>(s.channels);
            if (part * share >= end) std::fill(sum, sum + 16 * size, T(0));
            for (Index first = part * share; first < end; first += TILES<T>) {
                Index count = std::min(TILES<T>, end - first);
                bool more = first > part * share;
                k.inputs(x + group * s.channels, first, count, in, apart<T>(count * s.channels));
                gradients(k, g + group * s.features, first, count, out);
                for (Index e = 0; e < 16; e++)
                    for (Index f = 0; f < k.padded; f += PANEL<T>)
                        for (auto [c, rows] : tiles)
                            cells_tile_even_of<T>(rows, k.padded - f > W<T> ? 2 : 1)(
                                in + e * apart<T>(count * s.channels) + c, s.channels, count,
                                out + e * apart<T>(count * k.padded) + f, k.padded,
                                sum + e * size + c * k.padded + f, k.padded, more);
            }
        });
        T* target = dw + group * 9 * s.channels * s.features;
        for (Index c = 0; c < s.channels; c++)
            for (Index f = 0; f < s.features; f += W<T>) {
                int lanes = (int)std::min<Index>(W<T>, s.features - f);
                std::array<Vec<T>, 3> rows[4];
                RL_UNROLL for (int a = 0; a < 4; a++) {
                    Four<Vec<T>> u;
                    RL_UNROLL for (int b = 0; b < 4; b++) {
                        const T* from = sums + (4 * a + b) * size + c * k.padded + f;
                        u[b] = load(from);
                        for (Index part = 1; part < shares; part++) u[b] += load(from + part * 16 * size);
                    }
                    rows[a] = gather(u);
                }
                RL_UNROLL for (int b = 0; b < 3; b++) {
                    auto column = gather<Vec<T>>({rows[0][b], rows[1][b], rows[2][b], rows[3][b]});
                    RL_UNROLL for (int a = 0; a < 3; a++) {
                        Index tap = k.order[0][a] * 3 + k.order[1][b];
                        T* to = target + (tap * s.channels + c) * s.features + f;
                        if (lanes == W<T>) store(to, column[a]);
                        else store_part(to, column[a], lanes);
                    }
                }
            }
    }
}

#define RL_MAKE(T) \
    template void winograd(const Conv&, const T*, const T*, const T*, const Onward<T>&, T*); \
    template void winograd_weight(const Conv&, const T*, const T*, T*);
RL_NARROW(RL_MAKE)

}  // namespace rl::RL_LEVEL
