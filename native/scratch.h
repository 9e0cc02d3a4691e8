// Memory for intermediate results that a thread keeps from call to call.
#pragma once

#include "memory.h"

namespace rl {

// Every use within one function call takes a slot of its own; a slot's old content is lost.
template <class T>
T* scratch(int slot, std::size_t n) {
    static thread_local Memory slots[8];
    Memory& memory = slots[slot];
    if (memory.size() < n * sizeof(T) || !memory.data()) memory.resize(n * sizeof(T));
    return static_cast<T*>(memory.data());
}

}  // namespace rl
