// rushlight._native: the compiled kernels as Python functions over NumPy arrays.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "kernels.h"
#include "threads.h"

namespace nb = nanobind;
using Any = nb::ndarray<nb::ro>;
using Out = nb::ndarray<>;

namespace {

// Call f with a zero of the dtype, float or double.
template <class F>
void for_dtype(const nb::ndarray<nb::ro>& array, F&& f) {
    if (array.dtype() == nb::dtype<float>()) f(float());
    else if (array.dtype() == nb::dtype<double>()) f(double());
    else throw nb::type_error("got another dtype, expected float32 or float64");
}

template <class T>
const T* in(const std::optional<Any>& array) {
    return array ? static_cast<const T*>(array->data()) : nullptr;
}

struct Window : rl::Conv {
    using Ints = std::vector<long>;
    Window(long n, long groups, long channels, long features, Ints in, Ints out, Ints xs, Ints ys,
           Ints step, std::vector<Ints> offsets, std::vector<Ints> wts, Ints w) {
        this->n = n;
        this->groups = groups;
        this->channels = channels;
        this->features = features;
        for (int d = 0; d < 3; d++) {
            this->in[d] = in[d];
            this->out[d] = out[d];
            this->step[d] = step[d];
            offset[d] = offsets[d];
            wt[d] = wts[d];
        }
        for (int d = 0; d < 4; d++) {
            this->xs[d] = xs[d];
            this->ys[d] = ys[d];
        }
        wf = w[0];
        wc = w[1];
        wg = w[2];
    }
};

}  // namespace

NB_MODULE(_native, m) {
    rl::choose_level(nullptr);
    m.def("level", [] { return std::string(rl::level().name); });
    m.def("choose_level", [](const std::string& name) { return rl::choose_level(name.c_str()); });
    m.def("set_threads", &rl::set_threads);
    m.def("threads", &rl::threads);
    nb::class_<Window>(m, "Conv")
        .def(nb::init<long, long, long, long, Window::Ints, Window::Ints, Window::Ints, Window::Ints,
                      Window::Ints, std::vector<Window::Ints>, std::vector<Window::Ints>,
                      Window::Ints>())
        .def(
            "forward",
            [](const Window& s, const Any& x, const Any& w, std::optional<Any> b, const Out& y,
               bool relu) {
                for_dtype(x, [&]<class T>(T) {
                    nb::gil_scoped_release free;
                    rl::level().of<T>().conv(s, (const T*)x.data(), (const T*)w.data(), in<T>(b),
                                             (T*)y.data(), relu);
                });
            },
            nb::arg(), nb::arg(), nb::arg().none(), nb::arg(), nb::arg())
        .def("weight", [](const Window& s, const Any& x, const Any& g, const Out& dw) {
            for_dtype(x, [&]<class T>(T) {
                nb::gil_scoped_release free;
                rl::level().of<T>().conv_weight(s, (const T*)x.data(), (const T*)g.data(),
                                                (T*)dw.data());
            });
        });
}
