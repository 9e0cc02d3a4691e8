// One level's table; compiled with that level's flags.
#include "kernels.h"
#include "simd.h"

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
RL_FAMILY(rnn, Rnn)

template <class T>
void fill(Kernels<T>& k) {
    fill_attention(k.attention);
    fill_conv(k.conv);
    fill_dropout(k.dropout);
    fill_gemm(k.gemm);
    fill_batch_norm(k.norm);
    fill_group_norm(k.norm);
    fill_layer_norm(k.norm);
    fill_optim(k.optim);
    fill_pointwise(k.pointwise);
    fill_pool(k.pool);
    fill_rnn(k.rnn);
}

Level make() {
    Level level;
    fill(level.f32);
    fill(level.f64);
    return level;
}

}  // namespace rl::RL_LEVEL
