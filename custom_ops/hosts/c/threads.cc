#include "hosts/c/threads.h"

#include <pthread.h>

#include <deque>
#include <memory>
#include <new>
#include <system_error>
#include <thread>

#include "kernels/execution/parts.h"

namespace keras_pooling {
namespace {

constexpr int kMostThreads = 256;

// Helpers that wait for parts of somebody's work. They are never joined: the pool lives
// as long as the process.
class Pool {
 public:
  // Asks `helpers` threads to help with `parts`. Fewer come where no more can be had.
  void Help(const std::shared_ptr<Parts>& parts, int64_t helpers) {
    const std::lock_guard<std::mutex> lock(mutex_);
    for (; started_ < helpers; ++started_) {
      try {
        std::thread([this] { Serve(); }).detach();
      } catch (const std::system_error&) {
        break;
      }
    }
    for (int64_t i = 0; i < std::min<int64_t>(helpers, started_); ++i) {
      waiting_.push_back(parts);
      ++wanted_;
    }
    wake_.notify_all();
  }

 private:
  void Serve() {
    for (;;) {
      std::shared_ptr<Parts> parts;
      LookForAMoment([this] { return wanted_ > 0; });
      {
        std::unique_lock<std::mutex> lock(mutex_);
        wake_.wait(lock, [this] { return !waiting_.empty(); });
        parts = std::move(waiting_.front());
        waiting_.pop_front();
        --wanted_;
      }
      parts->RunSome();
    }
  }

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::shared_ptr<Parts>> waiting_;
  std::atomic<int64_t> wanted_{0};  // helpers: the length of `waiting_`
  int64_t started_ = 0;
};

std::atomic<Pool*> the_pool{nullptr};

// A child has none of its parent's threads, and may have got a locked mutex: it leaves
// the old pool alone and starts anew.
void ForgetPool() { the_pool = nullptr; }

Pool& ThePool() {
  static const int registered = pthread_atfork(nullptr, nullptr, &ForgetPool);
  (void)registered;
  Pool* pool = the_pool;
  if (pool != nullptr) return *pool;
  auto* const fresh = new Pool();
  if (the_pool.compare_exchange_strong(pool, fresh)) return *fresh;
  delete fresh;
  return *pool;
}

class Own : public Parallel {
 public:
  void For(int64_t total, int64_t cost, const Work& work) const override {
    Parts::Share(total, cost, threads(), work, [](const auto& parts, int64_t helpers) {
      ThePool().Help(parts, helpers);
    });
  }

  int threads() const override {
    const int wanted = wanted_;
    if (wanted > 0) return wanted;
    static const int processors =
        static_cast<int>(std::max(std::thread::hardware_concurrency(), 1u));
    return std::min(processors, kMostThreads);
  }

  void Want(int threads) { wanted_ = std::min(std::max(threads, 0), kMostThreads); }

 private:
  std::atomic<int> wanted_{0};
};

Own& TheOwn() {
  // Outlives whoever pools while the process ends, and is there without memory.
  alignas(Own) static unsigned char place[sizeof(Own)];
  static Own& own = *new (place) Own();
  return own;
}

}  // namespace

const Parallel& OwnThreads() { return TheOwn(); }

void SetOwnThreads(int threads) { TheOwn().Want(threads); }

}  // namespace keras_pooling
