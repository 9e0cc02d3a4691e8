// A small pool of threads. What is summed, and in which order, depends on sizes alone, never on the
// number of threads, so that results are the same bits for any number of them.
//
// OpenMP was not taken: its runtime differs from compiler to compiler, is missing on macOS, hangs in
// children of fork(), and its threads spin beside those of the BLAS.
#pragma once

#include <algorithm>
#include <type_traits>

#include "index.h"

namespace rl {

int threads();           // how many may work, the caller included
void set_threads(int n);

using Task = void (*)(void* context, Index task);
void run_tasks(Index tasks, Task task, void* context);

// Call f(i) for i in 0 ... tasks - 1, in any order, on several threads; one task runs right here. All
// ways lead through one function: a second copy, inlined, may be compiled to round otherwise.
template <class F>
void parallel(Index tasks, F&& f) {
    using Body = std::remove_reference_t<F>;
    Task task = [](void* context, Index i) __attribute__((noinline)) {
        Body body = *static_cast<Body*>(context);  // what it holds by value may lie in registers
        body(i);
    };
    if (tasks > 1 && threads() > 1) return run_tasks(tasks, task, (void*)&f);
    for (Index i = 0; i < tasks; i++) task((void*)&f, i);
}

// Call f(i) for i in 0 ... n - 1, by tasks of about so much work, of which each i is some.
template <class F>
void parallel(Index n, Index work, Index task, F&& f) {
    Index size = std::max(Index(1), task / std::max(Index(1), work));
    parallel((n + size - 1) / size, [&](Index at) {
        for (Index i = at * size; i < std::min(n, (at + 1) * size); i++) f(i);
    });
}

}  // namespace rl
