// The cells of a convolution: how many, and where in memory each of their taps looks.
#pragma once

#include <algorithm>
#include <vector>

#include "conv.h"

namespace rl::RL_LEVEL {

inline Index cells_of(const Conv& s) { return s.n * s.out[0] * s.out[1] * s.out[2]; }
inline Index taps_of(const Conv& s) { return s.offset[0].size() * s.offset[1].size() * s.offset[2].size(); }

// Walks the output cells and gives pointers into the input.
template <class T>
class Cells {
  public:
    Cells(const Conv& s, const T* x, Index group) : s(s), x(x + group * s.channels * s.xc) {
        taps = taps_of(s);
        zeros.assign(s.channels, T(0));
        for (Index a : s.offset[0])
            for (Index b : s.offset[1])
                for (Index c : s.offset[2])
                    shift.push_back(a * s.xs[1] + b * s.xs[2] + c * s.xs[3]);
        for (Index c : s.offset[2]) {
            auto before = [&](Index i) { return (std::max(Index(0), i - c) + s.step[2] - 1) / s.step[2]; };
            seen.push_back({before(0), before(s.in[2])});
        }
    }

    // Write the pointers of `count` cells from cell m on: rows[tap * pitch + i]. A line at a time, as
    // there neighbours lie at one distance, and by each tap those inside follow each other.
    void point(Index m, Index count, const T** rows, Index pitch) const {
        const T* outside = zeros.data();
        lines(m, count, [&](Index i, Index run, const Index* o) {
            Index plane = o[1] * s.step[0], line = o[2] * s.step[1], apart = s.step[2] * s.xs[3];
            const T *from = x + o[0] * s.xs[0] + plane * s.xs[1] + line * s.xs[2] + o[3] * apart,
                    **to = rows + i;
            const Index* by = shift.data();
            for (Index a : s.offset[0])
                for (Index b : s.offset[1]) {
                    bool in = has(0, plane + a) && has(1, line + b);
                    for (auto [first, last] : seen) {
                        Index low = in ? std::clamp(first - o[3], Index(0), run) : run;
                        Index high = in ? std::clamp(last - o[3], low, run) : run;
                        const T* cell = from + *by++;
                        for (Index j = 0; j < low; j++) to[j] = outside;
                        for (Index j = low; j < high; j++) to[j] = cell + j * apart;
                        for (Index j = high; j < run; j++) to[j] = outside;
                        to += pitch;
                    }
                }
        });
    }

    // Write where the output cells lie.
    template <class U>
    void point_out(Index m, Index count, U* y, U** out) const {
        lines(m, count, [&](Index i, Index run, const Index* o) {
            U* cell = y + o[0] * s.ys[0] + o[1] * s.ys[1] + o[2] * s.ys[2] + o[3] * s.ys[3];
            for (Index j = 0; j < run; j++) out[i + j] = cell + j * s.ys[3];
        });
    }

    // Both; of less than a tile's `high` cells the last one again and again. Return how many it makes.
    Index point_tiles(Index m, Index count, Index high, const T** rows, Index pitch, T* y, T** out) const {
        point(m, count, rows, pitch);
        point_out(m, count, y, out);
        for (; count < high; count++) {
            for (Index tap = 0; tap < taps; tap++) rows[tap * pitch + count] = rows[tap * pitch + count - 1];
            out[count] = out[count - 1];
        }
        return count;
    }

    Index taps;

  private:
    bool has(int d, Index i) const { return i >= 0 && i < s.in[d]; }
    // Call f(cells before, cells, where they begin) for each piece of an output line.
    template <class F>
    void lines(Index m, Index count, F&& f) const {
        Index o[4];
        for (int d = 2; d >= 0; d--) {
            o[d + 1] = m % s.out[d];
            m /= s.out[d];
        }
        o[0] = m;
        for (Index i = 0, run; i < count; i += run) {
            run = std::min(count - i, s.out[2] - o[3]);
            f(i, run, o);
            o[3] = 0;
            if (++o[2] < s.out[1]) continue;
            o[2] = 0;
            if (++o[1] < s.out[0]) continue;
            o[1] = 0;
            o[0]++;
        }
    }

    const Conv& s;
    const T* x;
    struct Span {
        Index first, last;
    };
    std::vector<Span> seen;  // the cells of a line that each tap of it sees inside
    std::vector<Index> shift;
    std::vector<T> zeros;
};

}  // namespace rl::RL_LEVEL
