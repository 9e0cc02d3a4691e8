// Dropout, for Python.
#include "bind.h"

void bind_dropout(nb::module_& m) {
    m.def("dropout_factor", [](const In& words, uint32_t threshold, double scale, const Out& factor) {
        for_dtype(factor, [&]<class T>(T) {
            auto& k = rl::level().of<T>().dropout;
            if (words.dtype().bits == 16)
                k.factor16((const uint16_t*)words.data(), threshold, T(scale), data<T>(factor),
                           factor.size());
            else
                k.factor32((const uint32_t*)words.data(), threshold, T(scale), data<T>(factor),
                           factor.size());
        });
    });
}
