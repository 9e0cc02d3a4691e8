// Steps of recurrent layers, for Python: rows (n, h) of states and (n, count h) of gates.
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

}  // namespace

void bind_rnn(nb::module_& m) {
    rl::def(m, "lstm_step", [](const In& product, const In& before, const In& c, const Out& gates,
                               const Out& negative, const Out& cell, const Out& tanhs,
                               const Out& y) {
        on_states(c, [&]<class T>(T, auto& k, Index n, Index h) {
            k.lstm(n, h, data<T>(product, 4 * n * h), data<T>(before, 4 * n * h), data<T>(c),
                   data<T>(gates, 4 * n * h), data<T>(negative, n * h), data<T>(cell, n * h),
                   data<T>(tanhs, n * h), data<T>(y, n * h));
        });
    });
    rl::def(m, "lstm_step_grad", [](const In& dy, const Out& dc, const Out& d, const In& gates,
                                    const In& negative, const In& tanhs, const In& c) {
        on_states(c, [&]<class T>(T, auto& k, Index n, Index h) {
            k.lstm_grad(n, h, data<T>(dy, n * h), data<T>(dc, n * h), data<T>(d, 4 * n * h),
                        data<T>(gates, 4 * n * h), data<T>(negative, n * h),
                        data<T>(tanhs, n * h), data<T>(c));
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
