// Planes to channels and back: arrays of one channel, taken as many at a time as fill vectors.
#pragma once

#include <algorithm>

#include "simd.h"

namespace rl::RL_LEVEL {

// planes (R, cells) -> lanes (cells, R); where there are fewer planes the last one is repeated.
template <int R, class U>
void to_lanes(const U* planes, Index count, Index cells, U* lanes) {
    const U* plane[R];
    for (Index r = 0; r < R; r++) plane[r] = planes + std::min(r, count - 1) * cells;
    Index c = 0;
    for (; c + W<U> <= cells; c += W<U>)
        for (int r = 0; r < R; r += W<U>) {
            Vec<U> tile[W<U>];
            for (int i = 0; i < W<U>; i++) tile[i] = load(plane[r + i] + c);
            transpose<U>(tile);
            for (int i = 0; i < W<U>; i++) store(lanes + (c + i) * R + r, tile[i]);
        }
    for (; c < cells; c++)
        for (int r = 0; r < R; r++) lanes[c * R + r] = plane[r][c];
}

// The inverse.
template <int R, class U>
void to_planes(const U* lanes, Index count, Index cells, U* planes) {
    Index c = 0;
    for (; c + W<U> <= cells; c += W<U>)
        for (int r = 0; r < std::min<Index>(R, count); r += W<U>) {
            Vec<U> tile[W<U>];
            for (int i = 0; i < W<U>; i++) tile[i] = load(lanes + (c + i) * R + r);
            transpose<U>(tile);
            for (int i = 0; i < std::min<Index>(W<U>, count - r); i++)
                store(planes + (r + i) * cells + c, tile[i]);
        }
    for (; c < cells; c++)
        for (int r = 0; r < std::min<Index>(R, count); r++)
            planes[r * cells + c] = lanes[c * R + r];
}

}  // namespace rl::RL_LEVEL
