// Elementwise kernels: activations, softmax, dropout, for Python.
#include "bind.h"

void bind_pointwise(nb::module_& m) {
    (void)m;
}
