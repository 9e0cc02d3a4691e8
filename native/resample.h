// Maps along axes: where the cells of a result come from, and the function.
#pragma once

#include <vector>

#include "index.h"

namespace rl {

// The map of an axis: result cell o is the sum over its entries, start[o] to start[o + 1], of
// weight * cell[index]. Weights are kept in either dtype, as kernels want them.
struct Line {
    // Neighbouring cells of the result: copies of neighbours from `from` on, cells without an entry,
    // or anything else.
    enum Kind { COPIES, EMPTY, SUMS };
    struct Run {
        Index to, count, from;
        Kind kind;
    };
    Index in = 1, out = 1, most = 0;  // cells before and after; entries of a cell
    std::vector<Index> start, index;
    std::vector<Index> only;  // what a cell copies, or -1 if it does not
    std::vector<float> weight32;
    std::vector<double> weight64;
    std::vector<Run> runs;
    template <class T>
    const T* weight() const {
        if constexpr (sizeof(T) == 4) return weight32.data();
        else return weight64.data();
    }
};

// x (outer, in of 3 axes, inner) -> y (outer, out of 3 axes, inner), dense.
struct Resample {
    Index outer = 1, inner = 1;
    Line line[3];
    bool scattered = false;  // few cells along the last axis come with their neighbours
};

template <class T>
struct ResampleKernels {
    // Cells without an entry are `fill`; a single entry of weight 1 is copied to the bit.
    void (*apply)(const Resample&, const T* x, T* y, double fill);
};

}  // namespace rl
