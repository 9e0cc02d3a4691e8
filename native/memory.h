// Memory on cache lines, not zeroed.
#pragma once

#include <cstddef>
#include <new>
#include <utility>

namespace rl {

class Memory {
  public:
    Memory() = default;
    Memory(const Memory&) = delete;
    ~Memory() { free(); }

    void* data() const { return bytes; }
    std::size_t size() const { return count; }

    // What was there is lost.
    void resize(std::size_t n) {
        free();
        bytes = new (LINE) std::byte[n + 64];  // a vector may be read behind the last number
        count = n;
    }

  private:
    static constexpr std::align_val_t LINE{64};
    void free() {
        count = 0;
        ::operator delete[](std::exchange(bytes, nullptr), LINE);
    }
    std::byte* bytes = nullptr;
    std::size_t count = 0;
};

}  // namespace rl
