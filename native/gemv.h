// Products of one row, or of one column: their matrix is read once, so nothing of it is packed.
#pragma once

#include "lanes.h"
#include "panels.h"
#include "scratch.h"
#include "threads.h"

namespace rl::RL_LEVEL {

constexpr Index TASK = 1 << 17;  // multiply-adds below which no other thread is asked
constexpr Index RANGES = 8;      // of work that is cut for several threads
constexpr Index BLOCK = 4, SUMS = 2;  // rows side by side, and vectors of sums of each

// sums[r] = dot of row r of w, rows `next` apart, with x.
template <class T, int R>
void dot_rows(const T* w, Index next, Index k, const T* x, T* sums) {
    constexpr Index step = SUMS * W<T>;
    std::fill(sums, sums + R, T(0));
    for (Index from = 0; from < k; from += DEEP * step) {
        Index end = std::min(k, from + DEEP * step), i = from;
        Vec<T> sum[R][SUMS]{};
        for (; i + step <= end; i += step)
            RL_UNROLL for (int v = 0; v < SUMS; v++) {
                Vec<T> b = load(x + i + v * W<T>);
                RL_UNROLL for (int r = 0; r < R; r++) sum[r][v] += load(w + r * next + i + v * W<T>) * b;
            }
        RL_UNROLL for (int r = 0; r < R; r++) {
            T rest = 0;
            for (Index l = i; l < end; l++) rest += w[r * next + l] * x[l];
            sums[r] += fold<T>(sum[r][0] + sum[r][1], [](auto a, auto b) { return a + b; }) + rest;
        }
    }
}

// c (n) = w (n, k) x + bias, whose numbers, and features of what is after, are `next` apart.
template <class T>
void dots(Index n, Index k, Matrix<T> w, Matrix<T> x, const T* bias, Index next, T* c,
          const After<T>& after) {
    const T* column = x.at;
    if (x.down != 1 && k > 1) {
        T* dense = scratch<T>(0, k);
        for (Index l = 0; l < k; l++) dense[l] = x.at[l * x.down];
        column = dense;
    }
    auto some = [&](Index from, Index end) {
        for (Index i = from; i < end; i += BLOCK) {
            T sums[BLOCK];
            Index count = std::min(BLOCK, end - i);
            const T* at = w.at + i * w.down;
            if (count == BLOCK) dot_rows<T, BLOCK>(at, w.down, k, column, sums);
            else for (Index r = 0; r < count; r++) dot_rows<T, 1>(at + r * w.down, 0, k, column, sums + r);
            for (Index r = 0; r < count; r++) {
                Index f = (i + r) * next;
                c[i + r] = after.of(bias ? sums[r] + bias[f] : sums[r], f);
            }
        }
    };
    Index ranges = n * k < TASK ? 1 : RANGES, rows = round_up((n + ranges - 1) / ranges, BLOCK);
    parallel((n + rows - 1) / rows, [&](Index r) { some(r * rows, std::min(n, (r + 1) * rows)); });
}

// c (V * W) = the sum of k rows of b, `next` apart, each times its number of x.
template <class T, int V>
void sum_rows(const T* x, Index x_next, Index k, const T* b, Index next, T* c) {
    for (Index from = 0; from < k; from += DEEP)
        cells_sum<T, 1, V, 1>([=](Index i) { return x + (from + i) * x_next; }, std::min(DEEP, k - from),
                              b + from * next, next, c, 0, from > 0);
}

// c (n) = x (k) b + bias, where the rows of b are dense.
template <class T>
void row_times(Index k, Index n, Matrix<T> x, Matrix<T> b, const T* bias, T* c,
               const After<T>& after) {
    constexpr Index wide = 8 * W<T>;
    parallel(n * k < TASK ? 1 : (n + wide - 1) / wide, [&](Index task) {
        Index j = n * k < TASK ? 0 : task * wide, end = n * k < TASK ? n : std::min(n, j + wide);
        for (; j + wide <= end; j += wide) sum_rows<T, 8>(x.at, x.along, k, b.at + j, b.down, c + j);
        for (; j + W<T> <= end; j += W<T>) sum_rows<T, 1>(x.at, x.along, k, b.at + j, b.down, c + j);
        if (j == end) return;
        Index valid = end - j;
        T *part = scratch<T>(0, (k + 1) * W<T>), *sums = part + k * W<T>;
        pack_panel<T>({b.at + j, b.down, 1}, k, valid, W<T>, part);
        sum_rows<T, 1>(x.at, x.along, k, part, W<T>, sums);
        std::copy(sums, sums + valid, c + j);
    });
    if (bias || after.norm || after.relu)
        for (Index j = 0; j < n; j++) c[j] = after.of(bias ? c[j] + bias[j] : c[j], j);
}

}  // namespace rl::RL_LEVEL
