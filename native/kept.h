// What a call makes of numbers that stay as they are, kept from one time that it is made to the next:
// weights as the tiles read them.
#pragma once

#include <cstddef>
#include <deque>
#include <utility>
#include <vector>

#include "memory.h"
#include "scratch.h"

namespace rl {

// Of one call. What it asks for is told apart by its order, which is the same each time.
class Kept {
  public:
    Kept() = default;
    Kept(const Kept&) = delete;

    // Numbers from `low` to `high` stay as they are, until `drop`.
    void stay(const void* low, const void* high) { ranges.emplace_back(low, high); }
    void drop() { blocks.clear(); }

    std::size_t nbytes() const {
        std::size_t sum = 0;
        for (const Block& block : blocks) sum += block.memory.size();
        return sum;
    }

    bool stays(const void* at) const {
        for (auto [low, high] : ranges)
            if (low <= at && at < high) return true;
        return false;
    }

    // Memory for so many bytes that are made of what lies at `of`, by one of the levels; and whether
    // they are yet to be made. All else that decides what is made of it is the same each time.
    std::pair<void*, bool> next(const void* of, std::size_t bytes, int level) {
        if (at == blocks.size()) blocks.emplace_back();
        Block& block = blocks[at++];
        bool known = block.of == of && block.memory.size() == bytes && block.level == level;
        if (!known) {
            block.memory.resize(bytes);
            block.of = of, block.level = level;
        }
        return {block.memory.data(), !known};
    }

    // Make a call that keeps what it can.
    template <class F>
    void during(F&& call);

  private:
    struct Block {
        const void* of = nullptr;
        int level = 0;
        Memory memory;
    };
    std::vector<std::pair<const void*, const void*>> ranges;
    std::deque<Block> blocks;
    std::size_t at = 0;
};

inline thread_local Kept* keeping = nullptr;  // of the call that is being made

template <class F>
void Kept::during(F&& call) {
    struct Now {
        Kept* before = keeping;
        ~Now() { keeping = before; }
    } now;
    keeping = this, at = 0;
    try {
        call();
    } catch (...) {
        drop();
        throw;
    }
}

// Tell whether what is made of the numbers there is kept.
inline bool stays(const void* at) { return keeping && keeping->stays(at); }

#ifdef RL_LEVEL
namespace RL_LEVEL {

template <class T>
struct Room {
    T* at;
    bool empty;  // it is yet to be filled
};

// Memory for n numbers that are made of those at `of`, if they are kept; else there is none. The
// thread that calls asks for it.
template <class T>
Room<T> kept_room(const T* of, std::size_t n) {
    if (!stays(of)) return {nullptr, true};
    auto [memory, empty] = keeping->next(of, n * sizeof(T), RL_BYTES);
    return {static_cast<T*>(memory), empty};
}

// The same; where they are not kept, they are made in that slot of what this thread may write to.
template <class T>
Room<T> room_for(int slot, const T* of, std::size_t n) {
    Room<T> room = kept_room(of, n);
    if (!room.at) room.at = scratch<T>(slot, n);
    return room;
}

}  // namespace RL_LEVEL
#endif

}  // namespace rl
