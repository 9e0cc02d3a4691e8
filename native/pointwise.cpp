// Elementwise kernels: activations, softmax, dropout.
#include "pointwise.h"

#include "simd.h"
#include "threads.h"

namespace rl::RL_LEVEL {

template <class T>
void fill_pointwise(PointwiseKernels<T>& k) {
    (void)k;
}
template void fill_pointwise(PointwiseKernels<float>&);
template void fill_pointwise(PointwiseKernels<double>&);

}  // namespace rl::RL_LEVEL
