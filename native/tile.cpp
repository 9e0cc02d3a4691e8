// The tables of the tiles that several families of kernels take.
#include "tile.h"

namespace rl::RL_LEVEL {

RL_TABLE(rows_tile)
RL_TABLE(cells_tile)

template <class T>
decltype(&rows_tile<T, 1, 1>) rows_tile_of(int p, int v) { RL_PICK(rows_tile, p, v) }
template <class T>
decltype(&cells_tile<T, 1, 1>) cells_tile_of(int p, int v) { RL_PICK(cells_tile, p, v) }

template decltype(&rows_tile<float, 1, 1>) rows_tile_of<float>(int, int);
template decltype(&rows_tile<double, 1, 1>) rows_tile_of<double>(int, int);
template decltype(&cells_tile<float, 1, 1>) cells_tile_of<float>(int, int);
template decltype(&cells_tile<double, 1, 1>) cells_tile_of<double>(int, int);

}  // namespace rl::RL_LEVEL
