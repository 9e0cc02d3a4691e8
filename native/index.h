// The type of all counts, indices and distances: as wide as an address on every system.
#pragma once

#include <cstddef>

namespace rl {

using Index = std::ptrdiff_t;

constexpr Index round_up(Index n, Index unit) { return (n + unit - 1) / unit * unit; }

}  // namespace rl
