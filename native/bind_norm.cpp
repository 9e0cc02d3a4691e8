// Normalization and sums over rows, for Python.
#include "bind.h"

namespace {

// C-ordered; nanobind copies one that is not.
using Dense = nb::ndarray<nb::ro, nb::c_contig>;
using MaybeDense = std::optional<Dense>;
using MaybeOut = std::optional<Out>;

// The numbers of an array, which must have the dtype that the kernels were chosen by.
template <class T, class Array>
auto* at(const Array& array) {
    if (array.dtype() != nb::dtype<T>()) throw nb::type_error("expected arrays of one dtype");
    using Number = std::conditional_t<std::is_same_v<Array, Out>, T, const T>;
    return static_cast<Number*>(array.data());
}
template <class T, class Array>
auto* at(const std::optional<Array>& array) {
    return array ? at<T>(*array) : nullptr;
}

// Call f with the kernels of x's dtype and the numbers of rows and channels of x (M, C).
template <class F>
void on_rows(const Dense& x, F&& f) {
    for_dtype(x, [&]<class T>(T) {
        nb::gil_scoped_release free;
        f(T(), rl::level().of<T>().norm, (long)x.shape(0), (long)x.shape(1));
    });
}

}  // namespace

void bind_norm(nb::module_& m) {
    auto some = nb::arg();
    auto none = nb::arg().none();
    // False if it does not take these arrays: other dtypes, or running statistics out of order.
    m.def(
        "follow",
        [](const MaybeOut& running_mean, const MaybeOut& running_var, const Dense& mean,
           const Dense& var, double momentum, double factor) {
            for (const MaybeOut* a : {&running_mean, &running_var})
                if (*a && ((*a)->dtype() != mean.dtype() || ((*a)->size() > 1 && (*a)->stride(0) != 1)))
                    return false;
            if (mean.dtype() != nb::dtype<float>() && mean.dtype() != nb::dtype<double>()) return false;
            for_dtype(mean, [&]<class T>(T) {
                auto& k = rl::level().of<T>().norm;
                long c = (long)mean.size();
                if (running_mean)
                    k.follow(c, 1 - momentum, momentum, at<T>(mean), at<T>(running_mean));
                if (running_var)
                    k.follow(c, 1 - momentum, momentum * factor, at<T>(var), at<T>(running_var));
            });
            return true;
        },
        none, none, some, some, some, some);
    m.def("column_sum", [](const Dense& x, const Out& total) {
        on_rows(x, [&]<class T>(T, auto& k, long m, long c) {
            k.column_sum(m, c, at<T>(x), at<T>(total));
        });
    });
    m.def(
        "batch_norm_train",
        [](const Dense& x, const MaybeDense& w, const MaybeDense& b, double eps, const Out& y,
           const Out& mean, const Out& var, const Out& kept, bool relu) {
            on_rows(x, [&]<class T>(T, auto& k, long m, long c) {
                k.train(m, c, eps, at<T>(x), at<T>(w), at<T>(b), at<T>(y), at<T>(mean),
                        at<T>(var), at<T>(kept), relu);
            });
        },
        some, none, none, some, some, some, some, some, some);
    m.def(
        "batch_norm_grad",
        [](const Dense& g, const Dense& x, const Dense& kept, const MaybeDense& w,
           const MaybeDense& y, const MaybeOut& dx, const MaybeOut& dw, const MaybeOut& db) {
            on_rows(g, [&]<class T>(T, auto& k, long m, long c) {
                k.train_grad(m, c, at<T>(g), at<T>(x), at<T>(kept), at<T>(w), at<T>(y),
                             at<T>(dx), at<T>(dw), at<T>(db));
            });
        },
        some, some, some, none, none, none, none, none);
    m.def(
        "batch_norm_eval",
        [](const Dense& x, const Dense& mean, const Dense& var, const MaybeDense& w,
           const MaybeDense& b, double eps, const Out& y, const Out& rstd,
           bool relu) {
            on_rows(x, [&]<class T>(T, auto& k, long m, long c) {
                k.eval(m, c, eps, at<T>(x), at<T>(mean), at<T>(var), at<T>(w), at<T>(b),
                       at<T>(y), at<T>(rstd), relu);
            });
        },
        some, some, some, none, none, some, some, some, some);
    m.def(
        "batch_norm_eval_grad",
        [](const Dense& g, const Dense& x, const Dense& mean, const Dense& rstd,
           const MaybeDense& w, const MaybeOut& dx, const MaybeOut& dw, const MaybeOut& db) {
            on_rows(g, [&]<class T>(T, auto& k, long m, long c) {
                k.eval_grad(m, c, at<T>(g), at<T>(x), at<T>(mean), at<T>(rstd), at<T>(w),
                            at<T>(dx), at<T>(dw), at<T>(db));
            });
        },
        some, some, some, some, none, none, none, none);
    m.def(
        "layer_norm",
        [](const Dense& x, const MaybeDense& w, const MaybeDense& b, double eps, const Out& y,
           const Out& kept) {
            on_rows(x, [&]<class T>(T, auto& k, long m, long c) {
                k.layer(m, c, eps, at<T>(x), at<T>(w), at<T>(b), at<T>(y), at<T>(kept));
            });
        },
        some, none, none, some, some, some);
    m.def(
        "layer_norm_grad",
        [](const Dense& g, const Dense& x, const Dense& kept, const MaybeDense& w,
           const MaybeOut& dx, const MaybeOut& dw, const MaybeOut& db) {
            on_rows(g, [&]<class T>(T, auto& k, long m, long c) {
                k.layer_grad(m, c, at<T>(g), at<T>(x), at<T>(kept), at<T>(w), at<T>(dx),
                             at<T>(dw), at<T>(db));
            });
        },
        some, some, some, none, none, none, none);
}
