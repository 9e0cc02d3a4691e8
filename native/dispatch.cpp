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

const Choice choices[] = {
#ifdef RL_X86
    {"avx512", avx512::make,
     [] {
         return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
                __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
     }},
    {"avx2", avx2::make,
     [] { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }},
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
