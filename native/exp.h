// exp of vectors: x = n ln 2 + r with ln 2 in two parts (Cody and Waite, Software Manual for the
// Elementary Functions, 1980), then 2^n times the Taylor series of e^r, whose first missing term is
// below the last place. The error is under one unit in the last place; NaN stays. And what is made
// of it: the logistic function, tanh, softplus and erf.
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
    static constexpr float NORMAL = -87;                  // exp is a normal number down to here
    static constexpr float ROUND = 0x1.8p23f;  // adding it rounds to a whole number in the low bits
};
template <>
struct Exp<double> {
    using Int = int64_t;
    static constexpr int TERMS = 14, FRACTION = 52, BIAS = 1023;
    static constexpr double LN2_HIGH = 0x1.62e42fee00000p-1, LN2_LOW = 0x1.a39ef35793c76p-33;
    static constexpr double LOWEST = -750, HIGHEST = 720;
    static constexpr double NORMAL = -708;
    static constexpr double ROUND = 0x1.8p52;
};

// What is left of x when n ln 2 is taken off, for n = shifted - ROUND.
template <class T>
inline Vec<T> rest(Vec<T> x, Vec<T> shifted) {
    using E = Exp<T>;
    Vec<T> n = shifted - E::ROUND;
    return (x - n * E::LN2_HIGH) - n * E::LN2_LOW;
}

// The Taylor series of e^r from its term r^FROM on, divided by r^FROM.
template <class T, int FROM>
inline Vec<T> series(Vec<T> r) {
    using E = Exp<T>;
    double factor = 1;  // 1 / k!, all folded at compile time
    T terms[E::TERMS];
    RL_UNROLL for (int k = 0; k < E::TERMS; k++) {
        terms[k] = (T)factor;
        factor /= k + 1;
    }
    Vec<T> y = broadcast(terms[E::TERMS - 1]);
    RL_UNROLL for (int k = E::TERMS - 2; k >= FROM; k--) y = y * r + terms[k];
    return y;
}

template <class T>
inline Vec<T> exp(Vec<T> x) {
    using E = Exp<T>;
    using Ints = Vec<typename E::Int>;
    x = x < E::LOWEST ? broadcast(E::LOWEST) : x;
    x = x > E::HIGHEST ? broadcast(E::HIGHEST) : x;
    Vec<T> shifted = x * T(1.4426950408889634) + E::ROUND;
    Vec<T> y = series<T, 0>(rest<T>(x, shifted));
    // 2^n in two factors, as n may lie beyond the exponents of normal numbers
    Ints whole = (Ints)shifted - (Ints)broadcast(E::ROUND), half = whole >> 1;
    y *= (Vec<T>)((half + E::BIAS) << E::FRACTION);
    return y * (Vec<T>)((whole - half + E::BIAS) << E::FRACTION);
}

// e^x times 2^UP for x <= 0, where that is a normal number: 2^(n + UP) is one factor.
template <class T, int UP = 0>
inline Vec<T> exp_below(Vec<T> x) {
    using E = Exp<T>;
    using Ints = Vec<typename E::Int>;
    Vec<T> shifted = x * T(1.4426950408889634) + E::ROUND;
    Ints whole = (Ints)shifted - (Ints)broadcast(E::ROUND);
    return series<T, 0>(rest<T>(x, shifted)) * (Vec<T>)((whole + (E::BIAS + UP)) << E::FRACTION);
}

template <class T>
inline Vec<T> minus_size(Vec<T> x) {  // -|x|
    using Ints = Vec<typename Exp<T>::Int>;
    return (Vec<T>)((Ints)x | (Ints)broadcast(T(-0.0)));
}

// A quotient before its division, which takes as long as all the rest: several may share one. The
// lower number is never below 1 nor above 2.
template <class T>
struct Quotient {
    Vec<T> upper, lower;
};

// Of gates: from exp(-|x|), which is never above 1 and taken as 0 where it is below the normal numbers.
template <class T>
inline Quotient<T> sigmoid_quotient(Vec<T> x) {
    Vec<T> down = minus_size<T>(x), one = broadcast(T(1));
    Vec<T> e = down < Exp<T>::NORMAL ? Vec<T>{} : exp_below<T>(down);
    return {x < T(0) ? e : one, one + e};
}

// e^x for x <= 0, denormal results as well: it is never above 1, so that n may be moved out of the way
// of the smallest exponents, and a constant moves it back. NaN stays.
template <class T>
inline Vec<T> exp_down(Vec<T> x) {
    using E = Exp<T>;
    constexpr T DOWN = sizeof(T) == 4 ? T(0x1p-64) : T(0x1p-512);
    x = x < E::LOWEST ? broadcast(E::LOWEST) : x;
    return exp_below<T, (E::BIAS + 1) / 2>(x) * DOWN;
}

// Itself, denormal results as well.
template <class T>
inline Vec<T> sigmoid(Vec<T> x) {
    Vec<T> one = broadcast(T(1)), e = exp_down<T>(minus_size<T>(x));
    return (x < T(0) ? e : one) / (one + e);
}

// e^x - 1 for x <= 0, as 2^n (e^r - 1) + (2^n - 1): nothing cancels, so the error is some units in
// the last place for small x, too.
template <class T>
inline Vec<T> expm1_below(Vec<T> x) {
    using E = Exp<T>;
    using Ints = Vec<typename E::Int>;
    x = x < T(-50) ? broadcast(T(-50)) : x;  // there it is -1, and 2^n a normal number
    Vec<T> shifted = x * T(1.4426950408889634) + E::ROUND, r = rest<T>(x, shifted);
    Ints whole = (Ints)shifted - (Ints)broadcast(E::ROUND);
    Vec<T> power = (Vec<T>)((whole + E::BIAS) << E::FRACTION);
    return power * (r * series<T, 1>(r)) + (power - T(1));
}

// tanh |x| = -e / (2 + e) for e = exp(-2 |x|) - 1.
template <class T>
inline Quotient<T> tanh_quotient(Vec<T> x) {
    Vec<T> e = expm1_below<T>(minus_size<T>(x) * T(2));
    return {x < T(0) ? e : -e, e + T(2)};
}

template <class T>
inline Vec<T> tanh(Vec<T> x) {
    Quotient<T> q = tanh_quotient<T>(x);
    Vec<T> y = q.upper / q.lower;
    return x < T(0) ? y : x > T(0) ? y : x;  // 0, -0 and NaN are their own
}

// log(1 + e) for 0 <= e <= 1: twice the series of atanh in s = e / (2 + e), which is a third at most.
template <class T>
inline Vec<T> log1p_below(Vec<T> e) {
    constexpr int TERMS = sizeof(T) == 4 ? 8 : 17;
    Vec<T> s = e / (e + T(2)), square = s * s;
    Vec<T> y = broadcast(T(1) / T(2 * TERMS - 1));
    RL_UNROLL for (int k = TERMS - 2; k >= 0; k--) y = y * square + T(1.0 / (2 * k + 1));
    return (s + s) * y;
}

// log x for normal x >= 1: x = 2^n m with m next to 1, and of m twice the series of atanh in
// s = (m - 1) / (m + 1), which is 0.172 at most. The error is under two units in the last place.
template <class T>
inline Vec<T> log_up(Vec<T> x) {
    using E = Exp<T>;
    using Ints = Vec<typename E::Int>;
    constexpr int TERMS = sizeof(T) == 4 ? 5 : 11;
    Ints n = ((Ints)(x * T(0.70710678118654752)) >> E::FRACTION) - (E::BIAS - 1);
    Vec<T> m = (Vec<T>)((Ints)x - (n << E::FRACTION)), s = (m - T(1)) / (m + T(1)), square = s * s;
    Vec<T> y = broadcast(T(1) / T(2 * TERMS + 1));
    RL_UNROLL for (int k = TERMS - 1; k > 0; k--) y = y * square + T(1.0 / (2 * k + 1));
    Vec<T> whole = (Vec<T>)((Ints)broadcast(E::ROUND) + n) - E::ROUND;
    y = whole * E::LN2_HIGH + ((s + s) * (y * square) + whole * E::LN2_LOW + (s + s));
    return x == x ? y : x;
}

// log(1 + e^x)
template <class T>
inline Vec<T> softplus(Vec<T> x) {
    return max_nan(x, Vec<T>{}) + log1p_below<T>(exp<T>(minus_size<T>(x)));
}

template <int N>
inline Vec<float> polynomial(Vec<float> x, const float (&c)[N]) {
    Vec<float> y = broadcast(c[N - 1]);
    RL_UNROLL for (int k = N - 2; k >= 0; k--) y = y * x + c[k];
    return y;
}

// erf near 0 as x + x p(x^2), beyond as 1 - exp(-(x + x q(x))); p and q are fitted so that the
// largest relative error of erf is least. The error is under 1.5 units in the last place.
inline Vec<float> erf(Vec<float> x) {
    constexpr float NEAR[] = {0.128379148f,   -0.376124848f,  0.112817214f,
                              -0.0267631311f, 0.004988012f,   -0.000596428643f};
    constexpr float FAR[] = {0.128652899f,   0.635133433f,     0.106266418f,  -0.0237874795f,
                             0.00365446387f, -0.000325753533f, 1.15257428e-05f};
    Vec<float> low = x + x * polynomial(x * x, NEAR), size = x < 0.0f ? -x : x;
    Vec<float> t = size > 4.1f ? broadcast(4.1f) : size;  // there erf is 1
    Vec<float> high = 1.0f - exp_below<float>(-(t + t * polynomial(t, FAR)));
    return size > 0.9277f ? (x < 0.0f ? -high : high) : low;
}

}  // namespace rl::RL_LEVEL
