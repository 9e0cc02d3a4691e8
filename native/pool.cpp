// Pooling.
#include "pool.h"

#include "simd.h"
#include "threads.h"

namespace rl::RL_LEVEL {

template <class T>
void fill_pool(PoolKernels<T>& k) {
    (void)k;
}
template void fill_pool(PoolKernels<float>&);
template void fill_pool(PoolKernels<double>&);

}  // namespace rl::RL_LEVEL
