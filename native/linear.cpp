// Products of the linear layer.
#include "linear.h"

#include "simd.h"
#include "threads.h"

namespace rl::RL_LEVEL {

template <class T>
void fill_linear(LinearKernels<T>& k) {
    (void)k;
}
template void fill_linear(LinearKernels<float>&);
template void fill_linear(LinearKernels<double>&);

}  // namespace rl::RL_LEVEL
