// The way into a plan for arguments of the kind that the last call had.
#include "bind.h"

#include <algorithm>
#include <cstring>

#include "facts.h"
#include "holding.h"

namespace {

// How an array begins, in NumPy's binary interface.
struct Array {
    PyObject_HEAD
    char* data;
    int ndim;
    Py_ssize_t *shape, *strides;
    PyObject *base, *dtype;

    bool has(const std::vector<Py_ssize_t>& sizes, const std::vector<Py_ssize_t>& steps) const {
        return (size_t)ndim == sizes.size() && std::equal(sizes.begin(), sizes.end(), shape) &&
               std::equal(steps.begin(), steps.end(), strides);
    }
};

struct Argument {
    std::vector<Py_ssize_t> shape, strides;
    nb::object dtype, requires_grad, buffer;
    char* to;
    size_t bytes;
};

nb::object attribute(PyObject* of, PyObject* name) {
    return nb::steal(rl::check(PyObject_GetAttr(of, name)));
}

PyObject *ARRAY, *REQUIRES_GRAD;  // names, made with the module

// Copy n bytes, in pieces: where long ones are asked for, the C library lets `rep movsb` copy, by which
// Zen 3 and 4 take fifteen times as long where the target lies a little behind the source in its page.
void copy_bytes(const char* from, size_t n, char* to) {
    constexpr size_t PIECE = 1024;
    for (size_t i = 0; i < n; i += PIECE) std::memcpy(to + i, from + i, std::min(PIECE, n - i));
}

// Tells whether a call is of the kind of an earlier one, and all else as it was; takes arguments in.
class Entry {
  public:
    // The buffers lie in memory as the arrays of the arguments do, side by side; `written` are ids
    // of owners of memory that the call writes to.
    Entry(nb::tuple args, nb::list buffers, nb::list facts, const std::vector<uintptr_t>& written)
        : facts(facts), run(nb::none()), copy(nb::none()), written(written) {
        if (args.size() != buffers.size()) throw nb::value_error("got other buffers than arguments");
        array = nb::module_::import_("numpy").attr("ndarray");
        for (size_t i = 0; i < args.size(); i++) {
            nb::object found = attribute(args[i].ptr(), ARRAY);
            if (!i) tensor = nb::borrow(args[i].type());
            arguments.push_back(
                {nb::cast<std::vector<Py_ssize_t>>(found.attr("shape")),
                 nb::cast<std::vector<Py_ssize_t>>(found.attr("strides")), found.attr("dtype"),
                 attribute(args[i].ptr(), REQUIRES_GRAD), nb::borrow(buffers[i]),
                 (char*)nb::cast<uintptr_t>(buffers[i].attr("ctypes").attr("data")),
                 nb::cast<size_t>(buffers[i].attr("nbytes"))});
            if (!known(found, arguments.back())) throw nb::type_error("got another kind of array");
        }
        for (nb::handle part : facts) compared.push_back(&nb::cast<const Facts&>(part));
    }

    // Tell whether the plan is to be run for these arguments; they are then in its buffers, or in cells
    // where they are lent.
    bool opens(nb::tuple args, bool lends) const {
        if (args.size() != arguments.size()) return false;
        std::vector<nb::object> arrays;
        for (size_t i = 0; i < args.size(); i++) {
            PyObject* arg = args[i].ptr();
            if ((PyObject*)Py_TYPE(arg) != tensor.ptr()) return false;
            for (size_t j = 0; j < i; j++)
                if (args[j].ptr() == arg) return false;
            const Argument& as = arguments[i];
            arrays.push_back(attribute(arg, ARRAY));
            if (!alike(arrays.back().ptr(), as) ||
                attribute(arg, REQUIRES_GRAD).ptr() != as.requires_grad.ptr() ||
                is_written(arrays.back().ptr()))
                return false;
        }
        for (const Facts* part : compared)
            if (!part->hold()) return false;
        for (size_t i = 0; i < arrays.size(); i++)
            if (!alike(arrays[i].ptr(), arguments[i])) return false;  // what facts read may do much
        for (size_t i = 0; i < arrays.size(); i++) {
            nb::handle cell = lends ? cells[i] : nb::none();
            if (cell.is_none()) copy_bytes(of(arrays[i].ptr())->data, arguments[i].bytes, arguments[i].to);
            else nb::borrow<nb::list>(cell).append(arrays[i]);
        }
        return true;
    }

    // Say what to run, and what then makes the one array that comes of the call; `given`: for each
    // argument None, or a list from which the routine takes the array itself.
    void lead_to(nb::object routine, nb::object result, nb::tuple given) {
        if (given.size() != arguments.size()) throw nb::value_error("got other cells than arguments");
        run = routine;
        copy = result;
        cells = given;
    }

    // The array that comes of the call; None if the plan is not to be run for these arguments.
    nb::object array_of(nb::tuple args) const {
        if (run.is_none()) throw nb::type_error("got no routine to lead to");
        if (!opens(args, true)) return nb::none();
        try {
            nb::steal(rl::check(PyObject_CallNoArgs(run.ptr())));
        } catch (...) {  // before an array was taken, maybe
            for (nb::handle cell : cells)
                if (!cell.is_none()) nb::borrow<nb::list>(cell).clear();
            throw;
        }
        return nb::steal(rl::check(PyObject_CallNoArgs(copy.ptr())));
    }

    int traverse(visitproc visit, void* arg) const {
        Py_VISIT(facts.ptr());
        Py_VISIT(run.ptr());
        Py_VISIT(copy.ptr());
        Py_VISIT(cells.ptr());
        Py_VISIT(tensor.ptr());
        for (const Argument& as : arguments) {
            Py_VISIT(as.dtype.ptr());
            Py_VISIT(as.buffer.ptr());
        }
        return 0;
    }
    void clear() {
        std::vector<Argument> gone;
        gone.swap(arguments);
        tensor = nb::none();
        compared.clear();
        facts.reset();
        run = copy = nb::none();
        cells = nb::tuple();
    }

  private:
    nb::object facts, array, tensor, run, copy;
    nb::tuple cells;
    std::vector<const Facts*> compared;
    std::vector<Argument> arguments;
    std::vector<uintptr_t> written;

    static const Array* of(PyObject* object) { return reinterpret_cast<const Array*>(object); }

    bool alike(PyObject* found, const Argument& as) const {
        return (PyObject*)Py_TYPE(found) == array.ptr() && of(found)->has(as.shape, as.strides) &&
               of(found)->dtype == as.dtype.ptr();
    }

    // Tell whether arrays begin as it is said here, by one of which all is known.
    bool known(nb::object found, const Argument& as) const {
        if ((PyObject*)Py_TYPE(found.ptr()) != array.ptr()) return false;
        const Array* a = of(found.ptr());
        return a->ndim == (int)as.shape.size() && alike(found.ptr(), as) &&
               (uintptr_t)a->data == nb::cast<uintptr_t>(found.attr("ctypes").attr("data")) &&
               (a->base ? a->base : Py_None) == found.attr("base").ptr();
    }

    bool is_written(PyObject* found) const {
        if (written.empty()) return false;
        auto* kind = (PyTypeObject*)array.ptr();
        while (of(found)->base && PyObject_TypeCheck(of(found)->base, kind)) found = of(found)->base;
        return std::find(written.begin(), written.end(), (uintptr_t)found) != written.end();
    }
};

}  // namespace

void bind_entry(nb::module_& m) {
    ARRAY = PyUnicode_InternFromString("_array");
    REQUIRES_GRAD = PyUnicode_InternFromString("_requires_grad");
    nb::class_<Entry>(m, "Entry", nb::type_slots(rl::holding<Entry>))
        .def(nb::init<nb::tuple, nb::list, nb::list, const std::vector<uintptr_t>&>())
        .def("opens", [](const Entry& entry, nb::tuple args) { return entry.opens(args, false); })
        .def("lead_to", &Entry::lead_to)
        .def("array_of", &Entry::array_of);
    // of arrays whose numbers lie side by side, in the same order
    m.def("copy", [](const In& from, const Out& to) {
        bool alike = from.dtype() == to.dtype() && from.ndim() == to.ndim();
        for (size_t d = 0; alike && d < from.ndim(); d++)
            alike = from.shape(d) == to.shape(d) && from.stride(d) == to.stride(d);
        if (!alike) throw nb::value_error("expected arrays that are alike");
        copy_bytes((const char*)from.data(), from.nbytes(), (char*)to.data());
    });
}
