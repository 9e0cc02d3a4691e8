// Optimizer steps over flat arrays, for Python.
#include "bind.h"

#include <cmath>

#include "holding.h"

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

// What a step changes beside arrays: it reads the rate of the group as it is now, counts the step
// in the state of each parameter, and says that these were written to.
class Advance {
  public:
    Advance(nb::dict group, rl::Live& rate, rl::Live& step, const MaybeOut& counter, nb::list params)
        : group(group), rate(nb::find(rate)), step(nb::find(step)), to_rate(&rate.value),
          to_step(&step.value), counter(counter) {
        for (nb::handle p : params) this->params.push_back(nb::borrow(p));
        if (!counter) return;
        counts = data<float>(*counter);
        if (!alike(*counter, *counter) || !counter->size())
            throw nb::value_error("got counts that do not lie in a row");
    }

    void operator()() const {
        static PyObject* const LR = PyUnicode_InternFromString("lr");
        nb::object lr = nb::borrow(PyDict_GetItemWithError(group.ptr(), LR));
        if (!lr.ptr() && !PyErr_Occurred()) PyErr_SetObject(PyExc_KeyError, LR);
        rl::check(lr.ptr());
        nb::object number = nb::steal(rl::check(PyNumber_Float(lr.ptr())));
        *to_rate = PyFloat_AS_DOUBLE(number.ptr());
        if (counter) {
            for (size_t i = 0; i < counter->size(); i++) counts[i] += 1;
            *to_step = counts[0];
        }
        for (const nb::object& p : params) bump(p.ptr());
    }

    int traverse(visitproc visit, void* arg) const {
        for (const nb::object* held : {&group, &rate, &step}) Py_VISIT(held->ptr());
        for (const nb::object& p : params) Py_VISIT(p.ptr());
        return 0;
    }
    void clear() {
        std::vector<nb::object> gone;
        gone.swap(params);
        group = nb::dict();  // to which the rate is unknown
    }

  private:
    nb::object group, rate, step;
    double *to_rate, *to_step;
    MaybeOut counter;
    float* counts = nullptr;
    std::vector<nb::object> params;

    // Count a write in the version of a tensor, a list of one number or None.
    static void bump(PyObject* tensor) {
        static PyObject* const VERSION = PyUnicode_InternFromString("_version");
        static PyObject* const ONE = PyLong_FromLong(1);
        nb::object version = nb::steal(rl::check(PyObject_GetAttr(tensor, VERSION)));
        if (version.is_none()) {
            nb::list first;
            first.append(nb::handle(ONE));
            if (PyObject_SetAttr(tensor, VERSION, first.ptr()) < 0) throw nb::python_error();
            return;
        }
        PyObject* count = rl::check(PyList_GetItem(version.ptr(), 0));
        PyObject* next = rl::check(PyNumber_Add(count, ONE));
        if (PyList_SetItem(version.ptr(), 0, next) < 0) throw nb::python_error();
    }
};

}  // namespace

void bind_optim(nb::module_& m) {
    nb::class_<rl::Live>(m, "Live").def(nb::init<>());
    nb::class_<Advance>(m, "Advance", nb::type_slots(rl::holding<Advance>))
        .def(nb::init<nb::dict, rl::Live&, rl::Live&, const MaybeOut&, nb::list>(), nb::arg(),
             nb::arg(), nb::arg(), nb::arg().none(), nb::arg())
        .def("__call__", &Advance::operator());
    rl::def(
        m, "adam_step",
        [](const Out& w, const In& g, const Out& mean, const Out& square,
           const MaybeOut& most, const rl::Number& step, const rl::Number& lr, double beta1,
           double beta2, double eps, double decay, bool decoupled, bool maximize) {
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
        [](const Out& w, const In& g, const MaybeOut& buffer, const rl::Number& lr, double momentum,
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
