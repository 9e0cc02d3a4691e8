// Convolution to few features.
#pragma once

#include "conv.h"
#include "simd.h"

namespace rl::RL_LEVEL {

// Whether the features leave lanes of a vector idle, and the channels fill it.
bool narrow_fits(const Conv& s);

template <class T>
void narrow(const Conv& s, const T* x, const T* w, const T* b, const Onward<T>& on, T* y);

}  // namespace rl::RL_LEVEL
