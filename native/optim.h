// Optimizer steps over flat arrays: one pass that reads and writes each number once.
#pragma once

#include "index.h"

namespace rl {

// The options of a step and what follows from the number of the step.
struct Adam {
    double lr, beta1, beta2, eps, decay;
    bool decoupled, maximize;
    double root;  // sqrt(1 - beta2^t)
    double size;  // lr * root / (1 - beta1^t)
};

struct Sgd {
    double lr, momentum, dampening, decay;
    bool nesterov, maximize, first;
};

template <class T>
struct OptimKernels {
    // most (the largest averages of squares so far) may be null
    void (*adam)(const Adam&, Index n, T* w, const T* g, T* mean, T* square, T* most);
    // buffer may be null if there is no momentum
    void (*sgd)(const Sgd&, Index n, T* w, const T* g, T* buffer);
};

}  // namespace rl
