// Recurrent layers: what a step does but for its product, and all steps of a layer with theirs. A
// state has h numbers, and those of the gates stand side by side.
#pragma once

#include <vector>

#include "index.h"

namespace rl {

// What goes through a layer in one direction: rows of step 0, then of step 1, ..., `sizes` of them in
// each; sizes never grow, as the longest sequences stand first.
struct Sequences {
    std::vector<Index> sizes, starts;
    bool reverse = false;
    Index rows = 0;

    Index most() const { return sizes.empty() ? 0 : sizes[0]; }
};

template <class T>
struct RnnKernels {
    // product (n, 4h) = -W h; before (n, 4h) of i, f, g, o; gates: their sigmoids, tanh for g;
    // cell = f c + i g, tanhs = tanh(cell), y = o tanhs
    void (*lstm)(Index n, Index h, const T* product, const T* before, const T* c, T* gates,
                 T* cell, T* tanhs, T* y);
    // from dy and dc, the gradients by y and cell: d (n, 4h) by before; dc becomes that by c
    void (*lstm_grad)(Index n, Index h, const T* dy, T* dc, T* d, const T* gates, const T* tanhs,
                      const T* c);
    // product (n, 3h) = -W h; before (n, 3h) of r, z, n; bias (h); gates (n, 2h): r and z,
    // hidden = bias - product, fresh = tanh(n + r hidden), y = fresh + z (state - fresh)
    void (*gru)(Index n, Index h, const T* product, const T* before, const T* bias,
                const T* state, T* gates, T* fresh, T* hidden, T* y);
    // from dy, the gradient by y: d (n, 4h) by r, z, hidden and n; dy becomes that by state, but for
    // what goes through the product
    void (*gru_grad)(Index n, Index h, T* dy, T* d, const T* gates, const T* fresh,
                     const T* hidden, const T* state);

    // The same of all steps: w (4h or 3h, h), states h0 and c0 before the first (sizes[0], h) and
    // those after the last. Arrays of a step now have the rows of all.
    void (*lstm_steps)(const Sequences& s, Index h, const T* before, const T* h0, const T* c0,
                       const T* w, T* gates, T* cells, T* tanhs, T* y, T* h_last, T* c_last);
    // g, or null, are the gradients by y of all steps, dh and dc by the last states; they become
    // those by the first
    void (*lstm_steps_grad)(const Sequences& s, Index h, const T* g, T* dh, T* dc, const T* w,
                            const T* gates, const T* cells, const T* tanhs, const T* c0, T* d);
    void (*gru_steps)(const Sequences& s, Index h, const T* before, const T* h0, const T* w,
                      const T* bias, T* gates, T* fresh, T* hidden, T* y, T* h_last);
    // by_before of r, z, n and by_product of r, z, hidden, each (rows, 3h)
    void (*gru_steps_grad)(const Sequences& s, Index h, const T* g, T* dh, const T* w, const T* gates,
                           const T* fresh, const T* hidden, const T* y, const T* h0,
                           T* by_before, T* by_product);
};

}  // namespace rl
