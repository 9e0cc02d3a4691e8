// Normalization and sums over rows.
#pragma once

namespace rl {

template <class T>
struct NormKernels {
};

}  // namespace rl
