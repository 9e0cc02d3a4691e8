// What products and convolutions do to their sums on the way: batch norm by given statistics, relu,
// and the maxima of windows. Each is done as the kernels of these alone do it, so that the same bits come out.
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
inline void by_feature(Index c, double eps, const T* mean, const T* var, const T* w, const T* b,
                       T* p, Index pitch, T* rstd) {
    for (Index j = 0; j < c; j++) {
        rstd[j] = (T)(1 / std::sqrt(var[j] + eps));
        p[j] = mean[j];
        p[pitch + j] = rstd[j] * (w ? w[j] : T(1));
        p[2 * pitch + j] = b ? b[j] : T(0);
    }
}

inline bool pooled(const Conv& s) { return s.pool[0] * s.pool[1] > 1; }

// What tiles do, by group and feature; numbers of a group take up `padded`.
template <class T>
class Afters {
  public:
    Afters(const Conv& s, const Onward<T>& on, Index padded)
        : lowest(on.relu ? T(0) : -std::numeric_limits<T>::infinity()),
          padded(padded),
          relu(on.relu && !pooled(s)) {
        if (!on.mean) return;
        norm.resize(s.groups * 3 * padded);
        std::vector<T> rstd(s.features);
        for (Index group = 0; group < s.groups; group++) {
            Index f = group * s.features;
            by_feature(s.features, on.eps, on.mean + f, on.var + f, on.w ? on.w + f : nullptr,
                       on.b ? on.b + f : nullptr, norm.data() + group * 3 * padded, padded,
                       rstd.data());
        }
    }

    After<T> at(Index group, Index f) const {
        After<T> after(relu);
        if (!norm.empty()) after.norm = norm.data() + group * 3 * padded + f;
        after.pitch = padded;
        return after;
    }

    T lowest;  // what maxima begin with: relu behind them

  private:
    Index padded;
    bool relu;
    std::vector<T> norm;
};

// y = the maxima of the windows of `lines` of `cells` each, cells `padded` apart; their number is
// that of whole windows.
template <class T>
inline void maxima(const Conv& s, const T* from, Index lines, Index cells, Index padded, T lowest,
                   T* y) {
    for (Index l = 0; l < lines; l += s.pool[0], y += s.ys[2])
        for (Index c = 0; c < cells; c += s.pool[1])
            for (Index f = 0; f < s.features; f += W<T>) {
                const T* window = from + (l * cells + c) * padded + f;
                Vec<T> best = broadcast(lowest);
                for (Index i = 0; i < s.pool[0]; i++)
                    for (Index j = 0; j < s.pool[1]; j++)
                        best = higher(best, load(window + (i * cells + j) * padded));
                T* to = y + c / s.pool[1] * s.ys[3] + f;
                if (s.features - f >= W<T>) store(to, best);
                else store_part(to, best, (int)(s.features - f));
            }
}

}  // namespace rl::RL_LEVEL
