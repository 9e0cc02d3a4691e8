// Dropout, for Python.
#include "bind.h"

void bind_dropout(nb::module_& m) {
    rl::def(m, "dropout_factor", [](const Dense& words, uint32_t threshold, double scale,
                                    const Out& factor) {
        for_dtype(factor, [&]<class T>(T) {
            auto& k = rl::level().of<T>().dropout;
            Index n = (Index)factor.size();
            T* to = data<T>(factor);
            if (words.dtype() == nb::dtype<uint16_t>())
                k.factor16(data<uint16_t>(words, n), threshold, T(scale), to, n);
            else
                k.factor32(data<uint32_t>(words, n), threshold, T(scale), to, n);
        });
    });
}
