// Facts about Python objects, for Python; the garbage collector sees through them.
#include "bind.h"
#include "facts.h"
#include "holding.h"

void bind_facts(nb::module_& m) {
    nb::class_<Facts>(m, "Facts", nb::type_slots(rl::holding<Facts>))
        .def(nb::init<>())
        .def("attributes", &Facts::attributes)
        .def("entry", &Facts::entry, nb::arg(), nb::arg().none(), nb::arg().none())
        .def("lacks", &Facts::lacks, nb::arg(), nb::arg().none())
        .def("lookup", &Facts::lookup, nb::arg(), nb::arg(), nb::arg().none())
        .def("items", &Facts::items)
        .def("contents", &Facts::contents, nb::arg(), nb::arg(), nb::arg() = nb::tuple())
        .def("keys", &Facts::keys)
        .def("length", &Facts::length)
        .def("alike", [](Facts& facts, nb::object array) {
            Facts::Numbers numbers;
            if (!nb::try_cast(array, numbers, false)) throw nb::type_error("got no float32 in a row");
            facts.alike(array, numbers);
        })
        .def("hold", &Facts::hold);
    nb::class_<Holders>(m, "Holders", nb::type_slots(rl::holding<Holders>))
        .def(nb::init<nb::list>())
        .def("note", &Holders::note)
        .def("same", &Holders::same);
}
