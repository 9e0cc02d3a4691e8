// Depthwise convolution: the lanes are channels, each with weights of its own.
//
// There is nothing to broadcast: each multiply-add of a pass loads a vector of the input, so a tile
// is as high as hides the additions' delay, 6 cells of 2 vectors, and that of a weight gradient has a
// sum for each of 3 or 9 taps. Channels behind the last whole vector are taken with those before
// them, a vector that ends with the last one; what is computed twice is the same.
#include "depthwise.h"

#include <algorithm>

#include "cells.h"
#include "onward.h"
#include "pack.h"
#include "scratch.h"
#include "threads.h"
#include "tile.h"

namespace rl::RL_LEVEL {
namespace {

constexpr Index TASK = 1 << 18;  // multiply-adds of a task: some ten microseconds
constexpr Index CHUNK = 192;     // most cells of a task, and of a round of a weight gradient
constexpr Index PARTS = 16;      // most shares of the cells of a weight gradient, and the most
constexpr Index SUMS = 1 << 19;  // numbers in all their sums
constexpr int HIGH = 6;          // cells of a tile

enum Slot { PACKED, ROWS, SUMMED, TOTAL };

// The same as one group.
Conv joined(const Conv& s) {
    Conv one = s;
    one.channels = one.features = s.groups;
    one.groups = 1;
    return one;
}

// out[p] = bias + the sum over taps of rows[tap][p] * w[tap]; lines of w lie `apart`.
template <class T, int V>
void depthwise_tile(const T* const* rows, Index pitch, Index taps, Index c, const T* w, Index apart,
                    const T* bias, T* const* out, const After<T>& after) {
    Vec<T> sum[HIGH][V];
    begin<T, HIGH, V>(sum, bias + c);
    for (Index tap = 0; tap < taps; tap++, rows += pitch, w += apart) {
        Vec<T> by[V];
        RL_UNROLL for (int v = 0; v < V; v++) by[v] = load(w + c + v * W<T>);
        RL_UNROLL for (int p = 0; p < HIGH; p++)
            RL_UNROLL for (int v = 0; v < V; v++) sum[p][v] += load(rows[p] + c + v * W<T>) * by[v];
    }
    T* at[HIGH];
    RL_UNROLL for (int p = 0; p < HIGH; p++) at[p] = out[p] + c;
    finish<T, HIGH, V>(sum, at, W<T>, after.at(c));
}

// sums[tap] = the sum over cells of rows[tap][cell] * grads[cell], and what was there if `more`.
template <class T, int TAPS>
void depthwise_weight_tile(const T* const* rows, const T* const* grads, Index count, Index c,
                           T* sums, Index apart, bool more) {
    Vec<T> sum[TAPS]{};
    for (Index i = 0; i < count; i++) {
        Vec<T> g = load(grads[i] + c);
        RL_UNROLL for (int t = 0; t < TAPS; t++) sum[t] += load(rows[t * CHUNK + i] + c) * g;
    }
    RL_UNROLL for (int t = 0; t < TAPS; t++) {
        T* to = sums + t * apart;
        store(to, more ? load(to) + sum[t] : sum[t]);
    }
}

}  // namespace

// Below FEW_CHANNELS channels may lie apart: see `narrow_fits`.
bool depthwise_fits(const Conv& s) {
    bool alone = s.channels == 1 && s.features == 1 && s.xc == 1;
    return alone && s.groups >= std::max<Index>(W<float>, FEW_CHANNELS);
}

template <class T>
void depthwise(const Conv& s, const T* x, const T* w, const T* b, const Onward<T>& on, T* y) {
    Conv one = joined(s);
    Index cells = cells_of(s), taps = taps_of(s), channels = s.groups;
    T *packed = scratch<T>(PACKED, (taps + 1) * channels), *bias = packed + taps * channels, *to = packed;
    for (Index i : s.wt[0])
        for (Index j : s.wt[1])
            for (Index k : s.wt[2])
                for (Index c = 0; c < channels; c++) *to++ = w[c * s.wg + i + j + k];
    if (b) std::copy_n(b, channels, bias);
    else std::fill_n(bias, channels, T(0));
    Afters<T> afters(one, on, channels);
    After<T> after = afters.at(0, 0);
    Cells<T> walk(one, x, 0);
    Index per = round_up(std::clamp(TASK / (taps * channels), Index(1), CHUNK), HIGH);
    parallel((cells + per - 1) / per, [&](Index task) {
        Index first = task * per;
        auto rows = scratch<const T*>(ROWS, taps * per);
        T* out[CHUNK];
        Index count = walk.point_tiles(first, std::min(per, cells - first), HIGH, rows, per, y, out);
        for (Index i = 0; i < count; i += HIGH) {
            Index at = std::min(i, count - HIGH);  // the last one may begin in the one before
            auto tile = [&](auto run, Index c) {
                run(rows + at, per, taps, c, packed, channels, bias, out + at, after);
            };
            Index c = 0;
            for (; c + PANEL<T> <= channels; c += PANEL<T>) tile(depthwise_tile<T, V_MAX>, c);
            for (; c < channels; c += W<T>) tile(depthwise_tile<T, 1>, std::min<Index>(c, channels - W<T>));
        }
    });
}

// Each task sums a share of the cells. The shares are a fixed number, whatever the number of threads,
// and are added up in order.
template <class T>
void depthwise_weight(const Conv& s, const T* x, const T* g, T* dw) {
    Conv one = joined(s);
    Index cells = cells_of(s), taps = taps_of(s), channels = s.groups;
    Index tile = taps <= 6 ? 3 : 9, lines = round_up(taps, tile), padded = round_up(channels, W<T>);
    Index most = std::min(cells * taps * channels / (4 * TASK), SUMS / (lines * padded));
    Index shares = std::clamp(most, Index(1), PARTS);
    Index share = (cells + shares - 1) / shares;
    T* sums = scratch<T>(SUMMED, shares * lines * padded);
    Cells<T> walk(one, x, 0);
    parallel(shares, [&](Index part) {
        T* sum = sums + part * lines * padded;
        auto rows = scratch<const T*>(ROWS, lines * CHUNK);
        const T* grads[CHUNK];
        Index begin = std::min(cells, part * share), end = std::min(cells, begin + share), m = begin;
        do {
            Index count = std::min(CHUNK, end - m);
            walk.point(m, count, rows, CHUNK);
            walk.point_out(m, count, g, grads);
            for (Index tap = taps; tap < lines; tap++) std::copy_n(rows, count, rows + tap * CHUNK);
            for (Index c = 0; c < channels; c += W<T>)
                for (Index tap = 0; tap < lines; tap += tile)
                    (tile == 3 ? depthwise_weight_tile<T, 3> : depthwise_weight_tile<T, 9>)(
                        rows + tap * CHUNK, grads, count, std::min<Index>(c, channels - W<T>),
                        sum + tap * padded + c, padded, m > begin);
        } while ((m += CHUNK) < end);
    });
    T* total = scratch<T>(TOTAL, lines * padded);
    add_shares(sums, shares, lines, padded, padded, total);
    Index whole = channels / W<T> * W<T>;
    for (Index c = 0; c < channels; c++)
        for (Index tap = 0; tap < taps; tap++)
            *dw++ = total[tap * padded + (c < whole ? c : c + padded - channels)];
}

#define RL_MAKE(T) \
    template void depthwise(const Conv&, const T*, const T*, const T*, const Onward<T>&, T*); \
    template void depthwise_weight(const Conv&, const T*, const T*, T*);
RL_NARROW(RL_MAKE)

}  // namespace rl::RL_LEVEL
