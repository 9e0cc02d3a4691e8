// Products of the linear layer.
#pragma once

namespace rl {

template <class T>
struct LinearKernels {
};

}  // namespace rl
