// exp of vectors: x = n ln 2 + r with ln 2 in two parts (Cody and Waite, Software Manual for the
// Elementary Functions, 1980), then 2^n times the Taylor series of e^r, whose first missing term is
// below the last place. The error is under one unit in the last place; NaN stays.
#pragma once

#include "tile.h"

namespace rl::RL_LEVEL {

template <class T>
struct Exp;
template <>
struct Exp<float> {
    using Int = int32_t;
    static constexpr int TERMS = 8, FRACTION = 23, BIAS = 127;
    static constexpr float LN2_HIGH = 0x1.62ep-1f, LN2_LOW = 0x1.0bfbe8p-15f;
    static constexpr float LOWEST = -105, HIGHEST = 100;  // beyond these: 0 and infinity
    static constexpr float ROUND = 0x1.8p23f;  // adding it rounds to a whole number in the low bits
};
template <>
struct Exp<double> {
    using Int = int64_t;
    static constexpr int TERMS = 14, FRACTION = 52, BIAS = 1023;
    static constexpr double LN2_HIGH = 0x1.62e42fee00000p-1, LN2_LOW = 0x1.a39ef35793c76p-33;
    static constexpr double LOWEST = -750, HIGHEST = 720;
    static constexpr double ROUND = 0x1.8p52;
};

template <class T>
inline Vec<T> exp(Vec<T> x) {
    using E = Exp<T>;
    using Ints = Vec<typename E::Int>;
    x = x < E::LOWEST ? broadcast(E::LOWEST) : x;
    x = x > E::HIGHEST ? broadcast(E::HIGHEST) : x;
    Vec<T> shifted = x * T(1.4426950408889634) + E::ROUND, n = shifted - E::ROUND;
    Vec<T> r = (x - n * E::LN2_HIGH) - n * E::LN2_LOW;
    double factor = 1;  // 1 / k!, all folded at compile time
    T series[E::TERMS];
    RL_UNROLL for (int k = 0; k < E::TERMS; k++) {
        series[k] = (T)factor;
        factor /= k + 1;
    }
    Vec<T> y = broadcast(series[E::TERMS - 1]);
    RL_UNROLL for (int k = E::TERMS - 2; k >= 0; k--) y = y * r + series[k];
    // 2^n in two factors, as n may lie beyond the exponents of normal numbers
    Ints whole = (Ints)shifted - (Ints)broadcast(E::ROUND), half = whole >> 1;
    y *= (Vec<T>)((half + E::BIAS) << E::FRACTION);
    return y * (Vec<T>)((whole - half + E::BIAS) << E::FRACTION);
}

}  // namespace rl::RL_LEVEL
