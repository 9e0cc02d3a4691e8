// Recurrent layers, for Python: rows (n, h) of states and (n, count h) of gates.
#include "bind.h"

namespace {

// Call f with the kernels of the dtype and with the sizes of a state.
template <class F>
void on_states(const In& state, F&& f) {
    expect(" dims", (Index)state.ndim(), 2);
    for_dtype(state, [&]<class T>(T) {
        rl::Unlocked free;
        f(T(), rl::level().of<T>().rnn, (Index)state.shape(0), (Index)state.shape(1));
    });
}

// The same of the steps' first states.
template <class F>
void on_firsts(const rl::Sequences& s, const In& first, F&& f) {
    on_states(first, [&]<class T>(T, auto& k, Index n, Index h) {
        expect(" sequences", n, s.most());
        f(T(), k, n, h);
    });
}

struct Given : rl::Sequences {
    Given(std::vector<Index> given, bool backwards) {
        for (Index size : given) {
            if (size < 0 || (!sizes.empty() && size > sizes.back()))
                throw nb::value_error("expected sizes that never grow");
            sizes.push_back(size);
            starts.push_back(rows);
            rows += size;
        }
        reverse = backwards;
    }
};

void bind_steps(nb::module_& m) {
    nb::class_<Given> steps(m, "Sequences");
    steps.def(nb::init<std::vector<Index>, bool>());
    rl::def(steps, "lstm", [](const Given& s, const In& before, const In& h0, const In& c0,
                              const In& w, const Out& gates, const Out& cells, const Out& tanhs,
                              const Out& y, const Out& h_last, const Out& c_last) {
        on_firsts(s, h0, [&]<class T>(T, auto& k, Index n, Index h) {
            Index all = s.rows * h;
            k.lstm_steps(s, h, data<T>(before, 4 * all), data<T>(h0), data<T>(c0, n * h),
                         data<T>(w, 4 * h * h), data<T>(gates, 4 * all), data<T>(cells, all),
                         data<T>(tanhs, all), data<T>(y, all), data<T>(h_last, n * h),
                         data<T>(c_last, n * h));
        });
    });
    rl::def(
        steps, "lstm_grad",
        [](const Given& s, const Maybe& g, const Out& dh, const Out& dc, const In& w,
           const In& gates, const In& cells, const In& tanhs, const In& c0, const Out& d) {
            on_firsts(s, c0, [&]<class T>(T, auto& k, Index n, Index h) {
                Index all = s.rows * h;
                k.lstm_steps_grad(s, h, data<T>(g, all), data<T>(dh, n * h), data<T>(dc, n * h),
                                  data<T>(w, 4 * h * h), data<T>(gates, 4 * all),
                                  data<T>(cells, all), data<T>(tanhs, all), data<T>(c0),
                                  data<T>(d, 4 * all));
            });
        },
        nb::arg().none(), nb::arg(), nb::arg(), nb::arg(), nb::arg(), nb::arg(), nb::arg(),
        nb::arg(), nb::arg());
    rl::def(steps, "gru", [](const Given& s, const In& before, const In& h0, const In& w,
                             const In& bias, const Out& gates, const Out& fresh,
                             const Out& hidden, const Out& y, const Out& h_last) {
        on_firsts(s, h0, [&]<class T>(T, auto& k, Index n, Index h) {
            Index all = s.rows * h;
            k.gru_steps(s, h, data<T>(before, 3 * all), data<T>(h0), data<T>(w, 3 * h * h),
                        data<T>(bias, h), data<T>(gates, 2 * all), data<T>(fresh, all),
                        data<T>(hidden, all), data<T>(y, all), data<T>(h_last, n * h));
        });
    });
    rl::def(
        steps, "gru_grad",
        [](const Given& s, const Maybe& g, const Out& dh, const In& w, const In& gates,
           const In& fresh, const In& hidden, const In& y, const In& h0, const Out& by_before,
           const Out& by_product) {
            on_firsts(s, h0, [&]<class T>(T, auto& k, Index n, Index h) {
                Index all = s.rows * h;
                k.gru_steps_grad(s, h, data<T>(g, all), data<T>(dh, n * h),
                                 data<T>(w, 3 * h * h), data<T>(gates, 2 * all),
                                 data<T>(fresh, all), data<T>(hidden, all), data<T>(y, all),
                                 data<T>(h0), data<T>(by_before, 3 * all),
                                 data<T>(by_product, 3 * all));
            });
        },
        nb::arg().none(), nb::arg(), nb::arg(), nb::arg(), nb::arg(), nb::arg(), nb::arg(),
        nb::arg(), nb::arg(), nb::arg());
}

}  // namespace

void bind_rnn(nb::module_& m) {
    bind_steps(m);
    rl::def(m, "lstm_step", [](const In& product, const In& before, const In& c, const Out& gates,
                               const Out& cell, const Out& tanhs, const Out& y) {
        on_states(c, [&]<class T>(T, auto& k, Index n, Index h) {
            k.lstm(n, h, data<T>(product, 4 * n * h), data<T>(before, 4 * n * h), data<T>(c),
                   data<T>(gates, 4 * n * h), data<T>(cell, n * h), data<T>(tanhs, n * h),
                   data<T>(y, n * h));
        });
    });
    rl::def(m, "lstm_step_grad", [](const In& dy, const Out& dc, const Out& d, const In& gates,
                                    const In& tanhs, const In& c) {
        on_states(c, [&]<class T>(T, auto& k, Index n, Index h) {
            k.lstm_grad(n, h, data<T>(dy, n * h), data<T>(dc, n * h), data<T>(d, 4 * n * h),
                        data<T>(gates, 4 * n * h), data<T>(tanhs, n * h), data<T>(c));
        });
    });
    rl::def(m, "gru_step", [](const In& product, const In& before, const In& bias, const In& state,
                              const Out& gates, const Out& fresh, const Out& hidden, const Out& y) {
        on_states(state, [&]<class T>(T, auto& k, Index n, Index h) {
            k.gru(n, h, data<T>(product, 3 * n * h), data<T>(before, 3 * n * h), data<T>(bias, h),
                  data<T>(state), data<T>(gates, 2 * n * h), data<T>(fresh, n * h),
                  data<T>(hidden, n * h), data<T>(y, n * h));
        });
    });
    rl::def(m, "gru_step_grad", [](const Out& dy, const Out& d, const In& gates, const In& fresh,
                                   const In& hidden, const In& state) {
        on_states(state, [&]<class T>(T, auto& k, Index n, Index h) {
            k.gru_grad(n, h, data<T>(dy, n * h), data<T>(d, 4 * n * h), data<T>(gates, 2 * n * h),
                       data<T>(fresh, n * h), data<T>(hidden, n * h), data<T>(state));
        });
    });
}
