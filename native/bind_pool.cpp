// Pooling, for Python.
#include "bind.h"

void bind_pool(nb::module_& m) {
    (void)m;
}
