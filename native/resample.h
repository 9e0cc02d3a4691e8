// Maps along axes: where the cells of a result come from, and the function.
#pragma once

#include <cstdint>
#include <type_traits>
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

// The same of an axis of single numbers, in vectors of the result. A term adds one number to each
// lane: weight * x[from + at], or nothing where the weight is 0.
template <class T>
struct Blocks {
    // PICKS: one term, of ones; SPANS: long sums of neighbours; EACH: cells are few of many numbers
    enum Kind { COPIES, PICKS, SUMS, SPANS, EACH };
    struct Block {
        Index to, from, first, count;  // `first` of `count` terms
        Kind kind;
    };
    using Place = std::conditional_t<sizeof(T) == 4, int32_t, int64_t>;
    std::vector<Block> blocks;
    std::vector<Index> from;  // by term
    std::vector<Place> at;    // by term and lane
    std::vector<T> weight;
};

// x (outer, in of rows, in of cells, inner) -> y (outer, out of rows, out of cells, inner), dense.
struct Resample {
    Index outer = 1, inner = 1;
    Line rows, cells;
    Blocks<float> blocks32;  // of the cells, if inner is 1
    Blocks<double> blocks64;
    template <class T>
    const Blocks<T>& blocks() const {
        if constexpr (sizeof(T) == 4) return blocks32;
        else return blocks64;
    }
};

template <class T>
struct ResampleKernels {
    Blocks<T> (*blocks)(const Line&);
    // Cells without an entry are 0; a single entry of weight 1 is copied to the bit.
    void (*apply)(const Resample&, const T* x, T* y);
};

}  // namespace rl
