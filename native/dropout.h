// Dropout: what random words say about each element.
#pragma once

#include <cstdint>

#include "index.h"

namespace rl {

template <class T>
struct DropoutKernels {
    // factor[i] = words[i] < threshold ? scale : 0, for words of 16 or 32 bits
    void (*factor16)(const uint16_t* words, uint32_t threshold, T scale, T* factor, Index n);
    void (*factor32)(const uint32_t* words, uint32_t threshold, T scale, T* factor, Index n);
};

}  // namespace rl
