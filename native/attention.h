// Attention of heads: p = softmax(q k^T scale + bias), y = (p factor) v, for matrices q (L, E),
// k (S, E), v (S, V) of each head of each sample.
#pragma once

#include "index.h"

namespace rl {

// Matrices whose rows are dense: one for each sample and head, anywhere.
template <class T>
struct Heads {
    T* data = nullptr;
    Index sample = 0, head = 0, row = 0;  // how far they lie apart
    T* of(Index n, Index h) const { return data ? data + n * sample + h * head : nullptr; }
};

struct AttentionSizes {
    Index samples, heads, rows, columns, depth, width;  // N, H, L, S, E, V
    double scale;
    bool blind;  // rows of -inf give probabilities 0, not NaN
};

template <class T>
struct AttentionKernels {
    // bias and factor (L, S) may be null; p and factor are dense
    void (*forward)(const AttentionSizes& s, Heads<const T> q, Heads<const T> k, Heads<const T> v,
                    Heads<const T> bias, const T* factor, T* p, Heads<T> y);
    // gradients by q, k and v of g, that by y; each may be null
    void (*grad)(const AttentionSizes& s, Heads<const T> g, Heads<const T> q, Heads<const T> k,
                 Heads<const T> v, const T* p, const T* factor, Heads<T> dq, Heads<T> dk,
                 Heads<T> dv);
};

}  // namespace rl
