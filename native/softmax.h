// What softmax does along a row: by vectors, the last one filled up with what changes nothing.
#pragma once

#include <algorithm>
#include <limits>
#include <type_traits>
#include <utility>

#include "exp.h"
#include "lanes.h"

namespace rl::RL_LEVEL {

template <class T>
constexpr T NEVER = -std::numeric_limits<T>::infinity();  // its exp is 0, and no maximum is below

template <class T, int... I>
auto less(int n, std::integer_sequence<int, I...>) {
    using Int = std::conditional_t<sizeof(T) == 4, int32_t, int64_t>;
    return Vec<Int>{I...} < Int(n);
}

// A row of an array that goes on to `end`.
template <class T>
struct Row {
    const T *p, *end;
    Row(const T* array, Index m, Index c, Index row) : p(array + row * c), end(array + m * c) {}

    // The first `lanes` numbers from i on, then `fill`. To read on into the next row and choose is
    // several times as fast as to read a part.
    Vec<T> take(Index i, int lanes, T fill) const {
        if (lanes == W<T>) return load(p + i);
        Vec<T> v = p + i + W<T> <= end ? load(p + i) : load_part(p + i, lanes);
        return less<T>(lanes, std::make_integer_sequence<int, W<T>>()) ? v : broadcast(fill);
    }
};

template <class T>
void give(T* p, Vec<T> v, int lanes) {
    if (lanes == W<T>) store(p, v);
    else store_part(p, v, lanes);
}

// Call f(i, lanes) for the vectors of a row.
template <class T, class F>
void vectors(Index n, F&& f) {
    Index i = 0;
    for (; i + W<T> <= n; i += W<T>) f(i, W<T>);
    if (i < n) f(i, (int)(n - i));
}

// The sum of the vectors f(i, lanes) of a row.
template <class T, class F>
double total_of(Index n, F&& f) {
    double total = 0;
    for (Index from = 0; from < n; from += SPAN * W<T>) {
        Vec<T> sum{};
        vectors<T>(std::min(n - from, SPAN * W<T>), [&](Index i, int lanes) {
            sum += f(from + i, lanes);
        });
        total += fold<T>(sum, [](auto a, auto b) { return a + b; });
    }
    return total;
}

template <class T>
T top_of(Index n, Row<T> x) {
    auto higher = [](Vec<T> a, Vec<T> b) { return a > b ? a : b; };
    Vec<T> top = broadcast(NEVER<T>);
    vectors<T>(n, [&](Index i, int lanes) { top = higher(x.take(i, lanes, NEVER<T>), top); });
    return fold<T>(top, higher);
}

// Call f(row, top, sum) for `n` rows from `first` on: the maximum, and the sum of e = exp(x - top);
// e or null. A row waits long for its sum, so that they take each step side by side.
template <class T, class F>
void group_sums(Index m, Index c, Index first, Index n, const T* x, T* e, F&& f) {
    T top[GROUP], sum[GROUP];
    for (Index i = 0; i < n; i++) top[i] = top_of(c, Row<T>(x, m, c, first + i));
    for (Index i = 0; i < n; i++) {
        Row<T> from(x, m, c, first + i);
        sum[i] = (T)total_of<T>(c, [&](Index j, int lanes) {
            Vec<T> v = exp<T>(from.take(j, lanes, NEVER<T>) - top[i]);
            if (e) give(e + (first + i) * c + j, v, lanes);
            return v;
        });
    }
    for (Index i = 0; i < n; i++) f(first + i, top[i], sum[i]);
}

}  // namespace rl::RL_LEVEL
