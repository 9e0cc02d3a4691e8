// Loops along a row in vectors, with single numbers at its end: one formula serves both.
#pragma once

#include <algorithm>
#include <type_traits>
#include <utility>

#include "tile.h"

namespace rl::RL_LEVEL {

// A vector or a number, as V says, at p.
template <class V, class T>
V get(const T* p) {
    if constexpr (std::is_same_v<V, T>) return *p;
    else return load(p);
}

template <class V, class T>
void put(T* p, V x) {
    if constexpr (std::is_same_v<V, T>) *p = x;
    else store(p, x);
}

// Call f(zero, i) for vectors, then for single numbers, i of a row.
template <class T, class F>
void each(Index n, F&& f) {
    Index i = 0;
    for (; i + W<T> <= n; i += W<T>) f(Vec<T>{}, i);
    for (; i < n; i++) f(T(0), i);
}

// The lanes of v, moved down by `By` in a circle.
template <int By, class T, int... I>
Vec<T> turn(Vec<T> v, std::integer_sequence<int, I...>) {
    return shuffled<(I + By) % W<T>...>(v, v);
}

// f over all lanes, as a tree.
template <class T, int Half = W<T> / 2, class F>
T fold(Vec<T> v, F&& f) {
    std::make_integer_sequence<int, W<T>> all;
    if constexpr (Half == 0) return v[0];
    else return fold<T, Half / 2>(f(v, turn<Half, T>(v, all)), f);
}

constexpr int CHAINS = 4;   // sums side by side, as each addition waits for the one before
constexpr Index SPAN = 256;  // vectors of a row that are summed in T before sums go on in double

// Rows that take each step side by side, as a row alone would wait long for its sum: so many that
// they stay in the cache.
constexpr Index GROUP = 32;
inline Index group_of(Index c) { return std::clamp((Index(1) << 12) / c, Index(1), GROUP); }

// out (S) = sums over a row; f(zero, i, sums) adds the terms of a vector or of a single number.
template <class T, int S, class F>
void row_sums(Index n, double* out, F&& f) {
    T rest[S]{};
    Index whole = n - n % W<T>;
    for (Index i = whole; i < n; i++) f(T(0), i, rest);
    for (int q = 0; q < S; q++) out[q] = rest[q];
    for (Index i = 0; i < whole;) {
        Vec<T> sum[CHAINS][S]{};
        Index end = std::min(whole, i + SPAN * W<T>);
        for (; i + CHAINS * W<T> <= end; i += CHAINS * W<T>)
            RL_UNROLL for (int k = 0; k < CHAINS; k++) f(Vec<T>{}, i + k * W<T>, sum[k]);
        for (; i < end; i += W<T>) f(Vec<T>{}, i, sum[0]);
        for (int q = 0; q < S; q++)
            out[q] += fold<T>((sum[0][q] + sum[1][q]) + (sum[2][q] + sum[3][q]),
                              [](auto a, auto b) { return a + b; });
    }
}

}  // namespace rl::RL_LEVEL
