// One step of a recurrent layer over n rows, without its product: h numbers in each state, and those
// of the gates side by side. `product` is -W h.
#pragma once

#include "index.h"

namespace rl {

template <class T>
struct RnnKernels {
    // before (n, 4h) of i, f, g, o; gates: their sigmoids, tanh for g; negative (n, h) = -g;
    // cell = f c + i g, tanhs = tanh(cell), y = o tanhs
    void (*lstm)(Index n, Index h, const T* product, const T* before, const T* c, T* gates,
                 T* negative, T* cell, T* tanhs, T* y);
    // from dy and dc, the gradients by y and cell: d (n, 4h) by before; dc becomes that by c
    void (*lstm_grad)(Index n, Index h, const T* dy, T* dc, T* d, const T* gates,
                      const T* negative, const T* tanhs, const T* c);
    // before (n, 3h) of r, z, n; bias (h); gates (n, 2h): r and z, hidden = bias - product,
    // fresh = tanh(n + r hidden), y = fresh + z (state - fresh)
    void (*gru)(Index n, Index h, const T* product, const T* before, const T* bias,
                const T* state, T* gates, T* fresh, T* hidden, T* y);
    // from dy, the gradient by y: d (n, 4h) by r, z, hidden and n; dy becomes that by state, but for
    // what goes through the product
    void (*gru_grad)(Index n, Index h, T* dy, T* d, const T* gates, const T* fresh,
                     const T* hidden, const T* state);
};

}  // namespace rl
