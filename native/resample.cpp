// Maps along up to three axes: resizing, padding, averages, and the gradients of these.
//
// A row of the result (its last axis) comes from one row, the sum of the rows of the input that the
// maps of the other axes name, by the map of the last axis. Where numbers adjoin behind that axis
// (channels), vectors run over them. Where none do, cells that come with their neighbours are
// copied in vectors; otherwise as many rows as a vector has lanes are turned, mapped, and turned
// back.
#include "resample.h"

#include <algorithm>

#include "lanes.h"
#include "scratch.h"
#include "threads.h"

namespace rl::RL_LEVEL {
namespace {

constexpr Index TASK = 1 << 15;  // numbers of rows, before and after, of a task
constexpr Index WIDE = 1 << 14;  // numbers of a row that are too many to be turned in the cache

// Call f(zero, i) for the vectors of a row, the last of which may overlap with the one before, or
// for single numbers where there are fewer. Not inlined, f would fetch its pointers each time.
template <class T, class F>
[[gnu::always_inline]] inline void cover(Index n, F f) {
    if (n < W<T>) {
        for (Index i = 0; i < n; i++) f(T(0), i);
        return;
    }
    Index last = n - W<T>;
    for (Index i = 0;; i = std::min(i + W<T>, last)) {
        f(Vec<T>{}, i);
        if (i == last) return;
    }
}

template <class T>
void copy(Index n, const T* x, T* y) {
    cover<T>(n, [=](auto zero, Index i) { put(y + i, get<decltype(zero)>(x + i)); });
}

// The same in whole vectors: up to W<T> - 1 numbers behind these are read and written, too.
template <class T>
void copy_loosely(Index n, const T* x, T* y) {
    for (Index i = 0; i < n; i += W<T>) store(y + i, load(x + i));
}

// y (n) = sum of weight * row, K of them; 0: any number
template <int K, class T>
void mix_of(Index n, Index count, const T* const* row, const T* weight, T* y) {
    cover<T>(n, [=](auto zero, Index i) {
        using V = decltype(zero);
        V sum = weight[0] * get<V>(row[0] + i);
        for (Index k = 1; k < (K ? K : count); k++) sum += weight[k] * get<V>(row[k] + i);
        put(y + i, sum);
    });
}
template <class T>
void mix(Index n, Index count, const T* const* row, const T* weight, T* y) {
    if (count == 1 && weight[0] == 1) copy(n, row[0], y);
    else if (count == 1) mix_of<1>(n, count, row, weight, y);
    else if (count == 2) mix_of<2>(n, count, row, weight, y);
    else if (count == 4) mix_of<4>(n, count, row, weight, y);
    else mix_of<0>(n, count, row, weight, y);
}

// Rows of the result, one after the other from a number on.
template <class T>
class Rows {
  public:
    Rows(const Resample& s, const T* x, T fill, bool turn, Index number)
        : d(s.line[0]), h(s.line[1]), w(s.line[2]), inner(s.inner), wide(w.in * inner), x(x),
          end(x + s.outer * d.in * h.in * wide), fill(fill), o(number / h.out / d.out), i(number / h.out % d.out), j(number % h.out),
          row(std::max(d.most * h.most, w.most)), weight(row.size()), by_d(d.weight<T>()),
          by_h(h.weight<T>()), by_w(w.weight<T>()), sums(scratch<T>(0, wide * (turn ? W<T> : 1) + W<T>)) {
        if (!turn) return;
        lanes = scratch<T>(1, w.in * W<T>);
        mapped = scratch<T>(2, w.out * W<T>);
    }

    // y: the next row; `behind`: how many numbers behind it will be written after it
    void one(T* y, Index behind) {
        const Line::Run& first = w.runs[0];
        if (first.kind == Line::COPIES && first.count == w.out) {  // the row itself, or a part of it
            Index n = w.out * inner;
            const T* from = summed(first.from * inner, n, y);
            if (from != y) copy(n, from, y);
            return;
        }
        const T* from = summed(0, wide, sums);
        if (behind >= W<T> && (from == sums || from + wide + W<T> <= end))
            runs(from, y, [](Index n, const T* x, T* y) { copy_loosely(n, x, y); });
        else runs(from, y, [](Index n, const T* x, T* y) { copy(n, x, y); });
    }

    // y: the next rows of single numbers, `count` of them, up to W<T>
    void turned(Index count, T* y) {
        constexpr int R = W<T>;
        const T* from[R];
        for (Index r = 0; r < R; r++)
            from[r] = r < count ? summed(0, wide, sums + r * wide) : from[count - 1];
        squares(w.in, [&](Index c) {
            turn_square<T>([&](int r) { return load(from[r] + c); },
                           [&](int l, Vec<T> v) { store(lanes + (c + l) * R, v); });
        }, [&](Index c) { for (int r = 0; r < R; r++) lanes[c * R + r] = from[r][c]; });
        for (Index c = 0; c < w.out; c++) store(mapped + c * R, cell(c));
        squares(w.out, [&](Index c) {
            turn_square<T>([&](int l) { return load(mapped + (c + l) * R); },
                           [&](int r, Vec<T> v) { if (r < count) store(y + r * w.out + c, v); });
        }, [&](Index c) {
            for (Index r = 0; r < count; r++) y[r * w.out + c] = mapped[c * R + r];
        });
    }

  private:
    // Call whole(i) for squares of a row's cells, or single(i) where there are fewer cells.
    template <class Whole, class Single>
    static void squares(Index n, Whole&& whole, Single&& single) {
        if (n >= W<T>) {
            for (Index i = 0; i < n; i += W<T>) whole(std::min(i, n - W<T>));
        } else {
            for (Index i = 0; i < n; i++) single(i);
        }
    }

    // y: a row, by the runs of its cells, the first of them first
    template <class Copy>
    void runs(const T* from, T* y, Copy&& copy) {
        for (const Line::Run& run : w.runs) {
            Index n = run.count * inner;
            T* to = y + run.to * inner;
            if (run.kind == Line::COPIES) copy(n, from + run.from * inner, to);
            else if (run.kind == Line::EMPTY) for (Index k = 0; k < n; k++) to[k] = fill;
            else for (Index k = 0; k < run.count; k++) cell(from, run.to + k, to + k * inner);
        }
    }

    // Return where the n numbers lie, from `skip` on, of the row that the next row of the result
    // comes from: in the input, or in `into`.
    const T* summed(Index skip, Index n, T* into) {
        Index count = 0, only_d = d.only[i], only_h = h.only[j];
        if ((only_d | only_h) >= 0) {
            const T* from = x + ((o * d.in + only_d) * h.in + only_h) * wide + skip;
            advance();
            return from;
        }
        for (Index a = d.start[i]; a < d.start[i + 1]; a++)
            for (Index b = h.start[j]; b < h.start[j + 1]; b++) {
                row[count] = x + ((o * d.in + d.index[a]) * h.in + h.index[b]) * wide + skip;
                weight[count++] = by_d[a] * by_h[b];
            }
        advance();
        if (count) mix(n, count, row.data(), weight.data(), into);
        else std::fill_n(into, n, fill);
        return into;
    }

    void advance() {
        if (++j < h.out) return;
        j = 0;
        if (++i < d.out) return;
        i = 0;
        o++;
    }

    // y (inner): cell c of a row
    void cell(const T* from, Index c, T* y) {
        Index k = w.start[c], end = w.start[c + 1];
        if (inner == 1) {
            T sum = by_w[k] * from[w.index[k]];
            while (++k < end) sum += by_w[k] * from[w.index[k]];
            *y = sum;
        } else {
            for (Index e = k; e < end; e++) row[e - k] = from + w.index[e] * inner;
            mix(inner, end - k, row.data(), by_w + k, y);
        }
    }

    // Cell c of all turned rows
    Vec<T> cell(Index c) const {
        Index k = w.start[c], end = w.start[c + 1];
        if (k == end) return broadcast(fill);
        Vec<T> sum = by_w[k] * load(lanes + w.index[k] * W<T>);
        while (++k < end) sum += by_w[k] * load(lanes + w.index[k] * W<T>);
        return sum;
    }

    const Line &d, &h, &w;
    Index inner, wide;
    const T *x, *end;
    T fill;
    Index o, i, j;  // of the next row: outer, and cells of the first two axes
    std::vector<const T*> row;
    std::vector<T> weight;
    const T *by_d, *by_h, *by_w;
    T *sums, *lanes = nullptr, *mapped = nullptr;
};

template <class T>
void apply(const Resample& s, const T* x, T* y, double fill) {
    const Line& w = s.line[2];
    Index all = s.outer * s.line[0].out * s.line[1].out, wide = (w.in + w.out) * s.inner;
    bool turn = s.scattered && s.inner == 1 && all > W<T> / 2 && wide <= WIDE;
    Index group = round_up(std::max(Index(1), TASK / wide), W<T>), step = turn ? W<T> : 1;
    parallel((all + group - 1) / group, [&](Index task) {
        Index first = task * group, end = std::min(all, first + group);
        Rows<T> rows(s, x, T(fill), turn, first);
        for (Index r = first; r < end; r += step) {
            T* to = y + r * w.out * s.inner;
            if (turn) rows.turned(std::min(step, end - r), to);
            else rows.one(to, (end - r - 1) * w.out * s.inner);
        }
    });
}

}  // namespace

template <class T>
void fill_resample(ResampleKernels<T>& k) {
    k.apply = apply<T>;
}
RL_NARROW(fill_resample, Resample)

}  // namespace rl::RL_LEVEL
