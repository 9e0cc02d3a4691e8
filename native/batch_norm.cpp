// Batch norm, by the statistics of the batch or given ones, and sums of rows.
#include <cmath>

#include "norm.h"
#include "onward.h"
#include "rows.h"

namespace rl::RL_LEVEL {
namespace {

template <class T>
void column_sum(Index m, Index c, const T* x, T* total) {
    std::vector<double> out(c);
    sums<T, 1>(Rows<T>(m, c), Source<T>{x}, nullptr, nullptr, out.data());
    write(out.data(), c, total);
}

template <class T>
void moments_of(Index m, Index c, const T* x, double* mean, double* square) {
    moments(Rows<T>(m, c), x, mean, square);
}

template <class T>
void through_rows(Index m, Index c, const T* g, const T* x, const T* p, T* dx) {
    Rows<T> s(m, c);
    std::vector<T> wide(4 * s.width);
    for (Index k = 0; k < 4; k++) std::copy_n(p + k * c, c, wide.data() + k * s.width);
    through(s, Source<T>{g}, x, wide.data(), dx);
}

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
    by_feature(c, eps, mean, var, w, b, p.data(), s.width, rstd);
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

template <class T>
void follow(Index c, double keep, double share, const T* batch, T* running) {
    T k = T(keep), h = T(share);
    for (Index i = 0; i < c; i++) running[i] = running[i] * k + batch[i] * h;
}

}  // namespace

template <class T>
void fill_batch_norm(NormKernels<T>& k) {
    k.column_sum = column_sum<T>;
    k.follow = follow<T>;
    k.moments = moments_of<T>;
    k.through = through_rows<T>;
    k.train = train<T>;
    k.train_grad = train_grad<T>;
    k.eval = eval<T>;
    k.eval_grad = eval_grad<T>;
}
RL_FILL(fill_batch_norm, NormKernels)

}  // namespace rl::RL_LEVEL
