// What the bindings share: arrays from Python and the choice of a dtype.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "kernels.h"
#include "ready.h"

namespace nb = nanobind;
using rl::Index;
using In = nb::ndarray<nb::ro>;
using Dense = nb::ndarray<nb::ro, nb::c_contig>;  // nanobind copies one that is not C-ordered
using Out = nb::ndarray<>;
using Maybe = std::optional<In>;
using MaybeDense = std::optional<Dense>;
using MaybeOut = std::optional<Out>;

inline std::string name(nb::dlpack::dtype dtype) {
    using Code = nb::dlpack::dtype_code;
    std::string bits = std::to_string(dtype.bits);
    if (dtype.code == (uint8_t)Code::Float) return "float" + bits;
    if (dtype.code == (uint8_t)Code::Int) return "int" + bits;
    if (dtype.code == (uint8_t)Code::UInt) return "uint" + bits;
    return "another dtype of " + bits + " bits";
}

// Call f with a zero of the array's dtype, float or double.
template <class Array, class F>
void for_dtype(const Array& array, F&& f) {
    nb::dlpack::dtype dtype = array.dtype();
    if (dtype == nb::dtype<float>()) f(float());
    else if (dtype == nb::dtype<double>()) f(double());
    else throw nb::type_error(("got " + name(dtype) + ", expected float32 or float64").c_str());
}

// The numbers of an array, which must have the dtype that the kernels were chosen by.
template <class T, class Array>
auto* data(const Array& array) {
    if (array.dtype() != nb::dtype<T>()) {
        std::string text = "got " + name(array.dtype()) + " beside " + name(nb::dtype<T>());
        throw nb::type_error((text + ", expected arrays of one dtype").c_str());
    }
    using Number = std::conditional_t<std::is_same_v<Array, Out>, T, const T>;
    return static_cast<Number*>(array.data());
}

inline void expect(const char* what, Index found, Index expected) {
    if (found == expected) return;
    std::string text = "got " + std::to_string(found) + what + ", expected ";
    throw nb::value_error((text + std::to_string(expected)).c_str());
}

// The same of an array that must have n numbers.
template <class T, class Array>
auto* data(const Array& array, Index n) {
    expect(" numbers in an array", (Index)array.size(), n);
    return data<T>(array);
}
template <class T, class Array>
auto* data(const std::optional<Array>& array, Index n) {
    return array ? data<T>(*array, n) : nullptr;
}
