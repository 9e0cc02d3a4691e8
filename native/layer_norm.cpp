// Layer norm, and RMS norm, which takes 0 for the mean.
#include <cmath>

#include "norm.h"
#include "rows.h"

namespace rl::RL_LEVEL {
namespace {

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

}  // namespace

template <class T>
void fill_layer_norm(NormKernels<T>& k) {
    k.layer = layer<T>;
    k.layer_grad = layer_grad<T>;
}
RL_FILL(fill_layer_norm, NormKernels)

}  // namespace rl::RL_LEVEL
