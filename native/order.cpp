// Copies into C order, quick where the last axes are short: cells that go between channels and
// places. NumPy's loop runs along the last axis, two numbers long perhaps; this one runs along the
// last axis that is long, and so near to where it has just written that memory is written once.
#include <algorithm>
#include <type_traits>
#include <vector>

#include "maps.h"
#include "pointwise.h"

namespace rl::RL_LEVEL {
namespace {

constexpr Index SHORT = 8;       // numbers: an axis of fewer is short
constexpr Index MOST = 64;       // numbers of the short axes together
constexpr Index NEAR = 1 << 11;  // numbers that are written, some at a time, until all of them are

struct Axis {
    Index size, stride;
};

// Axes of more than one number; those that one loop can follow are one.
std::vector<Axis> joined(Index n, const Index* sizes, const Index* strides) {
    std::vector<Axis> axes;
    for (Index d = 0; d < n; d++) {
        if (sizes[d] == 1) continue;
        if (!axes.empty() && axes.back().stride == sizes[d] * strides[d])
            axes.back() = {axes.back().size * sizes[d], strides[d]};
        else axes.push_back({sizes[d], strides[d]});
    }
    return axes;
}

// Where the numbers of some axes lie, in C order.
std::vector<Index> places(const std::vector<Axis>& axes) {
    std::vector<Index> found{0};
    for (Axis a : axes) {
        std::vector<Index> more;
        for (Index at : found)
            for (Index i = 0; i < a.size; i++) more.push_back(at + i * a.stride);
        found = std::move(more);
    }
    return found;
}

// The last axis, if it is short, as a number that the compiler knows.
template <class F>
void known(Index size, F&& f) {
    if (size == 1) f(std::integral_constant<Index, 1>{});
    else if (size == 2) f(std::integral_constant<Index, 2>{});
    else if (size == 3) f(std::integral_constant<Index, 3>{});
    else if (size == 4) f(std::integral_constant<Index, 4>{});
    else f(size);
}

template <class T>
void in_order(Index n, const Index* sizes, const Index* strides, const T* x, T* y) {
    if (std::find(sizes, sizes + n, 0) != sizes + n) return;
    std::vector<Axis> outer = joined(n, sizes, strides), few;
    Index width = 1;
    Axis last{1, 0}, run{1, 0};
    auto ends = [&] { return outer.back().size < SHORT && width * outer.back().size <= MOST; };
    while (outer.size() > 1 && ends()) {
        if (width == 1) last = outer.back();
        else few.insert(few.begin(), outer.back());
        width *= outer.back().size;
        outer.pop_back();
    }
    if (!outer.empty()) run = outer.back(), outer.pop_back();
    std::vector<Index> near = places(few);
    Index rows = 1, row = run.size * width, piece = std::max(Index(1), NEAR / width);
    for (Axis a : outer) rows *= a.size;
    Index group = std::max(Index(1), NUMBERS / row);
    known(last.size, [&](auto size) {
        parallel((rows + group - 1) / group, [&](Index task) {
            Index from = task * group, end = std::min(rows, from + group);
            std::vector<Index> index(outer.size());
            const T* start = x;
            for (Index d = outer.size() - 1, left = from; d >= 0; left /= outer[d--].size) {
                index[d] = left % outer[d].size;
                start += index[d] * outer[d].stride;
            }
            for (Index i = from; i < end; i++) {
                for (Index first = 0; first < run.size; first += piece) {
                    Index until = std::min(run.size, first + piece);
                    T* to = y + i * row;
                    for (Index at : near) {
                        for (Index l = first; l < until; l++)
                            for (Index j = 0; j < size; j++)
                                to[l * width + j] = start[at + l * run.stride + j * last.stride];
                        to += size;
                    }
                }
                for (Index d = outer.size() - 1; d >= 0; d--) {
                    start += outer[d].stride;
                    if (++index[d] < outer[d].size) break;
                    start -= index[d] * outer[d].stride;
                    index[d] = 0;
                }
            }
        });
    });
}

}  // namespace

template <class T>
void fill_order(PointwiseKernels<T>& k) {
    k.in_order = in_order<T>;
}
RL_FILL(fill_order, PointwiseKernels)

}  // namespace rl::RL_LEVEL
