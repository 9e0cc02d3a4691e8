// Winograd's convolution for 3 x 3 kernels with step 1: 16 products in place of 36 for four cells.
#pragma once

#include "conv.h"
#include "simd.h"

namespace rl::RL_LEVEL {

// Whether it is a 3 x 3 kernel over enough channels and cells for the transforms to pay.
bool winograd_fits(const Conv& s);

template <class T>
void winograd(const Conv& s, const T* x, const T* w, const T* b, const Onward<T>& on, T* y);
template <class T>
void winograd_weight(const Conv& s, const T* x, const T* g, T* dw);

}  // namespace rl::RL_LEVEL
