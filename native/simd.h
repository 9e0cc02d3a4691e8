// Vectors of the widest registers that this level has: W<T> lanes of T.
//
// Kernels are compiled once for each level (see CMakeLists.txt and level.cpp, which says what AVX-512
// borrows) into a namespace of its own, so one source serves SSE2/NEON, AVX2 and AVX-512;
// `dispatch.cpp` picks a level at import.
#pragma once

#include <cstdint>
#include <cstring>
#include <utility>

#include "index.h"

#ifndef RL_LEVEL
#define RL_LEVEL baseline
#define RL_BYTES 16
#endif

// RL_WIDE: what is made for float64, nothing where the level takes that from AVX2 (level.cpp).
// RL_NARROW: a macro for each dtype. RL_FILL: what fills the table of a family's kernels.
#if RL_BYTES == 64
#define RL_WIDE(...)
#else
#define RL_WIDE(...) __VA_ARGS__
#endif
#define RL_NARROW(make) make(float) RL_WIDE(make(double))
#define RL_FILL(fill, Kernels)           \
    template void fill(Kernels<float>&); \
    RL_WIDE(template void fill(Kernels<double>&);)

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

// Whether a product is added to a sum in one instruction that can be named.
#if defined(__AVX512F__) || (defined(__FMA__) && RL_BYTES == 32)
#define RL_TIES 1
#else
#define RL_TIES 0
#endif

// sum += x * y. In a long stretch of these GCC moves sums from register to register and spills some,
// unless each is tied to the one that it has. Elsewhere the compiler joins product and sum, from -O2
// on: a build that does not (RL_UNFUSED) rounds both, and so must this, for all sums to be alike.
template <class T>
inline void add_product(Vec<T>& sum, Vec<T> x, Vec<T> y) {
#if RL_TIES && !defined(RL_UNFUSED)
    if constexpr (sizeof(T) == 4) asm("vfmadd231ps %2, %1, %0" : "+v"(sum) : "v"(x), "v"(y));
    else asm("vfmadd231pd %2, %1, %0" : "+v"(sum) : "v"(x), "v"(y));
#else
    sum += x * y;
#endif
}

// Lanes I of a and, counted on from them, of b.
template <int... I, class V>
inline V shuffled(V a, V b) {
#ifdef __clang__
    return __builtin_shufflevector(a, b, I...);
#else
    using Int = decltype(a < b);
    return __builtin_shuffle(a, b, Int{I...});
#endif
}

// Lanes of a and b: a's without the bit S and b's of the same places, in theirs (PART 0); or those
// with it (PART S).
template <int S, int PART, class T, int... I>
inline Vec<T> across(Vec<T> a, Vec<T> b, std::integer_sequence<int, I...>) {
    return shuffled<((I & S ? W<T> + I - S : I) + PART)...>(a, b);
}

// Transpose W vectors of W lanes: each round swaps blocks of S x S across the diagonal. Rounds are
// instances, as lanes that are known to the compiler take one instruction and others five.
template <class T, int S = 1>
inline void transpose(Vec<T> (&row)[W<T>]) {
    if constexpr (S < W<T>) {
        std::make_integer_sequence<int, W<T>> all;
        _Pragma("GCC unroll 16") for (int i = 0; i < W<T>; i++) {
            if (i & S) continue;
            Vec<T> a = row[i], b = row[i + S];
            row[i] = across<S, 0, T>(a, b, all);
            row[i + S] = across<S, S, T>(a, b, all);
        }
        transpose<T, 2 * S>(row);
    }
}

// A square of W x W numbers: take(i) is row i, and give(i, v) receives what is column i of them.
template <class T, class Take, class Give>
inline void turn_square(Take take, Give give) {
    Vec<T> row[W<T>];
    _Pragma("GCC unroll 16") for (int i = 0; i < W<T>; i++) row[i] = take(i);
    transpose<T>(row);
    _Pragma("GCC unroll 16") for (int i = 0; i < W<T>; i++) give(i, row[i]);
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
