// Elementwise kernels: smooth activations, softmax and cross-entropy.
#include "pointwise.h"

#include <algorithm>
#include <cmath>
#include <type_traits>

#include "exp.h"
#include "lanes.h"
#include "maps.h"
#include "softmax.h"

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
    Index size = rows * columns, group = std::max(Index(1), NUMBERS / size);
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
    parallel((n + group - 1) / group, [&](Index task) {
        for (Index i = task * group; i < std::min(n, (task + 1) * group); i++)
            one(x + i * size, y + i * size);
    });
}

// ---- softmax: rows by vectors (`softmax.h`)

// Call f(row) for all rows, by tasks of several.
template <class F>
void each_row(Index m, Index c, F&& f) {
    Index size = std::max(Index(1), NUMBERS / 4 / c);  // an exp costs some sums
    parallel((m + size - 1) / size, [&](Index task) {
        for (Index i = task * size; i < std::min(m, (task + 1) * size); i++) f(i);
    });
}

// The same for all rows, by tasks.
template <class T, class F>
void each_sum(Index m, Index c, const T* x, T* e, F&& f) {
    Index group = group_of(c);
    each_row((m + group - 1) / group, group * c, [&](Index index) {
        Index first = index * group;
        group_sums(m, c, first, std::min(group, m - first), x, e, f);
    });
}

template <class T>
void softmax(Index m, Index c, const T* x, T* y) {
    each_sum(m, c, x, y, [&](Index row, T, T sum) {
        T *to = y + row * c, factor = 1 / sum;
        each<T>(c, [&]<class V>(V, Index j) { put(to + j, V(get<V>(to + j) * factor)); });
    });
}

template <class T>
void softmax_grad(Index m, Index c, const T* g, const T* y, T* dx) {
    each_row(m, c, [&](Index row) {
        Row<T> grad(g, m, c, row), out(y, m, c, row);
        T* to = dx + row * c;
        T along = (T)total_of<T>(c, [&](Index j, int lanes) {
            return grad.take(j, lanes, T(0)) * out.take(j, lanes, T(0));
        });
        each<T>(c, [&]<class V>(V, Index j) {
            put(to + j, V((get<V>(grad.p + j) - along) * get<V>(out.p + j)));
        });
    });
}

template <class T>
void log_softmax(Index m, Index c, const T* x, T* y) {
    each_sum(m, c, x, (T*)nullptr, [&](Index row, T top, T sum) {
        const T *from = x + row * c, shift = std::log(sum);
        T* to = y + row * c;
        each<T>(c, [&]<class V>(V, Index j) { put(to + j, V((get<V>(from + j) - top) - shift)); });
    });
}

template <class T>
void log_softmax_grad(Index m, Index c, const T* g, const T* y, T* dx) {
    each_row(m, c, [&](Index row) {
        Row<T> grad(g, m, c, row), out(y, m, c, row);
        T* to = dx + row * c;
        T total = (T)total_of<T>(c, [&](Index j, int lanes) { return grad.take(j, lanes, T(0)); });
        vectors<T>(c, [&](Index j, int lanes) {
            Vec<T> p = exp<T>(out.take(j, lanes, NEVER<T>));
            give(to + j, grad.take(j, lanes, T(0)) - p * total, lanes);
        });
    });
}

template <class T>
void cross_entropy(Index m, Index c, const T* x, const int64_t* places, T* loss, T* e, T* total) {
    each_sum(m, c, x, e, [&](Index row, T top, T sum) {
        total[row] = sum;
        loss[row] = std::log(sum) - (x[places[row]] - top);
    });
}

template <class T>
void cross_entropy_grad(Index m, Index c, const T* e, const T* total, const int64_t* places,
                        const T* scales, double scale, T* dx) {
    each_row(m, c, [&](Index row) {
        const T* from = e + row * c;
        T* to = dx + row * c;
        T own = scales ? scales[row] : (T)scale, factor = own / total[row];
        each<T>(c, [&]<class V>(V, Index j) { put(to + j, V(get<V>(from + j) * factor)); });
        dx[places[row]] -= own;
    });
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
    k.softmax = softmax<T>;
    k.softmax_grad = softmax_grad<T>;
    k.log_softmax = log_softmax<T>;
    k.log_softmax_grad = log_softmax_grad<T>;
    k.cross_entropy = cross_entropy<T>;
    k.cross_entropy_grad = cross_entropy_grad<T>;
}
RL_FILL(fill_pointwise, PointwiseKernels)

}  // namespace rl::RL_LEVEL
