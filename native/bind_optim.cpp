// Optimizer steps over flat arrays, for Python.
#include "bind.h"

void bind_optim(nb::module_& m) {
    (void)m;
}
