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
RL_FAMILY(pointwise, Pointwise)
RL_FAMILY(pool, Pool)
RL_FAMILY(resample, Resample)
RL_FAMILY(rnn, Rnn)

template <class T>
void fill_others(Kernels<T>& k) {
    fill_attention(k.attention);
    fill_conv(k.conv);
    fill_dropout(k.dropout);
    fill_batch_norm(k.norm);
    fill_group_norm(k.norm);
    fill_layer_norm(k.norm);
    fill_optim(k.optim);
    fill_pointwise(k.pointwise);
    fill_pool(k.pool);
    fill_resample(k.resample);
    fill_rnn(k.rnn);
}

Level make() {
    Level level;
    fill_gemm(level.f32.gemm);
    fill_gemm(level.f64.gemm);
    fill_others(level.f32);
#if RL_BYTES == 64
    // Of what is float64 products alone are worth their build: most others wait for memory, and
    // convolutions are float64 to check gradients. They would take half of the level's time.
    GemmKernels<double> products = level.f64.gemm;
    level.f64 = avx2::make().f64;
    level.f64.gemm = products;
#else
    fill_others(level.f64);
#endif
    return level;
}

}  // namespace rl::RL_LEVEL
