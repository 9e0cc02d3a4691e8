// Convolution of channels-last arrays in up to three dims, any step, padding, dilation and groups.
//
// Nothing is unfolded: for each output cell and tap a pointer says where the channels of the input
// cell lie (at zeros, outside), and a tile of registers sums over them. Only where channels are few
// are the windows of some cells copied side by side, so that the inner loop is long enough.
// The idea of pointers in place of columns: M. Dukhan, The Indirect Convolution Algorithm, 2019.
#include <algorithm>
#include <vector>

#include "conv.h"
#include "threads.h"
#include "tile.h"

namespace rl::RL_LEVEL {
namespace {

constexpr long TASK = 1 << 19;   // multiply-adds of a task: some ten microseconds
constexpr long CHUNK = PITCH;    // most cells of a task's inner round: its rows stay in the cache
constexpr long FEW = 8;          // channels below which windows are copied
constexpr long PARTS = 16;       // most sums of a weight gradient that are added up at the end

long round_up(long n, long unit) { return (n + unit - 1) / unit * unit; }

// Walks the output cells and gives pointers into the input.
template <class T>
class Cells {
  public:
    Cells(const Conv& s, const T* x, long group) : s(s), x(x + group * s.channels) {
        taps = 1;
        for (int d = 0; d < 3; d++) taps *= (long)s.offset[d].size();
        zeros.assign(s.channels, T(0));
        for (long a : s.offset[0])
            for (long b : s.offset[1])
                for (long c : s.offset[2])
                    shift.push_back(a * s.xs[1] + b * s.xs[2] + c * s.xs[3]);
        for (int d = 0; d < 3; d++) {
            auto [low, high] = std::minmax_element(s.offset[d].begin(), s.offset[d].end());
            lowest[d] = *low;
            highest[d] = *high;
        }
        few = taps > 1 && s.channels < FEW;
    }

    // Write the pointers of `count` cells from cell m on: rows[tap * pitch + i].
    void point(long m, long count, const T** rows, long pitch) const {
        long o[4];
        split(m, o);
        for (long i = 0; i < count; i++) {
            long at[3];
            bool inside = true;
            for (int d = 0; d < 3; d++) {
                at[d] = o[d + 1] * s.step[d];
                inside &= at[d] + lowest[d] >= 0 && at[d] + highest[d] < s.in[d];
            }
            const T* cell = x + o[0] * s.xs[0] + at[0] * s.xs[1] + at[1] * s.xs[2] + at[2] * s.xs[3];
            if (inside) {
                for (long t = 0; t < taps; t++) rows[t * pitch + i] = cell + shift[t];
            } else {
                long t = 0;
                for (long a : s.offset[0])
                    for (long b : s.offset[1])
                        for (long c : s.offset[2]) {
                            bool in = has(0, at[0] + a) && has(1, at[1] + b) && has(2, at[2] + c);
                            rows[t * pitch + i] = in ? cell + shift[t] : zeros.data();
                            t++;
                        }
            }
            next(o);
        }
    }

    // Copy the windows of `count` cells from cell m on, by columns: windows[tap, channel][cell].
    void copy(long m, long count, T* windows) const {
        long o[4];
        split(m, o);
        for (long done = 0; done < count;) {  // as far as a line of the output goes
            long length = std::min(count - done, s.out[2] - o[3]);
            T* column = windows + done;
            for (long a : s.offset[0])
                for (long b : s.offset[1]) {
                    long i = o[1] * s.step[0] + a, j = o[2] * s.step[1] + b;
                    bool in = has(0, i) && has(1, j);
                    const T* line = x + o[0] * s.xs[0] + i * s.xs[1] + j * s.xs[2];
                    for (long c : s.offset[2])
                        for (long k = 0; k < s.channels; k++, column += PITCH)
                            copy_line(in ? line + k : nullptr, o[3] * s.step[2] + c, length, column);
                }
            done += length;
            o[3] += length - 1;
            next(o);
        }
    }

    // Write where the output cells lie.
    template <class U>
    void point_out(long m, long count, U* y, U** out) const {
        long o[4];
        split(m, o);
        for (long i = 0; i < count; i++) {
            out[i] = y + o[0] * s.ys[0] + o[1] * s.ys[1] + o[2] * s.ys[2] + o[3] * s.ys[3];
            next(o);
        }
    }

    long taps;
    bool few;

  private:
    // Copy every step-th cell of a line from cell `at` on; zeros outside, or without a line.
    void copy_line(const T* line, long at, long length, T* to) const {
        long step = s.step[2], pitch = s.xs[3] * step;
        long first = at >= 0 ? 0 : std::min(length, (-at + step - 1) / step);
        long last = line ? std::clamp((s.in[2] - at + step - 1) / step, first, length) : first;
        std::fill(to, to + first, T(0));
        if (line) {
            const T* from = line + at * s.xs[3];
            if (pitch == 1) std::copy(from + first, from + last, to + first);
            else for (long i = first; i < last; i++) to[i] = from[i * pitch];
        }
        std::fill(to + last, to + length, T(0));
    }

    bool has(int d, long i) const { return i >= 0 && i < s.in[d]; }
    void split(long m, long o[4]) const {
        for (int d = 2; d >= 0; d--) {
            o[d + 1] = m % s.out[d];
            m /= s.out[d];
        }
        o[0] = m;
    }
    void next(long o[4]) const {
        if (++o[3] < s.out[2]) return;
        o[3] = 0;
        if (++o[2] < s.out[1]) return;
        o[2] = 0;
        if (++o[1] < s.out[0]) return;
        o[1] = 0;
        o[0]++;
    }

    const Conv& s;
    const T* x;
    long lowest[3], highest[3];
    std::vector<long> shift;
    std::vector<T> zeros;
};

long cells_of(const Conv& s) { return s.n * s.out[0] * s.out[1] * s.out[2]; }

// Lay the weight of one group out as the tiles read it: (blocks, taps, channels, lanes of a block).
template <class T>
void pack(const Conv& s, const T* w, T* packed, long padded) {
    std::fill(packed, packed + padded * s.channels * (long)(s.wt[0].size() * s.wt[1].size() * s.wt[2].size()), T(0));
    for (long f0 = 0; f0 < s.features; f0 += V_MAX * W<T>) {
        long width = std::min<long>(padded - f0, V_MAX * W<T>);
        long valid = std::min(s.features - f0, width);
        for (long a : s.wt[0])
            for (long b : s.wt[1])
                for (long c : s.wt[2])
                    for (long k = 0; k < s.channels; k++, packed += width)
                        for (long l = 0; l < valid; l++)
                            packed[l] = w[(f0 + l) * s.wf + k * s.wc + a + b + c];
    }
}

template <class T>
void conv(const Conv& s, const T* x, const T* w, const T* b, T* y, bool relu) {
    long cells = cells_of(s), padded = round_up(s.features, W<T>);
    if (!cells || !s.features) return;
    std::vector<T> packed, bias(padded);
    for (long group = 0; group < s.groups; group++) {
        Cells<T> walk(s, x, group);
        long depth = walk.taps * s.channels;
        packed.resize(padded * depth);
        pack(s, w + group * s.wg, packed.data(), padded);
        if (b) std::copy_n(b + group * s.features, s.features, bias.begin());
        T* target = y + group * s.features;
        long size = std::clamp(TASK / std::max(1L, depth * s.features), 1L, CHUNK);
        size = round_up(size, P_MAX);
        long tasks = (cells + size - 1) / size;
        parallel(tasks, [&](long task) {
            long m = task * size, count = std::min(size, cells - m);
            std::vector<const T*> rows(walk.few ? 0 : walk.taps * count);
            std::vector<T*> out(count);
            std::vector<T> windows(walk.few ? depth * PITCH : 0);
            walk.point_out(m, count, target, out.data());
            if (walk.few) walk.copy(m, count, windows.data());
            else walk.point(m, count, rows.data(), count);
            long height = tile_height(count);
            for (long f = 0; f < padded; f += V_MAX * W<T>) {
                int v = padded - f > W<T> ? 2 : 1;
                int lanes = (int)std::min<long>(W<T>, s.features - f - (v - 1) * W<T>);
                std::vector<T*> at(count);
                for (long i = 0; i < count; i++) at[i] = out[i] + f;
                for (long i = 0; i < count; i += height) {
                    int p = (int)std::min(height, count - i);
                    const T *weight = packed.data() + f * depth, *start = bias.data() + f;
                    if (walk.few)
                        rows_tile_by_column_of<T>(p, v)(windows.data() + i, depth, weight, start,
                                                        at.data() + i, lanes, relu);
                    else
                        rows_tile_of<T>(p, v)(rows.data() + i, count, walk.taps, s.channels, weight,
                                              start, at.data() + i, lanes, relu);
                }
            }
        });
    }
}

template <class T>
void conv_weight(const Conv& s, const T* x, const T* g, T* dw) {
    long cells = cells_of(s), padded = round_up(s.features, W<T>);
    for (long group = 0; group < s.groups; group++) {
        Cells<T> walk(s, x, group);
        long depth = walk.taps * s.channels, size = depth * padded;
        // a fixed number of partial sums, whatever the number of threads
        long parts = std::clamp(cells * depth * s.features / (4 * TASK), 1L, PARTS);
        long share = (cells + parts - 1) / std::max(1L, parts);
        std::vector<T> sums(parts * size, T(0));
        parallel(parts, [&](long part) {
            T* sum = sums.data() + part * size;
            long end = std::min(cells, (part + 1) * share);
            std::vector<const T*> rows(walk.few ? 0 : walk.taps * CHUNK);
            std::vector<const T*> grads(CHUNK);
            std::vector<T> windows(walk.few ? depth * PITCH : 0), block(CHUNK * padded, T(0));
            for (long m = part * share; m < end; m += CHUNK) {
                long count = std::min(CHUNK, end - m);
                if (walk.few) walk.copy(m, count, windows.data());
                else walk.point(m, count, rows.data(), CHUNK);
                walk.point_out(m, count, g + group * s.features, grads.data());
                for (long i = 0; i < count; i++)
                    std::copy_n(grads[i], s.features, block.data() + i * padded);
                long taps = walk.few ? 1 : walk.taps, channels = walk.few ? depth : s.channels;
                long height = tile_height(channels);
                for (long f = 0; f < padded; f += V_MAX * W<T>) {
                    int v = padded - f > W<T> ? 2 : 1;
                    for (long t = 0; t < taps; t++)
                        for (long c = 0; c < channels; c += height) {
                            int p = (int)std::min(height, channels - c);
                            const T* grad = block.data() + f;
                            T* to = sum + (t * channels + c) * padded + f;
                            if (walk.few)
                                cells_tile_by_column_of<T>(p, v)(windows.data() + c * PITCH, count,
                                                                 grad, padded, to, padded);
                            else
                                cells_tile_of<T>(p, v)(rows.data() + t * CHUNK, c, count, grad,
                                                       padded, to, padded);
                        }
                }
            }
        });
        T* target = dw + group * depth * s.features;
        for (long k = 0; k < depth; k++)
            for (long f = 0; f < s.features; f++) {
                T total = sums[k * padded + f];
                for (long part = 1; part < parts; part++) total += sums[part * size + k * padded + f];
                target[k * s.features + f] = total;
            }
    }
}

}  // namespace

template <class T>
void fill_conv(ConvKernels<T>& k) {
    k.forward = conv<T>;
    k.weight = conv_weight<T>;
}
template void fill_conv(ConvKernels<float>&);
template void fill_conv(ConvKernels<double>&);

}  // namespace rl::RL_LEVEL
