// Elementwise kernels over n adjoining numbers, and softmax along the middle axis of (n, c, s).
#pragma once

#include <cstdint>

#include "index.h"

namespace rl {

template <class T>
struct PointwiseKernels {
    void (*relu)(Index n, const T* x, T* y);                    // max(x, 0); NaN stays
    void (*relu_grad)(Index n, const T* g, const T* y, T* dx);  // g, or 0 where y = relu(x) is 0
    void (*sigmoid)(Index n, const T* x, T* y);
    void (*tanh)(Index n, const T* x, T* y);
    void (*logsigmoid)(Index n, const T* x, T* y);
    // log(1 + e^(beta x)) / beta, or x where beta x is above the threshold
    void (*softplus)(Index n, T beta, T threshold, const T* x, T* y);
    // high x, or low (e^(rate x) - 1) where x < 0, for rate >= 0
    void (*elu)(Index n, T low, T high, T rate, const T* x, T* y);
    void (*elu_grad)(Index n, T low, T high, T rate, const T* g, const T* x, T* dx);
    // x, or slope x where x <= 0
    void (*leaky_relu)(Index n, T slope, const T* x, T* y);
    void (*leaky_relu_grad)(Index n, T slope, const T* g, const T* x, T* dx);
    void (*clamp)(Index n, T low, T high, const T* x, T* y);  // min(max(x, low), high); NaN stays
    // g, or 0 where x is NaN or outside of [low, high], or at these ends, unless they count
    void (*clamp_grad)(Index n, T low, T high, bool ends, const T* g, const T* x, T* dx);
    // PReLU: for a = x, or its gradient for a = g; slopes w (c) of channels whose planes of s
    // numbers adjoin, or of channels that do (s = 1)
    void (*prelu)(Index n, Index c, Index s, const T* a, const T* x, const T* w, T* y);
    void (*prelu_slopes)(Index n, Index c, Index s, const T* g, const T* x, T* dw);
    void (*hardswish)(Index n, const T* x, T* y);  // x min(max(x + 3, 0), 6) / 6
    void (*hardswish_grad)(Index n, const T* g, const T* x, T* dx);
    void (*hardsigmoid)(Index n, const T* x, T* y);  // min(max(x + 3, 0), 6) / 6
    void (*hardsigmoid_grad)(Index n, const T* g, const T* x, T* dx);
    void (*erf)(Index n, const T* x, T* y) = nullptr;   // of float alone
    void (*gelu)(Index n, const T* x, T* y) = nullptr;  // of float alone; by erf
    void (*gelu_grad)(Index n, const T* g, const T* x, T* dx) = nullptr;
    // y (n, columns, rows) = x (n, rows, columns)
    void (*turn)(Index n, Index rows, Index columns, const T* x, T* y);
    // y = x in C order, of n axes
    void (*in_order)(Index n, const Index* sizes, const Index* strides, const T* x, T* y);
    void (*softmax)(Index n, Index c, Index s, const T* x, T* y);
    void (*softmax_grad)(Index n, Index c, Index s, const T* g, const T* y, T* dx);
    void (*log_softmax)(Index n, Index c, Index s, const T* x, T* y);
    void (*log_softmax_grad)(Index n, Index c, Index s, const T* g, const T* y, T* dx);
    // loss (n, s) = -log_softmax(x) of the target classes (n, s); e (n, c, s) = exp(x - max),
    // total (n, s) its sums
    void (*cross_entropy)(Index n, Index c, Index s, const T* x, const int64_t* classes, T* loss,
                          T* e, T* total);
    // dx = scale (softmax - 1 at the targets); scales (n, s), or null for one scale
    void (*cross_entropy_grad)(Index n, Index c, Index s, const T* e, const T* total,
                               const int64_t* classes, const T* scales, double scale, T* dx);
};

}  // namespace rl
