#include "threads.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

#ifndef _WIN32
#include <pthread.h>
#endif
#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace rl {
namespace {

// How long a thread looks for the next job before it sleeps: jobs of one training step follow each
// other within some tens of microseconds, and waking a sleeper takes about as long.
constexpr int SPINS = 4000;

inline void pause_cpu() {
#if defined(__x86_64__)
    _mm_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
}

constexpr int SHARES = 16;  // most parts that the tasks of a job are cut into

// Each thread has a share of the tasks, the same one of each job, and helps the others when it has done
// that: what it reads of the last job's results mostly lies in its own cache. Of more threads than
// shares, several have one.
struct Job {
    struct alignas(64) Share {
        std::atomic<Index> next{0};
        Index end = 0;
    };

    Job(Index tasks, Task task, void* context, int threads)
        : task(task), context(context), tasks(tasks), count(std::min(threads, SHARES)) {
        for (Index i = 0; i < count; i++) {
            shares[i].next = begin(i);
            shares[i].end = begin(i + 1);
        }
    }

    void work(int thread) {
        Index found = 0;
        for (int i = 0; i < count; i++) {
            Share& share = shares[(thread + i) % count];
            while (share.next < share.end) {  // who only looks takes the line from nobody
                Index at = share.next++;
                if (at >= share.end) break;
                one(at);
                found++;
            }
        }
        done += found;
    }

    // Of fewer tasks than shares the first ones have them: the thread that asks is there.
    Index begin(Index share) const { return (tasks * share + count - 1) / count; }

    void one(Index i) {
        if (failed) return;
        try {
            task(context, i);
        } catch (...) {
            if (!failed.exchange(true)) error = std::current_exception();
        }
    }

    Task task;
    void* context;
    Index tasks;
    int count;
    Share shares[SHARES];
    std::atomic<Index> done{0};
    std::atomic<bool> failed{false};
    std::exception_ptr error;  // of the first task that threw
};

class Pool {
  public:
    ~Pool() { stop(); }

    void run(Index tasks, Task task, void* context, int helpers) {
        std::unique_lock busy(caller, std::try_to_lock);
        if (!busy) {  // a job inside a job, or from another Python thread: do it alone
            for (Index i = 0; i < tasks; i++) task(context, i);
            return;
        }
        start(helpers);
        Job job(tasks, task, context, helpers + 1);
        current = &job;
        call();
        job.work(0);
        wait([&] { return job.done == tasks; });
        current = nullptr;
        wait([&] { return users == 0; });  // nobody still looks at it
        if (job.error) std::rethrow_exception(job.error);
    }

    void stop() {
        stopping = true;
        call();
        for (auto& t : members) t.join();
        members.clear();
        stopping = false;
    }

  private:
    // Let all threads look at what there is to do. No lock is taken for those that are awake: one
    // that waits for a lock sleeps, and a sleeper wakes later than most jobs end.
    void call() {
        ticket++;
        if (sleeping == 0) return;
        { std::lock_guard lock(mutex); }  // who is about to sleep does
        wake.notify_all();
    }

    template <class Ready>
    static void wait(Ready ready) {
        for (int i = 0; !ready(); i++) {
            if (i < SPINS) pause_cpu();
            else std::this_thread::yield();  // more threads than cores
        }
    }

    void start(int helpers) {
        if (wanted == helpers) return;
        wanted = helpers;
        stop();
        for (int i = 0; i < helpers; i++) {
            std::size_t seen = ticket.load();
            try {
                members.emplace_back([this, seen, i] { live(seen, i + 1); });
            } catch (const std::system_error&) {  // no more to be had: go on with these
                break;
            }
        }
    }

    void live(std::size_t seen, int thread) {
        for (;;) {
            for (int i = 0; i < SPINS && ticket == seen; i++) pause_cpu();
            if (ticket == seen) {
                std::unique_lock lock(mutex);
                sleeping++;
                wake.wait(lock, [&] { return ticket != seen; });
                sleeping--;
            }
            seen = ticket;
            if (stopping) return;
            users++;  // before it looks: a job that it finds stays until it has gone
            if (Job* job = current) job->work(thread);
            users--;
        }
    }

    std::mutex caller, mutex;
    std::condition_variable wake;
    std::vector<std::thread> members;
    int wanted = 0;
    std::atomic<std::size_t> ticket{0};
    std::atomic<int> sleeping{0}, users{0};
    std::atomic<Job*> current{nullptr};
    std::atomic<bool> stopping{false};
};

// Never destroyed: threads that wait at exit die with the process.
Pool& pool() {
    static Pool* the = [] {
        auto made = new Pool;
#ifndef _WIN32
        pthread_atfork(nullptr, nullptr, [] { new (&pool()) Pool; });
#endif
        return made;
    }();
    return *the;
}

std::atomic<int> limit{1};

}  // namespace

int threads() { return limit.load(std::memory_order_relaxed); }

void set_threads(int n) { limit = n < 1 ? 1 : n; }

void run_tasks(Index tasks, Task task, void* context) {
    int n = threads();
    pool().run(tasks, task, context, n - 1);
}

}  // namespace rl
