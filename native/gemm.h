// Products of matrices, and of a matrix and a vector.
#pragma once

#include "after.h"
#include "index.h"

namespace rl {

// A matrix whose number (i, j) lies at i * down + j * along.
template <class T>
struct Matrix {
    const T* at;
    Index down, along;
    Matrix turned() const { return {at, along, down}; }
};

template <class T>
struct GemmKernels {
    // c (m, n) in C order = a (m, k) b (k, n) + bias (n), which may be null, and what follows, of
    // columns
    void (*product)(Index m, Index k, Index n, Matrix<T> a, Matrix<T> b, const T* bias, T* c,
                    const Onward<T>& on);
};

}  // namespace rl
