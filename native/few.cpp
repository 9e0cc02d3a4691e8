// Convolution of few channels: the inner loop runs over taps and channels together.
//
// The lines of the input that some lines of the output look at are copied once, zeros around them,
// and the cells of a line by their phase of the step: then neighbours along a line of the output
// see, by every tap, neighbours of the copy. A tile of registers is a piece of such a line (see
// `tile.h`), and its numbers are read in the copy: by tap and channel they lie a fixed shift away.
// To copy each window instead, as columns, cost more than the sums of a 3 x 3 kernel of one channel.
#include "few.h"

#include <algorithm>
#include <utility>

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
constexpr Index MAXIMA = 128;        // the same where maxima are taken, while near
constexpr Index PARTS = 16;          // most shares of the blocks of a weight gradient, and the most
constexpr Index SUMS = 1 << 19;      // numbers in all their sums

enum Slot { PACKED, COPY, GRAD, SUMMED, BEFORE };

template <class V, int... I>
inline V even_lanes(V a, V b, std::integer_sequence<int, I...>) {
    return shuffled<2 * I...>(a, b);
}

// to[i] = from[2 * i] for i from `first` on: short vectors, as lines may be shorter than long ones.
template <class T>
void every_second(const T* from, Index first, Index last, T* to) {
    constexpr int L = 16 / sizeof(T);
    typedef T Short __attribute__((vector_size(16)));
    Index i = first;
    for (; i + L < last; i += L) {  // one less: the second vector ends behind what is read here
        Short a, b;
        std::memcpy(&a, from + 2 * i, sizeof a);
        std::memcpy(&b, from + 2 * i + L, sizeof b);
        Short c = even_lanes(a, b, std::make_integer_sequence<int, L>());
        std::memcpy(to + i, &c, sizeof c);
    }
    for (; i < last; i++) to[i] = from[2 * i];
}

// Blocks of output cells: `down` lines of `across` cells, in one plane of one sample.
template <class T>
class Blocks {
  public:
    struct Block {
        Index n, plane, line, cell, lines, cells;  // where it begins, and its size
    };

    explicit Blocks(const Conv& s) : s(s) {
        for (int d = 0; d < 3; d++) {
            auto [least, most] = std::minmax_element(s.offset[d].begin(), s.offset[d].end());
            low[d] = *least;
            reach[d] = *most - *least;
        }
        // whole windows of the maxima
        for (int d = 0; d < 2; d++) whole[d] = s.out[d + 1] / s.pool[d] * s.pool[d];
        Index parts = (whole[1] + ACROSS<T> - 1) / ACROSS<T>;
        across = round_up((whole[1] + parts - 1) / parts, s.pool[1]);
        Index most = round_up((pooled(s) ? MAXIMA : CELLS) / across, s.pool[0]);
        down = std::clamp(most, s.pool[0], whole[0]);
        columns = (whole[1] + across - 1) / across;
        rows = (whole[0] + down - 1) / down;
        count = s.n * s.out[0] * rows * columns;

        width = round_up(across + reach[2] / s.step[2], W<T>);
        pitch = s.step[2] * width;
        height = (down - 1) * s.step[1] + reach[1] + 1;
        next = s.step[1] * s.channels * pitch;
        size = s.offset[0].size() * height * s.channels * pitch;
        phases.assign(s.step[2], false);
        for (Index a = 0; a < (Index)s.offset[0].size(); a++)
            for (Index b : s.offset[1])
                for (Index c : s.offset[2])
                    for (Index k = 0; k < s.channels; k++) {
                        Index line = (a * height + b - low[1]) * s.channels + k, at = c - low[2];
                        phases[at % s.step[2]] = true;
                        shift.push_back(line * pitch + at % s.step[2] * width + at / s.step[2]);
                    }
    }

    Block block(Index i) const {
        Index cell = i % columns * across, line = i / columns % rows * down;
        Index plane = i / columns / rows % s.out[0], n = i / columns / rows / s.out[0];
        return {n, plane, line, cell, std::min(down, whole[0] - line),
                std::min(across, whole[1] - cell)};
    }

    // Copy what a block looks at: copy[first tap][line][channel][phase][cell].
    void copy(const Block& b, const T* x, T* to) const {
        std::vector<Span> spans(s.step[2]);
        for (Index r = 0; r < s.step[2]; r++) spans[r] = span(b.cell * s.step[2] + low[2] + r);
        std::vector<bool> done;
        for (Index a : s.offset[0]) {
            Index plane = b.plane * s.step[0] + a;
            bool in = plane >= 0 && plane < s.in[0];
            done.assign(height, false);
            for (Index l = 0; l < b.lines; l++)
                for (Index offset : s.offset[1]) {
                    Index at = l * s.step[1] + offset - low[1];
                    Index line = (b.line + l) * s.step[1] + offset;
                    if (done[at]) continue;
                    done[at] = true;
                    bool inside = in && line >= 0 && line < s.in[1];
                    const T* from = x + b.n * s.xs[0] + plane * s.xs[1] + line * s.xs[2];
                    for (Index k = 0; k < s.channels; k++)
                        for (Index r = 0; r < s.step[2]; r++)
                            if (phases[r])
                                copy_line(inside ? from + k * s.xc : nullptr, spans[r],
                                          to + (at * s.channels + k) * pitch + r * width);
                }
            to += height * s.channels * pitch;
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
    Index next;                 // from one output line to the next, in the copy
    std::vector<Index> shift;   // of each (tap, channel), in the copy

  private:
    struct Span {
        Index at, first, last;  // the input cell of a line's first number, and those in the input
    };

    Span span(Index at) const {
        Index step = s.step[2], first = at >= 0 ? 0 : std::min(width, (-at + step - 1) / step);
        return {at, first, std::clamp((s.in[2] - at + step - 1) / step, first, width)};
    }

    // Copy every step-th cell of a line; zeros outside, or without a line.
    void copy_line(const T* line, const Span& span, T* to) const {
        Index apart = s.xs[3] * s.step[2], last = line ? span.last : 0;
        // vectors, as a call of memset takes longer; what is inside is written over
        for (Index i = 0; i < (line ? span.first : 0); i += W<T>) store(to + i, Vec<T>{});
        for (Index i = last / W<T> * W<T>; i < width; i += W<T>) store(to + i, Vec<T>{});
        if (!line) return;
        const T* from = line + span.at * s.xs[3];
        if (apart == 1) std::copy(from + span.first, from + last, to + span.first);
        else if (apart == 2) every_second(from, span.first, last, to);
        else for (Index i = span.first; i < last; i++) to[i] = from[i * apart];
    }

    const Conv& s;
    Index low[3], reach[3];             // of the offsets
    Index whole[2];                     // lines and cells that are asked for
    Index rows, columns;                // blocks of a plane
    Index width, pitch, height;         // of a phase, a line and a plane of the copy
    std::vector<bool> phases;           // those that a tap looks at
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

}  // namespace

bool few_fits(const Conv& s) {
    Index taps = s.offset[0].size() * s.offset[1].size() * s.offset[2].size();
    bool near = true;
    for (int d = 1; d < 3; d++) {
        auto [least, most] = std::minmax_element(s.offset[d].begin(), s.offset[d].end());
        near &= *most - *least <= FEW_REACH;
    }
    return taps > 1 && near && s.channels < FEW_CHANNELS;
}

template <class T>
void few(const Conv& s, const T* x, const T* w, const T* b, const Onward<T>& on, T* y) {
    Blocks<T> blocks(s);
    Index padded = round_up(s.features, W<T>), depth = blocks.shift.size();
    Index work = blocks.down * blocks.across * depth * s.features;
    Index per = std::max(Index(1), TASK / std::max(Index(1), work));
    Afters<T> afters(s, on, padded);
    bool small = pooled(s);
    for (Index group = 0; group < s.groups; group++) {
        T *packed = scratch<T>(PACKED, padded * (depth + 1)), *bias = packed + padded * depth;
        pack(s, w + group * s.wg, packed, padded);
        std::fill(bias, bias + padded, T(0));
        if (b) std::copy_n(b + group * s.features, s.features, bias);
        parallel((blocks.count + per - 1) / per, [&](Index task) {
            T* copy = scratch<T>(COPY, blocks.size);
            for (Index i = task * per; i < std::min(blocks.count, (task + 1) * per); i++) {
                auto block = blocks.block(i);
                blocks.copy(block, x + group * s.channels * s.xc, copy);
                T* target = blocks.output(block, y + group * s.features);
                T* corner = target;
                Index line = s.ys[2], cell = s.ys[3];
                if (small) {
                    cell = padded, line = block.cells * cell;
                    corner = scratch<T>(BEFORE, block.lines * line);
                }
                Tiles tiles = tiles_of<T>(block.cells);
                for (Index f = 0; f < padded; f += V_MAX * W<T>) {
                    int v = padded - f > W<T> ? 2 : 1;
                    int lanes = small ? W<T>
                                      : (int)std::min<Index>(W<T>, s.features - f - (v - 1) * W<T>);
                    After<T> after = afters.at(group, f);
                    for (Index l = 0; l < block.lines; l++)
                        for (auto [c, count] : tiles)
                            rows_tile_by_line_of<T>(count, v)(
                                copy + l * blocks.next + c, blocks.shift.data(), depth,
                                packed + f * depth, bias + f,
                                corner + l * line + c * cell + f, cell, lanes, after);
                }
                if (small)
                    maxima(s, corner, block.lines, block.cells, padded, afters.lowest, target);
            }
        });
    }
}

// Each task sums a share of the blocks. The shares are a fixed number, whatever the number of
// threads, and are added up in order.
template <class T>
void few_weight(const Conv& s, const T* x, const T* g, T* dw) {
    Blocks<T> blocks(s);
    Index padded = round_up(s.features, W<T>), depth = blocks.shift.size();
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
                for (Index f = 0; f < padded; f += V_MAX * W<T>)
                    for (auto [k, count] : tiles)
                        cells_tile_by_line_of<T>(count, padded - f > W<T> ? 2 : 1)(
                            copy, blocks.shift.data() + k, block.lines, blocks.next, block.cells,
                            (whole ? grad : wide) + f, next, step, sum + k * padded + f, padded);
            }
        });
        add_shares(sums, shares, depth, padded, s.features, dw + group * depth * s.features);
    }
}

template void few(const Conv&, const float*, const float*, const float*, const Onward<float>&,
                  float*);
template void few(const Conv&, const double*, const double*, const double*, const Onward<double>&,
                  double*);
template void few_weight(const Conv&, const float*, const float*, float*);
template void few_weight(const Conv&, const double*, const double*, double*);

}  // namespace rl::RL_LEVEL
