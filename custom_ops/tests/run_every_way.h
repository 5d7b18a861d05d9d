// Runs a call on every instruction set and with several ways to share out the work,
// and demands the same bits of all. Knows no reduction.
#ifndef KERAS_POOLING_TESTS_RUN_EVERY_WAY_H_
#define KERAS_POOLING_TESTS_RUN_EVERY_WAY_H_

#include <algorithm>
#include <atomic>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

#include "kernels/execution/call.h"
#include "kernels/targets/targets.h"
#include "tests/check.h"
#include "tests/elements.h"

namespace keras_pooling::tests {

// While one lives, this thread flushes subnormal numbers and rounds up: a mode
// that must not change a result.
class InexactFloats {
 public:
#if defined(__x86_64__)
  InexactFloats() : saved_(_mm_getcsr()) { _mm_setcsr(saved_ | kInexact); }
  ~InexactFloats() {
    CHECK((_mm_getcsr() & kInexact) == kInexact, "a kernel changed its thread's mode");
    _mm_setcsr(saved_);
  }

 private:
  // Flush-to-zero, round up, denormals-are-zero.
  static constexpr unsigned kInexact = 0x8000 | 0x4000 | 0x0040;
  unsigned saved_;
#elif defined(__aarch64__)
  InexactFloats() {
    asm volatile("mrs %0, fpcr" : "=r"(saved_));
    asm volatile("msr fpcr, %0" : : "r"(saved_ | (1u << 24) | (1u << 22)));
  }
  ~InexactFloats() { asm volatile("msr fpcr, %0" : : "r"(saved_)); }

 private:
  uint64_t saved_;
#else
  InexactFloats() {}  // NOLINT: else a variable of this type is unused
#endif
};

// Many ranges, of odd sizes, on threads that all have InexactFloats.
class OddRanges : public Parallel {
 public:
  explicit OddRanges(int threads) : threads_(threads) {}

  void For(int64_t total, int64_t, const Work& work) const override {
    std::vector<int64_t> edges = {0};
    for (int64_t size = 1; edges.back() < total; size = size % 7 + 2) {
      edges.push_back(std::min(edges.back() + size * (total / 150 + 1), total));
    }
    std::atomic<size_t> next(1);
    const auto drain = [&] {
      const InexactFloats inexact;
      for (size_t i = next++; i < edges.size(); i = next++) {
        work.run(work.context, edges[i - 1], edges[i]);
      }
    };
    std::vector<std::thread> threads;
    for (int i = 1; i < threads_; ++i) threads.emplace_back(drain);
    drain();
    for (std::thread& thread : threads) thread.join();
  }
  int threads() const override { return threads_; }

 private:
  int threads_;
};

// One unit after the other, the last one first.
class Backwards : public Parallel {
 public:
  void For(int64_t total, int64_t, const Work& work) const override {
    for (int64_t i = total; i > 0; --i) work.run(work.context, i - 1, i);
  }
  int threads() const override { return 40; }
};

// An operand that is written: no better aligned than its elements, unless asked for,
// and with bytes around it that must stay as they are.
class Output {
 public:
  Output(size_t bytes, size_t element_size, bool aligned)
      : scratch_(static_cast<int64_t>(bytes + 4 * kGuard)),
        begin_(static_cast<unsigned char*>(scratch_.data()) + 2 * kGuard +
               (aligned ? 0 : element_size)),
        bytes_(bytes) {
    std::memset(scratch_.data(), kUntouched, bytes + 4 * kGuard);
  }

  void* data() { return begin_; }
  std::vector<unsigned char> Bytes() const { return {begin_, begin_ + bytes_}; }
  bool GuardsHold() const {
    for (size_t i = 0; i < kGuard; ++i) {
      if (begin_[bytes_ + i] != kUntouched || *(begin_ - 1 - i) != kUntouched) {
        return false;
      }
    }
    return true;
  }

 private:
  static constexpr size_t kGuard = 64;
  static constexpr unsigned char kUntouched = 0xa5;
  Scratch scratch_;
  unsigned char* begin_;
  size_t bytes_;
};

// Which of several NaNs comes out of a sum is the compiler's choice (an addition may
// swap its operands), so of a blending reduction or a gradient any NaN will do.
inline bool SameBits(const std::vector<unsigned char>& a,
                     const std::vector<unsigned char>& b, const Call& call) {
  bool same = a == b;
  const bool selects = InfoOf(call.reduction).kind == ReductionKind::kSelects;
  if (same || (selects && call.task != Task::kBackward)) return same;
  ForEachFloat([&](auto tag) {
    using T = typename decltype(tag)::Type;
    if (Info<T>::kType != call.type) return;
    same = a.size() == b.size();
    for (size_t i = 0; same && i < a.size(); i += sizeof(T)) {
      T from_a, from_b;
      std::memcpy(&from_a, &a[i], sizeof(T));
      std::memcpy(&from_b, &b[i], sizeof(T));
      same =
          std::memcmp(&a[i], &b[i], sizeof(T)) == 0 || (IsNan(from_a) && IsNan(from_b));
    }
  });
  return same;
}

struct Outputs {
  std::vector<unsigned char> main;  // y or dx
  std::vector<unsigned char> taps;
};

// `count` elements are written to y or dx, and as many taps in forward calls.
inline Outputs RunEveryWay(Call call, int64_t count, size_t element_size,
                           const std::string& what, bool aligned = false) {
  static const Serial serial;
  static const OddRanges odd_ranges(2);
  static const Backwards backwards;
  struct WalkOption {
    const char* name;
    const Parallel* parallel;
    bool inexact;
  };
  const WalkOption ways[] = {{"one thread", &serial, false},
                             {"one thread that flushes subnormals", &serial, true},
                             {"odd ranges on 2 threads", &odd_ranges, false},
                             {"the last unit first", &backwards, false}};
  const bool writes_taps = call.task == Task::kForward;
  const size_t elements = static_cast<size_t>(count);
  const size_t tap_size = writes_taps ? static_cast<size_t>(TapSize(call.tap_type)) : 0;
  Outputs first;
  std::string first_way;
  for (const std::string& target : SupportedTargets()) {
    CHECK(ForceTarget(target).empty() && ActiveTarget()->name == target, target);
    for (const WalkOption& way : ways) {
      const std::string here = what + ", " + target + ", " + way.name;
      Output main(elements * element_size, element_size, aligned);
      Output taps(elements * tap_size, tap_size, aligned);
      (call.task == Task::kBackward ? call.operands.dx : call.operands.y) = main.data();
      if (tap_size > 0) call.operands.taps = taps.data();
      call.parallel = way.parallel;
      std::string error;
      if (way.inexact) {
        const InexactFloats inexact;
        error = Run(call);
      } else {
        error = Run(call);
      }
      CHECK(error.empty(), here + ": " + error);
      CHECK(main.GuardsHold() && taps.GuardsHold(),
            here + ": wrote outside an operand");
      const Outputs got = {main.Bytes(), taps.Bytes()};
      if (first_way.empty()) {
        first = got;
        first_way = here;
      }
      CHECK(SameBits(got.main, first.main, call),
            here + ": other bits than " + first_way);
      CHECK(got.taps == first.taps, here + ": other taps than " + first_way);
    }
  }
  return first;
}

}  // namespace keras_pooling::tests

#endif  // KERAS_POOLING_TESTS_RUN_EVERY_WAY_H_
