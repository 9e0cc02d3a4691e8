// The passes of a recurrent step as one: every number of a state on its own.
#include "rnn.h"

#include <algorithm>

#include "exp.h"
#include "threads.h"

namespace rl::RL_LEVEL {
namespace {

constexpr Index TASK = 1 << 13;  // numbers of a state in a task: each takes five exp

// A whole vector at p, or the first n numbers of one.
template <class T>
struct Whole {
    Vec<T> get(const T* p) const { return load(p); }
    void put(T* p, Vec<T> v) const { store(p, v); }
};
template <class T>
struct Part {
    int n;
    Vec<T> get(const T* p) const { return load_part(p, n); }
    void put(T* p, Vec<T> v) const { store_part(p, v, n); }
};

// Call f(lanes, row, j) for the vectors of n rows of h numbers.
template <class T, class F>
void states(Index n, Index h, F&& f) {
    Index rows = std::max(Index(1), TASK / std::max(Index(1), h));
    parallel((n + rows - 1) / rows, [&](Index task) {
        for (Index row = task * rows; row < std::min(n, (task + 1) * rows); row++) {
            Index j = 0;
            for (; j + W<T> <= h; j += W<T>) f(Whole<T>(), row, j);
            if (j < h) f(Part<T>{(int)(h - j)}, row, j);
        }
    });
}

// The derivative of a sigmoid or a tanh by its sum, from its value.
template <class T>
Vec<T> slope(Vec<T> sigmoid) {
    return sigmoid - sigmoid * sigmoid;
}
template <class T>
Vec<T> tanh_slope(Vec<T> tanh) {
    return T(1) - tanh * tanh;
}

template <class T>
void lstm(Index n, Index h, const T* product, const T* before, const T* c, T* gates, T* negative,
          T* cell, T* tanhs, T* y) {
    states<T>(n, h, [&](auto lanes, Index row, Index j) {
        const T *p = product + row * 4 * h + j, *x = before + row * 4 * h + j;
        T* to = gates + row * 4 * h + j;
        Index at = row * h + j;
        auto sum = [&](Index gate) { return lanes.get(x + gate * h) - lanes.get(p + gate * h); };
        Vec<T> i = sigmoid<T>(sum(0)), f = sigmoid<T>(sum(1)), g = tanh<T>(sum(2));
        Vec<T> o = sigmoid<T>(sum(3));
        Vec<T> after = f * lanes.get(c + at) + i * g, t = tanh<T>(after);
        lanes.put(to, i);
        lanes.put(to + h, f);
        lanes.put(to + 2 * h, g);
        lanes.put(to + 3 * h, o);
        lanes.put(negative + at, -g);
        lanes.put(cell + at, after);
        lanes.put(tanhs + at, t);
        lanes.put(y + at, o * t);
    });
}

template <class T>
void lstm_grad(Index n, Index h, const T* dy, T* dc, T* d, const T* gates, const T* negative,
               const T* tanhs, const T* c) {
    states<T>(n, h, [&](auto lanes, Index row, Index j) {
        const T* from = gates + row * 4 * h + j;
        T* to = d + row * 4 * h + j;
        Index at = row * h + j;
        Vec<T> i = lanes.get(from), f = lanes.get(from + h), o = lanes.get(from + 3 * h);
        Vec<T> g = -lanes.get(negative + at), t = lanes.get(tanhs + at), by_y = lanes.get(dy + at);
        Vec<T> by_cell = lanes.get(dc + at) + by_y * (o * tanh_slope<T>(t));
        lanes.put(to, by_cell * (slope<T>(i) * g));
        lanes.put(to + h, by_cell * (slope<T>(f) * lanes.get(c + at)));
        lanes.put(to + 2 * h, by_cell * (i * tanh_slope<T>(g)));
        lanes.put(to + 3 * h, by_y * (slope<T>(o) * t));
        lanes.put(dc + at, by_cell * f);
    });
}

template <class T>
void gru(Index n, Index h, const T* product, const T* before, const T* bias, const T* state,
         T* gates, T* fresh, T* hidden, T* y) {
    states<T>(n, h, [&](auto lanes, Index row, Index j) {
        const T *p = product + row * 3 * h + j, *x = before + row * 3 * h + j;
        T* to = gates + row * 2 * h + j;
        Index at = row * h + j;
        Vec<T> r = sigmoid<T>(lanes.get(x) - lanes.get(p));
        Vec<T> z = sigmoid<T>(lanes.get(x + h) - lanes.get(p + h));
        Vec<T> inner = lanes.get(bias + j) - lanes.get(p + 2 * h);
        Vec<T> candidate = tanh<T>(lanes.get(x + 2 * h) + r * inner);
        lanes.put(to, r);
        lanes.put(to + h, z);
        lanes.put(hidden + at, inner);
        lanes.put(fresh + at, candidate);
        lanes.put(y + at, candidate + z * (lanes.get(state + at) - candidate));
    });
}

template <class T>
void gru_grad(Index n, Index h, T* dy, T* d, const T* gates, const T* fresh, const T* hidden,
              const T* state) {
    states<T>(n, h, [&](auto lanes, Index row, Index j) {
        const T* from = gates + row * 2 * h + j;
        T* to = d + row * 4 * h + j;
        Index at = row * h + j;
        Vec<T> r = lanes.get(from), z = lanes.get(from + h), by_y = lanes.get(dy + at);
        Vec<T> candidate = lanes.get(fresh + at);
        Vec<T> by_n = by_y * (tanh_slope<T>(candidate) * (T(1) - z));
        lanes.put(to, by_n * (slope<T>(r) * lanes.get(hidden + at)));
        lanes.put(to + h, by_y * (slope<T>(z) * (lanes.get(state + at) - candidate)));
        lanes.put(to + 2 * h, by_n * r);
        lanes.put(to + 3 * h, by_n);
        lanes.put(dy + at, by_y * z);
    });
}

}  // namespace

template <class T>
void fill_rnn(RnnKernels<T>& k) {
    k.lstm = lstm<T>;
    k.lstm_grad = lstm_grad<T>;
    k.gru = gru<T>;
    k.gru_grad = gru_grad<T>;
}
template void fill_rnn(RnnKernels<float>&);
template void fill_rnn(RnnKernels<double>&);

}  // namespace rl::RL_LEVEL
