// Normalization and sums over rows, for Python.
#include "bind.h"

void bind_norm(nb::module_& m) {
    (void)m;
}
