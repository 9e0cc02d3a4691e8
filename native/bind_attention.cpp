// Attention, for Python: arrays (N, H, rows, columns) whose rows are dense; p and factor are C-ordered.
#include "bind.h"

namespace {

// The matrices of an array that must have `rows` rows of `columns` numbers.
template <class T, class Array>
auto heads(const Array& array, const rl::AttentionSizes& s, Index rows, Index columns) {
    expect(" dims", (Index)array.ndim(), 4);
    expect(" samples", (Index)array.shape(0), s.samples);
    expect(" heads", (Index)array.shape(1), s.heads);
    expect(" rows", (Index)array.shape(2), rows);
    expect(" columns", (Index)array.shape(3), columns);
    if (columns > 1) expect(" between the numbers of a row", (Index)array.stride(3), 1);
    auto* first = data<T>(array);
    return rl::Heads<std::remove_pointer_t<decltype(first)>>{
        first, (Index)array.stride(0), (Index)array.stride(1), (Index)array.stride(2)};
}
template <class T, class Array>
auto heads(const std::optional<Array>& array, const rl::AttentionSizes& s, Index rows,
           Index columns) {
    using Found = decltype(heads<T>(*array, s, rows, columns));
    return array ? heads<T>(*array, s, rows, columns) : Found{};
}

// Call f with the kernels of the dtype and with the sizes of q (N, H, L, E) and v (N, H, S, V).
template <class F>
void on_heads(const In& q, const In& v, double scale, bool blind, F&& f) {
    expect(" dims", (Index)q.ndim(), 4);
    expect(" dims", (Index)v.ndim(), 4);
    rl::AttentionSizes s{(Index)q.shape(0), (Index)q.shape(1), (Index)q.shape(2),
                         (Index)v.shape(2), (Index)q.shape(3), (Index)v.shape(3), scale, blind};
    for_dtype(q, [&]<class T>(T) {
        if (s.samples * s.heads * s.rows * s.columns * s.depth * s.width == 0)
            throw nb::value_error("got an empty array, expected numbers");
        f(T(), rl::level().of<T>().attention, s, s.samples * s.heads * s.rows * s.columns);
    });
}

}  // namespace

void bind_attention(nb::module_& m) {
    rl::def(m, "attention", [](const In& q, const In& k, const In& v, const Maybe& bias,
                          const MaybeDense& factor, double scale, bool blind, const Out& p,
                          const Out& y) {
        on_heads(q, v, scale, blind, [&]<class T>(T, auto& kernels, auto& s, Index cells) {
            Index l = s.rows, c = s.columns;
            auto from = heads<T>(q, s, l, s.depth), to = heads<T>(k, s, c, s.depth);
            auto values = heads<T>(v, s, c, s.width), more = heads<T>(bias, s, l, c);
            auto own = data<T>(factor, cells);
            auto weights = data<T>(p, cells);
            auto out = heads<T>(y, s, l, s.width);
            rl::Unlocked free;
            kernels.forward(s, from, to, values, more, own, weights, out);
        });
    }, nb::arg(), nb::arg(), nb::arg(), nb::arg().none(), nb::arg().none(), nb::arg(), nb::arg(),
       nb::arg(), nb::arg());
    rl::def(m, "attention_grad", [](const In& g, const In& q, const In& k, const In& v, const Dense& p,
                               const MaybeDense& factor, double scale, const MaybeOut& dq,
                               const MaybeOut& dk, const MaybeOut& dv) {
        on_heads(q, v, scale, true, [&]<class T>(T, auto& kernels, auto& s, Index cells) {
            Index l = s.rows, c = s.columns;
            auto grads = heads<T>(g, s, l, s.width);
            auto from = heads<T>(q, s, l, s.depth), to = heads<T>(k, s, c, s.depth);
            auto values = heads<T>(v, s, c, s.width);
            auto weights = data<T>(p, cells);
            auto own = data<T>(factor, cells);
            auto by_q = heads<T>(dq, s, l, s.depth), by_k = heads<T>(dk, s, c, s.depth);
            auto by_v = heads<T>(dv, s, c, s.width);
            rl::Unlocked free;
            kernels.grad(s, grads, from, to, values, weights, own, by_q, by_k, by_v);
        });
    });
}
