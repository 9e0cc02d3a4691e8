// Products of the linear layer, for Python.
#include "bind.h"

void bind_linear(nb::module_& m) {
    (void)m;
}
