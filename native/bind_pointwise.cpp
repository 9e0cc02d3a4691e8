// Elementwise kernels and softmax, for Python.
#include "bind.h"

namespace {

// Call f with the kernels of x's dtype.
template <class F>
void on(const In& x, F&& f) {
    for_dtype(x, [&]<class T>(T) {
        nb::gil_scoped_release free;
        f(T(), rl::level().of<T>().pointwise);
    });
}

const int64_t* indices(const In& places) {
    if (places.dtype() != nb::dtype<int64_t>()) throw nb::type_error("expected int64 places");
    return static_cast<const int64_t*>(places.data());
}

}  // namespace

void bind_pointwise(nb::module_& m) {
    auto some = nb::arg();
    auto none = nb::arg().none();
    m.def("relu", [](const In& x, const Out& y) {
        on(x, [&]<class T>(T, auto& k) { k.relu((long)x.size(), data<T>(x), data<T>(y)); });
    });
    m.def("relu_grad", [](const In& g, const In& y, const Out& dx) {
        on(y, [&]<class T>(T, auto& k) {
            k.relu_grad((long)y.size(), data<T>(g), data<T>(y), data<T>(dx));
        });
    });
    m.def("sigmoid", [](const In& x, const Out& y) {
        on(x, [&]<class T>(T, auto& k) { k.sigmoid((long)x.size(), data<T>(x), data<T>(y)); });
    });
    m.def("softmax", [](const In& x, const Out& y, long c) {
        on(x, [&]<class T>(T, auto& k) {
            k.softmax((long)x.size() / c, c, data<T>(x), data<T>(y));
        });
    });
    m.def("softmax_grad", [](const In& g, const In& y, const Out& dx, long c) {
        on(y, [&]<class T>(T, auto& k) {
            k.softmax_grad((long)y.size() / c, c, data<T>(g), data<T>(y), data<T>(dx));
        });
    });
    m.def("log_softmax", [](const In& x, const Out& y, long c) {
        on(x, [&]<class T>(T, auto& k) {
            k.log_softmax((long)x.size() / c, c, data<T>(x), data<T>(y));
        });
    });
    m.def("log_softmax_grad", [](const In& g, const In& y, const Out& dx, long c) {
        on(y, [&]<class T>(T, auto& k) {
            k.log_softmax_grad((long)y.size() / c, c, data<T>(g), data<T>(y), data<T>(dx));
        });
    });
    m.def("cross_entropy", [](const In& x, const In& places, const Out& loss, const Out& e,
                              const Out& total) {
        on(x, [&]<class T>(T, auto& k) {
            k.cross_entropy((long)x.shape(0), (long)x.shape(1), data<T>(x), indices(places),
                            data<T>(loss), data<T>(e), data<T>(total));
        });
    });
    m.def(
        "cross_entropy_grad",
        [](const In& e, const In& total, const In& places, const Maybe& scales, double scale,
           const Out& dx) {
            on(e, [&]<class T>(T, auto& k) {
                k.cross_entropy_grad((long)e.shape(0), (long)e.shape(1), data<T>(e),
                                     data<T>(total), indices(places), data<T>(scales), scale,
                                     data<T>(dx));
            });
        },
        some, some, some, none, some, some);
}
