// Convolution by copied lines.
#pragma once

#include "conv.h"
#include "simd.h"

namespace rl::RL_LEVEL {

// Whether there are too few channels for an inner loop over them.
bool few_fits(const Conv& s);

// Whether `few` takes more channels as well, which adjoin. Longer sums are sums of sums: `conv.cpp`
// makes them.
bool lines_fit(const Conv& s);

template <class T>
void few(const Conv& s, const T* x, const T* w, const T* b, const Onward<T>& on, T* y);
template <class T>
void few_weight(const Conv& s, const T* x, const T* g, T* dw);

}  // namespace rl::RL_LEVEL
