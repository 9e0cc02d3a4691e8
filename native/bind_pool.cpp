// Pooling, for Python.
#include "bind.h"

namespace {

struct Windows : rl::Pool {
    using Ints = std::vector<long>;
    Windows(long samples, long channels, Ints size, Ints step, std::vector<Ints> first,
            std::vector<Ints> count, std::vector<std::vector<double>> divisor, bool whole) {
        this->samples = samples;
        this->channels = channels;
        for (int d = 0; d < 3; d++) {
            this->size[d] = size[d];
            this->step[d] = step[d];
            this->first[d] = first[d];
            this->count[d] = count[d];
            this->divisor[d] = divisor[d];
        }
        this->whole = whole;
    }
};

// Call f with the pooling kernels of the array's dtype.
template <class F>
void run(const In& array, F&& f) {
    for_dtype(array, [&]<class T>(T) {
        nb::gil_scoped_release free;
        f.template operator()<T>(rl::level().of<T>().pool);
    });
}

}  // namespace

void bind_pool(nb::module_& m) {
    using Ints = Windows::Ints;
    nb::class_<Windows>(m, "Pool")
        .def(nb::init<long, long, Ints, Ints, std::vector<Ints>, std::vector<Ints>,
                      std::vector<std::vector<double>>, bool>())
        .def("max_forward",
             [](const Windows& s, const In& x, const Out& y) {
                 run(x, [&]<class T>(auto& k) { k.max_forward(s, data<T>(x), data<T>(y)); });
             })
        .def("max_indices",
             [](const Windows& s, const In& x, const Out& index) {
                 run(x, [&]<class T>(auto& k) {
                     k.max_indices(s, data<T>(x), data<int64_t>(index));
                 });
             })
        .def("max_grad",
             [](const Windows& s, const In& g, const In& x, const Out& dx) {
                 run(x, [&]<class T>(auto& k) {
                     k.max_grad(s, data<T>(g), data<T>(x), data<T>(dx));
                 });
             })
        .def("avg_forward",
             [](const Windows& s, const In& x, const Out& y) {
                 run(x, [&]<class T>(auto& k) { k.avg_forward(s, data<T>(x), data<T>(y)); });
             })
        .def("avg_grad", [](const Windows& s, const In& g, const Out& dx) {
            run(g, [&]<class T>(auto& k) { k.avg_grad(s, data<T>(g), data<T>(dx)); });
        });
}
