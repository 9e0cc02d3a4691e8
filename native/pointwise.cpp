// Elementwise kernels: smooth activations.
#include "pointwise.h"

#include <algorithm>
#include <type_traits>

#include "exp.h"
#include "lanes.h"
#include "maps.h"

namespace rl::RL_LEVEL {
namespace {

template <class T>
void sigmoid(Index n, const T* x, T* y) {
    map(n, x, x, y, [](Vec<T> x, Vec<T>) { return RL_LEVEL::sigmoid<T>(x); });
}

template <class T>
void tanh(Index n, const T* x, T* y) {
    map(n, x, x, y, [](Vec<T> x, Vec<T>) { return RL_LEVEL::tanh<T>(x); });
}

template <class T>
void logsigmoid(Index n, const T* x, T* y) {
    map(n, x, x, y, [](Vec<T> x, Vec<T>) { return -RL_LEVEL::softplus<T>(-x); });
}

template <class T>
void softplus(Index n, T beta, T threshold, const T* x, T* y) {
    map(n, x, x, y, [=](Vec<T> x, Vec<T>) {
        Vec<T> z = x * beta;
        return z > threshold ? x : RL_LEVEL::softplus<T>(z) / beta;
    });
}

template <class T>
void elu(Index n, T low, T high, T rate, const T* x, T* y) {
    map(n, x, x, y, [=](Vec<T> x, Vec<T>) {
        Vec<T> below = x < T(0) ? x : Vec<T>{};
        return x < T(0) ? expm1_below<T>(below * rate) * low : x * high;
    });
}

template <class T>
void elu_grad(Index n, T low, T high, T rate, const T* g, const T* x, T* dx) {
    map(n, g, x, dx, [=](Vec<T> g, Vec<T> x) {
        Vec<T> below = x <= T(0) ? x : Vec<T>{};
        return x <= T(0) ? g * exp<T>(below * rate) * (low * rate) : g * high;
    });
}

void erf(Index n, const float* x, float* y) {
    map(n, x, x, y, [](Vec<float> x, Vec<float>) { return RL_LEVEL::erf(x); });
}

void gelu(Index n, const float* x, float* y) {
    map(n, x, x, y, [](Vec<float> x, Vec<float>) {
        return x * 0.5f * (RL_LEVEL::erf(x * 0.70710678f) + 1.0f);
    });
}

void gelu_grad(Index n, const float* g, const float* x, float* dx) {
    map(n, g, x, dx, [](Vec<float> g, Vec<float> x) {
        Vec<float> share = (RL_LEVEL::erf(x * 0.70710678f) + 1.0f) * 0.5f;
        return g * (share + x * (exp<float>(x * x * -0.5f) * 0.39894228f));
    });
}

// ---- memory order: matrices are turned by squares of vectors, the last ones over those before

template <class T>
void turn(Index n, Index rows, Index columns, const T* x, T* y) {
    Index size = rows * columns;
    bool squares = rows >= W<T> && columns >= W<T>;
    auto one = [&](const T* x, T* y) {
        for (Index r = 0; squares && r < rows; r += W<T>)
            for (Index c = 0; c < columns; c += W<T>) {
                Index i = std::min(r, rows - W<T>), j = std::min(c, columns - W<T>);
                turn_square<T>([=](int l) { return load(x + (i + l) * columns + j); },
                               [=](int l, Vec<T> line) { store(y + (j + l) * rows + i, line); });
            }
        for (Index i = 0; !squares && i < rows; i++)
            for (Index j = 0; j < columns; j++) y[j * rows + i] = x[i * columns + j];
    };
    parallel(n, size, NUMBERS, [&](Index i) { one(x + i * size, y + i * size); });
}

}  // namespace

template <class T>
void fill_pointwise(PointwiseKernels<T>& k) {
    k.sigmoid = sigmoid<T>;
    k.tanh = tanh<T>;
    k.logsigmoid = logsigmoid<T>;
    k.softplus = softplus<T>;
    k.elu = elu<T>;
    k.elu_grad = elu_grad<T>;
    if constexpr (std::is_same_v<T, float>) {
        k.erf = erf;
        k.gelu = gelu;
        k.gelu_grad = gelu_grad;
    }
    k.turn = turn<T>;
}
RL_FILL(fill_pointwise, PointwiseKernels)

}  // namespace rl::RL_LEVEL
