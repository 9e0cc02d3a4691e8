// Optimizer steps over flat arrays.
#include "optim.h"

#include "simd.h"
#include "threads.h"

namespace rl::RL_LEVEL {

template <class T>
void fill_optim(OptimKernels<T>& k) {
    (void)k;
}
template void fill_optim(OptimKernels<float>&);
template void fill_optim(OptimKernels<double>&);

}  // namespace rl::RL_LEVEL
