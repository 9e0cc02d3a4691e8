// Maps along axes, for Python.
#include <nanobind/stl/tuple.h>

#include "bind.h"

namespace {

// The cells of an axis; its entries: by cell of the result the first one, and one more; the cells
// they see, and weights.
using Entries = std::tuple<Index, Dense, Dense, Dense>;

struct Maps : rl::Resample {
    Index inputs, outputs;  // how many numbers
    const char* level = nullptr;

    Maps(Index outer, Index inner, const Entries& of_rows, const Entries& of_cells) {
        this->outer = outer;
        this->inner = inner;
        take(rows, of_rows);
        take(cells, of_cells);
        inputs = outer * rows.in * cells.in * inner;
        outputs = outer * rows.out * cells.out * inner;
        lay();
    }

    // Find the vectors of cells, which each level has of its own.
    void lay() {
        level = rl::level().name;
        if (inner > 1) return;
        blocks32 = rl::level().f32.resample.blocks(cells);
        blocks64 = rl::level().f64.resample.blocks(cells);
    }

  private:
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
        l.weight32.assign(weights, weights + n);
        for (Index o = 0; o < l.out; o++) group(l, o);
    }

    static void group(rl::Line& l, Index o) {
        Index k = l.start[o], count = l.start[o + 1] - k;
        bool copies = count == 1 && l.weight64[k] == 1;
        Index from = copies ? l.index[k] : 0;
        l.most = std::max(l.most, count);
        l.only.push_back(copies ? from : -1);
        rl::Line::Kind kind = !count ? rl::Line::EMPTY : copies ? rl::Line::COPIES : rl::Line::SUMS;
        rl::Line::Run* last = l.runs.empty() ? nullptr : &l.runs.back();
        bool on = last && last->kind == kind && (!copies || last->from + last->count == from);
        if (on) last->count++;
        else l.runs.push_back({o, 1, from, kind});
    }
};

}  // namespace

void bind_resample(nb::module_& m) {
    nb::class_<Maps> maps(m, "Maps");
    maps.def(nb::init<Index, Index, const Entries&, const Entries&>());
    rl::def(maps, "apply", [](const Maps& s, const In& x, const Out& y) {
        if (s.level != rl::level().name) const_cast<Maps&>(s).lay();  // tests choose others
        for_dtype(x, [&]<class T>(T) {
            const T* from = data<T>(x, s.inputs);
            T* to = data<T>(y, s.outputs);
            rl::Unlocked free;
            rl::level().of<T>().resample.apply(s, from, to);
        });
    });
}
