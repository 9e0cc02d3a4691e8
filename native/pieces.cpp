// Elementwise kernels of straight pieces, which wait for memory: relu and its kind, clamp, PReLU.
#include <algorithm>
#include <cmath>
#include <limits>
#include <type_traits>
#include <vector>

#include "lanes.h"
#include "maps.h"
#include "pointwise.h"
#include "rows.h"

namespace rl::RL_LEVEL {
namespace {

template <class T>
void relu(Index n, const T* x, T* y) {
    map(n, x, x, y, [](Vec<T> x, Vec<T>) { return max_nan(x, Vec<T>{}); });
}

template <class T>
void relu_grad(Index n, const T* g, const T* y, T* dx) {
    map(n, g, y, dx, [](Vec<T> g, Vec<T> y) { return y == Vec<T>{} ? Vec<T>{} : g; });
}

template <class T>
void leaky_relu(Index n, T slope, const T* x, T* y) {
    map(n, x, x, y, [=](Vec<T> x, Vec<T>) { return x > T(0) ? x : x * slope; });
}

template <class T>
void leaky_relu_grad(Index n, T slope, const T* g, const T* x, T* dx) {
    map(n, g, x, dx, [=](Vec<T> g, Vec<T> x) { return x > T(0) ? g : g * slope; });
}

// min(max(x + 3, 0), 6) / 6
template <class T>
Vec<T> sixth(Vec<T> x) {
    Vec<T> part = max_nan(x + T(3), Vec<T>{});
    return (part > T(6) ? broadcast(T(6)) : part) / T(6);
}

template <class T>
void hardswish(Index n, const T* x, T* y) {
    map(n, x, x, y, [](Vec<T> x, Vec<T>) { return x * sixth<T>(x); });
}

template <class T>
void hardswish_grad(Index n, const T* g, const T* x, T* dx) {
    map(n, g, x, dx, [](Vec<T> g, Vec<T> x) {
        Vec<T> inner = x <= T(-3) ? Vec<T>{} : g * (x / T(3) + T(0.5));
        return x >= T(3) ? g : inner;
    });
}

template <class T>
void hardsigmoid(Index n, const T* x, T* y) {
    map(n, x, x, y, [](Vec<T> x, Vec<T>) { return sixth<T>(x); });
}

template <class T>
void hardsigmoid_grad(Index n, const T* g, const T* x, T* dx) {
    map(n, g, x, dx, [](Vec<T> g, Vec<T> x) {
        return (x > T(-3)) & (x < T(3)) ? g / T(6) : Vec<T>{};
    });
}

template <class T>
void clamp(Index n, T low, T high, const T* x, T* y) {
    map(n, x, x, y, [=](Vec<T> x, Vec<T>) {
        Vec<T> above = x < low ? broadcast(low) : x;
        return above > high ? broadcast(high) : above;
    });
}

template <class T>
void clamp_grad(Index n, T low, T high, bool ends, const T* g, const T* x, T* dx) {
    constexpr T FAR = std::numeric_limits<T>::infinity();
    if (!ends) low = std::nextafter(low, FAR), high = std::nextafter(high, -FAR);
    map(n, g, x, dx, [=](Vec<T> g, Vec<T> x) {
        return (x >= low) & (x <= high) ? g : Vec<T>{};
    });
}

// ---- PReLU: slopes (c) of channels that adjoin (s = 1), or whose planes of s numbers do

constexpr Index TABLE = 1 << 12;  // slopes of small planes, number by number

// A gradient's part in the slopes.
template <class T>
struct Below {
    const T *g, *x;
    Vec<T> vec(Index i) const {
        Vec<T> v = load(x + i);
        return v > T(0) ? Vec<T>{} : load(g + i) * v;
    }
    T one(Index i) const { return x[i] > T(0) ? T(0) : g[i] * x[i]; }
};

// Call f(plane, first number, numbers) for the planes; where one slope is for all, for parts of
// the numbers.
template <class F>
void each_plane(Index n, Index c, Index s, F&& f) {
    if (c == 1) s = NUMBERS;
    parallel((n + s - 1) / s, s, NUMBERS, [&](Index i) { f(i, i * s, std::min(s, n - i * s)); });
}

// y = a above 0 of x, and below it a times the slope: PReLU for a = x, its gradient for a = g.
template <class T>
void prelu(Index n, Index c, Index s, const T* a, const T* x, const T* w, T* y) {
    auto bent = [](auto a, auto x, auto w) { return x > T(0) ? a : a * w; };
    bool table = c > 1 && (s == 1 || (s < 4 * W<T> && c * s <= TABLE));
    if (!table)
        return each_plane(n, c, s, [=](Index plane, Index first, Index size) {
            each<T>(size, [=, slope = w[plane % c]]<class V>(V zero, Index t) {
                Index i = first + t;
                put(y + i, V(bent(get<V>(a + i), get<V>(x + i), V(slope - zero))));
            });
        });
    // the slopes over and over, so that a vector of them may begin with any
    Index period = c * s, width = (W<T> + period - 1) / period * period;
    std::vector<T> slopes(width + W<T>);
    for (Index l = 0; l < (Index)slopes.size(); l++) slopes[l] = w[l / s % c];
    parallel((n + NUMBERS - 1) / NUMBERS, [=, p = slopes.data()](Index task) {
        Index i = task * NUMBERS, end = std::min(n, i + NUMBERS), l = i % width;
        for (; i + W<T> <= end; i += W<T>) {
            store(y + i, bent(load(a + i), load(x + i), load(p + l)));
            l += W<T>;
            l -= l < width ? 0 : width;
        }
        for (; i < end; i++) y[i] = bent(a[i], x[i], p[i % width]);
    });
}

template <class T>
void prelu_slopes(Index n, Index c, Index s, const T* g, const T* x, T* dw) {
    Below<T> below{g, x};
    std::vector<double> total(c);
    if (s == 1 && c > 1) {
        sums<T, 1>(Rows<T>(n / c, c), below, x, (const T*)nullptr, total.data());
        return write(total.data(), c, dw);
    }
    std::vector<double> all(n / (c == 1 ? NUMBERS : s) + 1);
    each_plane(n, c, s, [&](Index plane, Index first, Index size) {
        row_sums<T, 1>(size, &all[plane], [=]<class V>(V, Index t, V* sum) {
            if constexpr (std::is_same_v<V, T>) *sum += below.one(first + t);
            else *sum += below.vec(first + t);
        });
    });
    for (std::size_t i = 0; i < all.size(); i++) total[i % c] += all[i];
    write(total.data(), c, dw);
}

}  // namespace

template <class T>
void fill_pieces(PointwiseKernels<T>& k) {
    k.relu = relu<T>;
    k.relu_grad = relu_grad<T>;
    k.leaky_relu = leaky_relu<T>;
    k.leaky_relu_grad = leaky_relu_grad<T>;
    k.hardswish = hardswish<T>;
    k.hardswish_grad = hardswish_grad<T>;
    k.hardsigmoid = hardsigmoid<T>;
    k.hardsigmoid_grad = hardsigmoid_grad<T>;
    k.clamp = clamp<T>;
    k.clamp_grad = clamp_grad<T>;
    k.prelu = prelu<T>;
    k.prelu_slopes = prelu_slopes<T>;
}
RL_FILL(fill_pieces, PointwiseKernels)

}  // namespace rl::RL_LEVEL
