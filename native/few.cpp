// Convolution by lines: the inner loop runs over taps and channels together.
//
// The lines of the input that some lines of the output look at are copied once, in their own order of
// memory, with zeros around them. Then a cell of the output is a place in the copy, and the numbers
// it sums lie a fixed shift away from there, by tap and channel: a tile of registers (see `tile.h`)
// takes cells of any lines. To copy each window instead, as columns, cost more than the sums of a
// 3 x 3 kernel of one channel, and pointers for each cell and tap as much as the copy.
#include "few.h"

#include <algorithm>
#include <utility>

#include "cells.h"
#include "kept.h"
#include "onward.h"
#include "pack.h"
#include "scratch.h"
#include "threads.h"
#include "tile.h"

namespace rl::RL_LEVEL {
namespace {

constexpr Index TASK = 1 << 19;      // multiply-adds of a task: some ten microseconds
template <class T>
constexpr Index ACROSS = 32 * P_MAX<T>;  // most cells of a line of a block
constexpr Index CELLS = 1024;        // about the most cells of a block
constexpr Index BYTES = 24 << 10;    // and of its copy, which stays in the first cache
constexpr Index PARTS = 16;          // most shares of the blocks of a weight gradient, and the most
constexpr Index SUMS = 1 << 19;      // numbers in all their sums

enum Slot { PACKED, BIAS, COPY, GRAD, SUMMED, FROM, TO };

// Copy n numbers; nothing behind them is read or written.
template <class T>
inline void copy_numbers(const T* from, Index n, T* to) {
    if (n < W<T>) {
        for (Index i = 0; i < n; i++) to[i] = from[i];
        return;
    }
    for (Index i = 0; i + W<T> < n; i += W<T>) store(to + i, load(from + i));
    store(to + n - W<T>, load(from + n - W<T>));
}

Index depth_of(const Conv& s) { return taps_of(s) * s.channels; }

// How far the last tap of dim d lies from the first.
Index reach_of(const Conv& s, int d) {
    auto [least, most] = std::minmax_element(s.offset[d].begin(), s.offset[d].end());
    return *most - *least;
}

// Distances, and how many of them at a time ascend by 1.
struct Shifts {
    std::vector<Index> at;
    Index run = 1;

    void find_run() {
        Index count = at.size(), first = 1;
        auto adjoins = [&](Index k) { return at[k] == at[k - 1] + 1; };
        while (first < count && adjoins(first)) first++;
        run = count % first ? 1 : first;
        for (Index k = first; k < count; k++)
            if (k % first && !adjoins(k)) run = 1;
    }
};

// Blocks of output cells: `down` lines of `across` cells, in one plane of one sample.
template <class T>
class Blocks {
  public:
    struct Block {
        Index n, plane, line, cell, lines, cells;  // where it begins, and its size
    };

    // most: about the most cells of a block
    Blocks(const Conv& s, Index most) : s(s), mixed(s.xc == 1), apart(mixed ? s.channels : 1) {
        for (int d = 0; d < 3; d++) {
            low[d] = *std::min_element(s.offset[d].begin(), s.offset[d].end());
            reach[d] = reach_of(s, d);
        }
        // whole windows of the maxima
        for (int d = 0; d < 2; d++) whole[d] = s.out[d + 1] / s.pool[d] * s.pool[d];
        Index planes = s.offset[0].size();
        // numbers of the copy by cell of a line, and by line
        Index numbers = planes * s.step[2] * s.channels, room = BYTES / sizeof(T);
        Index wide = std::clamp(room / (numbers * (Index)s.offset[1].size()), Index(P_MAX<T>), ACROSS<T>);
        across = even(whole[1], std::min(wide, most), s.pool[1]);
        Index lines = std::min(most, room / numbers / s.step[1]) / across;
        down = even(whole[0], std::max(Index(1), lines), s.pool[0]);
        columns = (whole[1] + across - 1) / across;
        rows = (whole[0] + down - 1) / down;
        count = s.n * s.out[0] * rows * columns;

        step = s.step[2] * apart;
        width = round_up(cells_seen(across) * apart, W<T>);
        Index pitch = mixed ? width : s.channels * width, height = lines_seen(down);
        next = s.step[1] * pitch;
        size = planes * height * pitch + W<T>;  // zeros are written in vectors
        seen.assign(height, false);
        for (Index a = 0; a < planes; a++)
            for (Index b : s.offset[1]) {
                for (Index l = 0; l < down; l++) seen[l * s.step[1] + b - low[1]] = true;
                for (Index c : s.offset[2])
                    for (Index k = 0; k < s.channels; k++)
                        shift.at.push_back((a * height + b - low[1]) * pitch + (c - low[2]) * apart +
                                           k * (mixed ? 1 : width));
            }
        shift.find_run();
    }

    Block block(Index i) const {
        Index cell = i % columns * across, line = i / columns % rows * down;
        Index plane = i / columns / rows % s.out[0], n = i / columns / rows / s.out[0];
        return {n, plane, line, cell, std::min(down, whole[0] - line),
                std::min(across, whole[1] - cell)};
    }

    // Copy what a block looks at: copy[first tap][line][cell][channel], or [channel][cell].
    void copy(const Block& b, const T* x, T* to) const {
        Index at = b.cell * s.step[2] + low[2], cells = cells_seen(b.cells);
        Index first = std::clamp(-at, Index(0), cells), last = std::clamp(s.in[2] - at, first, cells);
        Index lines = lines_seen(b.lines), channels = mixed ? 1 : s.channels;
        for (Index a : s.offset[0]) {
            Index plane = b.plane * s.step[0] + a;
            bool in = plane >= 0 && plane < s.in[0];
            for (Index l = 0; l < (Index)seen.size(); l++) {
                if (l >= lines || !seen[l]) {
                    to += channels * width;
                    continue;
                }
                Index line = b.line * s.step[1] + low[1] + l;
                bool inside = in && line >= 0 && line < s.in[1];
                const T* from = x + b.n * s.xs[0] + plane * s.xs[1] + line * s.xs[2];
                for (Index k = 0; k < channels; k++, to += width)
                    if (inside) copy_line(from + k * s.xc + (at + first) * s.xs[3], first, last, cells, to);
                    else copy_line(nullptr, cells, cells, cells, to);
            }
        }
    }

    // Where the cells of a block of `cells` cells a line begin in its copy, and where their sums, or
    // maxima, belong in the output; for as many lines as it may have.
    void point(Index cells, Index* from, Index* to) const {
        Index apart = s.ys[3], pool = s.pool[1];
        for (Index l = 0; l < down; l++, from += cells, to += cells) {
            Index line = l / s.pool[0] * s.ys[2];
            for (Index c = 0; c < cells; c++) from[c] = l * next + c * step;
            for (Index c = 0; pool == 1 && c < cells; c++) to[c] = line + c * apart;
            for (Index c = 0; pool > 1 && c < cells; line += apart)
                for (Index end = c + pool; c < end; c++) to[c] = line;
        }
    }

    // Where the output of a block begins.
    template <class U>
    U* output(const Block& b, U* y) const {
        return y + b.n * s.ys[0] + b.plane * s.ys[1] + b.line / s.pool[0] * s.ys[2] +
               b.cell / s.pool[1] * s.ys[3];
    }

    Index count, down, across;  // blocks, and their most lines and cells
    Index size;                 // numbers of a copy
    Index next, step;           // from one output line to the next, in the copy, and from cell to cell
    Shifts shift;               // of each (tap, channel), in the copy

  private:
    // The size of n things cut into the fewest and most equal parts of about so many, in units.
    static Index even(Index n, Index most, Index unit) {
        Index parts = (n + most - 1) / most;
        return round_up((n + parts - 1) / parts, unit);
    }

    Index cells_seen(Index cells) const { return (cells - 1) * s.step[2] + reach[2] + 1; }
    Index lines_seen(Index lines) const { return (lines - 1) * s.step[1] + reach[1] + 1; }

    // Copy the cells first ... last of a line to their places, zeros elsewhere.
    void copy_line(const T* from, Index first, Index last, Index cells, T* to) const {
        // vectors, as a call of memset takes longer; what is inside is written over
        for (Index i = 0; i < first * apart; i += W<T>) store(to + i, Vec<T>{});
        if (s.xs[3] == apart) copy_numbers(from, (last - first) * apart, to + first * apart);
        else if (apart == 1)
            for (Index c = first; c < last; c++, from += s.xs[3]) to[c] = *from;
        else
            for (Index c = first; c < last; c++, from += s.xs[3]) copy_numbers(from, apart, to + c * apart);
        for (Index i = last * apart; i < cells * apart; i += W<T>) store(to + i, Vec<T>{});
    }

    const Conv& s;
    bool mixed;                         // channels adjoin, in the copy as well
    Index apart;                        // from one input cell to the next, in the copy
    Index low[3], reach[3];             // of the offsets
    Index whole[2];                     // lines and cells that are asked for
    Index rows, columns;                // blocks of a plane
    Index width;                        // of a line of the copy
    std::vector<char> seen;             // lines of a plane of the copy that a tap looks at
};

// One line of cells of a gradient after the other, zeros behind the features.
template <class T>
void widen(const Conv& s, Index lines, Index cells, Index padded, const T* from, T* to) {
    for (Index l = 0; l < lines; l++)
        for (Index i = 0; i < cells; i++, to += padded) {
            std::copy_n(from + l * s.ys[2] + i * s.ys[3], s.features, to);
            std::fill(to + s.features, to + padded, T(0));
        }
}

// The sums of `count` cells, whose numbers begin at x + from[i], for all features.
template <class T>
void run_tiles(const Conv& s, Index count, const Afters<T>& afters, Index group, const T* x,
               const Index* from, const Shifts& shift, const T* packed, const T* bias,
               T* y, const Index* to) {
    Index padded = round_up(s.features, W<T>), depth = shift.at.size();
    for (Index f = 0; f < padded; f += PANEL<T>) {
        int v = padded - f > W<T> ? 2 : 1;
        int lanes = (int)std::min<Index>(W<T>, s.features - f - (v - 1) * W<T>);
        After<T> after = afters.at(group, f);
        for (auto [i, p] : tiles_of<T>(count))
            rows_tile_by_line_of<T>(p, v)(x, from + i, shift.at.data(), shift.run, depth, packed + f * depth,
                                          bias + f, y + f, to + i, lanes, after);
    }
}

}  // namespace

bool few_fits(const Conv& s) {
    bool near = reach_of(s, 1) <= FEW_REACH && reach_of(s, 2) <= FEW_REACH;
    return s.channels < FEW_CHANNELS && taps_of(s) > 1 && near;
}

bool lines_fit(const Conv& s) {
    bool dense = true;  // a copy is not mostly of what no tap looks at
    for (int d = 1; d < 3; d++) {
        Index taps = s.offset[d].size();
        dense &= reach_of(s, d) < 2 * taps && s.step[d] <= 2 * taps;
    }
    return depth_of(s) <= 2 * DEEP && taps_of(s) > 1 && dense;
}

template <class T>
void few(const Conv& s, const T* x, const T* w, const T* b, const Onward<T>& on, T* y) {
    Index padded = round_up(s.features, W<T>), depth = depth_of(s);
    Index size = TASK / std::max(Index(1), depth * s.features);
    Blocks<T> blocks(s, std::clamp(size, Index(16 * P_MAX<T>), CELLS));
    Index most = blocks.down * blocks.across, per = std::max(Index(1), size / most);
    Afters<T> afters(s, on, padded);
    for (Index group = 0; group < s.groups; group++) {
        Room<T> room = room_for(PACKED, w + group * s.wg, padded * depth);
        T *packed = room.at, *bias = scratch<T>(BIAS, padded);
        if (room.empty) pack(s, w + group * s.wg, packed, padded);
        std::fill(bias, bias + padded, T(0));
        if (b) std::copy_n(b + group * s.features, s.features, bias);
        parallel((blocks.count + per - 1) / per, [&](Index task) {
            T* copy = scratch<T>(COPY, blocks.size);
            Index *from = scratch<Index>(FROM, most), *to = scratch<Index>(TO, most), pointed = 0;
            for (Index i = task * per; i < std::min(blocks.count, (task + 1) * per); i++) {
                auto block = blocks.block(i);
                if (block.cells != pointed) blocks.point(pointed = block.cells, from, to);
                T* target = blocks.output(block, y + group * s.features);
                blocks.copy(block, x + group * s.channels * s.xc, copy);
                afters.begin(s, block.lines, block.cells, target);
                run_tiles(s, block.lines * block.cells, afters, group, copy, from, blocks.shift,
                          packed, bias, target, to);
            }
        });
    }
}

// Each task sums a share of the blocks. The shares are a fixed number, whatever the number of
// threads, and are added up in order.
template <class T>
void few_weight(const Conv& s, const T* x, const T* g, T* dw) {
    Blocks<T> blocks(s, CELLS);
    Index padded = round_up(s.features, W<T>), depth = blocks.shift.at.size();
    Index block_work = blocks.down * blocks.across * depth * s.features;
    Index most = std::min({blocks.count * block_work / (4 * TASK), SUMS / (depth * padded),
                           blocks.count});
    Index shares = std::clamp(most, Index(1), PARTS), share = (blocks.count + shares - 1) / shares;
    Tiles tiles = tiles_of<T>(depth);
    for (Index group = 0; group < s.groups; group++) {
        T* sums = scratch<T>(SUMMED, shares * depth * padded);
        parallel(shares, [&](Index part) {
            T* sum = sums + part * depth * padded;
            std::fill(sum, sum + depth * padded, T(0));
            T* copy = scratch<T>(COPY, blocks.size);
            bool whole = padded == s.features;
            T* wide = scratch<T>(GRAD, whole ? 0 : blocks.down * blocks.across * padded);
            for (Index i = part * share; i < std::min(blocks.count, (part + 1) * share); i++) {
                auto block = blocks.block(i);
                blocks.copy(block, x + group * s.channels * s.xc, copy);
                const T* grad = blocks.output(block, g + group * s.features);
                if (!whole) widen(s, block.lines, block.cells, padded, grad, wide);
                Index step = whole ? s.ys[3] : padded;
                Index next = whole ? s.ys[2] : block.cells * padded;
                for (Index f = 0; f < padded; f += PANEL<T>)
                    for (auto [k, count] : tiles)
                        cells_tile_by_line_of<T>(count, padded - f > W<T> ? 2 : 1)(
                            copy, blocks.shift.at.data() + k, block.lines, blocks.next, block.cells,
                            blocks.step, (whole ? grad : wide) + f, next, step, sum + k * padded + f, padded);
            }
        });
        add_shares(sums, shares, depth, padded, s.features, dw + group * depth * s.features);
    }
}

#define RL_MAKE(T) \
    template void few(const Conv&, const T*, const T*, const T*, const Onward<T>&, T*); \
    template void few_weight(const Conv&, const T*, const T*, T*);
RL_NARROW(RL_MAKE)

}  // namespace rl::RL_LEVEL
