// Sums, moments and maps of rows (m, c) of adjoining channels.
//
// Sums are made in T over blocks of rows that stay in registers, and go on in double from block to
// block: one pass over memory, and the error does not grow with the number of rows. Variances are
// sums of squares about a centre near the mean of each block, joined as Chan, Golub and LeVeque do
// (Updating Formulae and a Pairwise Algorithm for Computing Sample Variances, 1979).
#pragma once

#include <algorithm>
#include <vector>

#include "lanes.h"
#include "threads.h"

namespace rl::RL_LEVEL {

constexpr Index BLOCK = 64;       // rows of a block
constexpr Index CENTRE = 8;       // rows whose mean is the centre of their block
constexpr Index STRIP = 512;      // lanes of a task that sums
constexpr Index TASK = 1 << 17;   // bytes of a task: some ten microseconds
constexpr Index PARTS = 16;       // most sums that are added up at the end
constexpr int VECTORS = 4;       // vectors of a row that are in registers at a time

// Where the vectors of a chunk of lanes begin. The last may overlap the one before, so that no
// vector is partial: its lanes are then computed twice, to the same result.
template <class T, int V>
struct Chunk {
    Index first, last;
    Index operator[](int v) const { return v < V - 1 ? first + v * W<T> : last; }
};

// Call f with the chunks that cover `lanes` lanes (at least W), of nearly equal sizes.
template <class T, class F>
void chunks(Index lanes, F&& f) {
    Index vectors = (lanes + W<T> - 1) / W<T>;
    for (Index v = 0; v < vectors;) {
        Index left = vectors - v, count = std::min<Index>(VECTORS, left);
        if (left > VECTORS && left < 2 * VECTORS) count = (left + 1) / 2;
        Index first = v * W<T>, last = std::min(first + (count - 1) * W<T>, lanes - W<T>);
        if (count == 4) f(Chunk<T, 4>{first, last});
        else if (count == 3) f(Chunk<T, 3>{first, last});
        else if (count == 2) f(Chunk<T, 2>{first, last});
        else f(Chunk<T, 1>{first, last});
        v += count;
    }
}

// Rows (m, c). Where channels are few, several rows side by side count as one wide row, so that its
// lanes fill vectors: channel j is then in the lanes j, j + c, ... The rows that remain are `tail`
// lanes of one more wide row.
template <class T>
struct Rows {
    Index c, side, width, rows, tail, strips, parts, share;

    Rows(Index m, Index c) : c(c), side(std::max<Index>(1, VECTORS * W<T> / c)) {
        width = side * c;
        rows = m / side;
        tail = m % side * c;
        strips = std::max(Index(1), width / STRIP);
        parts = std::clamp<Index>(rows * (width / strips) * sizeof(T) / TASK, 1, PARTS);
        share = (rows + parts - 1) / parts;
    }
    Index rows_of(Index part) const { return std::clamp(rows - part * share, Index(0), share); }

    // Call f(part, first lane, lanes, first row, rows, rows of this part before) for every block.
    template <class F>
    void each_block(F&& f) const {
        parallel(parts * strips, [&](Index task) {
            Index part = task / strips, strip = task % strips, from = strip * STRIP;
            Index lanes = strip == strips - 1 ? width - from : STRIP, count = rows_of(part);
            for (Index i = 0; i < count; i += BLOCK)
                f(part, from, lanes, part * share + i, std::min(BLOCK, count - i), i);
        });
    }

    // Repeat the first c of `width` numbers.
    [[gnu::noinline]] void tile(T* p) const {
        for (Index l = c; l < width; l++) p[l] = p[l - c];
    }
};

// Numbers, or those of a gradient that relu lets through: where its result y is not 0.
template <class T>
struct Source {
    const T* g;
    const T* y = nullptr;
    Vec<T> vec(Index i) const {
        Vec<T> a = load(g + i);
        return y ? (load(y + i) == 0 ? Vec<T>{} : a) : a;
    }
    T one(Index i) const { return y && y[i] == 0 ? T(0) : g[i]; }
};

// out (S, c) = the sums over the rows of g and, for S = 2, of g * (x - mean); mean (width).
template <class T, int S, class From>
void sums(const Rows<T>& s, From g, const T* x, const T* mean, double* out) {
    std::vector<double> all(s.parts * S * s.width);
    s.each_block([&](Index part, Index from, Index lanes, Index row, Index n, Index) {
        T block[S][2 * STRIP];
        Index start = row * s.width + from;
        chunks<T>(lanes, [&]<int V>(Chunk<T, V> at) {
            Vec<T> total[V]{}, along[V]{}, centre[V]{};
            if constexpr (S == 2)
                RL_UNROLL for (int v = 0; v < V; v++) centre[v] = load(mean + from + at[v]);
            for (Index i = 0, place = start; i < n; i++, place += s.width)
                RL_UNROLL for (int v = 0; v < V; v++) {
                    Vec<T> a = g.vec(place + at[v]);
                    total[v] += a;
                    if constexpr (S == 2) along[v] += a * (load(x + place + at[v]) - centre[v]);
                }
            RL_UNROLL for (int v = 0; v < V; v++) {
                store(block[0] + at[v], total[v]);
                if constexpr (S == 2) store(block[1] + at[v], along[v]);
            }
        });
        for (int q = 0; q < S; q++) {
            double* sum = all.data() + (part * S + q) * s.width + from;
            for (Index l = 0; l < lanes; l++) sum[l] += block[q][l];
        }
    });
    std::fill(out, out + S * s.c, 0.0);
    const double* sum = all.data();
    for (Index part = 0; part < s.parts; part++)
        for (int q = 0; q < S; q++)
            for (Index k = 0; k < s.side; k++, sum += s.c)
                for (Index j = 0; j < s.c; j++) out[q * s.c + j] += sum[j];
    Index start = s.rows * s.width;
    for (Index l = 0; l < s.tail; l += s.c)
        for (Index j = 0; j < s.c; j++) {
            T a = g.one(start + l + j);
            out[j] += a;
            if constexpr (S == 2) out[s.c + j] += a * (x[start + l + j] - mean[j]);
        }
}

// Join the mean and the sum of squared deviations of n numbers with those of n_b others.
inline void join(double& mean, double& square, double n, double mean_b, double square_b,
                 double n_b) {
    double delta = mean_b - mean, share = n_b / (n + n_b);
    mean += delta * share;
    square += square_b + delta * delta * (n * share);
}

// mean (c), square (c): the sum of squared deviations from it.
template <class T>
void moments(const Rows<T>& s, const T* x, double* mean, double* square) {
    Index size = s.parts * s.width;
    std::vector<double> all(2 * size);  // means, less the first row: then joining rounds them less
    std::vector<T> origin(x, x + (s.rows || s.tail ? s.c : 0));
    origin.resize(s.width);
    s.tile(origin.data());
    s.each_block([&](Index part, Index from, Index lanes, Index row, Index n, Index before) {
        T block[3][2 * STRIP];
        const T* start = x + row * s.width + from;
        Index near = std::min(n, CENTRE);
        chunks<T>(lanes, [&]<int V>(Chunk<T, V> at) {
            // The mean of a few rows of the block is no farther from its mean than sqrt(n / near)
            // standard deviations, so that few digits cancel below.
            Vec<T> centre[V]{}, total[V]{}, along[V]{};
            for (Index i = 0; i < near; i++)
                RL_UNROLL for (int v = 0; v < V; v++)
                    centre[v] += load(start + i * s.width + at[v]);
            RL_UNROLL for (int v = 0; v < V; v++) centre[v] *= T(1) / T(near);
            const T* place = start;
            for (Index i = 0; i < n; i++, place += s.width)
                RL_UNROLL for (int v = 0; v < V; v++) {
                    Vec<T> d = load(place + at[v]) - centre[v];
                    total[v] += d;
                    along[v] += d * d;
                }
            RL_UNROLL for (int v = 0; v < V; v++) {
                store(block[0] + at[v], centre[v]);
                store(block[1] + at[v], total[v]);
                store(block[2] + at[v], along[v]);
            }
        });
        double* mean = all.data() + part * s.width + from;
        double* square = mean + size;
        double count = (double)n, inverse = 1 / count;
        for (Index l = 0; l < lanes; l++) {
            double total = block[1][l], shift = total * inverse;
            double offset = block[0][l] - origin[from + l];
            join(mean[l], square[l], (double)before, offset + shift, block[2][l] - total * shift,
                 count);
        }
    });
    std::fill(mean, mean + s.c, 0.0);
    std::fill(square, square + s.c, 0.0);
    Index n = 0;
    for (Index part = 0; part < s.parts; part++) {
        Index count = s.rows_of(part);
        const double* from = all.data() + part * s.width;
        for (Index k = 0; count && k < s.side; k++, from += s.c, n += count)
            for (Index j = 0; j < s.c; j++)
                join(mean[j], square[j], (double)n, from[j], from[j + size], (double)count);
    }
    const T* row = x + s.rows * s.width;
    for (Index l = 0; l < s.tail; l += s.c, n++)
        for (Index j = 0; j < s.c; j++)
            join(mean[j], square[j], (double)n, row[l + j] - origin[j], 0, 1);
    for (Index j = 0; j < s.c; j++) mean[j] += origin[j];
}

// y = f(a, b, p) lane by lane; p (P, width) are numbers by channel.
template <int P, class T, class F>
void map(const Rows<T>& s, Source<T> a, const T* b, const T* p, T* y, F&& f) {
    Index size = std::max<Index>(1, TASK / (s.width * sizeof(T)));
    parallel((s.rows + size - 1) / size, [&](Index task) {
        Index end = std::min(s.rows, (task + 1) * size);
        chunks<T>(s.width, [&]<int V>(Chunk<T, V> at) {
            Vec<T> q[V][P];
            RL_UNROLL for (int v = 0; v < V; v++)
                RL_UNROLL for (int k = 0; k < P; k++) q[v][k] = load(p + k * s.width + at[v]);
            for (Index place = task * size * s.width; place < end * s.width; place += s.width)
                RL_UNROLL for (int v = 0; v < V; v++) {
                    Index i = place + at[v];
                    store(y + i, f(a.vec(i), load(b + i), q[v]));
                }
        });
    });
    for (Index l = 0, place = s.rows * s.width; l < s.tail; l++, place++) {
        T q[P];
        for (int k = 0; k < P; k++) q[k] = p[k * s.width + l];
        y[place] = f(a.one(place), b[place], q);
    }
}

// y = (x - p0) p1 + p2: the mean is taken off first, as it may be large beside the deviations
template <class T>
void affine(const Rows<T>& s, const T* x, T* p, T* y, bool relu = false) {
    for (int k = 0; k < 3; k++) s.tile(p + k * s.width);
    map<3>(s, Source<T>{x}, x, p, y, [relu](auto x, auto, auto* p) {
        auto z = normalized(x, p[0], p[1], p[2]);
        return relu ? max_nan(z, decltype(z){}) : z;
    });
}

// dx = g p0 + (x - p1) p2 + p3
template <class T>
void through(const Rows<T>& s, Source<T> g, const T* x, T* p, T* dx) {
    for (int k = 0; k < 4; k++) s.tile(p + k * s.width);
    map<4>(s, g, x, p, dx,
           [](auto g, auto x, auto* p) { return g * p[0] + ((x - p[1]) * p[2] + p[3]); });
}

template <class T>
void write(const double* from, Index n, T* to) {
    if (to) std::copy_n(from, n, to);
}

template <class T>
T weight(const T* w, Index j) {
    return w ? w[j] : T(1);
}

}  // namespace rl::RL_LEVEL
