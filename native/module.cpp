// rushlight._native: the compiled kernels as Python functions over NumPy arrays.
#include "bind.h"
#include "threads.h"

void bind_attention(nb::module_&);
void bind_conv(nb::module_&);
void bind_dropout(nb::module_&);
void bind_entry(nb::module_&);
void bind_facts(nb::module_&);
void bind_gemm(nb::module_&);
void bind_norm(nb::module_&);
void bind_optim(nb::module_&);
void bind_pointwise(nb::module_&);
void bind_pool(nb::module_&);
void bind_random(nb::module_&);
void bind_resample(nb::module_&);
void bind_rnn(nb::module_&);
void bind_routine(nb::module_&);

NB_MODULE(_native, m) {
    nb::set_leak_warnings(false);  // the descriptions that Python's caches hold live to the end
    rl::choose_level(nullptr);
    m.def("level", [] { return std::string(rl::level().name); });
    m.def("choose_level", [](const std::string& name) { return rl::choose_level(name.c_str()); });
    m.def("set_threads", &rl::set_threads);
    m.def("threads", &rl::threads);
    bind_attention(m);
    bind_conv(m);
    bind_dropout(m);
    bind_entry(m);
    bind_facts(m);
    bind_gemm(m);
    bind_norm(m);
    bind_optim(m);
    bind_pointwise(m);
    bind_pool(m);
    bind_random(m);
    bind_resample(m);
    bind_rnn(m);
    bind_routine(m);
}
