// One level's table; compiled with that level's flags.
#include "kernels.h"
#include "simd.h"

namespace rl::avx2 {
Level make();
}

namespace rl::RL_LEVEL {

#define RL_FAMILY(name, Name) \
    template <class T>        \
    void fill_##name(Name##Kernels<T>&);
RL_FAMILY(attention, Attention)
RL_FAMILY(conv, Conv)
RL_FAMILY(dropout, Dropout)
RL_FAMILY(gemm, Gemm)
RL_FAMILY(batch_norm, Norm)
RL_FAMILY(group_norm, Norm)
RL_FAMILY(layer_norm, Norm)
RL_FAMILY(optim, Optim)
RL_FAMILY(order, Pointwise)
RL_FAMILY(pieces, Pointwise)
RL_FAMILY(pointwise, Pointwise)
RL_FAMILY(pool, Pool)
RL_FAMILY(resample, Resample)
RL_FAMILY(rnn, Rnn)
RL_FAMILY(softmax, Pointwise)

// What waits for arithmetic: the widest vectors pay.
template <class T>
void fill_computing(Kernels<T>& k) {
    fill_attention(k.attention);
    fill_conv(k.conv);
    fill_pointwise(k.pointwise);
    fill_rnn(k.rnn);
    fill_softmax(k.pointwise);
}

// What waits for memory.
template <class T>
void fill_waiting(Kernels<T>& k) {
    fill_dropout(k.dropout);
    fill_batch_norm(k.norm);
    fill_group_norm(k.norm);
    fill_layer_norm(k.norm);
    fill_optim(k.optim);
    fill_order(k.pointwise);
    fill_pieces(k.pointwise);
    fill_pool(k.pool);
    fill_resample(k.resample);
}

Level make() {
    Level level;
#if RL_BYTES == 64
    // AVX2's do where one waits for memory, and of what is float64 for all but products (convolutions
    // are float64 to check gradients): the rest would take two thirds of the level's time to build.
    level = avx2::make();
#else
    fill_computing(level.f64);
    fill_waiting(level.f32);
    fill_waiting(level.f64);
#endif
    fill_computing(level.f32);
    fill_gemm(level.f32.gemm);
    fill_gemm(level.f64.gemm);
    return level;
}

}  // namespace rl::RL_LEVEL
