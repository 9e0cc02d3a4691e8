// Depthwise convolution: the lanes are channels, each with weights of its own.
//
// There is nothing to broadcast: each multiply-add of a pass loads a vector of the input, so a tile
// is as high as hides the additions' delay, 6 cells of 2 vectors, and that of a weight gradient has a
// sum for each of 3 or 9 taps. Channels behind the last whole vector are taken with those before
// them, a vector that ends with the last one; what is computed twice is the same.
//
// Where channels do not fill a vector (grey images, colours), a stretch of a line is taken for one
// cell, its numbers for channels whose weights repeat. Lines are copied for that, with zeros beside.
#include "depthwise.h"

#include <algorithm>
#include <memory>
#include <vector>

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
constexpr Index POINTERS = 1 << 20;  // about the most of a round, where taps are many
constexpr Index STRETCH = 1024;  // most numbers of a stretch, and about the most of its weights:
constexpr Index WEIGHTS = 1 << 16;  // they stay in the cache
constexpr Index SHORT = 32;      // numbers of a stretch below which none is looked for
constexpr int HIGH = 6;          // cells of a tile

enum Slot { PACKED, ROWS, SUMMED, TOTAL };

bool alone(const Conv& s) { return s.channels == 1 && s.features == 1; }

// Below FEW_CHANNELS channels may lie apart: see `narrow_fits`.
bool wide(const Conv& s) { return s.groups >= std::max<Index>(W<float>, FEW_CHANNELS); }

// How far the last tap of a line lies from the first.
Index reach_of(const Conv& s) {
    auto [least, most] = std::minmax_element(s.offset[2].begin(), s.offset[2].end());
    return *most - *least;
}

// The cells of each of the fewest equal stretches of a line; 0 where they do not fill a vector, or
// copies would be mostly of what no tap looks at.
Index stretch_of(const Conv& s) {
    Index line = s.out[2], numbers = line * s.groups;
    if (s.step[2] != 1 || numbers < W<float> || reach_of(s) > line + FEW_REACH) return 0;
    Index most = std::clamp(WEIGHTS / taps_of(s), Index(64), STRETCH);
    Index parts = (numbers + most - 1) / most;
    while (line % parts && line / parts * s.groups > SHORT) parts++;
    Index cells = line / parts;
    if (line % parts == 0 && cells * s.groups >= W<float>) return cells;
    return numbers <= STRETCH ? line : 0;
}

// Copy `cells` cells of each line of all planes of x from cell `low` on, channels side by side and
// zeros outside.
template <class T>
std::unique_ptr<T[]> copied(const Conv& s, const T* x, Index low, Index cells) {
    Index width = cells * s.groups, lines = s.n * s.in[0] * s.in[1];
    Index first = std::clamp(-low, Index(0), cells), last = std::clamp(s.in[2] - low, first, cells);
    std::unique_ptr<T[]> copy(new T[lines * width]);
    Index per = std::max(Index(1), TASK / 8 / width);
    parallel((lines + per - 1) / per, [&](Index task) {
        for (Index l = task * per; l < std::min(lines, (task + 1) * per); l++) {
            T* to = copy.get() + l * width;
            Index line = l % s.in[1], plane = l / s.in[1] % s.in[0], n = l / s.in[1] / s.in[0];
            const T* from = x + n * s.xs[0] + plane * s.xs[1] + line * s.xs[2] + low * s.xs[3];
            std::fill_n(to, first * s.groups, T(0));
            std::fill(to + last * s.groups, to + width, T(0));
            if (s.xs[3] == s.groups && (s.xc == 1 || s.groups == 1)) {
                std::copy(from + first * s.groups, from + last * s.groups, to + first * s.groups);
                continue;
            }
            for (Index c = 0; c < s.groups; c++, from += s.xc)
                for (Index i = first; i < last; i++) to[i * s.groups + c] = from[i * s.xs[3]];
        }
    });
    return copy;
}

// The same as one group whose channels fill vectors, and the numbers that it is of.
template <class T>
struct Joined {
    Joined(const Conv& s, const T* x) : conv(s), x(x) {
        conv.channels = conv.features = s.groups;
        conv.groups = 1;
        if (wide(s)) return;
        Index low = *std::min_element(s.offset[2].begin(), s.offset[2].end());
        Index cells = s.out[2] + reach_of(s), stretch = stretch_of(s), width = cells * s.groups;
        copy = copied(s, x, low, cells);
        this->x = copy.get();
        conv.channels = conv.features = stretch * s.groups;
        conv.in[2] = cells;
        conv.out[2] = s.out[2] / stretch;
        conv.step[2] = stretch;
        for (Index& at : conv.offset[2]) at -= low;
        const Index strides[] = {s.in[0] * s.in[1] * width, s.in[1] * width, width, s.groups};
        std::copy_n(strides, 4, conv.xs);
        conv.xc = 1;
        conv.ys[3] = stretch * s.groups;
    }

    Conv conv;
    const T* x;

  private:
    std::unique_ptr<T[]> copy;
};

// Numbers of channels over and over; null stays null.
template <class T>
const T* repeated(const T* from, Index channels, Index lanes, std::vector<T>& to) {
    if (!from || channels == lanes) return from;
    for (Index c = 0; c < lanes; c++) to.push_back(from[c % channels]);
    return to.data();
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
void depthwise_weight_tile(const T* const* rows, Index pitch, const T* const* grads, Index count,
                           Index c, T* sums, Index apart, bool more) {
    Vec<T> sum[TAPS]{};
    for (Index i = 0; i < count; i++) {
        Vec<T> g = load(grads[i] + c);
        RL_UNROLL for (int t = 0; t < TAPS; t++) sum[t] += load(rows[t * pitch + i] + c) * g;
    }
    RL_UNROLL for (int t = 0; t < TAPS; t++) {
        T* to = sums + t * apart;
        store(to, more ? load(to) + sum[t] : sum[t]);
    }
}

}  // namespace

bool depthwise_fits(const Conv& s) {
    if (!alone(s)) return false;
    return wide(s) ? s.xc == 1 : stretch_of(s) && s.ys[3] == s.groups;
}

bool depthwise_weight_fits(const Conv& s) {
    return alone(s) && (wide(s) ? s.xc == 1 : stretch_of(s) > 0);
}

template <class T>
void depthwise(const Conv& s, const T* x, const T* w, const T* b, const Onward<T>& on, T* y) {
    Joined<T> joined(s, x);
    const Conv& one = joined.conv;
    Index cells = cells_of(one), taps = taps_of(s), channels = one.channels;
    T *packed = scratch<T>(PACKED, (taps + 1) * channels), *bias = packed + taps * channels, *to = packed;
    for (Index i : s.wt[0])
        for (Index j : s.wt[1])
            for (Index k : s.wt[2])
                for (Index c = 0; c < channels; c++) *to++ = w[c % s.groups * s.wg + i + j + k];
    for (Index c = 0; c < channels; c++) bias[c] = b ? b[c % s.groups] : T(0);
    std::vector<T> numbers[4];
    auto each = [&](const T* of, int i) { return repeated(of, s.groups, channels, numbers[i]); };
    Onward<T> all{each(on.mean, 0), each(on.var, 1), each(on.w, 2), each(on.b, 3), on.eps, on.relu};
    Afters<T> afters(one, all, channels);
    After<T> after = afters.at(0, 0);
    Cells<T> walk(one, joined.x, 0);
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
    Joined<T> joined(s, x);
    Conv& one = joined.conv;
    std::unique_ptr<T[]> dense;
    if (!wide(s) && s.ys[3] != s.groups) {  // a stretch of g adjoins in a copy only
        Conv of = s;
        std::copy_n(s.out, 3, of.in);
        std::copy_n(s.ys, 4, of.xs);
        of.xc = 1;
        dense = copied(of, g, 0, s.out[2]);
        g = dense.get();
        one.ys[2] = s.out[2] * s.groups;
        one.ys[1] = s.out[1] * one.ys[2];
        one.ys[0] = s.out[0] * one.ys[1];
    }
    Index cells = cells_of(one), taps = taps_of(s), channels = one.channels;
    Index tile = taps <= 6 ? 3 : 9, lines = round_up(taps, tile), padded = round_up(channels, W<T>);
    Index most = std::min(cells * taps * channels / (4 * TASK), SUMS / (lines * padded));
    Index shares = std::clamp(most, Index(1), PARTS);
    Index share = (cells + shares - 1) / shares, round = std::clamp(POINTERS / lines, Index(16), CHUNK);
    T* sums = scratch<T>(SUMMED, shares * lines * padded);
    Cells<T> walk(one, joined.x, 0);
    parallel(shares, [&](Index part) {
        T* sum = sums + part * lines * padded;
        auto rows = scratch<const T*>(ROWS, lines * round);
        const T* grads[CHUNK];
        Index begin = std::min(cells, part * share), end = std::min(cells, begin + share), m = begin;
        do {
            Index count = std::min(round, end - m);
            walk.point(m, count, rows, round);
            walk.point_out(m, count, g, grads);
            for (Index tap = taps; tap < lines; tap++) std::copy_n(rows, count, rows + tap * round);
            for (Index c = 0; c < channels; c += W<T>)
                for (Index tap = 0; tap < lines; tap += tile)
                    (tile == 3 ? depthwise_weight_tile<T, 3> : depthwise_weight_tile<T, 9>)(
                        rows + tap * round, round, grads, count, std::min<Index>(c, channels - W<T>),
                        sum + tap * padded + c, padded, m > begin);
        } while ((m += round) < end);
    });
    T* total = scratch<T>(TOTAL, lines * padded);
    add_shares(sums, shares, lines, padded, padded, total);
    Index whole = channels / W<T> * W<T>;
    for (Index c = 0; c < s.groups; c++)
        for (Index tap = 0; tap < taps; tap++) {
            double sum = 0;
            for (Index l = c; l < channels; l += s.groups)
                sum += total[tap * padded + (l < whole ? l : l + padded - channels)];
            *dw++ = (T)sum;
        }
}

#define RL_MAKE(T) \
    template void depthwise(const Conv&, const T*, const T*, const T*, const Onward<T>&, T*); \
    template void depthwise_weight(const Conv&, const T*, const T*, T*);
RL_NARROW(RL_MAKE)

}  // namespace rl::RL_LEVEL
