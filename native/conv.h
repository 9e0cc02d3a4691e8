// Convolution: what it is described by, and the functions.
#pragma once

#include <vector>

namespace rl {

// A convolution in terms of sums over taps, in three spatial dims (1 where there are fewer). Output
// cell o meets the input at o * step + offset[tap] in each dim; cells outside count as zeros. So a
// forward pass, and each phase of an input gradient, are the same thing.
struct Conv {
    long n = 0, groups = 1;
    long channels = 0, features = 0;  // of one group
    long in[3], out[3];
    long xs[4], ys[4];                // strides, in elements, of sample and dims
    long xc = 1;                      // stride of x's channels; they adjoin unless they are few
    long step[3];
    std::vector<long> offset[3];      // by tap
    std::vector<long> wt[3];          // where the weight of a tap is, in elements
    long wf, wc, wg;                  // strides of the weight: feature, channel, group
    // Where in (taps, channels) each number of a feature's weight belongs, by its place in memory;
    // empty if these numbers do not adjoin.
    std::vector<long> row;
};

// Channels below which windows are copied, so that any stride of theirs will do.
inline constexpr long FEW_CHANNELS = 8;

template <class T>
struct ConvKernels {
    // y = conv(x, w) + b, b may be null; relu if asked
    void (*forward)(const Conv&, const T* x, const T* w, const T* b, T* y, bool relu);
    // dw (groups, taps, channels, features) of the conv that makes y from x, g in place of y
    void (*weight)(const Conv&, const T* x, const T* g, T* dw);
};

}  // namespace rl
