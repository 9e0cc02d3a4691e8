// Facts about Python objects, for Python; the garbage collector sees through them.
#include "bind.h"
#include "facts.h"

namespace {

template <class T>
int traverse(PyObject* self, visitproc visit, void* arg) {
    Py_VISIT(Py_TYPE(self));
    return nb::inst_ready(self) ? nb::inst_ptr<T>(self)->traverse(visit, arg) : 0;
}

template <class T>
int clear(PyObject* self) {
    if (nb::inst_ready(self)) nb::inst_ptr<T>(self)->clear();
    return 0;
}

template <class T>
PyType_Slot slots[] = {
    {Py_tp_traverse, (void*)traverse<T>}, {Py_tp_clear, (void*)clear<T>}, {0, nullptr}};

}  // namespace

void bind_facts(nb::module_& m) {
    nb::class_<Facts>(m, "Facts", nb::type_slots(slots<Facts>))
        .def(nb::init<>())
        .def("attributes", &Facts::attributes)
        .def("entry", &Facts::entry, nb::arg(), nb::arg().none(), nb::arg().none())
        .def("lacks", &Facts::lacks, nb::arg(), nb::arg().none())
        .def("lookup", &Facts::lookup, nb::arg(), nb::arg(), nb::arg().none())
        .def("items", &Facts::items)
        .def("contents", &Facts::contents, nb::arg(), nb::arg(), nb::arg() = nb::tuple())
        .def("keys", &Facts::keys)
        .def("length", &Facts::length)
        .def("hold", &Facts::hold);
    nb::class_<Holders>(m, "Holders", nb::type_slots(slots<Holders>))
        .def(nb::init<nb::list>())
        .def("note", &Holders::note)
        .def("same", &Holders::same);
}
