// Normalization and sums over rows.
#include "norm.h"

#include "simd.h"
#include "threads.h"

namespace rl::RL_LEVEL {

template <class T>
void fill_norm(NormKernels<T>& k) {
    (void)k;
}
template void fill_norm(NormKernels<float>&);
template void fill_norm(NormKernels<double>&);

}  // namespace rl::RL_LEVEL
