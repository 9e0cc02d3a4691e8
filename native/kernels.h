// What a level offers: one table of functions for each dtype.
#pragma once

#include "attention.h"
#include "conv.h"
#include "dropout.h"
#include "gemm.h"
#include "norm.h"
#include "optim.h"
#include "pointwise.h"
#include "pool.h"
#include "resample.h"
#include "rnn.h"

namespace rl {

template <class T>
struct Kernels {
    AttentionKernels<T> attention;
    ConvKernels<T> conv;
    DropoutKernels<T> dropout;
    GemmKernels<T> gemm;
    NormKernels<T> norm;
    OptimKernels<T> optim;
    PointwiseKernels<T> pointwise;
    PoolKernels<T> pool;
    ResampleKernels<T> resample;
    RnnKernels<T> rnn;
};

struct Level {
    const char* name;
    Kernels<float> f32;
    Kernels<double> f64;
    template <class T>
    const Kernels<T>& of() const {
        if constexpr (sizeof(T) == 4) return f32;
        else return f64;
    }
};

const Level& level();  // the best one that this CPU can run
bool choose_level(const char* name);

}  // namespace rl
