// Pooling, for Python.
#include "bind.h"

namespace {

struct Windows : rl::Pool {
    using Ints = std::vector<Index>;
    Index inputs, outputs;  // how many numbers

    Windows(Index samples, Index channels, Ints size, Ints step, std::vector<Ints> first,
            std::vector<Ints> count, std::vector<std::vector<double>> divisor, bool whole) {
        bool three = size.size() == 3 && step.size() == 3;
        if (!three || first.size() != 3 || count.size() != 3 || divisor.size() != 3)
            throw nb::value_error("expected three dims");
        this->samples = samples;
        this->channels = channels;
        inputs = outputs = samples * channels;
        for (int d = 0; d < 3; d++) {
            this->size[d] = size[d];
            this->step[d] = step[d];
            this->first[d] = first[d];
            this->count[d] = count[d];
            this->divisor[d] = divisor[d];
            inputs *= size[d];
            outputs *= (Index)first[d].size();
            check(d);
        }
        this->whole = whole;
    }

  private:
    // Refuse windows of a dim that leave the input.
    void check(int d) const {
        bool right = count[d].size() == first[d].size() && divisor[d].size() == first[d].size();
        for (std::size_t o = 0; right && o < first[d].size(); o++) {
            Index last = first[d][o] + (count[d][o] - 1) * step[d];
            right = count[d][o] <= 0 || (first[d][o] >= 0 && last >= 0 && last < size[d]);
        }
        if (!right) throw nb::value_error("got windows that leave the input");
    }
};

// Call f with the pooling kernels of the array's dtype.
template <class F>
void run(const In& array, F&& f) {
    for_dtype(array, [&]<class T>(T) {
        rl::Unlocked free;
        f.template operator()<T>(rl::level().of<T>().pool);
    });
}

}  // namespace

void bind_pool(nb::module_& m) {
    using Ints = Windows::Ints;
    nb::class_<Windows> pool(m, "Pool");
    pool.def(nb::init<Index, Index, Ints, Ints, std::vector<Ints>, std::vector<Ints>,
                      std::vector<std::vector<double>>, bool>());
    rl::def(pool, "max_forward", [](const Windows& s, const In& x, const Out& y, bool relu) {
        run(x, [&]<class T>(auto& k) {
            k.max_forward(s, data<T>(x, s.inputs), data<T>(y, s.outputs), relu);
        });
    });
    rl::def(pool, "max_indices", [](const Windows& s, const In& x, const Out& index) {
        run(x, [&]<class T>(auto& k) {
            k.max_indices(s, data<T>(x, s.inputs), data<int64_t>(index, s.outputs));
        });
    });
    rl::def(
        pool, "max_grad",
        [](const Windows& s, const In& g, const In& x, const Maybe& y, const Out& dx) {
            run(x, [&]<class T>(auto& k) {
                k.max_grad(s, data<T>(g, s.outputs), data<T>(x, s.inputs), data<T>(y, s.outputs),
                           data<T>(dx, s.inputs));
            });
        },
        nb::arg(), nb::arg(), nb::arg().none(), nb::arg());
    rl::def(pool, "avg_forward", [](const Windows& s, const In& x, const Out& y) {
        run(x, [&]<class T>(auto& k) {
            k.avg_forward(s, data<T>(x, s.inputs), data<T>(y, s.outputs));
        });
    });
    rl::def(pool, "avg_grad", [](const Windows& s, const In& g, const Out& dx) {
        run(g, [&]<class T>(auto& k) {
            k.avg_grad(s, data<T>(g, s.outputs), data<T>(dx, s.inputs));
        });
    });
}
