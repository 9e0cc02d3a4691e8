// Convolution of channels-last arrays in up to three dims, any step, padding, dilation and groups.
//
// Nothing is unfolded: for each output cell and tap a pointer says where the channels of the input
// cell lie (at zeros, outside), and a tile of registers sums over them. Few channels, and short sums
// over dense windows, are what `few.cpp` takes, few features `narrow.cpp`, groups of one channel and
// one feature `depthwise.cpp`, many channels of 3 x 3 kernels `winograd.cpp`.
// The idea of pointers in place of columns: M. Dukhan, The Indirect Convolution Algorithm, 2019.
#include <algorithm>
#include <vector>

#include "cells.h"
#include "conv.h"
#include "depthwise.h"
#include "few.h"
#include "kept.h"
#include "narrow.h"
#include "onward.h"
#include "pack.h"
#include "scratch.h"
#include "threads.h"
#include "tile.h"
#include "winograd.h"

namespace rl::RL_LEVEL {
namespace {

constexpr Index TASK = 1 << 19;   // multiply-adds of a task: some ten microseconds
constexpr Index CHUNK = 224;      // most cells of a task of a forward pass
constexpr Index ROUND = 192;      // most cells of a round of a weight gradient: they stay in the cache
constexpr Index PARTS = 16;       // most shares of the cells of a weight gradient, and the most
constexpr Index SUMS = 1 << 19;   // numbers in all their sums

enum Slot { PACKED, BIAS, ROWS, GRAD, STRIPS, SUMMED };

// The size of n things cut into the fewest and most equal parts of at most so many.
Index even_part(Index n, Index most) {
    Index parts = std::max(Index(1), (n + most - 1) / most);
    return std::max(Index(1), (n + parts - 1) / parts);
}

// Lines of whole windows, cut where they are longer than a task.
class Strips {
  public:
    explicit Strips(const Conv& s) : s(s) {
        rows = s.out[1] / s.pool[0];
        whole = s.out[2] / s.pool[1] * s.pool[1];
        across = std::clamp(CHUNK / s.pool[0] / s.pool[1] * s.pool[1], Index(0), whole);
        columns = across ? (whole + across - 1) / across : 0;
        count = s.n * s.out[0] * rows * columns;
    }

    // Call f(first cell, how many) for the lines of a strip.
    template <class F>
    void lines(Index strip, F&& f) const {
        Index row = strip / columns % rows, plane = strip / columns / rows;
        for (Index l = 0; l < s.pool[0]; l++)
            f((plane * s.out[1] + row * s.pool[0] + l) * s.out[2] + first(strip), width(strip));
    }
    Index first(Index strip) const { return strip % columns * across; }
    Index width(Index strip) const { return std::min(across, whole - first(strip)); }

    // Where the maxima of a strip begin.
    template <class T>
    T* output(Index strip, T* y) const {
        Index row = strip / columns % rows, plane = strip / columns / rows;
        return y + plane / s.out[0] * s.ys[0] + plane % s.out[0] * s.ys[1] + row * s.ys[2] +
               first(strip) / s.pool[1] * s.ys[3];
    }

    Index count, across;

  private:
    const Conv& s;
    Index rows, whole, columns;
};

bool pools(const Conv& s) {
    if (!pooled(s)) return true;
    if (depthwise_fits(s) || narrow_fits(s)) return false;
    if (winograd_fits(s)) return s.pool[0] == 2 && s.pool[1] == 2;
    return s.pool[0] * s.pool[1] <= CHUNK;  // of larger ones there are few for the threads
}

// One group of a convolution: its weights packed, and its cells cut into tasks. Where maxima are
// taken, a task has whole strips.
template <class T>
class Pass {
  public:
    Pass(const Conv& s, Index group, const T* x, const T* w, const T* bias, const Afters<T>& afters,
         T* y, T* packed, bool empty)
        : s(s), group(group), walk(s, x, group), strips(s), afters(afters), packed(packed),
          bias(bias), y(y + group * s.features), depth(walk.taps * s.channels),
          padded(round_up(s.features, W<T>)), small(pooled(s)) {
        if (empty) pack(s, w + group * s.wg, packed, padded);
        Index size = std::clamp(TASK / std::max(Index(1), depth * s.features), Index(1), CHUNK);
        size = round_up(size, P_MAX<T>);
        Index strip = std::max(Index(1), s.pool[0] * strips.across);
        per = small ? std::max(Index(1), size / strip) : size;
        most = small ? per * strip : size;
        units = small ? strips.count : cells_of(s);
        tasks = (units + per - 1) / per;
    }

    void run(Index task) const {
        Index first = task * per, last = std::min(units, first + per), count = 0;
        auto rows = scratch<const T*>(ROWS, walk.taps * most);
        T *out[CHUNK + P_MAX<T>], *at[CHUNK + P_MAX<T>];
        if (small) {
            for (Index i = first; i < last; i++) {
                T* target = strips.output(i, y);
                afters.begin(s, s.pool[0], strips.width(i), target);
                strips.lines(i, [&](Index m, Index n) {
                    walk.point(m, n, rows + count, most);
                    T* cell = target;
                    for (Index end = count + n; count < end; cell += s.ys[3])
                        for (Index j = 0; j < s.pool[1]; j++) out[count++] = cell;
                });
            }
        } else {
            count = last - first;
            walk.point_out(first, count, y, out);
            walk.point(first, count, rows, most);
        }
        Tiles tiles = tiles_of<T>(count);
        for (Index f = 0; f < padded; f += PANEL<T>) {
            int v = padded - f > W<T> ? 2 : 1;
            int lanes = (int)std::min<Index>(W<T>, s.features - f - (v - 1) * W<T>);
            After<T> after = afters.at(group, f);
            for (Index i = 0; i < count; i++) at[i] = out[i] + f;
            for (auto [i, p] : tiles)
                rows_tile_of<T>(p, v)(rows + i, most, walk.taps, s.channels, packed + f * depth,
                                      bias + f, at + i, lanes, after);
        }
    }

    Index tasks;

  private:
    const Conv& s;
    Index group;
    Cells<T> walk;
    Strips strips;
    const Afters<T>& afters;
    const T *packed, *bias;
    T* y;
    Index depth, padded;
    bool small;
    Index per, most, units;  // units (cells or strips) of a task, cells of it at most, all units
};

// Tasks of all parts and groups are one heap of work, so that small ones do not wait for each other.
template <class T>
void conv(const std::vector<Part>& parts, const T* x, const T* w, const T* b, const Onward<T>& on,
          T* y) {
    std::vector<Part> direct;
    Index size = 0, most = 0;
    for (const Part& part : parts) {
        const Conv& s = *part.conv;
        if (!cells_of(s) || !s.features) continue;
        T* to = y + part.start;
        if (depthwise_fits(s)) depthwise(s, x, w, b, on, to);
        else if (winograd_fits(s)) winograd(s, x, w, b, on, to);
        else if (narrow_fits(s)) narrow(s, x, w, b, on, to);
        else if (few_fits(s) || lines_fit(s)) few(s, x, w, b, on, to);
        else {
            direct.push_back(part);
            size += s.groups * round_up(s.features, W<T>) * taps_of(s) * s.channels;
        }
    }
    if (direct.empty()) return;
    Index groups = parts[0].conv->groups, features = parts[0].conv->features;
    Index padded = round_up(features, W<T>);
    const T* bias = b;
    if (!b || padded != features) {
        T* filled = scratch<T>(BIAS, padded * groups);
        std::fill(filled, filled + padded * groups, T(0));
        for (Index group = 0; b && group < groups; group++)
            std::copy_n(b + group * features, features, filled + group * padded);
        bias = filled;
    }
    Afters<T> afters(*parts[0].conv, on, padded);
    Room<T> room = room_for(PACKED, w, size);
    T* packed = room.at;
    std::vector<Pass<T>> passes;
    passes.reserve(direct.size() * groups);
    for (const Part& part : direct)
        for (Index group = 0; group < groups; group++) {
            passes.emplace_back(*part.conv, group, x, w, bias + group * padded, afters,
                                y + part.start, packed, room.empty);
            packed += padded * taps_of(*part.conv) * part.conv->channels;
            most = std::max(most, passes.back().tasks);
        }
    Index count = passes.size();
    parallel(count * most, [&](Index i) {  // neighbours look at the same cells of x
        const Pass<T>& pass = passes[i % count];
        if (i / count < pass.tasks) pass.run(i / count);
    });
}

// Lay rows of features out as the tiles read them: (blocks, count, lanes of a block), zeros behind.
// Rows, and blocks, at a distance of a power of two would fall on a few sets of the cache.
template <class T>
constexpr Index APART = (ROUND + 2) * PANEL<T>;

template <class T>
void panels(Index features, Index padded, Index count, const T* const* rows, T* to) {
    for (Index i = 0; i < count; i++) {
        T* panel = to;
        for (Index f = 0; f < padded; f += PANEL<T>, panel += APART<T>) {
            Index width = std::min<Index>(padded - f, PANEL<T>);
            T* line = panel + i * width;
            if (f + width <= features) {
                for (Index l = 0; l < width; l += W<T>) store(line + l, load(rows[i] + f + l));
            } else {
                Index valid = features - f;
                std::copy_n(rows[i] + f, valid, line);
                std::fill(line + valid, line + width, T(0));
            }
        }
    }
}

// Each task sums a share of the cells into some rows (tap, channel) of dw. The shares are a fixed
// number, whatever the number of threads, and are added up in order.
template <class T>
void conv_weight(const Conv& s, const T* x, const T* g, T* dw) {
    if (depthwise_weight_fits(s)) return depthwise_weight(s, x, g, dw);
    if (winograd_fits(s)) return winograd_weight(s, x, g, dw);
    if (few_fits(s)) return few_weight(s, x, g, dw);
    Index cells = cells_of(s), padded = round_up(s.features, W<T>);
    for (Index group = 0; group < s.groups; group++) {
        Cells<T> walk(s, x, group);
        Index taps = walk.taps, channels = s.channels;
        Index depth = taps * channels, work = cells * depth * s.features;
        const T* grads = g + group * s.features;
        T* target = dw + group * depth * s.features;

        Index high = tiles_of<T>(channels).high, most_blocks = (channels + high - 1) / high;
        Index most = std::min({work / (4 * TASK), SUMS / (depth * padded), cells / (2 * ROUND)});
        Index shares = std::clamp(most, Index(1), PARTS);
        Index share = (cells + shares - 1) / shares;
        Index round = even_part(share, ROUND);
        Index blocks = shares > 1 ? 1 : std::clamp(work / (32 * TASK), Index(1), most_blocks);
        Index per = (most_blocks + blocks - 1) / blocks * high;  // channels of a block
        blocks = (channels + per - 1) / per;

        // one block of features whose rows lie at one distance: they are read where they are
        bool straight = padded == s.features && padded <= PANEL<T> &&
                        s.ys[2] == s.ys[3] * s.out[2] && s.ys[1] == s.ys[2] * s.out[1] &&
                        s.ys[0] == s.ys[1] * s.out[0];
        // one share and whole vectors: the sums are dw itself
        bool direct = shares == 1 && padded == s.features;
        T* sums = direct ? target : scratch<T>(SUMMED, shares * depth * padded);

        parallel(shares * blocks, [&](Index task) {
            Index part = task / blocks, first = task % blocks * per;
            Index last = std::min(first + per, channels), end = std::min(cells, (part + 1) * share);
            T* sum = sums + part * depth * padded;
            auto rows = scratch<const T*>(ROWS, taps * ROUND);
            T* grad = scratch<T>(GRAD, (padded / PANEL<T> + 1) * APART<T>);
            const T* at[ROUND];
            // many features: the channels of a tile are copied together, once for all of them
            bool many = taps == 1 && padded > 4 * PANEL<T>;
            T* strips = scratch<T>(STRIPS, many ? ROUND * (last - first) : 0);
            Tiles tiles = tiles_of<T>(last - first);
            for (Index m = part * share; m < end; m += round) {
                Index count = std::min(round, end - m);
                bool more = m > part * share;
                walk.point(m, count, rows, ROUND);
                if (many)
                    for (auto [c, p] : tiles)
                        for (Index i = 0; i < count; i++)
                            std::copy_n(rows[i] + first + c, p, strips + c * count + i * p);
                if (!straight) {
                    walk.point_out(m, count, grads, at);
                    panels(s.features, padded, count, at, grad);
                }
                auto tile = [&](Index t, Index c, Index p, Index f) {
                    int v = padded - f > W<T> ? 2 : 1;
                    const T* panel = straight ? grads + m * s.ys[3]
                                              : grad + f / PANEL<T> * APART<T>;
                    Index step = straight ? s.ys[3] : v * W<T>;
                    T* to = sum + (t * channels + first + c) * padded + f;
                    if (many)
                        cells_tile_even_of<T>(p, v)(strips + c * count, p, count, panel, step, to,
                                                    padded, more);
                    else
                        cells_tile_of<T>(p, v)(rows + t * ROUND, first + c, count, panel, step, to,
                                               padded, more);
                };
                // panels that all stay in the cache: finish a row of dw, then the next
                bool row_by_row = many && count * padded * (Index)sizeof(T) <= 1 << 19;
                if (row_by_row)
                    for (auto [c, p] : tiles)
                        for (Index f = 0; f < padded; f += PANEL<T>) tile(0, c, p, f);
                for (Index f = 0; !row_by_row && f < padded; f += PANEL<T>)
                    for (Index t = 0; t < taps; t++)
                        for (auto [c, p] : tiles) tile(t, c, p, f);
            }
        });
        if (!direct) add_shares(sums, shares, depth, padded, s.features, target);
    }
}

}  // namespace

template <class T>
void fill_conv(ConvKernels<T>& k) {
    k.forward = conv<T>;
    k.pools = pools;
    k.weight = conv_weight<T>;
}
RL_FILL(fill_conv, ConvKernels)

}  // namespace rl::RL_LEVEL
