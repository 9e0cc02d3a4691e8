// What products and convolutions do to their sums on the way: batch norm by given statistics, relu,
// and the maxima of windows. Each is done as the kernels of these alone do it, so that the same bits
// come out.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "conv.h"
#include "tile.h"

namespace rl::RL_LEVEL {

// p (3, pitch): mean, scale and shift of c features; w and b may be null. rstd (c) comes out.
template <class T>
[[gnu::noinline]] void by_feature(Index c, double eps, const T* mean, const T* var, const T* w,
                                  const T* b, T* p, Index pitch, T* rstd) {
    for (Index j = 0; j < c; j++) rstd[j] = (T)(1 / std::sqrt(var[j] + eps));  // in vectors
    std::copy_n(mean, c, p);
    for (Index j = 0; j < c; j++) p[pitch + j] = rstd[j] * (w ? w[j] : T(1));
    if (b) std::copy_n(b, c, p + 2 * pitch);
    else std::fill_n(p + 2 * pitch, c, T(0));
}

// The same of features f ... f + c of what follows a product.
template <class T>
[[gnu::noinline]] void by_feature(Index c, const Onward<T>& on, Index f, T* p, Index pitch, T* rstd) {
    by_feature(c, on.eps, on.mean + f, on.var + f, on.w ? on.w + f : nullptr,
               on.b ? on.b + f : nullptr, p, pitch, rstd);
}

inline bool pooled(const Conv& s) { return s.pool[0] * s.pool[1] > 1; }

// What tiles do, by group and feature; numbers of a group take up `padded`.
template <class T>
class Afters {
  public:
    Afters(const Conv& s, const Onward<T>& on, Index padded)
        : lowest(on.relu ? T(0) : -std::numeric_limits<T>::infinity()),
          padded(padded),
          relu(on.relu && !pooled(s)),
          maxima(pooled(s)) {
        if (!on.mean) return;
        norm.resize(s.groups * 3 * padded);
        std::vector<T> rstd(s.features);
        for (Index group = 0; group < s.groups; group++)
            by_feature(s.features, on, group * s.features, norm.data() + group * 3 * padded, padded,
                       rstd.data());
    }

    After<T> at(Index group, Index f) const {
        After<T> after(relu);
        after.maxima = maxima;
        if (!norm.empty()) after.norm = norm.data() + group * 3 * padded + f;
        after.pitch = padded;
        return after;
    }

    // What the maxima of `lines` of `cells` each begin with, if there are any.
    void begin(const Conv& s, Index lines, Index cells, T* y) const {
        for (Index l = 0; maxima && l < lines; l += s.pool[0], y += s.ys[2])
            for (Index c = 0; c < cells; c += s.pool[1])
                std::fill_n(y + c / s.pool[1] * s.ys[3], s.features, lowest);
    }

    T lowest;  // what maxima begin with: relu behind them

  private:
    Index padded;
    bool relu, maxima;
    std::vector<T> norm;
};

}  // namespace rl::RL_LEVEL
