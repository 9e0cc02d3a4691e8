// Products of matrices, for Python.
#include "bind.h"
#include "threads.h"

namespace {

// Multiply-adds of one of many products above which they are made one after the other.
constexpr Index ALONE = 1 << 22;

template <class T>
rl::Matrix<T> dense(const T* at, Index width) {
    return {at, width, 1};
}

// The numbers in the last dim, and how many rows of them there are.
Index width_of(const In& x) { return x.ndim() ? (Index)x.shape(x.ndim() - 1) : 1; }
Index rows_of(const In& x) {
    Index rows = 1;
    for (std::size_t d = 0; d + 1 < x.ndim(); d++) rows *= (Index)x.shape(d);
    return rows;
}

// Where matrix i of a batch begins: its leading dims, in C order, step by the array's strides.
Index start_of(const In& x, Index i) {
    Index at = 0;
    for (std::size_t d = x.ndim() - 2; d-- > 0; i /= (Index)x.shape(d))
        at += i % (Index)x.shape(d) * x.stride(d);
    return at;
}

template <class T>
rl::Matrix<T> matrix(const In& x, Index i) {
    std::size_t d = x.ndim();
    return {data<T>(x) + start_of(x, i), (Index)x.stride(d - 2), (Index)x.stride(d - 1)};
}

void check_batch(const In& a, const In& b) {
    if (a.ndim() != b.ndim() || a.ndim() < 2) throw nb::value_error("expected as many dims, 2 at least");
    for (std::size_t d = 0; d + 2 < a.ndim(); d++)
        expect(" matrices", (Index)b.shape(d), (Index)a.shape(d));
    expect(" rows", (Index)b.shape(b.ndim() - 2), (Index)a.shape(a.ndim() - 1));
}

// y (m, f) = x (m, k) w (f, k)^T + b, and what follows; all arrays are dense.
template <class T>
void linear(const In& x, const In& w, const Maybe& b, const Out& y, const rl::Onward<T>& on) {
    Index m = rows_of(x), k = width_of(x), f = rows_of(w);
    rl::level().of<T>().gemm.product(m, k, f, dense(data<T>(x, m * k), k),
                                     dense(data<T>(w, f * k), k).turned(), data<T>(b, f),
                                     data<T>(y, m * f), on);
}

}  // namespace

void bind_gemm(nb::module_& m) {
    // of the linear layer, all arrays are dense: x (m, k), g (m, f), w (f, k)
    rl::def(
        m, "linear_forward",
        [](const In& x, const In& w, const Maybe& b, const Out& y, bool relu) {
            for_dtype(x, [&]<class T>(T) {
                rl::Unlocked free;
                rl::Onward<T> on;
                on.relu = relu;
                linear<T>(x, w, b, y, on);
            });
        },
        nb::arg(), nb::arg(), nb::arg().none(), nb::arg(), nb::arg());
    // and batch norm by given statistics: mean, var, its w and b, eps
    rl::def(
        m, "linear_onward",
        [](const In& x, const In& w, const Maybe& b, const Dense& mean, const Dense& var,
           const MaybeDense& norm_w, const MaybeDense& norm_b, double eps, const Out& y, bool relu) {
            for_dtype(x, [&]<class T>(T) {
                rl::Unlocked free;
                Index f = rows_of(w);
                linear<T>(x, w, b, y,
                          {data<T>(mean, f), data<T>(var, f), data<T>(norm_w, f),
                           data<T>(norm_b, f), eps, relu});
            });
        },
        nb::arg(), nb::arg(), nb::arg().none(), nb::arg(), nb::arg(), nb::arg().none(),
        nb::arg().none(), nb::arg(), nb::arg(), nb::arg());
    rl::def(m, "linear_input_grad", [](const In& g, const In& w, const Out& dx) {
        for_dtype(g, [&]<class T>(T) {
            rl::Unlocked free;
            Index m = rows_of(g), f = width_of(g), k = width_of(w);
            rl::level().of<T>().gemm.product(m, f, k, dense(data<T>(g, m * f), f),
                                             dense(data<T>(w, f * k), k), nullptr,
                                             data<T>(dx, m * k), {});
        });
    });
    rl::def(m, "linear_weight_grad", [](const In& x, const In& g, const Out& dw) {
        for_dtype(x, [&]<class T>(T) {
            rl::Unlocked free;
            Index m = rows_of(x), k = width_of(x), f = width_of(g);
            rl::level().of<T>().gemm.product(f, m, k, dense(data<T>(g, m * f), f).turned(),
                                             dense(data<T>(x, m * k), k), nullptr,
                                             data<T>(dw, f * k), {});
        });
    });
    // c (..., m, n), dense, = a (..., m, k) b (..., k, n), of any strides
    rl::def(m, "product", [](const In& a, const In& b, const Out& c) {
        for_dtype(a, [&]<class T>(T) {
            rl::Unlocked free;
            check_batch(a, b);
            std::size_t d = a.ndim();
            Index m = (Index)a.shape(d - 2), k = (Index)a.shape(d - 1), n = (Index)b.shape(d - 1);
            Index batch = 1;
            for (std::size_t i = 0; i + 2 < d; i++) batch *= (Index)a.shape(i);
            T* to = data<T>(c, batch * m * n);
            auto one = [&](Index i) {
                rl::level().of<T>().gemm.product(m, k, n, matrix<T>(a, i), matrix<T>(b, i), nullptr,
                                                 to + i * m * n, {});
            };
            if (m * k * n > ALONE)
                for (Index i = 0; i < batch; i++) one(i);
            else rl::parallel(batch, one);
        });
    });
}
