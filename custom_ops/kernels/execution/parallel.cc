#include "kernels/execution/parallel.h"

#include <atomic>
#include <cstdlib>
#include <new>
#include <stdexcept>

#include "kernels/spec/integers.h"

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

namespace keras_pooling {
namespace {

#if defined(__x86_64__)
uint64_t ControlWord() { return _mm_getcsr(); }
void SetControlWord(uint64_t word) { _mm_setcsr(static_cast<unsigned>(word)); }
// Flush-to-zero, rounding control, denormals-are-zero.
constexpr uint64_t kInexact = 0x8000 | 0x6000 | 0x0040;
#elif defined(__aarch64__)
uint64_t ControlWord() {
  uint64_t word;
  asm volatile("mrs %0, fpcr" : "=r"(word));
  return word;
}
void SetControlWord(uint64_t word) { asm volatile("msr fpcr, %0" : : "r"(word)); }
// Flush-to-zero (single/double and half), rounding mode, default NaN.
constexpr uint64_t kInexact = (1u << 24) | (1u << 19) | (3u << 22) | (1u << 25);
#else
uint64_t ControlWord() { return 0; }
void SetControlWord(uint64_t) {}
constexpr uint64_t kInexact = 0;
#endif

// Stores past the caches are weakly ordered: whoever is told that the work is done must
// find them.
void FenceStreamedStores() {
#if defined(__x86_64__)
  _mm_sfence();
#endif
}

// What a guarded call's threads share.
struct GuardedWork {
  enum Failure { kNone, kOutOfMemory, kOther };

  const Work& work;
  std::atomic<int> failure{kNone};

  static void Run(const void* context, int64_t begin, int64_t end) {
    auto& guarded = *static_cast<GuardedWork*>(const_cast<void*>(context));
    if (guarded.failure != kNone) return;
    try {
      guarded.work.run(guarded.work.context, begin, end);
    } catch (const std::bad_alloc&) {
      guarded.failure = kOutOfMemory;
    } catch (...) {
      guarded.failure = kOther;
    }
  }
};

}  // namespace

void Guarded::For(int64_t total, int64_t cost, const Work& work) const {
  if (total <= 0) return;
  GuardedWork guarded = {work};
  parallel_.For(total, cost, {&GuardedWork::Run, &guarded});
  if (guarded.failure == GuardedWork::kOutOfMemory) throw std::bad_alloc();
  if (guarded.failure == GuardedWork::kOther) {
    throw std::runtime_error("a worker failed");
  }
}

void Serial::For(int64_t total, int64_t, const Work& work) const {
  if (total > 0) work.run(work.context, 0, total);
}

ExactFloats::ExactFloats() : saved_(ControlWord()) {
  if ((saved_ & kInexact) != 0) SetControlWord(saved_ & ~kInexact);
}

ExactFloats::~ExactFloats() {
  FenceStreamedStores();
  if ((saved_ & kInexact) != 0) SetControlWord(saved_);
}

Scratch::Scratch(int64_t bytes)
    : data_(std::aligned_alloc(static_cast<size_t>(kAlignment),
                               static_cast<size_t>(RoundUp(bytes + 1)))) {
  if (data_ == nullptr) throw std::bad_alloc();
}

Scratch::~Scratch() { std::free(data_); }

}  // namespace keras_pooling
