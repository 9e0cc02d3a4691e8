// Maps along axes, for Python.
#include <nanobind/stl/tuple.h>

#include "bind.h"

namespace {

// The entries of an axis: by cell of the result the first one, and one more; cells, and weights.
using Entries = std::tuple<Index, Dense, Dense, Dense>;

struct Maps : rl::Resample {
    Index inputs, outputs;  // how many numbers

    Maps(Index outer, Index inner, const std::vector<Entries>& axes) {
        if (axes.size() > 3) throw nb::value_error("expected three axes at most");
        this->outer = inputs = outputs = outer;
        // so few numbers fill no vector: they are cells of the last axis, each by itself
        Index fold = inner < 8 ? inner : 1;
        this->inner = inner / fold;
        for (std::size_t d = 0; d < 3; d++) {
            std::size_t skipped = 3 - axes.size();
            if (d < skipped) single(line[d]);
            else take(line[d], axes[d - skipped]);
        }
        if (fold > 1) repeat(line[2], fold);
        for (rl::Line& l : line) {
            l.weight32.assign(l.weight64.begin(), l.weight64.end());
            for (Index o = 0; o < l.out; o++)
                l.most = std::max(l.most, l.start[o + 1] - l.start[o]);
            group(l);
            inputs *= l.in;
            outputs *= l.out;
        }
        inputs *= this->inner;
        outputs *= this->inner;
        Index near = 0;
        for (const rl::Line::Run& run : line[2].runs)
            if (run.kind == rl::Line::COPIES && run.count >= 4) near += run.count;
        scattered = 2 * near < line[2].out;
    }

  private:
    static void single(rl::Line& l) {
        l.start = {0, 1};
        l.index = {0};
        l.weight64 = {1};
    }

    static void take(rl::Line& l, const Entries& entries) {
        const auto& [in, start, index, weight] = entries;
        Index n = (Index)index.size();
        const int64_t *starts = data<int64_t>(start), *cells = data<int64_t>(index, n);
        const double* weights = data<double>(weight, n);
        l.in = in;
        l.out = (Index)start.size() - 1;
        bool right = in > 0 && l.out > 0 && starts[0] == 0 && starts[l.out] == n;
        for (Index o = 0; right && o < l.out; o++) right = starts[o] <= starts[o + 1];
        for (Index k = 0; right && k < n; k++) right = cells[k] >= 0 && cells[k] < in;
        if (!right) throw nb::value_error("got entries that leave the axes");
        l.start.assign(starts, starts + l.out + 1);
        l.index.assign(cells, cells + n);
        l.weight64.assign(weights, weights + n);
    }

    // Let each cell be `fold` cells, one after the other.
    static void repeat(rl::Line& l, Index fold) {
        rl::Line wide;
        wide.in = l.in * fold;
        wide.out = l.out * fold;
        for (Index o = 0; o < l.out; o++)
            for (Index f = 0; f < fold; f++) {
                wide.start.push_back((Index)wide.index.size());
                for (Index k = l.start[o]; k < l.start[o + 1]; k++) {
                    wide.index.push_back(l.index[k] * fold + f);
                    wide.weight64.push_back(l.weight64[k]);
                }
            }
        wide.start.push_back((Index)wide.index.size());
        l = std::move(wide);
    }

    static void group(rl::Line& l) {
        for (Index o = 0; o < l.out; o++) {
            Index k = l.start[o];
            bool copies = l.start[o + 1] == k + 1 && l.weight64[k] == 1;
            Index from = copies ? l.index[k] : 0;
            l.only.push_back(copies ? from : -1);
            rl::Line::Kind kind = l.start[o + 1] == k ? rl::Line::EMPTY
                                  : copies            ? rl::Line::COPIES
                                                      : rl::Line::SUMS;
            rl::Line::Run* last = l.runs.empty() ? nullptr : &l.runs.back();
            if (last && last->kind == kind && (!copies || last->from + last->count == from))
                last->count++;
            else l.runs.push_back({o, 1, from, kind});
        }
    }
};

}  // namespace

void bind_resample(nb::module_& m) {
    nb::class_<Maps> maps(m, "Maps");
    maps.def(nb::init<Index, Index, const std::vector<Entries>&>());
    rl::def(maps, "apply", [](const Maps& s, const In& x, const Out& y, double fill) {
        for_dtype(x, [&]<class T>(T) {
            const T* from = data<T>(x, s.inputs);
            T* to = data<T>(y, s.outputs);
            rl::Unlocked free;
            rl::level().of<T>().resample.apply(s, from, to, fill);
        });
    });
}
