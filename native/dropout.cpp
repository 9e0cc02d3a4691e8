// Dropout: what random words say about each element.
#include "dropout.h"

#include <algorithm>

#include "simd.h"
#include "threads.h"

namespace rl::RL_LEVEL {
namespace {

constexpr Index BLOCK = 1 << 16;  // elements of a task

template <class T, class Word>
void factor(const Word* words, uint32_t threshold, T scale, T* factor, Index n) {
    parallel((n + BLOCK - 1) / BLOCK, [=](Index task) {
        Index end = std::min(n, (task + 1) * BLOCK);
        for (Index i = task * BLOCK; i < end; i++) factor[i] = words[i] < threshold ? scale : T(0);
    });
}

}  // namespace

template <class T>
void fill_dropout(DropoutKernels<T>& k) {
    k.factor16 = factor<T, uint16_t>;
    k.factor32 = factor<T, uint32_t>;
}
RL_FILL(fill_dropout, DropoutKernels)

}  // namespace rl::RL_LEVEL
