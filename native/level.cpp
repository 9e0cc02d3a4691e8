// One level's table; compiled with that level's flags.
#include "kernels.h"
#include "simd.h"

namespace rl::RL_LEVEL {

template <class T>
void fill_conv(Kernels<T>&);

Level make() {
    Level level;
    fill_conv(level.f32);
    fill_conv(level.f64);
    return level;
}

}  // namespace rl::RL_LEVEL
