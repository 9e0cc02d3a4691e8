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

// out[i] = f over all lanes of part[i], for n rows; both have room for whole vectors of rows.
template <class T, class F>
void fold_rows(Index n, const Vec<T>* part, T* out, F&& f) {
    for (Index i = 0; i < n; i += W<T>) {
        Vec<T> block[W<T>];
        RL_UNROLL for (int j = 0; j < W<T>; j++) block[j] = part[i + j];
        transpose<T>(block);
        RL_UNROLL for (int s = W<T> / 2; s > 0; s /= 2)
            RL_UNROLL for (int j = 0; j < s; j++) block[j] = f(block[j], block[j + s]);
        store(out + i, block[0]);
    }
}

// Call f(row, top, sum) for `n` rows from `first` on: the maximum, and the sum of e = exp(x - top);
// e or null. A row waits long for its sum, so that they take each step side by side.
template <class T, class F>
void group_sums(Index m, Index c, Index first, Index n, const T* x, T* e, F&& f) {
    static_assert(GROUP % W<T> == 0);
    auto higher = [](auto a, auto b) { return a > b ? a : b; };
    auto added = [](auto a, auto b) { return a + b; };
    Vec<T> part[GROUP]{};
    T top[GROUP], sum[GROUP];
    for (Index i = 0; i < n; i++) {
        Row<T> from(x, m, c, first + i);
        Vec<T> most = broadcast(NEVER<T>);
        vectors<T>(c, [&](Index j, int lanes) { most = higher(from.take(j, lanes, NEVER<T>), most); });
        part[i] = most;
    }
    fold_rows<T>(n, part, top, higher);
    bool deep = c > SPAN * W<T>;
    for (Index i = 0; i < n; i++) {
        Row<T> from(x, m, c, first + i);
        auto step = [&](Index j, int lanes) {
            Vec<T> v = exp_down<T>(from.take(j, lanes, NEVER<T>) - top[i]);
            if (e) give(e + (first + i) * c + j, v, lanes);
            return v;
        };
        if (deep) {
            sum[i] = (T)total_of<T>(c, step);
            continue;
        }
        Vec<T> total{};
        vectors<T>(c, [&](Index j, int lanes) { total += step(j, lanes); });
        part[i] = total;
    }
    if (!deep) fold_rows<T>(n, part, sum, added);
    for (Index i = 0; i < n; i++) f(first + i, top[i], sum[i]);
}

}  // namespace rl::RL_LEVEL
