// Routines: calls made ready, of kernels, of NumPy and of Python, made in order.
#include "bind.h"

#include <nanobind/stl/pair.h>

#include <cstring>

#include "holding.h"
#include "walk.h"

namespace {

using rl::Operand;
using rl::Ready;
using Call = std::unique_ptr<Ready>;

struct Prepared {
    Call call;
    nb::object kept;  // what must live as long

    int traverse(visitproc visit, void* arg) const {
        Py_VISIT(kept.ptr());
        return 0;
    }
};

nb::object made(Call call, nb::object kept) {
    return nb::cast(Prepared{std::move(call), std::move(kept)});
}

// Tell whether a call works on the arrays themselves, not on copies that nanobind made of them.
bool in_place(const Ready& call, const nb::tuple& args) {
    std::vector<const void*> given;
    for (nb::handle arg : args) {
        In array;
        if (nb::try_cast(arg, array, false)) given.push_back(array.data());
    }
    return std::all_of(call.places.begin(), call.places.end(), [&](const void* place) {
        return std::find(given.begin(), given.end(), place) != given.end();
    });
}

// kept: a `Kept`, or None.
nb::object prepare(nb::object function, nb::tuple args, nb::object kept) {
    Call call;
    if (!kept.is_none() && !nb::isinstance<rl::Kept>(kept)) throw nb::type_error("expected a Kept");
    struct Wanting {
        bool collects = PyGC_Disable();  // what it ends may call kernels of its own

        explicit Wanting(Call& call) { rl::wanted = &call; }
        ~Wanting() {
            rl::wanted = nullptr;
            if (collects) PyGC_Enable();
        }
    };
    {
        Wanting wanting(call);
        function(*args);
    }
    if (!call) throw nb::type_error("got a function that is no kernel");
    if (!in_place(*call, args)) return nb::none();
    if (!kept.is_none()) call->kept = &nb::cast<rl::Kept&>(kept);
    return made(std::move(call), nb::make_tuple(function, args, kept));
}

// ---- NumPy's loops

// How a ufunc begins, in NumPy's binary interface.
struct Ufunc {
    PyObject_HEAD
    int nin, nout, nargs, identity;
    rl::Loop* functions;
    void* const* data;
    int ntypes;
};

// The loop of that number of a ufunc; nothing where this is not how ufuncs begin.
std::pair<rl::Loop, void*> loop_of(nb::handle ufunc, int which) {
    auto* u = reinterpret_cast<const Ufunc*>(ufunc.ptr());
    bool known = u->nin == nb::cast<int>(ufunc.attr("nin")) &&
                 u->nargs == nb::cast<int>(ufunc.attr("nargs")) &&
                 u->ntypes == nb::cast<int>(ufunc.attr("ntypes")) && u->nout == 1 &&
                 u->nargs <= rl::OPERANDS && which >= 0 && which < u->ntypes;
    return known ? std::pair{u->functions[which], u->data[which]} : std::pair<rl::Loop, void*>{};
}

template <class T>
void copy_loop(char** at, const rl::Step* n, const rl::Step* steps, void*) {
    constexpr rl::Step item = sizeof(T);
    if (steps[0] == item && steps[1] == item) std::memcpy(at[1], at[0], *n * sizeof(T));
    else
        for (rl::Step i = 0; i < *n; i++)
            std::memcpy(at[1] + i * steps[1], at[0] + i * steps[0], sizeof(T));
}

rl::Loop copy_of(rl::Step item) {
    if (item == 1) return copy_loop<uint8_t>;
    if (item == 2) return copy_loop<uint16_t>;
    if (item == 4) return copy_loop<uint32_t>;
    return item == 8 ? copy_loop<uint64_t> : nullptr;
}

// What arrays are in memory; empty where one of them is not for a loop as it is.
std::vector<Operand> operands_of(const nb::tuple& arrays) {
    std::vector<Operand> found;
    for (std::size_t i = 0; i < arrays.size(); i++) {
        In array;
        Out writable;
        if (!nb::try_cast(arrays[i], array, false)) return {};
        if (i + 1 == arrays.size() && !nb::try_cast(arrays[i], writable, false)) return {};
        Operand operand{(char*)array.data(), {}, {}, array.dtype().bits / 8};
        if (!array.size() || (uintptr_t)array.data() % operand.item) return {};
        for (std::size_t d = 0; d < array.ndim(); d++) {
            operand.shape.push_back((rl::Step)array.shape(d));
            operand.strides.push_back((rl::Step)array.stride(d) * operand.item);
        }
        found.push_back(operand);
    }
    return found;
}

bool overlap(const Operand& a, const Operand& b) {
    auto [low, high] = a.bounds();
    auto [from, to] = b.bounds();
    return low < to && from < high;
}

// Tell whether an operand is broadcast to the result, and is itself where it shares its memory.
bool goes_with(const Operand& a, const Operand& y) {
    if (a.shape.size() > y.shape.size()) return false;
    for (std::size_t d = 0; d < a.shape.size(); d++) {
        rl::Step size = y.shape[d + y.shape.size() - a.shape.size()];
        if (a.shape[d] != size && a.shape[d] != 1) return false;
    }
    bool same = a.data == y.data && a.shape == y.shape && a.strides == y.strides;
    return (same && a.item == y.item) || !overlap(a, y);
}

nb::object walk(nb::tuple arrays, rl::Loop (*copy)(rl::Step), nb::handle ufunc, int which) {
    std::vector<Operand> operands = operands_of(arrays);
    if (operands.empty()) return nb::none();
    const Operand& y = operands.back();
    auto [loop, with] = copy ? std::pair{copy(y.item), (void*)nullptr} : loop_of(ufunc, which);
    bool right = loop && !y.folded() &&
                 operands.size() == (copy ? 2 : nb::cast<std::size_t>(ufunc.attr("nargs")));
    for (std::size_t k = 0; right && k + 1 < operands.size(); k++)
        right = goes_with(operands[k], y) && (!copy || operands[k].item == y.item);
    if (!right) return nb::none();
    return made(std::make_unique<rl::Walk>(loop, with, operands), arrays);
}

nb::object product(nb::handle matmul, int which, nb::tuple arrays) {
    std::vector<Operand> o = operands_of(arrays);
    bool right = o.size() == 3;
    for (const Operand& operand : o) right = right && operand.shape.size() == 2;
    right = right && o[0].shape[1] == o[1].shape[0] && o[2].shape[0] == o[0].shape[0] &&
            o[2].shape[1] == o[1].shape[1] && !overlap(o[0], o[2]) && !overlap(o[1], o[2]);
    auto [loop, with] = loop_of(matmul, which);
    if (!right || !loop) return nb::none();
    return made(std::make_unique<rl::Product>(loop, with, o[0], o[1], o[2]), arrays);
}

// ---- all in order

class Routine {
  public:
    explicit Routine(nb::tuple calls) : calls(calls) {
        for (nb::handle call : calls) {
            Prepared* prepared = nullptr;
            nb::try_cast(call, prepared, false);  // of None it makes a null pointer
            ready.push_back(prepared ? prepared->call.get() : nullptr);
        }
    }

    // Whether nothing of it is Python.
    bool compiled() const {
        return std::none_of(ready.begin(), ready.end(), [](const Ready* r) { return !r; });
    }

    void run() const {
        std::size_t i = 0, n = ready.size();
        while (i < n) {
            if (ready[i]) {
                rl::Unlocked free;
                do ready[i++]->run();
                while (i < n && ready[i]);
            } else {
                nb::steal(rl::check(PyObject_CallNoArgs(PyTuple_GET_ITEM(calls.ptr(), i++))));
            }
        }
    }

    int traverse(visitproc visit, void* arg) const {
        Py_VISIT(calls.ptr());
        return 0;
    }
    void clear() {
        ready.clear();
        calls.reset();
    }

  private:
    nb::object calls;  // a tuple; callables in Python, which may refer to the routine
    std::vector<const Ready*> ready;
};

}  // namespace

void bind_routine(nb::module_& m) {
    nb::class_<Prepared>(m, "Prepared", nb::type_slots(rl::seen<Prepared>))
        .def("__call__", [](const Prepared& p) { p.call->run(); });
    nb::class_<Routine>(m, "Routine", nb::type_slots(rl::holding<Routine>))
        .def(nb::init<nb::tuple>())
        .def_prop_ro("compiled", &Routine::compiled)
        .def("__call__", &Routine::run);
    nb::class_<rl::Kept>(m, "Kept")
        .def("__init__",
             [](rl::Kept* at, const std::vector<std::pair<uintptr_t, uintptr_t>>& bounds) {
                 new (at) rl::Kept;
                 for (auto [low, high] : bounds) at->stay((const void*)low, (const void*)high);
             })
        .def_prop_ro("nbytes", &rl::Kept::nbytes)
        .def("drop", &rl::Kept::drop)
        .def("__call__", [](rl::Kept& kept, nb::callable function, nb::tuple args) {
            kept.during([&] { function(*args); });
        });
    m.def("prepare", &prepare, nb::arg("function"), nb::arg("args"),
          nb::arg("kept").none() = nb::none());
    m.def("prepare_copy", [](nb::handle from, nb::handle to) {
        return walk(nb::make_tuple(from, to), copy_of, {}, 0);
    });
    m.def("prepare_elementwise", [](nb::handle ufunc, int which, nb::tuple arrays) {
        return walk(arrays, nullptr, ufunc, which);
    });
    m.def("prepare_product", &product);
}
