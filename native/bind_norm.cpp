// Normalization and sums over rows, for Python.
#include "bind.h"

namespace {

// Call f with the kernels of x's dtype and the numbers of rows, channels and all of x (M, C).
template <class F>
void on_rows(const Dense& x, F&& f) {
    expect(" dims", (Index)x.ndim(), 2);
    for_dtype(x, [&]<class T>(T) {
        rl::Unlocked free;
        Index m = (Index)x.shape(0), c = (Index)x.shape(1);
        f(T(), rl::level().of<T>().norm, m, c, m * c);
    });
}

// How many groups of c channels n samples have statistics of.
Index groups_of(Index n, Index size, Index c, Index of) {
    Index groups = n ? of / n : 0;
    if (groups < 1) expect(" statistics", of, n);
    if (c < 1) expect(" channels", c, groups);
    if (!groups) return 1;  // nothing to do
    expect(" statistics", of, groups * n);
    expect(" channels beyond the groups", c % groups, 0);
    expect(" numbers beyond the channels", size % c, 0);
    return groups;
}

}  // namespace

void bind_norm(nb::module_& m) {
    auto some = nb::arg();
    auto none = nb::arg().none();
    // False if it does not take these arrays: other dtypes, or running statistics out of order.
    rl::def(
        m, "follow",
        [](const MaybeOut& running_mean, const MaybeOut& running_var, const Dense& mean,
           const Dense& var, double momentum, double factor) {
            auto dtype = mean.dtype();
            for (const MaybeOut* a : {&running_mean, &running_var})
                if (*a && ((*a)->dtype() != dtype || ((*a)->size() > 1 && (*a)->stride(0) != 1)))
                    return false;
            if (dtype != nb::dtype<float>() && dtype != nb::dtype<double>()) return false;
            for_dtype(mean, [&]<class T>(T) {
                auto& k = rl::level().of<T>().norm;
                Index c = (Index)mean.size();
                const T *means = data<T>(mean), *vars = data<T>(var, c);
                if (running_mean)
                    k.follow(c, 1 - momentum, momentum, means, data<T>(running_mean, c));
                if (running_var)
                    k.follow(c, 1 - momentum, momentum * factor, vars, data<T>(running_var, c));
            });
            return true;
        },
        none, none, some, some, some, some);
    rl::def(m, "column_sum", [](const Dense& x, const Out& total) {
        on_rows(x, [&]<class T>(T, auto& k, Index m, Index c, Index n) {
            k.column_sum(m, c, data<T>(x, n), data<T>(total, c));
        });
    });
    rl::def(m, "batch_moments", [](const Dense& x, const Out& mean, const Out& square) {
        on_rows(x, [&]<class T>(T, auto& k, Index m, Index c, Index n) {
            k.moments(m, c, data<T>(x, n), data<double>(mean, c), data<double>(square, c));
        });
    });
    rl::def(
        m, "batch_norm_through", [](const Dense& g, const Dense& x, const Dense& p, const Out& dx) {
            on_rows(g, [&]<class T>(T, auto& k, Index m, Index c, Index n) {
                k.through(m, c, data<T>(g, n), data<T>(x, n), data<T>(p, 4 * c), data<T>(dx, n));
            });
        });
    rl::def(
        m, "batch_norm_train",
        [](const Dense& x, const MaybeDense& w, const MaybeDense& b, double eps, const Out& y,
           const Out& mean, const Out& var, const Out& kept, bool relu) {
            on_rows(x, [&]<class T>(T, auto& k, Index m, Index c, Index n) {
                k.train(m, c, eps, data<T>(x, n), data<T>(w, c), data<T>(b, c), data<T>(y, n),
                        data<T>(mean, c), data<T>(var, c), data<T>(kept, 2 * c), relu);
            });
        },
        some, none, none, some, some, some, some, some, some);
    rl::def(
        m, "batch_norm_grad",
        [](const Dense& g, const Dense& x, const Dense& kept, const MaybeDense& w,
           const MaybeDense& y, const MaybeOut& dx, const MaybeOut& dw, const MaybeOut& db) {
            on_rows(g, [&]<class T>(T, auto& k, Index m, Index c, Index n) {
                k.train_grad(m, c, data<T>(g, n), data<T>(x, n), data<T>(kept, 2 * c),
                             data<T>(w, c), data<T>(y, n), data<T>(dx, n), data<T>(dw, c),
                             data<T>(db, c));
            });
        },
        some, some, some, none, none, none, none, none);
    rl::def(
        m, "batch_norm_eval",
        [](const Dense& x, const Dense& mean, const Dense& var, const MaybeDense& w,
           const MaybeDense& b, double eps, const Out& y, const Out& rstd,
           bool relu) {
            on_rows(x, [&]<class T>(T, auto& k, Index m, Index c, Index n) {
                k.eval(m, c, eps, data<T>(x, n), data<T>(mean, c), data<T>(var, c), data<T>(w, c),
                       data<T>(b, c), data<T>(y, n), data<T>(rstd, c), relu);
            });
        },
        some, some, some, none, none, some, some, some, some);
    rl::def(
        m, "batch_norm_eval_grad",
        [](const Dense& g, const Dense& x, const Dense& mean, const Dense& rstd,
           const MaybeDense& w, const MaybeOut& dx, const MaybeOut& dw, const MaybeOut& db) {
            on_rows(g, [&]<class T>(T, auto& k, Index m, Index c, Index n) {
                k.eval_grad(m, c, data<T>(g, n), data<T>(x, n), data<T>(mean, c), data<T>(rstd, c),
                            data<T>(w, c), data<T>(dx, n), data<T>(dw, c), data<T>(db, c));
            });
        },
        some, some, some, some, none, none, none, none);
    // x (n, c * s); the statistics (n, groups) say how many groups there are
    rl::def(
        m, "group_norm",
        [](const Dense& x, Index c, bool last, const MaybeDense& w, const MaybeDense& b, double eps,
           const Out& y, const Out& mean, const Out& var, const Out& rstd) {
            on_rows(x, [&]<class T>(T, auto& k, Index n, Index size, Index all) {
                Index of = (Index)mean.size(), groups = groups_of(n, size, c, of);
                k.group(n, size / c, c, groups, last, eps, data<T>(x, all), data<T>(w, c),
                        data<T>(b, c), data<T>(y, all), data<T>(mean, of), data<T>(var, of),
                        data<T>(rstd, of));
            });
        },
        some, some, some, none, none, some, some, some, some, some);
    rl::def(
        m, "group_norm_grad",
        [](const Dense& g, const Dense& x, Index c, bool last, const Dense& mean, const Dense& rstd,
           const MaybeDense& w, const MaybeOut& dx, const MaybeOut& dw, const MaybeOut& db) {
            on_rows(g, [&]<class T>(T, auto& k, Index n, Index size, Index all) {
                Index of = (Index)mean.size(), groups = groups_of(n, size, c, of);
                k.group_grad(n, size / c, c, groups, last, data<T>(g, all), data<T>(x, all),
                             data<T>(mean, of), data<T>(rstd, of), data<T>(w, c), data<T>(dx, all),
                             data<T>(dw, c), data<T>(db, c));
            });
        },
        some, some, some, some, some, some, none, none, none, none);
    rl::def(
        m, "layer_norm",
        [](const Dense& x, const MaybeDense& w, const MaybeDense& b, double eps, bool centred,
           const Out& y, const Out& kept) {
            on_rows(x, [&]<class T>(T, auto& k, Index m, Index c, Index n) {
                k.layer(m, c, eps, centred, data<T>(x, n), data<T>(w, c), data<T>(b, c), data<T>(y, n),
                        data<T>(kept, 2 * m));
            });
        },
        some, none, none, some, some, some, some);
    rl::def(
        m, "layer_norm_grad",
        [](const Dense& g, const Dense& x, const Dense& kept, const MaybeDense& w, bool centred,
           const MaybeOut& dx, const MaybeOut& dw, const MaybeOut& db) {
            on_rows(g, [&]<class T>(T, auto& k, Index m, Index c, Index n) {
                k.layer_grad(m, c, centred, data<T>(g, n), data<T>(x, n), data<T>(kept, 2 * m),
                             data<T>(w, c), data<T>(dx, n), data<T>(dw, c), data<T>(db, c));
            });
        },
        some, some, some, none, some, none, none, none);
}
