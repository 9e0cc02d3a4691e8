// Maps of adjoining numbers, one by one, by tasks.
#pragma once

#include <algorithm>

#include "simd.h"
#include "threads.h"

namespace rl::RL_LEVEL {

constexpr Index NUMBERS = 1 << 15;  // of a task: some microseconds

// y = f(a, b) for n numbers
template <class T, class F>
void map(Index n, const T* a, const T* b, T* y, F f) {
    parallel((n + NUMBERS - 1) / NUMBERS, [=](Index task) {
        Index i = task * NUMBERS, end = std::min(n, i + NUMBERS);
        for (; i + W<T> <= end; i += W<T>) store(y + i, f(load(a + i), load(b + i)));
        for (; i < end; i++) y[i] = f(broadcast(a[i]), broadcast(b[i]))[0];
    });
}

}  // namespace rl::RL_LEVEL
