// Convolution: what it is described by, and the functions.
#pragma once

#include <vector>

#include "after.h"
#include "index.h"

namespace rl {

// A convolution in terms of sums over taps, in three spatial dims (1 where there are fewer). Output
// cell o meets the input at o * step + offset[tap] in each dim; cells outside count as zeros. So a
// forward pass, and each phase of an input gradient, are the same thing.
struct Conv {
    Index n = 0, groups = 1;
    Index channels = 0, features = 0;  // of one group
    Index in[3], out[3];
    Index xs[4], ys[4];                // strides, in elements, of sample and dims
    Index xc = 1;                      // stride of x's channels; they adjoin unless they are few
    Index step[3];
    std::vector<Index> offset[3];      // by tap
    std::vector<Index> wt[3];          // where the weight of a tap is, in elements
    Index wf, wc, wg;                  // strides of the weight: feature, channel, group
    // Where in (taps, channels) each number of a feature's weight belongs, by its place in memory;
    // empty if these numbers do not adjoin.
    std::vector<Index> row;
    // Windows of the last two dims whose maxima are all that is stored of the cells; `ys` is then of
    // the maxima, and what is left of a window at the end is dropped.
    Index pool[2] = {1, 1};
};

// Channels below which lines are copied whatever the strides of the channels.
inline constexpr Index FEW_CHANNELS = 8;
// Cells from the first tap of a line to the last beyond which lines are not copied: with huge
// dilations such a copy is mostly of what no tap looks at.
inline constexpr Index FEW_REACH = 512;

// One of several convolutions of an input, alike but for taps and cells; its output begins at y + start.
struct Part {
    const Conv* conv;
    Index start;
};

template <class T>
struct ConvKernels {
    // y = conv(x, w) + b and what is done to it, for each part; b may be null
    void (*forward)(const std::vector<Part>&, const T* x, const T* w, const T* b, const Onward<T>&, T* y);
    // whether it takes these windows of maxima
    bool (*pools)(const Conv&);
    // dw (groups, taps, channels, features) of the conv that makes y from x, g in place of y
    void (*weight)(const Conv&, const T* x, const T* g, T* dw);
};

}  // namespace rl
