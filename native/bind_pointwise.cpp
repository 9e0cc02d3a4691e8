// Elementwise kernels and softmax, for Python.
#include "bind.h"

namespace {

// Call f with the kernels of x's dtype.
template <class F>
void on(const In& x, F&& f) {
    for_dtype(x, [&]<class T>(T) {
        rl::Unlocked free;
        f(T(), rl::level().of<T>().pointwise);
    });
}

// Call f with them, how many times x as flat memory has c numbers that lie s apart, and its size.
template <class F>
void on_axis(const In& x, Index c, Index s, F&& f) {
    on(x, [&]<class T>(T, auto& k) {
        Index size = (Index)x.size();
        if (c < 1 || s < 1 || size % c || size / c % s)
            throw nb::value_error("got an axis that does not divide the array");
        f(T(), k, size / c / s, size);
    });
}

// Call f with them, how many numbers x has, and how many channels w, of s adjoining numbers each.
template <class Array, class F>
void on_channels(const In& x, const Array& w, Index s, F&& f) {
    on(x, [&]<class T>(T, auto& k) {
        Index n = (Index)x.size(), c = (Index)w.size();
        if (s < 1 || c < 1 || n % c || n / c % s)
            throw nb::value_error("got channels that do not divide the array");
        f(T(), k, n, c);
    });
}

// The target classes of n positions.
const int64_t* targets(const Dense& classes, Index n) {
    return data<int64_t>(classes, n);
}

// Where a kernel stands in the tables of both dtypes. It is a value, not a type: what binds a kernel
// is then compiled once for all of one kind.
template <template <class> class F>
struct Place {
    F<float> rl::PointwiseKernels<float>::*f32;
    F<double> rl::PointwiseKernels<double>::*f64;
    template <class T>
    F<T> in(const rl::PointwiseKernels<T>& k) const {
        F<T> f;
        if constexpr (sizeof(T) == 4) f = k.*f32;
        else f = k.*f64;
        if (!f) throw nb::type_error("got float64, expected float32");
        return f;
    }
};
#define RL_PLACE(name) {&rl::PointwiseKernels<float>::name, &rl::PointwiseKernels<double>::name}

template <class T>
using Map = void (*)(Index n, const T* x, T* y);
template <class T>
using Slope = void (*)(Index n, const T* g, const T* x, T* dx);
template <class T>
using AlongAxis = void (*)(Index n, Index c, Index s, const T* x, T* y);
template <class T>
using AxisSlope = void (*)(Index n, Index c, Index s, const T* g, const T* y, T* dx);

// Bind y = f(x).
void def_map(nb::module_& m, const char* name, Place<Map> place) {
    rl::def(m, name, [place](const In& x, const Out& y) {
        on(x, [&]<class T>(T, auto& k) {
            Index n = (Index)x.size();
            place.in<T>(k)(n, data<T>(x), data<T>(y, n));
        });
    });
}

// Bind y = f(x) along an axis.
void def_axis(nb::module_& m, const char* name, Place<AlongAxis> place) {
    rl::def(m, name, [place](const In& x, const Out& y, Index c, Index s) {
        on_axis(x, c, s, [&]<class T>(T, auto& k, Index n, Index size) {
            place.in<T>(k)(n, c, s, data<T>(x), data<T>(y, size));
        });
    });
}

// Bind dx of g and y = f(x) along an axis.
void def_axis_grad(nb::module_& m, const char* name, Place<AxisSlope> place) {
    rl::def(m, name, [place](const In& g, const In& y, const Out& dx, Index c, Index s) {
        on_axis(y, c, s, [&]<class T>(T, auto& k, Index n, Index size) {
            place.in<T>(k)(n, c, s, data<T>(g, size), data<T>(y), data<T>(dx, size));
        });
    });
}

// Bind dx = g f'(x), or of y = f(x).
void def_grad(nb::module_& m, const char* name, Place<Slope> place) {
    rl::def(m, name, [place](const In& g, const In& x, const Out& dx) {
        on(x, [&]<class T>(T, auto& k) {
            Index n = (Index)x.size();
            place.in<T>(k)(n, data<T>(g, n), data<T>(x), data<T>(dx, n));
        });
    });
}

}  // namespace

void bind_pointwise(nb::module_& m) {
    auto some = nb::arg();
    auto none = nb::arg().none();
    def_map(m, "relu", RL_PLACE(relu));
    def_grad(m, "relu_grad", RL_PLACE(relu_grad));
    def_map(m, "sigmoid", RL_PLACE(sigmoid));
    def_map(m, "tanh", RL_PLACE(tanh));
    def_map(m, "logsigmoid", RL_PLACE(logsigmoid));
    rl::def(m, "softplus", [](const In& x, const Out& y, double beta, double threshold) {
        on(x, [&]<class T>(T, auto& k) {
            Index n = (Index)x.size();
            k.softplus(n, (T)beta, (T)threshold, data<T>(x), data<T>(y, n));
        });
    });
    rl::def(m, "elu", [](const In& x, const Out& y, double low, double high, double rate) {
        on(x, [&]<class T>(T, auto& k) {
            Index n = (Index)x.size();
            k.elu(n, (T)low, (T)high, (T)rate, data<T>(x), data<T>(y, n));
        });
    });
    def_map(m, "erf", RL_PLACE(erf));
    def_map(m, "gelu", RL_PLACE(gelu));
    def_grad(m, "gelu_grad", RL_PLACE(gelu_grad));
    def_map(m, "hardswish", RL_PLACE(hardswish));
    def_grad(m, "hardswish_grad", RL_PLACE(hardswish_grad));
    def_map(m, "hardsigmoid", RL_PLACE(hardsigmoid));
    def_grad(m, "hardsigmoid_grad", RL_PLACE(hardsigmoid_grad));
    rl::def(m, "leaky_relu", [](const In& x, const Out& y, double slope) {
        on(x, [&]<class T>(T, auto& k) {
            Index n = (Index)x.size();
            k.leaky_relu(n, (T)slope, data<T>(x), data<T>(y, n));
        });
    });
    rl::def(m, "leaky_relu_grad", [](const In& g, const In& x, const Out& dx, double slope) {
        on(x, [&]<class T>(T, auto& k) {
            Index n = (Index)x.size();
            k.leaky_relu_grad(n, (T)slope, data<T>(g, n), data<T>(x), data<T>(dx, n));
        });
    });
    rl::def(m, "clamp", [](const In& x, const Out& y, double low, double high) {
        on(x, [&]<class T>(T, auto& k) {
            Index n = (Index)x.size();
            k.clamp(n, (T)low, (T)high, data<T>(x), data<T>(y, n));
        });
    });
    rl::def(m, "clamp_grad", [](const In& g, const In& x, const Out& dx, double low, double high,
                                bool ends) {
        on(x, [&]<class T>(T, auto& k) {
            Index n = (Index)x.size();
            k.clamp_grad(n, (T)low, (T)high, ends, data<T>(g, n), data<T>(x), data<T>(dx, n));
        });
    });
    rl::def(m, "prelu", [](const In& a, const In& x, const Dense& w, const Out& y, Index s) {
        on_channels(x, w, s, [&]<class T>(T, auto& k, Index n, Index c) {
            k.prelu(n, c, s, data<T>(a, n), data<T>(x), data<T>(w), data<T>(y, n));
        });
    });
    rl::def(m, "prelu_slopes", [](const In& g, const In& x, const Out& dw, Index s) {
        on_channels(x, dw, s, [&]<class T>(T, auto& k, Index n, Index c) {
            k.prelu_slopes(n, c, s, data<T>(g, n), data<T>(x), data<T>(dw));
        });
    });
    rl::def(m, "elu_grad", [](const In& g, const In& x, const Out& dx, double low, double high,
                              double rate) {
        on(x, [&]<class T>(T, auto& k) {
            Index n = (Index)x.size();
            k.elu_grad(n, (T)low, (T)high, (T)rate, data<T>(g, n), data<T>(x), data<T>(dx, n));
        });
    });
    rl::def(m, "turn", [](const In& x, const Out& y, Index n, Index rows, Index columns) {
        on(x, [&]<class T>(T, auto& k) {
            Index all = n * rows * columns;
            k.turn(n, rows, columns, data<T>(x, all), data<T>(y, all));
        });
    });
    rl::def(m, "in_order", [](const In& x, const Out& y) {
        on(x, [&]<class T>(T, auto& k) {
            std::vector<Index> sizes, strides;
            for (size_t d = 0; d < x.ndim(); d++) {
                sizes.push_back((Index)x.shape(d));
                strides.push_back((Index)x.stride(d));
            }
            k.in_order((Index)x.ndim(), sizes.data(), strides.data(), data<T>(x),
                       data<T>(y, (Index)x.size()));
        });
    });
    def_axis(m, "softmax", RL_PLACE(softmax));
    def_axis_grad(m, "softmax_grad", RL_PLACE(softmax_grad));
    def_axis(m, "log_softmax", RL_PLACE(log_softmax));
    def_axis_grad(m, "log_softmax_grad", RL_PLACE(log_softmax_grad));
    rl::def(m, "cross_entropy", [](const In& x, const Dense& classes, const Out& loss, const Out& e,
                                   const Out& total, Index c, Index s) {
        on_axis(x, c, s, [&]<class T>(T, auto& k, Index n, Index size) {
            k.cross_entropy(n, c, s, data<T>(x), targets(classes, n * s), data<T>(loss, n * s),
                            data<T>(e, size), data<T>(total, n * s));
        });
    });
    rl::def(
        m, "cross_entropy_grad",
        [](const In& e, const In& total, const Dense& classes, const Maybe& scales, double scale,
           const Out& dx, Index c, Index s) {
            on_axis(e, c, s, [&]<class T>(T, auto& k, Index n, Index size) {
                k.cross_entropy_grad(n, c, s, data<T>(e), data<T>(total, n * s),
                                     targets(classes, n * s), data<T>(scales, n * s), scale,
                                     data<T>(dx, size));
            });
        },
        some, some, some, none, some, some, some, some);
}
