// What the bindings share: arrays from Python and the choice of a dtype.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "kernels.h"

namespace nb = nanobind;
using In = nb::ndarray<nb::ro>;
using Maybe = std::optional<In>;
using Out = nb::ndarray<>;

// Call f with a zero of the array's dtype, float or double.
template <class Array, class F>
void for_dtype(const Array& array, F&& f) {
    if (array.dtype() == nb::dtype<float>()) f(float());
    else if (array.dtype() == nb::dtype<double>()) f(double());
    else throw nb::type_error("got another dtype, expected float32 or float64");
}

template <class T>
const T* data(const In& array) {
    return static_cast<const T*>(array.data());
}
template <class T>
const T* data(const Maybe& array) {
    return array ? static_cast<const T*>(array->data()) : nullptr;
}
template <class T>
T* data(const Out& array) {
    return static_cast<T*>(array.data());
}
