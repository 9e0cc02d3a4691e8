// Vectors of the widest registers that this level has: W<T> lanes of T.
//
// Every kernel is compiled once for each level (see CMakeLists.txt) into a namespace of its own, so
// one source serves SSE2/NEON, AVX2 and AVX-512; `dispatch.cpp` picks a level at import.
#pragma once

#include <cstdint>
#include <cstring>

#include "index.h"

#ifndef RL_LEVEL
#define RL_LEVEL baseline
#define RL_BYTES 16
#endif

namespace rl::RL_LEVEL {

template <class T>
inline constexpr int W = RL_BYTES / sizeof(T);

template <class T>
struct VecOf {
    typedef T type __attribute__((vector_size(RL_BYTES)));
};
template <class T>
using Vec = typename VecOf<T>::type;

template <class T>
inline Vec<T> load(const T* p) {
    Vec<T> v;
    std::memcpy(&v, p, sizeof v);  // compiles to one unaligned load
    return v;
}

template <class T>
inline void store(T* p, Vec<T> v) {
    std::memcpy(p, &v, sizeof v);
}

// The first n lanes; the others are 0 (load) or left alone (store).
template <class T>
inline Vec<T> load_part(const T* p, int n) {
    Vec<T> v{};
    std::memcpy(&v, p, n * sizeof(T));
    return v;
}

template <class T>
inline void store_part(T* p, Vec<T> v, int n) {
    std::memcpy(p, &v, n * sizeof(T));
}

template <class T>
inline Vec<T> broadcast(T x) {
    return x - Vec<T>{};
}

// Transpose W vectors of W lanes: each round swaps blocks of s x s across the diagonal.
template <class T>
inline void transpose(Vec<T> (&row)[W<T>]) {
    using Index = decltype(Vec<T>{} < Vec<T>{});
    _Pragma("GCC unroll 8") for (int s = 1; s < W<T>; s *= 2) {
        Index low, high;
        for (int j = 0; j < W<T>; j++) {
            low[j] = j & s ? W<T> + j - s : j;
            high[j] = j & s ? W<T> + j : j + s;
        }
        _Pragma("GCC unroll 16") for (int i = 0; i < W<T>; i++) {
            if (i & s) continue;
            Vec<T> a = row[i], b = row[i + s];
            row[i] = __builtin_shuffle(a, b, low);
            row[i + s] = __builtin_shuffle(a, b, high);
        }
    }
}

// max(x, low) that keeps NaN, as torch's relu and max-pool do: a comparison with NaN is false.
template <class V>
inline V max_nan(V x, V low) {
    return (x <= low) ? low : x;
}

// The maximum so far and one more number: the first of equals, and NaN once there was one.
template <class V>
inline V higher(V best, V x) {
    return ((x > best) | (x != x)) ? x : best;
}

}  // namespace rl::RL_LEVEL
