// Convolution, for Python.
#include <algorithm>

#include "bind.h"

namespace {

std::vector<Index> rows_in_memory(const rl::Conv& s) {
    Index taps = s.wt[0].size() * s.wt[1].size() * s.wt[2].size();
    Index depth = taps * s.channels, t = 0;
    std::vector<Index> row(depth, -1);
    for (Index a : s.wt[0])
        for (Index b : s.wt[1])
            for (Index c : s.wt[2]) {
                for (Index k = 0; k < s.channels; k++) {
                    Index m = k * s.wc + a + b + c;
                    if (m < 0 || m >= depth || row[m] >= 0) return {};
                    row[m] = t * s.channels + k;
                }
                t++;
            }
    return row;
}

struct Window : rl::Conv {
    using Ints = std::vector<Index>;
    using Lists = std::vector<Ints>;
    // How many numbers there are; of the weight, at least.
    Index inputs, outputs, weights, sums;

    Window(Index n, Index groups, Index channels, Index features, Ints in, Ints out, Ints xs,
           Ints ys, Ints step, Lists offsets, Lists wts, Ints w, Index xc, Ints pool) {
        bool three = in.size() == 3 && out.size() == 3 && step.size() == 3 && w.size() == 3;
        bool four = xs.size() == 4 && ys.size() == 4;
        if (!three || !four || pool.size() != 2 || offsets.size() != 3 || wts.size() != 3)
            throw nb::value_error("expected three dims");
        this->n = n;
        this->groups = groups;
        this->channels = channels;
        this->features = features;
        for (int d = 0; d < 3; d++) {
            this->in[d] = in[d];
            this->out[d] = out[d];
            this->step[d] = out[d] > 1 ? step[d] : 1;  // one that nobody takes may be huge
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
        for (int d = 0; d < 2; d++) {
            if (pool[d] < 1 || pool[d] > std::max(Index(1), out[d + 1]))
                throw nb::value_error("expected windows of a cell or more, inside the output");
            this->pool[d] = pool[d];
        }
        row = rows_in_memory(*this);
        count();
    }

  private:
    void count() {
        inputs = n * groups * channels;
        outputs = n * groups * features;
        sums = groups * channels * features;
        weights = 1 + (groups - 1) * wg + (features - 1) * wf + (channels - 1) * wc;
        for (int d = 0; d < 3; d++) {
            if (wt[d].empty() || wt[d].size() != offset[d].size())
                throw nb::value_error("expected an offset and a weight for each tap");
            auto [least, most] = std::minmax_element(wt[d].begin(), wt[d].end());
            if (*least < 0) throw nb::value_error("expected weights behind the first");
            inputs *= in[d];
            outputs *= d ? out[d] / pool[d - 1] : out[d];
            sums *= (Index)wt[d].size();
            weights += *most;
        }
    }
};

// Convolutions of one input that fill an output together: the phases of an input gradient.
struct Phases {
    std::vector<Window> windows;
    std::vector<rl::Part> parts;
    Index inputs = 0, weights = 0, biases = 0, outputs = 0;  // how many numbers; outputs at least

    Phases(std::vector<Window> all, const std::vector<Index>& starts) : windows(std::move(all)) {
        if (windows.empty() || windows.size() != starts.size())
            throw nb::value_error("expected convolutions, and a start for each");
        inputs = windows[0].inputs;
        biases = windows[0].groups * windows[0].features;
        for (std::size_t i = 0; i < starts.size(); i++) {
            const Window& s = windows[i];
            bool alike = s.inputs == inputs && s.groups == windows[0].groups &&
                         s.features == windows[0].features && starts[i] >= 0;
            if (!alike || s.pool[0] * s.pool[1] > 1)
                throw nb::value_error("expected convolutions of one input, and no maxima");
            Index last = starts[i] + biases + s.ys[0] * (s.n - 1);
            for (int d = 0; d < 3; d++) last += s.ys[d + 1] * (s.out[d] - 1);
            if (s.outputs) outputs = std::max(outputs, last);
            weights = std::max(weights, s.weights);
            parts.push_back({&s, starts[i]});
        }
    }
    Phases(const Phases&) = delete;  // the parts point here
};

template <class T>
void convolve(const Window& s, const In& x, const In& w, const Maybe& b, const rl::Onward<T>& on,
              const Out& y) {
    if (!rl::level().of<T>().conv.pools(s)) throw nb::value_error("expected other windows");
    if ((Index)w.size() < s.weights) expect(" weights", w.size(), s.weights);
    rl::level().of<T>().conv.forward({{&s, 0}}, data<T>(x, s.inputs), data<T>(w),
                                     data<T>(b, s.groups * s.features), on, data<T>(y, s.outputs));
}

}  // namespace

void bind_conv(nb::module_& m) {
    using Ints = Window::Ints;
    m.attr("FEW_CHANNELS") = rl::FEW_CHANNELS;
    m.attr("FEW_REACH") = rl::FEW_REACH;
    nb::class_<Window> conv(m, "Conv");
    auto some = nb::arg();
    auto none = nb::arg().none();
    conv.def(nb::init<Index, Index, Index, Index, Ints, Ints, Ints, Ints, Ints, Window::Lists,
                      Window::Lists, Ints, Index, Ints>(),
             some, some, some, some, some, some, some, some, some, some, some, some, some,
             nb::arg("pool") = Ints{1, 1});
    // of either dtype: that of float64 may be of another level
    conv.def_prop_ro("pools", [](const Window& s) {
        const rl::Level& level = rl::level();
        return level.f32.conv.pools(s) && level.f64.conv.pools(s);
    });
    rl::def(
        conv, "forward",
        [](const Window& s, const In& x, const In& w, const Maybe& b, const Out& y, bool relu) {
            for_dtype(x, [&]<class T>(T) {
                rl::Unlocked free;
                rl::Onward<T> on;
                on.relu = relu;
                convolve(s, x, w, b, on, y);
            });
        },
        some, some, none, some, some);
    // with batch norm by given statistics: mean, var, its w and b, eps
    rl::def(
        conv, "forward_normed",
        [](const Window& s, const In& x, const In& w, const Maybe& b, const Dense& mean,
           const Dense& var, const MaybeDense& norm_w, const MaybeDense& norm_b, double eps,
           const Out& y, bool relu) {
            for_dtype(x, [&]<class T>(T) {
                rl::Unlocked free;
                Index features = s.groups * s.features;
                rl::Onward<T> on{data<T>(mean, features), data<T>(var, features),
                                 data<T>(norm_w, features), data<T>(norm_b, features), eps, relu};
                convolve(s, x, w, b, on, y);
            });
        },
        some, some, none, some, some, none, none, some, some, some);
    rl::def(conv, "weight", [](const Window& s, const In& x, const In& g, const Out& dw) {
        for_dtype(x, [&]<class T>(T) {
            rl::Unlocked free;
            if (s.pool[0] * s.pool[1] > 1) throw nb::value_error("expected no windows of maxima");
            rl::level().of<T>().conv.weight(s, data<T>(x, s.inputs), data<T>(g, s.outputs),
                                            data<T>(dw, s.sums));
        });
    });
    nb::class_<Phases> phases(m, "ConvPhases");
    phases.def(nb::init<std::vector<Window>, std::vector<Index>>());
    rl::def(
        phases, "forward",
        [](const Phases& s, const In& x, const In& w, const Maybe& b, const Out& y, bool relu) {
            for_dtype(x, [&]<class T>(T) {
                rl::Unlocked free;
                if ((Index)w.size() < s.weights) expect(" weights", w.size(), s.weights);
                if ((Index)y.size() < s.outputs) expect(" numbers", y.size(), s.outputs);
                rl::Onward<T> on;
                on.relu = relu;
                rl::level().of<T>().conv.forward(s.parts, data<T>(x, s.inputs), data<T>(w),
                                                 data<T>(b, s.biases), on, data<T>(y));
            });
        },
        some, some, none, some, some);
}
