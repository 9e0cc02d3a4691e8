// What may follow the sums of a product or a convolution, as callers say it.
#pragma once

namespace rl {

// Batch norm by given statistics of each feature unless `mean` is null (its w and b may be), and relu
// if asked: done to sums before they are stored.
template <class T>
struct Onward {
    const T *mean = nullptr, *var = nullptr, *w = nullptr, *b = nullptr;
    double eps = 0;
    bool relu = false;
};

}  // namespace rl
