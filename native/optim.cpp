// Optimizer steps over flat arrays.
//
// What remains at the end, less than a vector, is computed as a vector too: a number's bits must
// not depend on where an array was cut.
#include "optim.h"

#include <algorithm>
#include <cmath>

#include "simd.h"
#include "threads.h"

namespace rl::RL_LEVEL {
namespace {

constexpr Index TASK = 1 << 14;  // numbers of a task

template <class T>
Vec<T> root(Vec<T> x) {
    T lanes[W<T>];
    store(lanes, x);
    for (int i = 0; i < W<T>; i++) lanes[i] = std::sqrt(lanes[i]);  // compiles to one instruction
    return load(lanes);
}

// Call step(i, get, put) for the vectors of n numbers.
template <class T, class Step>
void each_vector(Index n, Step step) {
    parallel((n + TASK - 1) / TASK, [=](Index task) {
        Index i = task * TASK, end = std::min(n, i + TASK);
        for (; i + W<T> <= end; i += W<T>)
            step(i, [](const T* p) { return load(p); }, [](T* p, Vec<T> v) { store(p, v); });
        int rest = (int)(end - i);
        if (rest)
            step(
                i, [=](const T* p) { return load_part(p, rest); },
                [=](T* p, Vec<T> v) { store_part(p, v, rest); });
    });
}

template <class T>
void adam(const Adam& s, Index n, T* w, const T* g, T* mean, T* square, T* most) {
    // in double first, then rounded once, as NumPy rounds the numbers that meet an array
    const T beta1 = s.beta1, rest1 = 1 - s.beta1, beta2 = s.beta2, rest2 = 1 - s.beta2;
    const T decay = s.decay, keep = 1 - s.lr * s.decay, eps = s.eps * s.root, size = s.size;
    const bool decays = s.decay != 0 && s.decoupled, penalty = s.decay != 0 && !s.decoupled;
    each_vector<T>(n, [=, maximize = s.maximize](Index i, auto get, auto put) {
        Vec<T> weight = get(w + i), slope = get(g + i);
        if (maximize) slope = -slope;
        if (decays) weight *= keep;
        if (penalty) slope += weight * decay;
        Vec<T> m = get(mean + i) * beta1 + slope * rest1;
        // the share first: the square alone may overflow
        Vec<T> v = get(square + i) * beta2 + slope * rest2 * slope;
        put(mean + i, m);
        put(square + i, v);
        if (most) {
            Vec<T> old = get(most + i);
            v = ((v > old) | (v != v)) ? v : old;
            put(most + i, v);
        }
        put(w + i, weight - m / (root<T>(v) + eps) * size);
    });
}

template <class T>
void sgd(const Sgd& s, Index n, T* w, const T* g, T* buffer) {
    const T lr = s.lr, momentum = s.momentum, share = 1 - s.dampening, decay = s.decay;
    each_vector<T>(n, [=, &s](Index i, auto get, auto put) {
        Vec<T> weight = get(w + i), slope = get(g + i);
        if (s.maximize) slope = -slope;
        if (s.decay != 0) slope += weight * decay;
        if (buffer) {
            Vec<T> b = s.first ? slope : get(buffer + i) * momentum + slope * share;
            put(buffer + i, b);
            slope = s.nesterov ? slope + b * momentum : b;
        }
        put(w + i, weight - slope * lr);
    });
}

}  // namespace

template <class T>
void fill_optim(OptimKernels<T>& k) {
    k.adam = adam<T>;
    k.sgd = sgd<T>;
}
RL_FILL(fill_optim, OptimKernels)

}  // namespace rl::RL_LEVEL
