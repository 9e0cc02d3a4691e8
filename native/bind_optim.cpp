// Optimizer steps over flat arrays, for Python.
#include "bind.h"

#include <cmath>

namespace {

// Tell whether an array can be walked as numbers in a row, of the dtype and number of the first.
template <class Array>
bool alike(const Array& array, const Out& first) {
    if (array.dtype() != first.dtype() || array.size() != first.size()) return false;
    int64_t expected = 1;
    for (size_t d = array.ndim(); d-- > 0;) {
        if (array.shape(d) != 1 && array.stride(d) != expected) return false;
        expected *= array.shape(d);
    }
    return true;
}
template <class Array>
bool alike(const std::optional<Array>& array, const Out& first) {
    return !array || alike(*array, first);
}

// Run f on arrays that are floats in a row; tell whether they are.
template <class F, class... Arrays>
bool run(F&& f, const Out& first, const Arrays&... arrays) {
    bool single = first.dtype() == nb::dtype<float>();
    if (!single && first.dtype() != nb::dtype<double>()) return false;
    if (!(alike(first, first) && ... && alike(arrays, first))) return false;
    for_dtype(first, [&]<class T>(T) {
        rl::Unlocked free;
        f.template operator()<T>(rl::level().of<T>().optim, (Index)first.size());
    });
    return true;
}

}  // namespace

void bind_optim(nb::module_& m) {
    rl::def(
        m, "adam_step",
        [](const Out& w, const In& g, const Out& mean, const Out& square,
           const MaybeOut& most, double step, double lr, double beta1, double beta2,
           double eps, double decay, bool decoupled, bool maximize) {
            double root = std::sqrt(1 - std::pow(beta2, step));
            double size = lr * root / (1 - std::pow(beta1, step));
            rl::Adam s{lr, beta1, beta2, eps, decay, decoupled, maximize, root, size};
            return run(
                [&]<class T>(auto& k, Index n) {
                    k.adam(s, n, data<T>(w), data<T>(g), data<T>(mean), data<T>(square),
                           data<T>(most, n));
                },
                w, g, mean, square, most);
        },
        nb::arg(), nb::arg(), nb::arg(), nb::arg(), nb::arg().none(), nb::arg(), nb::arg(),
        nb::arg(), nb::arg(), nb::arg(), nb::arg(), nb::arg(), nb::arg());
    rl::def(
        m, "sgd_step",
        [](const Out& w, const In& g, const MaybeOut& buffer, double lr, double momentum,
           double dampening, double decay, bool nesterov, bool maximize, bool first) {
            rl::Sgd s{lr, momentum, dampening, decay, nesterov, maximize, first};
            return run(
                [&]<class T>(auto& k, Index n) {
                    k.sgd(s, n, data<T>(w), data<T>(g), data<T>(buffer, n));
                },
                w, g, buffer);
        },
        nb::arg(), nb::arg(), nb::arg().none(), nb::arg(), nb::arg(), nb::arg(), nb::arg(),
        nb::arg(), nb::arg(), nb::arg());
}
