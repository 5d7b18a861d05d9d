// Work cut into parts that threads take one by one, for hosts whose threads may start
// late or never.
#ifndef KERAS_POOLING_KERNELS_EXECUTION_PARTS_H_
#define KERAS_POOLING_KERNELS_EXECUTION_PARTS_H_

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <new>
#include <thread>

#include "kernels/execution/parallel.h"

namespace keras_pooling {

// Waits a moment for `done()`, in vain perhaps: to put a thread to sleep and to wake it
// takes longer than many a part. On a busy machine others go first.
template <class Done>
void LookForAMoment(const Done& done) {
  constexpr std::chrono::microseconds kMoment(50);
  const auto end = std::chrono::steady_clock::now() + kMoment;
  while (!done() && std::chrono::steady_clock::now() < end) std::this_thread::yield();
}

// Shared with tasks that may begin long after the call has returned, and then find no
// part left.
class Parts {
 public:
  // How many parts are worth it for so many threads, at least 1: a part should take
  // some 20 µs, or sharing it out costs more.
  static int64_t Count(int64_t total, int64_t cost, int threads) {
    constexpr double kLeastPart = 20000.0;  // nanoseconds
    const double worth =
        static_cast<double>(total) * static_cast<double>(cost) / kLeastPart;
    const int64_t most = std::min<int64_t>(total, int64_t{4} * threads);
    const auto count =
        worth < static_cast<double>(most) ? static_cast<int64_t>(worth) : most;
    return threads > 1 ? std::max<int64_t>(count, 1) : 1;
  }

  Parts(int64_t total, int64_t count, const Work& work)
      : total_(total), count_(count), work_(work) {}

  // Does all the work, with whatever help comes: schedule(parts, helpers) asks as many
  // threads to call parts->RunSome() some time, or never.
  template <class Schedule>
  static void Share(int64_t total, int64_t cost, int threads, const Work& work,
                    const Schedule& schedule) {
    if (total <= 0) return;
    const int64_t count = Count(total, cost, threads);
    if (count == 1) return work.run(work.context, 0, total);
    const auto parts = std::make_shared<Parts>(total, count, work);
    try {
      schedule(parts, std::min<int64_t>(threads, count) - 1);
    } catch (const std::bad_alloc&) {
      // Fewer helpers then. Those that were asked may be at work: no unwinding here.
    }
    parts->RunSome();
    parts->Wait();
  }

  // Takes parts until none is left.
  void RunSome() {
    int64_t done = 0;
    for (int64_t part; (part = next_.fetch_add(1)) < count_; ++done) {
      work_.run(work_.context, Begin(part), Begin(part + 1));
    }
    if (done == 0) return;
    if (done_.fetch_add(done) + done < count_) return;
    const std::lock_guard<std::mutex> lock(mutex_);  // who saw less sleeps by now
    all_done_.notify_all();
  }

  // To be called after RunSome(): every part has been taken by then.
  void Wait() {
    const auto is_done = [this] { return done_ == count_; };
    LookForAMoment(is_done);
    std::unique_lock<std::mutex> lock(mutex_);
    all_done_.wait(lock, is_done);
  }

 private:
  int64_t Begin(int64_t part) const {
    return total_ / count_ * part + std::min(part, total_ % count_);
  }

  const int64_t total_;
  const int64_t count_;
  const Work work_;
  std::atomic<int64_t> next_{0};
  std::mutex mutex_;
  std::condition_variable all_done_;
  std::atomic<int64_t> done_{0};
};

}  // namespace keras_pooling

#endif  // KERAS_POOLING_KERNELS_EXECUTION_PARTS_H_
