// Pooling: where the windows lie, and the functions.
#pragma once

#include <cstdint>
#include <vector>

#include "index.h"

namespace rl {

// Windows in three spatial dims (of size 1 where there are fewer) of arrays (samples, *size,
// channels). Output cell o of a dim looks at `count[o]` cells from `first[o]` on, `step` apart;
// cells outside the input are not counted.
struct Pool {
    Index samples = 0, channels = 0;
    Index size[3], step[3];
    std::vector<Index> first[3], count[3];
    std::vector<double> divisor[3];  // an average is a sum divided by the product of these
    bool whole = false;              // every input cell lies in exactly one window
};

template <class T>
struct PoolKernels {
    // NaN is the largest of all. The cell of a maximum is the first of equals, the last of NaNs.
    void (*max_forward)(const Pool&, const T* x, T* y, bool relu);
    void (*max_indices)(const Pool&, const T* x, int64_t* index);  // by cell of a sample
    // y: null, or what max_forward gave with relu, for the gradient before that
    void (*max_grad)(const Pool&, const T* g, const T* x, const T* y, T* dx);
    void (*avg_forward)(const Pool&, const T* x, T* y);
    void (*avg_grad)(const Pool&, const T* g, T* dx);
};

}  // namespace rl
