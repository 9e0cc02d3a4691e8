// Products of small matrices: the second operand is laid out in strips of columns, as wide as the
// register tiles, and every strip meets all rows while it is in the cache.
#pragma once

#include <algorithm>

#include "tile.h"

namespace rl::RL_LEVEL {

template <class T>
Index padded(Index n) {
    return round_up(n, W<T>);
}

// Call f(from, width, valid) for the strips of n columns that tiles of V vectors take.
template <class T, int V = V_MAX, class F>
void strips(Index n, F&& f) {
    for (Index from = 0, whole = padded<T>(n); from < whole; from += V * W<T>) {
        Index width = std::min<Index>(whole - from, V * W<T>);
        f(from, width, std::min(n - from, width));
    }
}

// Lay rows (depth, n) out as a product's second operand: (strips, depth, width).
template <class T, int V = V_MAX>
void pack_rows(Index depth, Index n, const T* rows, Index step, T* packed) {
    strips<T, V>(n, [&](Index from, Index width, Index valid) {
        T* to = packed + from * depth;
        for (Index d = 0; d < depth; d++, to += width) {
            std::copy_n(rows + d * step + from, valid, to);
            std::fill(to + valid, to + width, T(0));
        }
    });
}

// The same for rows (n, depth), which are its columns, times a number.
template <class T, int V = V_MAX>
void pack_columns(Index depth, Index n, const T* rows, Index step, T scale, T* packed) {
    strips<T, V>(n, [&](Index from, Index width, Index valid) {
        T* to = packed + from * depth;
        const T* first = rows + from * step;
        if (valid < width) std::fill_n(to, depth * width, T(0));
        Index l = 0;
        for (; l + W<T> <= valid; l += W<T>) {
            Index d = 0;
            for (; d + W<T> <= depth; d += W<T>) {
                turn_square<T>([&](int i) { return load(first + (l + i) * step + d) * scale; },
                               [&](int i, Vec<T> line) { store(to + (d + i) * width + l, line); });
            }
            for (; d < depth; d++)
                for (int i = 0; i < W<T>; i++)
                    to[d * width + l + i] = first[(l + i) * step + d] * scale;
        }
        for (; l < valid; l++)
            for (Index d = 0; d < depth; d++) to[d * width + l] = first[l * step + d] * scale;
    });
}

// y (m, n) = a (m, depth) times a packed b; rows `of_a` and `of_y` apart. Inlined into a step of an
// LSTM, it lacked registers: a tenth slower.
template <class T>
[[gnu::noinline]] void product(Index m, Index n, Index depth, const T* a, Index of_a, const T* b,
                               T* y, Index of_y) {
    static constexpr T zeros[V_MAX * W<T>]{};
    Tiles tiles = tiles_of<T>(m);
    strips<T>(n, [&](Index from, Index width, Index valid) {
        int v = (int)(width / W<T>), lanes = (int)(valid - (v - 1) * W<T>);
        for (auto [i, count] : tiles) {
            const T* rows[P_MAX<T>];
            T* out[P_MAX<T>];
            for (Index p = 0; p < count; p++) {
                rows[p] = a + (i + p) * of_a;
                out[p] = y + (i + p) * of_y + from;
            }
            rows_tile_of<T>(count, v)(rows, P_MAX<T>, 1, depth, b + from * depth, zeros, out, lanes,
                                      false);
        }
    });
}

// A single row: each addition waits for the one before, so it takes this many sums side by side to
// keep the processor busy.
inline constexpr int V_ROW = 8;

template <class T, int... V>
auto row_tile_pick(int v, std::integer_sequence<int, V...>) {
    static constexpr decltype(&rows_tile<T, 1, 1>) table[] = {&rows_tile<T, 1, V + 1>...};
    return table[v - 1];
}

// y (n) = a (depth) times b, packed in strips of V_ROW vectors
template <class T>
void product_of_row(Index n, Index depth, const T* a, const T* b, T* y) {
    static constexpr T zeros[V_ROW * W<T>]{};
    strips<T, V_ROW>(n, [&](Index from, Index width, Index valid) {
        int v = (int)(width / W<T>), lanes = (int)(valid - (v - 1) * W<T>);
        T* out[] = {y + from};
        auto tile = row_tile_pick<T>(v, std::make_integer_sequence<int, V_ROW>());
        tile(&a, 1, 1, depth, b + from * depth, zeros, out, lanes, false);
    });
}

}  // namespace rl::RL_LEVEL
