// Normalization and sums over rows.
//
// Sums are made in T over blocks of rows that stay in registers, and go on in double from block to
// block: one pass over memory, and the error does not grow with the number of rows. Variances are
// sums of squares about a centre near the mean of each block, joined as Chan, Golub and LeVeque do
// (Updating Formulae and a Pairwise Algorithm for Computing Sample Variances, 1979).
#include "norm.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "lanes.h"
#include "threads.h"

namespace rl::RL_LEVEL {
namespace {

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
    void tile(T* p) const {
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
template <class T, int S>
void sums(const Rows<T>& s, Source<T> g, const T* x, const T* mean, double* out) {
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
        auto z = (x - p[0]) * p[1] + p[2];
        return relu ? max_nan(z, decltype(z){}) : z;
    });
}

template <class T>
void write(const double* from, Index n, T* to) {
    if (to) std::copy_n(from, n, to);
}

template <class T>
T weight(const T* w, Index j) {
    return w ? w[j] : T(1);
}

template <class T>
void column_sum(Index m, Index c, const T* x, T* total) {
    std::vector<double> out(c);
    sums<T, 1>(Rows<T>(m, c), Source<T>{x}, nullptr, nullptr, out.data());
    write(out.data(), c, total);
}

// ---- batch norm

template <class T>
void train(Index m, Index c, double eps, const T* x, const T* w, const T* b, T* y, T* mean, T* var,
           T* kept, bool relu) {
    Rows<T> s(m, c);
    std::vector<double> found(2 * c);
    moments(s, x, found.data(), found.data() + c);
    std::vector<T> p(3 * s.width);
    for (Index j = 0; j < c; j++) {
        double v = found[c + j] / (double)std::max(Index(1), m);
        mean[j] = kept[j] = p[j] = (T)found[j];
        var[j] = (T)v;
        kept[c + j] = (T)(1 / std::sqrt(v + eps));
        p[s.width + j] = kept[c + j] * weight(w, j);
        p[2 * s.width + j] = b ? b[j] : T(0);
    }
    affine(s, x, p.data(), y, relu);
}

// dx = g p0 + (x - p1) p2 + p3
template <class T>
void through(const Rows<T>& s, Source<T> g, const T* x, T* p, T* dx) {
    for (int k = 0; k < 4; k++) s.tile(p + k * s.width);
    map<4>(s, g, x, p, dx,
           [](auto g, auto x, auto* p) { return g * p[0] + ((x - p[1]) * p[2] + p[3]); });
}

// Sums of g and g * (x - mean), or of g alone if dx and dw are not wanted; db and dw from them.
template <class T>
std::vector<double> grad_sums(const Rows<T>& s, Source<T> g, const T* x, const T* mean,
                              const T* rstd, bool along, T* dw, T* db) {
    std::vector<double> out(2 * s.c);
    if (along) {
        std::vector<T> centre(mean, mean + s.c);
        centre.resize(s.width);
        s.tile(centre.data());
        sums<T, 2>(s, g, x, centre.data(), out.data());
    } else if (db) {
        sums<T, 1>(s, g, nullptr, nullptr, out.data());
    }
    write(out.data(), s.c, db);
    for (Index j = 0; dw && j < s.c; j++) dw[j] = (T)(out[s.c + j] * rstd[j]);
    return out;
}

template <class T>
void train_grad(Index m, Index c, const T* grad, const T* x, const T* kept, const T* w, const T* y,
                T* dx, T* dw, T* db) {
    Rows<T> s(m, c);
    Source<T> g{grad, y};
    const T *mean = kept, *rstd = kept + c;
    auto out = grad_sums(s, g, x, mean, rstd, dx || dw, dw, db);
    if (!dx || !m) return;
    // dx = w rstd (g - mean(g) - deviation rstd^2 mean(g deviation))
    std::vector<T> p(4 * s.width);
    for (Index j = 0; j < c; j++) {
        double scale = (double)rstd[j] * weight(w, j), part = scale / (double)m;
        p[j] = (T)scale;
        p[s.width + j] = mean[j];
        p[2 * s.width + j] = (T)(-part * rstd[j] * rstd[j] * out[c + j]);
        p[3 * s.width + j] = (T)(-part * out[j]);
    }
    through(s, g, x, p.data(), dx);
}

template <class T>
void eval(Index m, Index c, double eps, const T* x, const T* mean, const T* var, const T* w,
          const T* b, T* y, T* rstd, bool relu) {
    Rows<T> s(m, c);
    std::vector<T> p(3 * s.width);
    for (Index j = 0; j < c; j++) {
        rstd[j] = (T)(1 / std::sqrt(var[j] + eps));
        p[j] = mean[j];
        p[s.width + j] = rstd[j] * weight(w, j);
        p[2 * s.width + j] = b ? b[j] : T(0);
    }
    affine(s, x, p.data(), y, relu);
}

template <class T>
void eval_grad(Index m, Index c, const T* g, const T* x, const T* mean, const T* rstd, const T* w,
               T* dx, T* dw, T* db) {
    Rows<T> s(m, c);
    grad_sums(s, Source<T>{g}, x, mean, rstd, dw != nullptr, dw, db);
    if (!dx) return;
    std::vector<T> p(3 * s.width);
    for (Index j = 0; j < c; j++) p[s.width + j] = rstd[j] * weight(w, j);
    affine(s, g, p.data(), dx);
}

// ---- group norm: samples of planes (c, s), or of rows (s, c) where the channels come last

// The moments of the channels of a sample.
template <class T>
void channel_moments(const Rows<T>& rows, Index s, bool last, const T* x, double* mean,
                     double* square) {
    if (last) return moments(rows, x, mean, square);
    for (Index j = 0; j < rows.c; j++, x += s) {
        double sum[1], about[2];
        row_sums<T, 1>(s, sum, [=]<class V>(V, Index t, V* q) { q[0] += get<V>(x + t); });
        T centre = (T)(sum[0] / (double)s);
        row_sums<T, 2>(s, about, [=]<class V>(V, Index t, V* q) {
            V d = get<V>(x + t) - centre;
            q[0] += d;
            q[1] += d * d;
        });
        double shift = about[0] / (double)s;
        mean[j] = centre + shift;
        square[j] = about[1] - about[0] * shift;
    }
}

template <class T>
void group(Index n, Index s, Index c, Index groups, bool last, double eps, const T* x, const T* w,
           const T* b, T* y, T* mean, T* var, T* rstd) {
    Rows<T> rows(s, c);
    Index k = c / groups, width = rows.width;
    parallel(n, [&](Index i) {
        const T* from = x + i * s * c;
        T* to = y + i * s * c;
        std::vector<double> found(2 * c);
        channel_moments(rows, s, last, from, found.data(), found.data() + c);
        std::vector<T> p(3 * width);
        for (Index q = 0; q < groups; q++) {
            double centre = 0, square = 0;
            for (Index j = q * k; j < (q + 1) * k; j++)
                join(centre, square, (double)((j - q * k) * s), found[j], found[c + j], (double)s);
            double v = square / (double)(k * s);
            Index at = i * groups + q;
            mean[at] = (T)centre;
            var[at] = (T)v;
            rstd[at] = (T)(1 / std::sqrt(v + eps));
            for (Index j = q * k; j < (q + 1) * k; j++) {
                p[j] = mean[at];
                p[width + j] = rstd[at] * weight(w, j);
                p[2 * width + j] = b ? b[j] : T(0);
            }
        }
        if (last) return affine(rows, from, p.data(), to);
        for (Index j = 0; j < c; j++, from += s, to += s) {
            T p0 = p[j], p1 = p[width + j], p2 = p[2 * width + j];
            each<T>(s, [=]<class V>(V, Index t) {
                put(to + t, V((get<V>(from + t) - p0) * p1 + p2));
            });
        }
    });
}

template <class T>
void group_grad(Index n, Index s, Index c, Index groups, bool last, const T* grad, const T* x,
                const T* mean, const T* rstd, const T* w, T* dx, T* dw, T* db) {
    Rows<T> rows(s, c);
    Index k = c / groups, width = rows.width;
    double inverse = 1.0 / (double)(k * s);
    std::vector<double> all(n * 2 * c);  // by sample: sums of g, and of g times the normal x
    parallel(n, [&](Index i) {
        const T *g = grad + i * s * c, *from = x + i * s * c;
        T* to = dx ? dx + i * s * c : nullptr;
        double *total = all.data() + i * 2 * c, *along = total + c;
        std::vector<T> p(4 * width);
        T* centre = p.data() + width;
        for (Index j = 0; j < c; j++) centre[j] = mean[i * groups + j / k];
        rows.tile(centre);
        if (last) sums<T, 2>(rows, Source<T>{g}, from, centre, total);
        for (Index j = 0; !last && j < c; j++) {
            const T *row = from + j * s, *a = g + j * s, m = centre[j];
            double both[2];
            row_sums<T, 2>(s, both, [=]<class V>(V, Index t, V* q) {
                q[0] += get<V>(a + t);
                q[1] += get<V>(a + t) * (get<V>(row + t) - m);
            });
            total[j] = both[0];
            along[j] = both[1];
        }
        // dx = rstd (w g - mean(w g) - normal mean(w g normal))
        for (Index q = 0; q < groups; q++) {
            double r = rstd[i * groups + q], shift = 0, slope = 0;
            for (Index j = q * k; j < (q + 1) * k; j++) {
                along[j] *= r;
                shift += weight(w, j) * total[j];
                slope += weight(w, j) * along[j];
            }
            for (Index j = q * k; j < (q + 1) * k; j++) {
                p[j] = (T)(r * weight(w, j));
                p[2 * width + j] = (T)(-r * r * slope * inverse);
                p[3 * width + j] = (T)(-r * shift * inverse);
            }
        }
        if (dx && last) return through(rows, Source<T>{g}, from, p.data(), to);
        for (Index j = 0; dx && j < c; j++, g += s, from += s, to += s) {
            T p0 = p[j], p1 = centre[j], p2 = p[2 * width + j], p3 = p[3 * width + j];
            each<T>(s, [=]<class V>(V, Index t) {
                put(to + t, V(get<V>(g + t) * p0 + ((get<V>(from + t) - p1) * p2 + p3)));
            });
        }
    });
    for (Index i = 1; i < n; i++)
        for (Index j = 0; j < 2 * c; j++) all[j] += all[i * 2 * c + j];
    write(all.data(), c, db);
    write(all.data() + c, c, dw);
}

// ---- layer norm, and RMS norm, which takes 0 for the mean

template <class T>
Index rows_of_task(Index c) {
    return std::max<Index>(1, TASK / (c * sizeof(T)));
}

template <class T>
void layer(Index m, Index c, double eps, bool centred, const T* x, const T* w, const T* b, T* y,
           T* kept) {
    Index size = rows_of_task<T>(c), group = group_of(c);
    double part = 1.0 / (double)c;
    T *mean = kept, *rstd = kept + m;
    parallel((m + size - 1) / size, [&](Index task) {
        Index last = std::min(m, (task + 1) * size);
        for (Index first = task * size; first < last; first += group) {
            Index end = std::min(last, first + group);
            double sum[GROUP], about[GROUP][2];
            for (Index i = first; i < end; i++) {
                const T* row = x + i * c;
                sum[i - first] = 0;
                if (centred) row_sums<T, 1>(c, sum + (i - first), [=]<class V>(V, Index j, V* s) {
                    s[0] += get<V>(row + j);
                });
            }
            for (Index i = first; i < end; i++) {
                const T *row = x + i * c, centre = mean[i] = (T)(sum[i - first] * part);
                row_sums<T, 2>(c, about[i - first], [=]<class V>(V, Index j, V* s) {
                    V d = get<V>(row + j) - centre;
                    s[0] += d;
                    s[1] += d * d;
                });
            }
            for (Index i = first; i < end; i++) {
                double shift = about[i - first][0] * part, var = about[i - first][1] * part;
                if (centred) {
                    var -= shift * shift;
                    mean[i] = (T)(mean[i] + shift);
                }
                rstd[i] = (T)(1 / std::sqrt(var + eps));
            }
            for (Index i = first; i < end; i++) {
                const T *row = x + i * c, centre = mean[i], scale = rstd[i];
                T* out = y + i * c;
                each<T>(c, [=]<class V>(V, Index j) {
                    V v = (get<V>(row + j) - centre) * scale;
                    if (w) v *= get<V>(w + j);
                    if (b) v += get<V>(b + j);
                    put(out + j, v);
                });
            }
        }
    });
}

template <class T>
void layer_grad(Index m, Index c, bool centred, const T* g, const T* x, const T* kept, const T* w,
                T* dx, T* dw, T* db) {
    // few enough parts that their sums over rows are small beside the rows
    Index most = std::clamp(m / BLOCK, Index(1), PARTS);
    Index parts = std::clamp<Index>(m * c * sizeof(T) / TASK, 1, most);
    Index share = (m + parts - 1) / parts;
    bool params = dw || db;
    double inverse = 1.0 / (double)c;
    std::vector<double> all(params ? parts * 2 * c : 0);
    parallel(parts, [&](Index part) {
        Index end = std::min(m, (part + 1) * share);
        double* total = all.data() + part * 2 * c;
        std::vector<T> block(params ? 2 * c : 0);  // sums of g * normal and of g
        for (Index i = part * share; i < end; i++) {
            const T *row = x + i * c, *grad = g + i * c;
            T mean = kept[i], rstd = kept[m + i];
            if (dx) {
                double about[2];
                row_sums<T, 2>(c, about, [&]<class V>(V, Index j, V* s) {
                    V a = get<V>(grad + j);
                    if (w) a *= get<V>(w + j);
                    s[0] += a;
                    s[1] += a * (get<V>(row + j) - mean);
                });
                T shift = centred ? (T)(-rstd * about[0] * inverse) : T(0);
                T slope = (T)(-(double)rstd * rstd * rstd * about[1] * inverse);
                T* out = dx + i * c;
                each<T>(c, [&]<class V>(V, Index j) {
                    V a = get<V>(grad + j);
                    if (w) a *= get<V>(w + j);
                    put(out + j, V(a * rstd + ((get<V>(row + j) - mean) * slope + shift)));
                });
            }
            if (!params) continue;
            each<T>(c, [&]<class V>(V, Index j) {
                T *along = block.data() + j, *plain = along + c;
                V a = get<V>(grad + j);
                put(along, V(get<V>(along) + a * ((get<V>(row + j) - mean) * rstd)));
                put(plain, V(get<V>(plain) + a));
            });
            if ((i + 1 - part * share) % BLOCK && i + 1 < end) continue;
            for (Index j = 0; j < 2 * c; j++) total[j] += block[j];
            std::fill(block.begin(), block.end(), T(0));
        }
    });
    if (!params) return;
    for (Index part = 1; part < parts; part++)
        for (Index j = 0; j < 2 * c; j++) all[j] += all[part * 2 * c + j];
    write(all.data(), c, dw);
    write(all.data() + c, c, db);
}

template <class T>
void follow(Index c, double keep, double share, const T* batch, T* running) {
    T k = T(keep), h = T(share);
    for (Index i = 0; i < c; i++) running[i] = running[i] * k + batch[i] * h;
}

}  // namespace

template <class T>
void fill_norm(NormKernels<T>& k) {
    k.follow = follow<T>;
    k.column_sum = column_sum<T>;
    k.train = train<T>;
    k.train_grad = train_grad<T>;
    k.eval = eval<T>;
    k.eval_grad = eval_grad<T>;
    k.group = group<T>;
    k.group_grad = group_grad<T>;
    k.layer = layer<T>;
    k.layer_grad = layer_grad<T>;
}
template void fill_norm(NormKernels<float>&);
template void fill_norm(NormKernels<double>&);

}  // namespace rl::RL_LEVEL
