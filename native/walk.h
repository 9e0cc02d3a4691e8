// NumPy's own inner loops, walked over arrays: the arithmetic and the bits are NumPy's.
#pragma once

#include <algorithm>
#include <array>
#include <cstdlib>

#include "index.h"
#include "ready.h"

namespace rl {

// The types are part of NumPy's binary interface: a loop over n items of operands with steps.
using Step = Py_ssize_t;
using Loop = void (*)(char**, const Step*, const Step*, void*);

constexpr int OPERANDS = 3;
using Steps = std::array<Step, OPERANDS>;

struct Operand {
    char* data;
    std::vector<Step> shape, strides;  // in bytes
    Step item;                         // bytes of a number

    // The stride along a dim of the result, which has `ndim` of them.
    Step along(std::size_t dim, std::size_t ndim) const {
        if (dim + shape.size() < ndim) return 0;
        std::size_t own = dim + shape.size() - ndim;
        return shape[own] == 1 ? 0 : strides[own];
    }
    std::pair<const char*, const char*> bounds() const {
        const char *low = data, *high = data + item;
        for (std::size_t d = 0; d < shape.size(); d++)
            (strides[d] < 0 ? low : high) += strides[d] * (shape[d] - 1);
        return {low, high};
    }
    // Tell whether two of its numbers may lie in the same place.
    bool folded() const {
        std::vector<std::pair<Step, Step>> dims;
        for (std::size_t d = 0; d < shape.size(); d++)
            if (shape[d] > 1) dims.emplace_back(std::abs(strides[d]), shape[d]);
        std::sort(dims.begin(), dims.end());
        Step extent = item;
        for (auto [stride, size] : dims) {
            if (stride < extent) return true;
            extent += stride * (size - 1);
        }
        return false;
    }
};

// An elementwise function of up to two operands and a result, which all are broadcast to.
class Walk : public Ready {
  public:
    Walk(Loop loop, void* with, const std::vector<Operand>& operands)
        : loop(loop), with(with), count(operands.size()) {
        const Operand& result = operands.back();
        std::size_t ndim = result.shape.size();
        for (std::size_t k = 0; k < count; k++) start[k] = operands[k].data;
        for (std::size_t d = 0; d < ndim; d++) {
            if (result.shape[d] == 1) continue;
            Axis axis{result.shape[d], {}};
            for (std::size_t k = 0; k < count; k++) axis.steps[k] = operands[k].along(d, ndim);
            axes.push_back(axis);
        }
        order();
    }

    void make() const override {
        std::array<char*, OPERANDS> at = start;
        walk(0, at);
    }

  private:
    struct Axis {
        Step size;
        Steps steps;
    };
    static constexpr Step SHORT = 16;  // below it a loop is not worth its call

    Loop loop;
    void* with;
    std::size_t count;
    std::array<char*, OPERANDS> start{};
    std::vector<Axis> axes;  // the outermost first

    // Sort the axes as the result lies in memory, and make one of those that follow each other.
    void order() {
        std::size_t last = count - 1;
        std::stable_sort(axes.begin(), axes.end(), [&](const Axis& a, const Axis& b) {
            return std::abs(a.steps[last]) > std::abs(b.steps[last]);
        });
        std::vector<Axis> joined;
        for (const Axis& axis : axes) {
            bool follows = !joined.empty();
            for (std::size_t k = 0; follows && k < count; k++)
                follows = joined.back().steps[k] == axis.steps[k] * axis.size;
            if (follows) joined.back() = {joined.back().size * axis.size, axis.steps};
            else joined.push_back(axis);
        }
        axes = joined;
        if (axes.empty()) axes.push_back({1, {}});
        auto longest = std::max_element(axes.begin(), axes.end(), [](const Axis& a, const Axis& b) {
            return a.size < b.size;
        });
        if (axes.back().size < SHORT) std::iter_swap(longest, axes.end() - 1);
    }

    void walk(std::size_t d, std::array<char*, OPERANDS> at) const {
        const Axis& axis = axes[d];
        if (d + 1 == axes.size()) return loop(at.data(), &axis.size, axis.steps.data(), with);
        for (Step i = 0; i < axis.size; i++) {
            walk(d + 1, at);
            for (std::size_t k = 0; k < count; k++) at[k] += axis.steps[k];
        }
    }
};

// A matrix product: NumPy's loop of matmul, which chooses what of BLAS to call.
class Product : public Ready {
  public:
    Product(Loop loop, void* with, const Operand& a, const Operand& b, const Operand& y)
        : loop(loop), with(with), start{a.data, b.data, y.data},
          sizes{1, a.shape[0], a.shape[1], b.shape[1]},
          steps{0, 0, 0, a.strides[0], a.strides[1], b.strides[0], b.strides[1], y.strides[0],
                y.strides[1]} {}

    void make() const override {
        std::array<char*, OPERANDS> at = start;
        loop(at.data(), sizes.data(), steps.data(), with);
    }

  private:
    Loop loop;
    void* with;
    std::array<char*, OPERANDS> start;
    std::array<Step, 4> sizes;
    std::array<Step, 9> steps;
};

}  // namespace rl
