// The tables of the tiles that several families of kernels take.
#include "tile.h"

namespace rl::RL_LEVEL {

// The heights of all levels are checked in each, as no machine runs them all.
constexpr bool are_cut_well(Index most) {
    for (Index n = 0; n <= 200; n++) {
        Index next = 0;
        for (auto [first, count] : Tiles(n, most)) {
            if (first != next || count < 1 || count > most || !is_height(count)) return false;
            next += count;
        }
        if (next != n) return false;
    }
    return true;
}
static_assert(are_cut_well(6) && are_cut_well(8) && are_cut_well(14));

RL_TABLE(rows_tile)
RL_TABLE(cells_tile)
RL_TABLE(cells_tile_even)

template <class T>
decltype(&rows_tile<T, 1, 1>) rows_tile_of(int p, int v) { RL_PICK(rows_tile, p, v) }
template <class T>
decltype(&cells_tile<T, 1, 1>) cells_tile_of(int p, int v) { RL_PICK(cells_tile, p, v) }
template <class T>
decltype(&cells_tile_even<T, 1, 1>) cells_tile_even_of(int p, int v) {
    RL_PICK(cells_tile_even, p, v)
}

#define RL_MAKE(T) \
    template decltype(&rows_tile<T, 1, 1>) rows_tile_of<T>(int, int); \
    template decltype(&cells_tile<T, 1, 1>) cells_tile_of<T>(int, int); \
    template decltype(&cells_tile_even<T, 1, 1>) cells_tile_even_of<T>(int, int);
RL_NARROW(RL_MAKE)

}  // namespace rl::RL_LEVEL
