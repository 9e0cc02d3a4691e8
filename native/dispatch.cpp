// Picks the level of instructions: the best that was compiled and that this CPU has.
#include <cstring>

#include "kernels.h"

namespace rl {

#define RL_DECLARE(name) \
    namespace name {     \
    Level make();        \
    }
RL_DECLARE(baseline)
#ifdef RL_X86
RL_DECLARE(avx2)
RL_DECLARE(avx512)
#endif

namespace {

struct Choice {
    const char* name;
    Level (*make)();
    bool (*runs)();
};

#ifdef RL_X86
bool has_avx2() { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }

bool has_avx512() {
#ifdef RL_LOWER
    return has_avx2();
#else
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
#endif
}
#endif

const Choice choices[] = {
#ifdef RL_X86
    {"avx512", avx512::make, has_avx512},
    {"avx2", avx2::make, has_avx2},
#endif
    {"baseline", baseline::make, [] { return true; }},
};

Level current;

}  // namespace

bool choose_level(const char* name) {
    for (const Choice& c : choices) {
        if ((!name || !std::strcmp(name, c.name)) && c.runs()) {
            current = c.make();
            current.name = c.name;
            return true;
        }
    }
    return false;
}

const Level& level() { return current; }

}  // namespace rl
