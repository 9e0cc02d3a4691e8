// Convolution, for Python.
#include "bind.h"

namespace {

std::vector<long> rows_in_memory(const rl::Conv& s) {
    long taps = s.wt[0].size() * s.wt[1].size() * s.wt[2].size(), depth = taps * s.channels, t = 0;
    std::vector<long> row(depth, -1);
    for (long a : s.wt[0])
        for (long b : s.wt[1])
            for (long c : s.wt[2]) {
                for (long k = 0; k < s.channels; k++) {
                    long m = k * s.wc + a + b + c;
                    if (m < 0 || m >= depth || row[m] >= 0) return {};
                    row[m] = t * s.channels + k;
                }
                t++;
            }
    return row;
}

struct Window : rl::Conv {
    using Ints = std::vector<long>;
    Window(long n, long groups, long channels, long features, Ints in, Ints out, Ints xs, Ints ys,
           Ints step, std::vector<Ints> offsets, std::vector<Ints> wts, Ints w, long xc) {
        this->n = n;
        this->groups = groups;
        this->channels = channels;
        this->features = features;
        for (int d = 0; d < 3; d++) {
            this->in[d] = in[d];
            this->out[d] = out[d];
            this->step[d] = step[d];
            offset[d] = offsets[d];
            wt[d] = wts[d];
        }
        for (int d = 0; d < 4; d++) {
            this->xs[d] = xs[d];
            this->ys[d] = ys[d];
        }
        wf = w[0];
        wc = w[1];
        wg = w[2];
        this->xc = xc;
        row = rows_in_memory(*this);
    }
};

}  // namespace

void bind_conv(nb::module_& m) {
    using Ints = Window::Ints;
    m.attr("FEW_CHANNELS") = rl::FEW_CHANNELS;
    nb::class_<Window>(m, "Conv")
        .def(nb::init<long, long, long, long, Ints, Ints, Ints, Ints, Ints, std::vector<Ints>,
                      std::vector<Ints>, Ints, long>())
        .def(
            "forward",
            [](const Window& s, const In& x, const In& w, const Maybe& b, const Out& y, bool relu) {
                for_dtype(x, [&]<class T>(T) {
                    nb::gil_scoped_release free;
                    rl::level().of<T>().conv.forward(s, data<T>(x), data<T>(w), data<T>(b),
                                                     data<T>(y), relu);
                });
            },
            nb::arg(), nb::arg(), nb::arg().none(), nb::arg(), nb::arg())
        .def("weight", [](const Window& s, const In& x, const In& g, const Out& dw) {
            for_dtype(x, [&]<class T>(T) {
                nb::gil_scoped_release free;
                rl::level().of<T>().conv.weight(s, data<T>(x), data<T>(g), data<T>(dw));
            });
        });
}
