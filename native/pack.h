// Weights as the register tiles read them, and what comes of the tiles of their gradient.
#pragma once

#include <algorithm>

#include "conv.h"
#include "tile.h"

namespace rl::RL_LEVEL {

// Add up shares (shares, depth, padded) of a weight gradient, in order: target (depth, features).
template <class T>
inline void add_shares(const T* sums, Index shares, Index depth, Index padded, Index features,
                       T* target) {
    for (Index k = 0; k < depth; k++, sums += padded, target += features) {
        Index f = 0;
        for (; f + W<T> <= features; f += W<T>) {
            Vec<T> total = load(sums + f);
            for (Index part = 1; part < shares; part++) total += load(sums + part * depth * padded + f);
            store(target + f, total);
        }
        for (; f < features; f++) {
            T total = sums[f];
            for (Index part = 1; part < shares; part++) total += sums[part * depth * padded + f];
            target[f] = total;
        }
    }
}

// Lay the weight of a block of one group's features, from f0 on, out as the tiles read it: (taps,
// channels, lanes of the block).
template <class T>
inline void pack_block(const Conv& s, const T* w, Index f0, Index width, T* to) {
    const auto& row = s.row;
    Index taps = s.wt[0].size() * s.wt[1].size() * s.wt[2].size(), depth = taps * s.channels;
    Index valid = std::min(s.features - f0, width);
    const T* from = w + f0 * s.wf;
    if (valid < width) std::fill(to, to + depth * width, T(0));
    Index l = 0;
    for (; !row.empty() && l + W<T> <= valid; l += W<T>) {
        Index m = 0;
        for (; m + W<T> <= depth; m += W<T>) {
            turn_square<T>([&](int i) { return load(from + (l + i) * s.wf + m); },
                           [&](int i, Vec<T> line) { store(to + row[m + i] * width + l, line); });
        }
        for (; m < depth; m++)
            for (int i = 0; i < W<T>; i++) to[row[m] * width + l + i] = from[(l + i) * s.wf + m];
    }
    for (Index a : s.wt[0])
        for (Index b : s.wt[1])
            for (Index c : s.wt[2])
                for (Index k = 0; k < s.channels; k++, to += width) {
                    const T* line = from + k * s.wc + a + b + c;
                    if (s.wf == 1) std::copy(line + l, line + valid, to + l);
                    else for (Index i = l; i < valid; i++) to[i] = line[i * s.wf];
                }
}

// The same for all blocks of a group.
template <class T>
inline void pack(const Conv& s, const T* w, T* packed, Index padded) {
    Index depth = s.wt[0].size() * s.wt[1].size() * s.wt[2].size() * s.channels;
    for (Index f = 0; f < padded; f += PANEL<T>)
        pack_block(s, w, f, std::min<Index>(padded - f, PANEL<T>), packed + f * depth);
}

}  // namespace rl::RL_LEVEL
