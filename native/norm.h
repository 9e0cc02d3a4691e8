// Normalization and sums over rows (M, C) of adjoining channels. Pointers marked "or null" are to
// what may be missing (weights, biases) or is not wanted (gradients).
#pragma once

#include "index.h"

namespace rl {

template <class T>
struct NormKernels {
    // total (c) = sum of the rows
    void (*column_sum)(Index m, Index c, const T* x, T* total);
    // running = keep * running + share * batch, all (c)
    void (*follow)(Index c, double keep, double share, const T* batch, T* running);
    // mean and square (c): the sum of squared deviations from it
    void (*moments)(Index m, Index c, const T* x, double* mean, double* square);
    // dx = g * p0 + (x - p1) * p2 + p3, with p (4, c)
    void (*through)(Index m, Index c, const T* g, const T* x, const T* p, T* dx);
    // y = (x - mean) / sqrt(var + eps) * w + b by the rows' own statistics; kept (2, c): mean, rstd
    void (*train)(Index m, Index c, double eps, const T* x, const T* w, const T* b, T* y, T* mean,
                  T* var, T* kept, bool relu);
    // its gradients; w, dx, dw, db or null; y is what came out if relu was applied, else null
    void (*train_grad)(Index m, Index c, const T* g, const T* x, const T* kept, const T* w,
                       const T* y, T* dx, T* dw, T* db);
    // the same by given statistics; rstd (c) comes out
    void (*eval)(Index m, Index c, double eps, const T* x, const T* mean, const T* var, const T* w,
                 const T* b, T* y, T* rstd, bool relu);
    void (*eval_grad)(Index m, Index c, const T* g, const T* x, const T* mean, const T* rstd,
                      const T* w, T* dx, T* dw, T* db);
    // each group of channels of each sample by its own statistics; samples are planes (c, s), or
    // rows (s, c) where the channels come last; mean, var, rstd (n, groups) come out
    void (*group)(Index n, Index s, Index c, Index groups, bool last, double eps, const T* x,
                  const T* w, const T* b, T* y, T* mean, T* var, T* rstd);
    void (*group_grad)(Index n, Index s, Index c, Index groups, bool last, const T* g, const T* x,
                       const T* mean, const T* rstd, const T* w, T* dx, T* dw, T* db);
    // each row by its own statistics, the mean taken for 0 unless centred; kept (2, m): mean, rstd
    void (*layer)(Index m, Index c, double eps, bool centred, const T* x, const T* w, const T* b,
                  T* y, T* kept);
    void (*layer_grad)(Index m, Index c, bool centred, const T* g, const T* x, const T* kept,
                       const T* w, T* dx, T* dw, T* db);
};

}  // namespace rl
