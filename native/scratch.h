// Memory for intermediate results that a thread keeps from call to call: not zeroed, on cache lines.
#pragma once

#include <cstddef>
#include <memory>
#include <new>

namespace rl {

// Every use within one function call takes a slot of its own; a slot's old content is lost.
template <class T>
T* scratch(int slot, std::size_t n) {
    struct Free {
        void operator()(std::byte* p) const { ::operator delete[](p, std::align_val_t(64)); }
    };
    struct Block {
        std::unique_ptr<std::byte[], Free> memory;
        std::size_t size = 0;
    };
    static thread_local Block blocks[8];
    Block& block = blocks[slot];
    std::size_t bytes = n * sizeof(T) + 64;
    if (block.size < bytes) {
        block.memory.reset();
        block.size = 0;
        block.memory.reset(new (std::align_val_t(64)) std::byte[bytes]);
        block.size = bytes;
    }
    return reinterpret_cast<T*>(block.memory.get());
}

}  // namespace rl
