// The operands of a product as its tiles read them.
#pragma once

#include "gemm.h"
#include "pack.h"

namespace rl::RL_LEVEL {

// to (panels, depth, PANEL) = as many whole panels of b, whose rows are read as they lie.
template <class T>
void pack_panels(Matrix<T> b, Index depth, Index panels, T* to) {
    for (Index k = 0; k < depth; k++, to += PANEL<T>)
        for (Index l = 0; l < panels; l++)
            RL_UNROLL for (int v = 0; v < V_MAX; v++)
                store(to + l * depth * PANEL<T> + v * W<T>,
                      load(b.at + k * b.down + l * PANEL<T> + v * W<T>));
}

inline constexpr Index AHEAD = 64;  // numbers: how far before a row is packed it is asked for

// to (depth, width), dense, = the first `valid` columns of b, and zeros.
template <class T>
void pack_panel(Matrix<T> b, Index depth, Index valid, Index width, T* to) {
    if (valid < width) std::fill(to, to + depth * width, T(0));
    Index turned = b.down == 1 ? valid / W<T> * W<T> : 0, whole = turned ? depth / W<T> * W<T> : 0;
    for (Index k = 0; k < whole; k += W<T>)  // lines of `to` are written whole
        for (Index l = 0; l < turned; l += W<T>) {
            auto line = [&](int i) {
                const T* at = b.at + (l + i) * b.along + k;
                __builtin_prefetch(at + AHEAD, 0, 1);
                return load(at);
            };
            auto give = [&](int i, Vec<T> v) { store(to + (k + i) * width + l, v); };
            turn_square<T>(line, give);
        }
    for (Index k = turned == valid ? whole : 0; k < depth; k++)
        for (Index l = k < whole ? turned : 0; l < valid; l++)
            to[k * width + l] = b.at[k * b.down + l * b.along];
}

// to (depth, rows), dense, = a (rows, depth) transposed.
template <class T>
void pack_rows(Matrix<T> a, Index depth, Index rows, T* to) {
    if (a.down == 1 && rows == P_MAX<T>) {  // copies of a known size are a few moves
        for (Index k = 0; k < depth; k++, to += P_MAX<T>)
            std::memcpy(to, a.at + k * a.along, P_MAX<T> * sizeof(T));
        return;
    }
    for (Index k = 0; k < depth; k++, to += rows)
        for (Index p = 0; p < rows; p++) to[p] = a.at[p * a.down + k * a.along];
}

}  // namespace rl::RL_LEVEL
