// Convolution to fewer features than a vector has lanes, as at the end of an autoencoder: the lanes
// are channels, and are added up at the end.
//
// A tile of P cells times F features loads P vectors of the input and F of the weight for P * F
// multiply-adds. 13 sums leave three of 16 registers for what is loaded, 26 of 32 for AVX-512 six.
#include "narrow.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "cells.h"
#include "onward.h"
#include "scratch.h"
#include "threads.h"
#include "tile.h"

namespace rl::RL_LEVEL {
namespace {

constexpr Index TASK = 1 << 19;  // multiply-adds of a task: some ten microseconds
constexpr Index CHUNK = 224;     // most cells of a task
constexpr int FEATURES = std::min(6, W<float> * 5 / 8);  // with more, few lanes are idle
template <int F>
constexpr int HIGH = std::min(8, (RL_BYTES < 64 ? 13 : 26) / F);  // cells of a tile

enum Slot { PACKED, ROWS };

// Weights as the tiles read them: (taps, vectors of channels, features, lanes). The last vector ends
// with the last channel, and is zero where the one before it has been.
template <class T>
void pack(const Conv& s, const T* w, T* to) {
    for (Index a : s.wt[0])
        for (Index b : s.wt[1])
            for (Index c : s.wt[2])
                for (Index k = 0; k < s.channels; k += W<T>)
                    for (Index f = 0; f < s.features; f++)
                        for (Index l = 0, last = s.channels - W<T>; l < W<T>; l++) {
                            Index channel = std::min(k, last) + l;
                            *to++ = channel < k ? T(0) : w[f * s.wf + channel * s.wc + a + b + c];
                        }
}

// The sum of the lanes of each of P * F vectors.
template <class T, int P, int F>
inline void add_lanes(const Vec<T> (&sum)[P][F], T* to) {
    constexpr int N = P * F;
    RL_UNROLL for (int first = 0; first < N; first += W<T>) {
        Vec<T> part[W<T>];
        auto vector = [&](int i) { return i < N ? sum[i / F][i % F] : Vec<T>{}; };
        turn_square<T>([&](int i) { return vector(first + i); },
                       [&](int i, Vec<T> lane) { part[i] = lane; });
        RL_UNROLL for (int half = W<T> / 2; half; half /= 2)
            RL_UNROLL for (int i = 0; i < half; i++) part[i] += part[i + half];
        store(to + first, part[0]);
    }
}

// out[p][f] = bias[f] + the sum over taps and channels of rows[tap][p][c] * w[tap][f][c].
template <class T, int F>
void narrow_tile(const T* const* rows, Index pitch, Index taps, Index channels, const T* w,
                 const T* bias, T* const* out, const After<T>& after) {
    constexpr int P = HIGH<F>;
    Vec<T> sum[P][F]{}, number;
    RL_UNROLL for (int l = 0; l < W<T>; l++) number[l] = l;
    auto fresh = number >= broadcast<T>(round_up(channels, W<T>) - channels);  // lanes of the last vector
    bool deep = taps * channels > 2 * DEEP * W<T>;
    T total[P][F][W<T>];
    if (deep) std::memset(total, 0, sizeof total);
    Index since = 0, most = deep ? DEEP : taps * channels;
    for (Index tap = 0; tap < taps; tap++, rows += pitch) {
        const T* row[P];
        RL_UNROLL for (int p = 0; p < P; p++) row[p] = rows[p];
        auto add = [&](auto x) {
            RL_UNROLL for (int p = 0; p < P; p++) {
                Vec<T> a = x(p);
                RL_UNROLL for (int f = 0; f < F; f++) sum[p][f] += a * load(w + f * W<T>);
            }
            w += F * W<T>;
            if (++since < most) return;
            settle<T, P, F>(sum, total);
            since = 0;
        };
        Index c = 0;
        for (; c + W<T> <= channels; c += W<T>) add([&](int p) { return load(row[p] + c); });
        if (c < channels)  // what is left out may be infinite
            add([&](int p) { return fresh ? load(row[p] + channels - W<T>) : Vec<T>{}; });
    }
    if (deep)
        RL_UNROLL for (int p = 0; p < P; p++)
            RL_UNROLL for (int f = 0; f < F; f++) sum[p][f] += load(total[p][f]);
    T added[(P * F + W<T> - 1) / W<T> * W<T>];
    add_lanes<T, P, F>(sum, added);
    RL_UNROLL for (int p = 0; p < P; p++)
        RL_UNROLL for (int f = 0; f < F; f++) out[p][f] = after.of(bias[f] + added[p * F + f], f);
}

template <class T>
struct Tile {
    decltype(&narrow_tile<T, 1>) run;
    Index high;
};

template <class T, int... F>
Tile<T> tile_of(Index features, std::integer_sequence<int, F...>) {
    static constexpr Tile<T> table[] = {{narrow_tile<T, F + 1>, HIGH<F + 1>}...};
    return table[features - 1];
}

}  // namespace

// The more features, the longer are sums beside which those of lanes cost less than idle lanes.
// Channels below FEW_CHANNELS may lie apart, where `few` sums them: in another order, so that it takes
// those that adjoin, too, and bits do not depend on the layout.
bool narrow_fits(const Conv& s) {
    bool wide = s.channels >= std::max<Index>(W<float>, FEW_CHANNELS);
    Index least = 2 * W<float> * s.features * s.features;
    return s.features <= FEATURES && wide && taps_of(s) * s.channels >= least;
}

template <class T>
void narrow(const Conv& s, const T* x, const T* w, const T* b, const Onward<T>& on, T* y) {
    Index cells = cells_of(s), taps = taps_of(s);
    Tile<T> tile = tile_of<T>(s.features, std::make_integer_sequence<int, FEATURES>());
    Index per = std::clamp(TASK / (taps * s.channels * s.features), tile.high, CHUNK);
    Afters<T> afters(s, on, s.features);
    for (Index group = 0; group < s.groups; group++) {
        T* packed = scratch<T>(PACKED, taps * round_up(s.channels, W<T>) * s.features);
        pack(s, w + group * s.wg, packed);
        T bias[FEATURES]{};
        if (b) std::copy_n(b + group * s.features, s.features, bias);
        Cells<T> walk(s, x, group);
        After<T> after = afters.at(group, 0);
        parallel((cells + per - 1) / per, [&](Index task) {
            Index first = task * per;
            auto rows = scratch<const T*>(ROWS, taps * per);
            T* out[CHUNK];
            Index count = walk.point_tiles(first, std::min(per, cells - first), tile.high, rows, per,
                                           y + group * s.features, out);
            for (Index i = 0; i < count; i += tile.high) {
                Index at = std::min(i, count - tile.high);  // the last one may begin in the one before
                tile.run(rows + at, per, taps, s.channels, packed, bias, out + at, after);
            }
        });
    }
}

#define RL_MAKE(T) \
    template void narrow(const Conv&, const T*, const T*, const T*, const Onward<T>&, T*);
RL_NARROW(RL_MAKE)

}  // namespace rl::RL_LEVEL
