// The windows of a pooling, one after the other.
#pragma once

#include <algorithm>
#include <vector>

#include "pool.h"
#include "simd.h"

namespace rl::RL_LEVEL {

struct Window {
    Index out, first;   // its output cell and its first input cell, in the sample
    const Index* taps;  // its cells, as distances from the first
    Index count;
};

class Windows {
  public:
    explicit Windows(const Pool& s) : s(s) {
        std::vector<Index> counts[3];
        for (int d = 0; d < 3; d++) {
            for (Index count : s.count[d]) {
                auto found = std::find(counts[d].begin(), counts[d].end(), count);
                kind[d].push_back(found - counts[d].begin());
                if (found == counts[d].end()) counts[d].push_back(count);
            }
            kinds[d] = counts[d].size();
        }
        for (Index a : counts[0])
            for (Index b : counts[1])
                for (Index c : counts[2]) {
                    auto& taps = lists.emplace_back();
                    for (Index i = 0; i < a; i++)
                        for (Index j = 0; j < b; j++)
                            for (Index k = 0; k < c; k++)
                                taps.push_back(cell(i * s.step[0], j * s.step[1], k * s.step[2]));
                    most = std::max(most, a * b * c);
                }
        lines = s.first[1].size();
        columns = s.first[2].size();
        rows = s.first[0].size() * lines;
        cells = s.size[0] * s.size[1] * s.size[2];
    }

    // Call f(window) for the windows of a row, the last one first if `back`.
    template <class F>
    void row(Index row, bool back, F&& f) const {
        Index corner = lowest(row) * s.size[2];
        const std::vector<Index>* near = taps(row);
        for (Index i = 0; i < columns; i++) {
            Index w = back ? columns - 1 - i : i;
            const std::vector<Index>& taps = near[kind[2][w]];
            f(Window{row * columns + w, corner + s.first[2][w], taps.data(), (Index)taps.size()});
        }
    }

    // The first of them.
    Window start(Index row) const {
        const std::vector<Index>& first = taps(row)[kind[2][0]];
        Index corner = lowest(row) * s.size[2] + s.first[2][0];
        return {row * columns, corner, first.data(), (Index)first.size()};
    }

    // The first row of the input that a row of windows looks at.
    Index lowest(Index row) const {
        return s.first[0][row / lines] * s.size[1] + s.first[1][row % lines];
    }

    // Whether windows lie side by side, two columns each, so that a line fills vectors.
    bool paired(Index lanes) const {
        bool pairs = columns >= lanes && s.step[2] == 1;
        for (Index w = 0; pairs && w < columns; w++)
            pairs = s.count[2][w] == 2 && s.first[2][w] == 2 * w;
        return pairs;
    }

    // How far apart in the input two rows of windows begin.
    Index pitch() const { return rows > 1 ? (lowest(1) - lowest(0)) * s.size[2] : 0; }

    Index outs() const { return rows * columns; }

    Index rows, columns, cells;  // of a sample: rows of windows, windows of a row, input cells
    Index most = 1;              // cells of a window

  private:
    const std::vector<Index>* taps(Index row) const {
        return &lists[(kind[0][row / lines] * kinds[1] + kind[1][row % lines]) * kinds[2]];
    }
    Index cell(Index d, Index h, Index w) const { return (d * s.size[1] + h) * s.size[2] + w; }

    const Pool& s;
    Index lines;
    std::vector<Index> kind[3];  // of windows of equal count, by output cell
    Index kinds[3];
    std::vector<std::vector<Index>> lists;  // of taps, by kind
};

}  // namespace rl::RL_LEVEL
