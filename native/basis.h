// To Winograd's basis and back: the transforms of `winograd.cpp`, of vectors.
#pragma once

#include <array>

#include "tile.h"

namespace rl::RL_LEVEL {

template <class V>
using Four = std::array<V, 4>;

// B' d and its like, for four rows or columns at once.
template <class V>
inline Four<V> input(V a, V b, V c, V d) {
    return {a - c, b + c, c - b, b - d};
}
template <class V>
inline Four<V> weight(V a, V b, V c) {
    V sum = (a + c) * 0.5f, half = b * 0.5f;
    return {a, sum + half, sum - half, c};
}
template <class V>
inline std::array<V, 2> output(V a, V b, V c, V d) {
    return {a + b + c, b - c - d};
}
template <class V>
inline Four<V> spread(V a, V b) {  // A applied to a pair of output cells
    return {a, a + b, a - b, -b};
}
template <class V>
inline std::array<V, 3> gather(const Four<V>& u) {  // G' applied to the gradient of a weight's transform
    V sum = (u[1] + u[2]) * 0.5f, half = (u[1] - u[2]) * 0.5f;
    return {u[0] + sum, half, sum + u[3]};
}

// A vector of which all lanes are there (Whole), or the first `lanes`.
template <class T, bool Whole>
inline Vec<T> get(const T* from, int lanes) {
    if constexpr (Whole) return load(from);
    else return load_part(from, lanes);
}
template <class T, bool Whole>
inline void put(T* to, Vec<T> v, int lanes) {
    if constexpr (Whole) store(to, v);
    else store_part(to, v, lanes);
}

// to[4 * a + b], `size` apart: the transform of 4 x 4 input cells.
template <class T, bool Whole>
inline void input_tile(const T* const (&cell)[4][4], Index c, int lanes, T* to, Index size) {
    Vec<T> rows[4][4];
    RL_UNROLL for (int b = 0; b < 4; b++) {
        auto column = input(get<T, Whole>(cell[0][b] + c, lanes), get<T, Whole>(cell[1][b] + c, lanes),
                            get<T, Whole>(cell[2][b] + c, lanes), get<T, Whole>(cell[3][b] + c, lanes));
        RL_UNROLL for (int a = 0; a < 4; a++) rows[a][b] = column[a];
    }
    RL_UNROLL for (int a = 0; a < 4; a++) {
        auto row = input(rows[a][0], rows[a][1], rows[a][2], rows[a][3]);
        RL_UNROLL for (int b = 0; b < 4; b++, to += size) put<T, Whole>(to, row[b], lanes);
    }
}

// The same for the gradient of 2 x 2 output cells.
template <class T, bool Whole>
inline void gradient_tile(const T* const (&cell)[2][2], Index f, int lanes, T* to, Index size) {
    auto left = spread(get<T, Whole>(cell[0][0] + f, lanes), get<T, Whole>(cell[1][0] + f, lanes));
    auto right = spread(get<T, Whole>(cell[0][1] + f, lanes), get<T, Whole>(cell[1][1] + f, lanes));
    RL_UNROLL for (int a = 0; a < 4; a++) {
        auto row = spread(left[a], right[a]);
        RL_UNROLL for (int b = 0; b < 4; b++, to += size) store(to, row[b]);
    }
}

// y[a][b]: what 16 numbers, `size` apart, are in 2 x 2 output cells.
template <class T>
inline void output_tile(const T* from, Index size, Vec<T> (&y)[2][2]) {
    std::array<Vec<T>, 2> rows[4];
    RL_UNROLL for (int a = 0; a < 4; a++, from += 4 * size)
        rows[a] = output(load(from), load(from + size), load(from + 2 * size), load(from + 3 * size));
    RL_UNROLL for (int b = 0; b < 2; b++) {
        auto column = output(rows[0][b], rows[1][b], rows[2][b], rows[3][b]);
        RL_UNROLL for (int a = 0; a < 2; a++) y[a][b] = column[a];
    }
}

}  // namespace rl::RL_LEVEL
