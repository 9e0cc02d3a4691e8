// Group norm: samples are planes (c, s), or rows (s, c) where the channels come last.
#include <cmath>

#include "norm.h"
#include "rows.h"

namespace rl::RL_LEVEL {
namespace {

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

}  // namespace

template <class T>
void fill_group_norm(NormKernels<T>& k) {
    k.group = group<T>;
    k.group_grad = group_grad<T>;
}
RL_FILL(fill_group_norm, NormKernels)

}  // namespace rl::RL_LEVEL
