// Calls made ready: their arguments are converted once, to be made many times.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <memory>
#include <optional>
#include <tuple>
#include <vector>

#include "kept.h"

namespace rl {

namespace nb = nanobind;

// Lets other threads of Python run meanwhile; within a stretch of ready calls they do already.
class Unlocked {
  public:
    Unlocked() : state(within ? nullptr : PyEval_SaveThread()) { within = true; }
    ~Unlocked() {
        if (!state) return;
        within = false;
        PyEval_RestoreThread(state);
    }
    Unlocked(const Unlocked&) = delete;

  private:
    static inline thread_local bool within = false;
    PyThreadState* state;
};

// A call that needs nothing of Python's, not even its lock, until it is destroyed.
struct Ready {
    virtual ~Ready() = default;
    void run() const {
        if (kept) kept->during([this] { make(); });
        else make();
    }
    virtual void make() const = 0;
    std::vector<const void*> places;  // where its arrays lie
    Kept* kept = nullptr;
};

// A number of Python's that may be another whenever a call that was made ready is made.
struct Live {
    double value = 0;
};

// A number for a kernel: a float, or a `Live`, which is read when the call is made.
class Number {
  public:
    Number() = default;
    explicit Number(double value) : value(value) {}
    explicit Number(nb::object live) : live(live), at(&nb::cast<Live&>(live).value) {}
    operator double() const { return at ? *at : value; }

  private:
    double value = 0;
    nb::object live;
    const double* at = nullptr;
};

// Where the next call of a kernel is put in place of being made, if anywhere.
inline thread_local std::unique_ptr<Ready>* wanted = nullptr;

template <class T>
constexpr bool is_array = false;
template <class... Traits>
constexpr bool is_array<nb::ndarray<Traits...>> = true;
template <class... Traits>
constexpr bool is_array<std::optional<nb::ndarray<Traits...>>> = true;

// Arrays and numbers are kept; an object that has the kernel outlives its calls.
template <class T>
constexpr bool is_value = is_array<T> || std::is_arithmetic_v<T> || std::is_same_v<T, Number>;
template <class T>
using Held = std::conditional_t<is_value<T>, T, const T&>;
template <class T>
constexpr bool can_be_kept =
    is_value<T> || nb::detail::is_base_caster_v<nb::detail::make_caster<T>>;

template <class F, class... Args>
class Converted : public Ready {
    static_assert((can_be_kept<Args> && ...), "what is converted to a temporary cannot be kept");

  public:
    Converted(const F& f, const Args&... args) : f(f), args(args...) { (note(args), ...); }
    void make() const override { std::apply(f, args); }

  private:
    F f;
    std::tuple<Held<Args>...> args;

    template <class... Traits>
    void note(const nb::ndarray<Traits...>& array) {
        places.push_back(array.data());
    }
    template <class Array>
    void note(const std::optional<Array>& array) {
        if (array) note(*array);
    }
    template <class T>
    void note(const T&) {}
};

template <class F, class R, class... Args>
auto preparable(F f, R (F::*)(Args...) const) {
    return [f](Args... args) -> R {
        if (!wanted) return f(args...);
        *wanted = std::make_unique<Converted<F, std::decay_t<Args>...>>(f, args...);
        if constexpr (std::is_same_v<R, bool>) return true;  // it will take the arrays
        else return R();
    };
}

// Define a kernel in a module or class, as their `def` does, such that `prepare` knows it.
template <class Scope, class F, class... Extra>
void def(Scope& scope, const char* name, F f, const Extra&... extra) {
    scope.def(name, preparable(f, &F::operator()), extra...);
}

}  // namespace rl

namespace nanobind::detail {

template <>
struct type_caster<rl::Number> {
    NB_TYPE_CASTER(rl::Number, const_name("float"))

    bool from_python(handle from, uint8_t flags, cleanup_list* cleanup) noexcept {
        make_caster<double> number;
        if (number.from_python(from, flags, cleanup)) value = rl::Number(number.value);
        else if (isinstance<rl::Live>(from)) value = rl::Number(borrow(from));
        else return false;
        return true;
    }
};

}  // namespace nanobind::detail
