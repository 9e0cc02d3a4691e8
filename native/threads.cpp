#include "threads.h"

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

struct Job {
    Task task = nullptr;
    void* context = nullptr;
    Index tasks = 0;
    std::atomic<Index> next{0}, done{0};
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
        Job job{task, context, tasks};
        {
            std::lock_guard lock(mutex);
            current = &job;
            users = 0;
            ticket.fetch_add(1, std::memory_order_release);
        }
        if (sleeping.load() > 0) wake.notify_all();
        work(job);
        while (job.done.load(std::memory_order_acquire) < tasks) pause_cpu();
        {
            std::lock_guard lock(mutex);
            current = nullptr;
        }
        while (users.load(std::memory_order_acquire) > 0) pause_cpu();  // nobody still looks at it
        if (job.error) std::rethrow_exception(job.error);
    }

    void stop() {
        {
            std::lock_guard lock(mutex);
            stopping = true;
            ticket.fetch_add(1);
        }
        wake.notify_all();
        for (auto& t : members) t.join();
        members.clear();
        stopping = false;
    }

  private:
    static void work(Job& job) {
        Index i;
        while ((i = job.next.fetch_add(1)) < job.tasks) {
            if (!job.failed) {
                try {
                    job.task(job.context, i);
                } catch (...) {
                    if (!job.failed.exchange(true)) job.error = std::current_exception();
                }
            }
            job.done.fetch_add(1, std::memory_order_release);
        }
    }

    void start(int helpers) {
        if (wanted == helpers) return;
        wanted = helpers;
        stop();
        for (int i = 0; i < helpers; i++) {
            std::size_t seen = ticket.load();
            try {
                members.emplace_back([this, seen] { live(seen); });
            } catch (const std::system_error&) {  // no more to be had: go on with these
                break;
            }
        }
    }

    void live(std::size_t seen) {
        for (;;) {
            for (int i = 0; i < SPINS && ticket.load(std::memory_order_acquire) == seen; i++) {
                pause_cpu();
            }
            if (ticket.load(std::memory_order_acquire) == seen) {
                std::unique_lock lock(mutex);
                sleeping++;
                wake.wait(lock, [&] { return ticket.load() != seen; });
                sleeping--;
            }
            Job* job;
            {
                std::lock_guard lock(mutex);
                seen = ticket.load();
                if (stopping) return;
                job = current;
                if (job) users++;
            }
            if (job) {
                work(*job);
                users--;
            }
        }
    }

    std::mutex caller, mutex;
    std::condition_variable wake;
    std::vector<std::thread> members;
    int wanted = 0;
    std::atomic<std::size_t> ticket{0};
    std::atomic<int> sleeping{0}, users{0};
    Job* current = nullptr;
    bool stopping = false;
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
