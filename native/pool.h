// Pooling.
#pragma once

namespace rl {

template <class T>
struct PoolKernels {
};

}  // namespace rl
