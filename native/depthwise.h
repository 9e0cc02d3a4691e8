// Depthwise convolution: each channel by itself.
#pragma once

#include "conv.h"
#include "simd.h"

namespace rl::RL_LEVEL {

// Whether each group has one channel and one feature, and these adjoin and fill a vector, or cells
// side by side do.
bool depthwise_fits(const Conv& s);
bool depthwise_weight_fits(const Conv& s);  // for any strides of the output

template <class T>
void depthwise(const Conv& s, const T* x, const T* w, const T* b, const Onward<T>& on, T* y);
template <class T>
void depthwise_weight(const Conv& s, const T* x, const T* g, T* dw);

}  // namespace rl::RL_LEVEL
