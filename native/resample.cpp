// Maps along axes: resizing, padding, and the gradients of these.
//
// A row of the result (its last axis) comes from one row, the sum of the rows of the input that the
// map of rows names, by the map of the last axis. Where numbers adjoin behind that axis
// (channels), vectors run over them. Where none do, a vector of cells is a few terms, each the
// lanes of one vector of the row in another order, times weights: how, is found once for a map.
#include "resample.h"

#include <algorithm>

#include "lanes.h"
#include "scratch.h"
#include "threads.h"

namespace rl::RL_LEVEL {
namespace {

constexpr Index TASK = 1 << 15;  // numbers of rows, before and after, of a task
constexpr Index MANY = 16;       // rows at a time: what was just written is not yet to be read
constexpr Index LONG = 16;       // sums that are taken a vector at a time
constexpr Index WIDE = 1 << 13;  // numbers of the rows that are taken at a time
constexpr Index RUN = 64;        // rows added up in a row: sums of sums lose fewer bits

// ---- vectors of cells

template <class T>
using Place = typename Blocks<T>::Place;

template <class T>
struct PlacesOf {
    typedef Place<T> type __attribute__((vector_size(RL_BYTES)));
};
template <class T>
using Places = typename PlacesOf<T>::type;

template <class T>
Places<T> places(const Place<T>* p) {
    Places<T> at;
    std::memcpy(&at, p, sizeof at);
    return at;
}

// The numbers of p that are named by places below W<T>.
template <class T>
Vec<T> picked(const T* p, Places<T> at) {
#if RL_BYTES > 16 && defined(__GNUC__) && !defined(__clang__)
    return __builtin_shuffle(load(p), at);
#else
    Vec<T> v;
    for (int l = 0; l < W<T>; l++) v[l] = p[at[l]];
    return v;
#endif
}

template <class T>
Blocks<T> blocks(const Line& line) {
    Blocks<T> b;
    const T* weight = line.weight<T>();
    for (Index o = 0; o < line.out; o += W<T>) {
        Index to = std::max(Index(0), std::min(o, line.out - W<T>));
        Index lanes = std::min<Index>(W<T>, line.out), most = 0, next[W<T>], end[W<T>];
        bool copies = lanes == W<T>, ones = true, spans = true;
        for (Index l = 0; l < lanes; l++) {
            next[l] = line.start[to + l];
            end[l] = line.start[to + l + 1];
            copies = copies && line.only[to + l] >= 0 && line.only[to + l] == line.only[to] + l;
            ones = ones && (line.only[to + l] >= 0 || next[l] == end[l]);
            most = std::max(most, end[l] - next[l]);
            spans = spans && next[l] < end[l];
            for (Index k = next[l] + 1; k < end[l]; k++)
                spans = spans && line.index[k] == line.index[k - 1] + 1;
        }
        typename Blocks<T>::Block block{to, copies ? line.only[to] : 0, (Index)b.from.size(), 0,
                                        b.COPIES};
        spans = spans && most >= LONG;
        bool seen[W<T>] = {};
        while (!copies && !spans) {
            Index first = line.in;  // the lowest cell that a lane waits for
            for (Index l = 0; l < lanes; l++)
                if (next[l] < end[l]) first = std::min(first, line.index[next[l]]);
            bool done = first == line.in;
            if (done && block.count) break;
            first = std::max(Index(0), std::min(first, line.in - W<T>));
            b.from.push_back(first);
            block.count++;
            for (Index l = 0; l < W<T>; l++) {
                bool takes = l < lanes && next[l] < end[l] && line.index[next[l]] < first + W<T>;
                b.at.push_back(takes ? Place<T>(line.index[next[l]] - first) : 0);
                // the others add -0, which leaves any number as it is
                b.weight.push_back(takes ? weight[next[l]] : T(-0.0));
                if (takes) next[l]++, seen[l] = true;
            }
        }
        for (Index l = 0; l < lanes && block.count; l++)
            if (!seen[l]) b.weight[b.weight.size() - W<T> + l] = 0;
        // what are few numbers of many vectors is added up number by number
        Index taken = line.start[to + lanes] - line.start[to];
        bool apart = block.count > 2 && 2 * block.count > taken;
        block.kind = copies                     ? b.COPIES
                     : spans                    ? b.SPANS
                     : apart                    ? b.EACH
                     : ones && block.count == 1 ? b.PICKS
                                                : b.SUMS;
        b.blocks.push_back(block);
    }
    return b;
}

// ---- rows of numbers

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

// y (n) = sum of weight * row, K of them
template <int K, class T>
void mix_of(Index n, const T* const* row, const T* weight, T* y) {
    cover<T>(n, [=](auto zero, Index i) {
        using V = decltype(zero);
        V sum = weight[0] * get<V>(row[0] + i);
        for (Index k = 1; k < K; k++) sum += weight[k] * get<V>(row[k] + i);
        put(y + i, sum);
    });
}

// The same of any number: V vectors, or numbers, from i on side by side, as each sum waits for the
// one before.
template <class U, int V, class T>
void mix_piece(Index i, Index count, const T* const* row, const T* weight, T* y) {
    U total[V]{};
    for (Index k = 0; k < count;) {
        U sum[V]{};
        for (Index end = std::min(count, k + RUN); k < end; k++)
            RL_UNROLL for (int v = 0; v < V; v++)
                sum[v] += weight[k] * get<U>(row[k] + i + v * Index(sizeof(U) / sizeof(T)));
        for (int v = 0; v < V; v++) total[v] += sum[v];
    }
    for (int v = 0; v < V; v++) put(y + i + v * Index(sizeof(U) / sizeof(T)), total[v]);
}

template <class T>
void mix(Index n, Index count, const T* const* row, const T* weight, T* y) {
    if (count == 1 && weight[0] == 1) return copy(n, row[0], y);
    if (count == 1) return mix_of<1>(n, row, weight, y);
    if (count == 2) return mix_of<2>(n, row, weight, y);
    if (count == 3) return mix_of<3>(n, row, weight, y);
    if (count == 4) return mix_of<4>(n, row, weight, y);
    Index i = 0;
    for (; i + 4 * W<T> <= n; i += 4 * W<T>) mix_piece<Vec<T>, 4>(i, count, row, weight, y);
    cover<T>(n - i, [=](auto zero, Index j) {
        mix_piece<decltype(zero), 1>(i + j, count, row, weight, y);
    });
}

// Rows of the result, one after the other from a number on.
template <class T>
class Rows {
  public:
    Rows(const Resample& s, const T* from, Index number)
        : h(s.rows), w(s.cells), last(s.blocks<T>()), inner(s.inner), wide(w.in * inner),
          x(from + number / h.out * h.in * wide), end(from + s.outer * h.in * wide),
          j(number % h.out), row(std::max(h.most, w.most)), by_h(h.weight<T>()),
          by_w(w.weight<T>()), sums(scratch<T>(0, MANY * (wide + W<T>))) {}

    // y: the next `count` rows, up to MANY; `behind`: how many numbers behind them come later
    void next(Index count, T* y, Index behind) {
        const Line::Run& first = w.runs[0];
        Index n = w.out * inner;
        bool part = first.kind == Line::COPIES && first.count == w.out;  // of rows, or all of them
        const T* from[MANY];
        for (Index r = 0; r < count; r++) {
            if (part) from[r] = summed(first.from * inner, n, y + r * n);
            else from[r] = summed(0, wide, sums + r * (wide + W<T>));
        }
        for (Index r = 0; part && r < count; r++)
            if (from[r] != y + r * n) copy(n, from[r], y + r * n);
        if (part) return;
        for (Index r = 0; inner > 1 && r < count; r++) runs(from[r], y + r * n);
        if (inner > 1) return;
        for (Index r = 0; wide < W<T> && r < count; r++) {
            if (from[r] + W<T> <= end) continue;  // else vectors would be read behind the input
            from[r] = std::copy_n(from[r], wide, sums + r * (wide + W<T>)) - wide;
        }
        Index whole = count;  // rows behind which a vector fits
        while (n < W<T> && whole > 0 && (count - whole) * n + behind < W<T>) whole--;
        blocks(from, whole, y, n);
        for (Index r = whole; r < count; r++) {
            T row[W<T>];
            blocks(from + r, 1, row, n);
            std::copy_n(row, n, y + r * n);
        }
    }

    // Return where the n numbers lie, from `skip` on, of the row that the next row of the result
    // comes from: in the input, or in `into`.
    const T* summed(Index skip, Index n, T* into) {
        Index first = h.start[j], count = h.start[j + 1] - first, only = h.only[j];
        const T* sample = x + skip;
        if (++j == h.out) {
            j = 0;
            x += h.in * wide;
        }
        if (only >= 0) return sample + only * wide;
        for (Index k = 0; k < count; k++) row[k] = sample + h.index[first + k] * wide;
        if (count) mix(n, count, row.data(), by_h + first, into);
        else std::fill_n(into, n, T(0));
        return into;
    }

    // y: a row of cells of many numbers
    void runs(const T* from, T* y) {
        for (const Line::Run& run : w.runs) {
            Index n = run.count * inner;
            T* to = y + run.to * inner;
            if (run.kind == Line::COPIES) copy(n, from + run.from * inner, to);
            else if (run.kind == Line::EMPTY) std::fill_n(to, n, T(0));
            else for (Index k = 0; k < run.count; k++) cell(from, run.to + k, to + k * inner);
        }
    }
    void cell(const T* from, Index c, T* y) {
        Index k = w.start[c], end = w.start[c + 1];
        for (Index e = k; e < end; e++) row[e - k] = from + w.index[e] * inner;
        mix(inner, end - k, row.data(), by_w + k, y);
    }

    // y: rows of n single numbers, and up to W<T> numbers if they are fewer. One block of all rows
    // after the other, as what is known of it stays in registers.
    void blocks(const T* const* from, Index rows, T* y, Index n) const {
        for (const auto& b : last.blocks) {
            T* to = y + b.to;
            const Index* first = last.from.data() + b.first;
            const Place<T>* at = last.at.data() + b.first * W<T>;
            const T* weight = last.weight.data() + b.first * W<T>;
            if (b.kind == Blocks<T>::COPIES) {
                Index skip = b.from;
                for (Index r = 0; r < rows; r++) store(to + r * n, load(from[r] + skip));
            } else if (b.kind == Blocks<T>::PICKS) {
                auto seen = load(weight) != 0;
                auto where = places<T>(at);
                for (Index r = 0, skip = *first; r < rows; r++)
                    store(to + r * n, seen ? picked(from[r] + skip, where) : Vec<T>{});
            } else if (b.kind == Blocks<T>::SPANS || b.kind == Blocks<T>::EACH) {
                bool long_sums = b.kind == Blocks<T>::SPANS;
                for (Index r = 0; r < rows; r++)
                    for (Index l = 0, c = b.to; l < std::min<Index>(W<T>, w.out); l++, c++)
                        to[r * n + l] = long_sums ? span(from[r], c) : single(from[r], c);
            } else {
                auto add = b.count == 1   ? add_terms<1>
                           : b.count == 2 ? add_terms<2>
                           : b.count == 3 ? add_terms<3>
                           : b.count == 4 ? add_terms<4>
                                          : add_terms<0>;
                add(b.count, from, rows, first, at, weight, to, n);
            }
        }
    }

    // y: a block of rows, the sum of K terms; 0: of any number
    template <int K>
    static void add_terms(Index count, const T* const* from, Index rows, const Index* first,
                          const Place<T>* at, const T* weight, T* y, Index n) {
        constexpr int KEPT = K ? K : 1;
        Index skip[KEPT];
        Places<T> where[KEPT];
        Vec<T> weights[KEPT];
        for (int k = 0; k < K; k++) {
            skip[k] = first[k];
            where[k] = places<T>(at + k * W<T>);
            weights[k] = load(weight + k * W<T>);
        }
        for (Index r = 0; r < rows; r++, y += n) {
            Vec<T> sum = -Vec<T>{};
            auto add = [&](Index skip, Places<T> where, Vec<T> weight) {
                Vec<T> v = picked(from[r] + skip, where);
                sum += weight * (weight != 0 ? v : Vec<T>{});  // what is not seen may be NaN
            };
            RL_UNROLL for (int k = 0; k < K; k++) add(skip[k], where[k], weights[k]);
            for (Index k = 0; k < (K ? 0 : count); k++)
                add(first[k], places<T>(at + k * W<T>), load(weight + k * W<T>));
            store(y, sum);
        }
    }

    // Cell c of a row of single numbers: the sum of many neighbours, or of any numbers
    T span(const T* from, Index c) const {
        const T *weights = by_w + w.start[c], *x = from + w.index[w.start[c]];
        double sum = 0;
        row_sums<T, 1>(w.start[c + 1] - w.start[c], &sum, [=](auto zero, Index i, auto* sums) {
            using V = decltype(zero);
            sums[0] += get<V>(weights + i) * get<V>(x + i);
        });
        return T(sum);
    }
    T single(const T* from, Index c) const {
        const Index *index = w.index.data(), end = w.start[c + 1];
        T sum = -T(0);
        for (Index k = w.start[c]; k < end; k++) sum += by_w[k] * from[index[k]];
        return w.start[c] == end ? T(0) : sum;
    }

    const Line &h, &w;
    const Blocks<T>& last;
    Index inner, wide;
    const T *x, *end;  // of the next row: its sample; of all
    Index j;  // the next row of the sample
    std::vector<const T*> row;
    const T *by_h, *by_w;
    T* sums;
};

template <class T>
void apply(const Resample& s, const T* x, T* y) {
    Index all = s.outer * s.rows.out, wide = (s.cells.in + s.cells.out) * s.inner;
    Index group = std::max(Index(1), TASK / wide), n = s.cells.out * s.inner;
    parallel((all + group - 1) / group, [=, &s](Index task) {
        Index first = task * group, end = std::min(all, first + group);
        Rows<T> rows(s, x, first);
        Index many = std::clamp(WIDE / wide, Index(1), MANY);
        for (Index r = first; r < end; r += many) {
            Index count = std::min(many, end - r);
            rows.next(count, y + r * n, (end - r - count) * n);
        }
    });
}

}  // namespace

template <class T>
void fill_resample(ResampleKernels<T>& k) {
    k.blocks = blocks<T>;
    k.apply = apply<T>;
}
RL_FILL(fill_resample, ResampleKernels)

}  // namespace rl::RL_LEVEL
