// What a level offers: one table of functions for each dtype. Arrays are dense as the comments say.
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
    long xs[4], ys[4];                // strides, in elements, of sample and dims; channels adjoin
    long step[3];
    std::vector<long> offset[3];      // by tap
    std::vector<long> wt[3];          // where the weight of a tap is, in elements
    long wf, wc, wg;                  // strides of the weight: feature, channel, group
};

template <class T>
struct Kernels {
    // y = conv(x, w) + b, b may be null; relu if asked
    void (*conv)(const Conv&, const T* x, const T* w, const T* b, T* y, bool relu);
    // dw (groups, taps, channels, features) of the conv that makes y from x, g in place of y
    void (*conv_weight)(const Conv&, const T* x, const T* g, T* dw);
};

struct Level {
    const char* name;
    Kernels<float> f32;
    Kernels<double> f64;
    template <class T>
    const Kernels<T>& of() const {
        if constexpr (sizeof(T) == 4) return f32;
        else return f64;
    }
};

const Level& level();  // the best one that this CPU can run
bool choose_level(const char* name);

}  // namespace rl
