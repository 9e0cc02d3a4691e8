// Optimizer steps over flat arrays.
#pragma once

namespace rl {

template <class T>
struct OptimKernels {
};

}  // namespace rl
