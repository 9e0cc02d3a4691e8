// Vectors of the widest registers that this level has: W<T> lanes of T.
//
// Every kernel is compiled once for each level (see CMakeLists.txt) into a namespace of its own, so
// one source serves SSE2/NEON, AVX2 and AVX-512; `dispatch.cpp` picks a level at import.
#pragma once

#include <cstdint>
#include <cstring>

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

// max(x, low) that keeps NaN, as torch's relu and max-pool do: a comparison with NaN is false.
template <class V>
inline V max_nan(V x, V low) {
    return (x <= low) ? low : x;
}

}  // namespace rl::RL_LEVEL
