// Elementwise kernels: activations, softmax, dropout.
#pragma once

namespace rl {

template <class T>
struct PointwiseKernels {
};

}  // namespace rl
