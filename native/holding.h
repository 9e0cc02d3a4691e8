// Objects of C++ that hold some of Python's: the garbage collector sees through them.
#pragma once

#include <nanobind/nanobind.h>

namespace rl {

template <class T>
int traverse(PyObject* self, visitproc visit, void* arg) {
    Py_VISIT(Py_TYPE(self));
    namespace nb = nanobind;
    return nb::inst_ready(self) ? nb::inst_ptr<T>(self)->traverse(visit, arg) : 0;
}

template <class T>
int clear(PyObject* self) {
    namespace nb = nanobind;
    if (nb::inst_ready(self)) nb::inst_ptr<T>(self)->clear();
    return 0;
}

// The slots of a class with methods `traverse` and `clear`.
template <class T>
inline PyType_Slot holding[] = {
    {Py_tp_traverse, (void*)traverse<T>}, {Py_tp_clear, (void*)clear<T>}, {0, nullptr}};

// Of a class that only something else in a cycle lets go of, as tuples are.
template <class T>
inline PyType_Slot seen[] = {{Py_tp_traverse, (void*)traverse<T>}, {0, nullptr}};

inline PyObject* check(PyObject* result) {
    if (!result) throw nanobind::python_error();
    return result;
}

}  // namespace rl
