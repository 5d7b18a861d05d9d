#include "kernels/parallel.h"

#include <cstdlib>

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

constexpr size_t kAlignment = 64;

}  // namespace

void Serial::For(int64_t total, int64_t, const Work& work) const {
  if (total > 0) work.run(work.context, 0, total);
}

ExactFloats::ExactFloats() : saved_(ControlWord()) {
  if ((saved_ & kInexact) != 0) SetControlWord(saved_ & ~kInexact);
}

ExactFloats::~ExactFloats() {
  if ((saved_ & kInexact) != 0) SetControlWord(saved_);
}

Scratch::Scratch(size_t bytes)
    : data_(std::aligned_alloc(kAlignment, (bytes / kAlignment + 1) * kAlignment)) {}

Scratch::~Scratch() { std::free(data_); }

}  // namespace keras_pooling
