// Memory for intermediate results that a thread keeps from call to call: not zeroed, on cache lines.
#pragma once

#include <cstddef>
#include <new>
#include <utility>

namespace rl {

// Every use within one function call takes a slot of its own; a slot's old content is lost.
template <class T>
T* scratch(int slot, std::size_t n) {
    struct Block {
        std::byte* memory = nullptr;
        std::size_t size = 0;
        void free() { ::operator delete[](std::exchange(memory, nullptr), std::align_val_t(64)); }
        ~Block() { free(); }
    };
    static thread_local Block blocks[8];
    Block& block = blocks[slot];
    std::size_t bytes = n * sizeof(T) + 64;
    if (block.size < bytes) {
        block.free();
        block.size = 0;
        block.memory = new (std::align_val_t(64)) std::byte[bytes];
        block.size = bytes;
    }
    return reinterpret_cast<T*>(block.memory);
}

}  // namespace rl
