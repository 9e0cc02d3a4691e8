// Raw words of NumPy's bit generators, drawn from the very state that NumPy draws from.
#include "bind.h"

#include <cstring>

#include "holding.h"

namespace {

// What a bit generator hands to C, by its capsule (numpy/random/bitgen.h).
struct Bits {
    void* state;
    uint64_t (*next64)(void*);
    uint32_t (*next32)(void*);
    double (*next_double)(void*);
    uint64_t (*raw)(void*);
};

// SFC64 with its state in registers: a word then takes a third of the time of a call of `raw`.
struct Sfc64 {
    uint64_t a, b, c, count;

    [[gnu::always_inline]] uint64_t next() {
        uint64_t word = a + b + count++;
        a = b ^ (b >> 11);
        b = c + (c << 3);
        c = (c << 24 | c >> 40) + word;
        return word;
    }
};

struct Other {
    Bits* bits;
    uint64_t next() { return bits->raw(bits->state); }
};

// Fill memory with the next words, the last one in part where less is left; return the source as it
// is then. It is a copy, which no write to the memory can touch: so it stays in registers.
template <class Source>
Source drawn(Source source, char* at, size_t bytes) {
    for (char* end = at + bytes / 8 * 8; at < end; at += 8) {
        uint64_t word = source.next();
        std::memcpy(at, &word, 8);
    }
    if (bytes % 8) {
        uint64_t word = source.next();
        std::memcpy(at, &word, bytes % 8);
    }
    return source;
}

Bits* bits_of(nb::handle source) {
    nb::object capsule = source.attr("capsule");
    void* found = PyCapsule_GetPointer(capsule.ptr(), "BitGenerator");
    if (!found) throw nb::python_error();
    return static_cast<Bits*>(found);  // the source owns it
}

// Tell whether the state of NumPy's SFC64 begins with these four words, and goes on like ours.
bool try_sfc64(nb::handle kind) {
    nb::object source = kind(20);
    Bits* bits = bits_of(source);
    nb::object words = source.attr("state")["state"]["state"];
    Sfc64 told{nb::cast<uint64_t>(words[nb::int_(0)]), nb::cast<uint64_t>(words[nb::int_(1)]),
               nb::cast<uint64_t>(words[nb::int_(2)]), nb::cast<uint64_t>(words[nb::int_(3)])};
    for (int i = 0; i < 9; i++) {
        if (std::memcmp(&told, bits->state, sizeof told)) return false;
        if (told.next() != bits->raw(bits->state)) return false;
    }
    return true;
}

bool is_sfc64(nb::handle source) {
    // the class, once it was tried; it is NumPy's and stays
    static PyTypeObject *known = nullptr, *unlike = nullptr;
    PyTypeObject* kind = Py_TYPE(source.ptr());
    if (kind != known && kind != unlike) {
        nb::object numpys = nb::module_::import_("numpy.random").attr("SFC64");
        bool right = (PyObject*)kind == numpys.ptr() && try_sfc64(numpys);
        (right ? known : unlike) = kind;
    }
    return kind == known;
}

// Holds the lock of a bit generator, as NumPy does while it draws.
class Locked {
  public:
    explicit Locked(nb::handle source) : lock(source.attr("lock")) { lock.attr("acquire")(); }
    ~Locked() {
        nb::error_scope kept;
        PyObject* done = PyObject_CallMethod(lock.ptr(), "release", nullptr);
        if (!done) PyErr_Clear();
        Py_XDECREF(done);
    }
    Locked(const Locked&) = delete;

  private:
    nb::object lock;
};

void fill(nb::handle source, void* to, size_t bytes) {
    constexpr size_t LONG = 1 << 15;  // bytes from which on other threads may run meanwhile
    Bits* bits = bits_of(source);
    bool sfc64 = is_sfc64(source);
    Locked lock(source);
    std::optional<rl::Unlocked> free;
    if (bytes >= LONG) free.emplace();
    if (sfc64) {
        Sfc64 state;
        std::memcpy(&state, bits->state, sizeof state);
        state = drawn(state, (char*)to, bytes);
        std::memcpy(bits->state, &state, sizeof state);
    } else {
        drawn(Other{bits}, (char*)to, bytes);
    }
}

// A draw of words for the whole of an array, or where the generator stands otherwise than it knows
// (it draws for the rows of a process), what is done in Python.
class Draw {
  public:
    Draw(nb::object generator, nb::object otherwise, const Out& words)
        : generator(generator), kind(nb::borrow(generator.type())), otherwise(otherwise),
          to(words.data()), bytes(words.nbytes()), words(words) {}

    void operator()() const {
        static PyObject* const ROWS = PyUnicode_InternFromString("rows");
        static PyObject* const BITS = PyUnicode_InternFromString("_bits");
        nb::object rows = nb::steal(rl::check(PyObject_GetAttr(generator.ptr(), ROWS)));
        if (!rows.is_none() || !generator.type().is(kind)) {
            nb::steal(rl::check(PyObject_CallNoArgs(otherwise.ptr())));
            return;
        }
        nb::object source = nb::steal(rl::check(PyObject_GetAttr(generator.ptr(), BITS)));
        fill(source, to, bytes);
    }

    int traverse(visitproc visit, void* arg) const {
        Py_VISIT(generator.ptr());
        Py_VISIT(kind.ptr());
        Py_VISIT(otherwise.ptr());
        return 0;
    }
    void clear() {
        generator = otherwise = nb::none();  // the kind stays, so that a call finds another
    }

  private:
    nb::object generator, kind, otherwise;
    void* to;
    size_t bytes;
    Out words;
};

}  // namespace

void bind_random(nb::module_& m) {
    m.def("raw_words", [](nb::handle source, const Out& words) {
        if (words.ndim() != 1 || (words.size() > 1 && words.stride(0) != 1))
            throw nb::value_error("got words that do not lie in a row");
        fill(source, words.data(), words.nbytes());
    });
    nb::class_<Draw>(m, "Draw", nb::type_slots(rl::holding<Draw>))
        .def(nb::init<nb::object, nb::object, const Out&>())
        .def("__call__", &Draw::operator());
}
