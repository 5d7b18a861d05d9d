// Where windows fall along one axis. Plain integers: no framework, no SIMD.
#ifndef KERAS_POOLING_KERNELS_SPEC_AXIS_H_
#define KERAS_POOLING_KERNELS_SPEC_AXIS_H_

#include <cstddef>
#include <cstdint>
#include <vector>

namespace keras_pooling {

// Positions or windows begin … end − 1 of an axis.
struct Range {
  int64_t begin;
  int64_t end;

  int64_t size() const { return end - begin; }
};

// The part of one window, along one axis, that lies inside the input: its taps
// first_tap … first_tap + count − 1, the first of them at position `first`.
struct Span {
  int64_t first;
  int64_t first_tap;
  int64_t count;    // at least 1: no window is ever empty
  int64_t divisor;  // what an average divides by along this axis
};

// The windows that read one position: first, first + Axis::reader_step(), … (count).
struct Readers {
  int64_t first;
  int64_t count;
};

// Windows of one size at one stride: window o begins at o · stride − pad_before, and is
// cut off where the input ends.
struct UniformWindows {
  int64_t out = 1;
  int64_t taps = 1;
  int64_t stride = 1;
  int64_t dilation = 1;
  int64_t pad_before = 0;
  // A window's divisor is its taps before this position; 0: those inside the input.
  int64_t counted_end = 0;
};

// All windows along one axis. Position of a span's t-th tap: first + t · dilation.
// Spans begin and end in ascending order. Uniform windows, of which there may be very
// many, are calculated; others are spelled out.
class Axis {
 public:
  Axis() : Axis(1, UniformWindows()) {}  // one window of one tap
  Axis(int64_t in, const UniformWindows& windows);
  // Of undilated windows. They count as uniform if that is what they are.
  Axis(int64_t in, std::vector<Span> spans);

  int64_t in() const { return in_; }
  int64_t out() const { return uniform_.out; }
  int64_t dilation() const { return uniform_.dilation; }
  int64_t max_taps() const { return uniform_.taps; }
  // Of uniform windows; 0 where they have more sizes or strides.
  int64_t stride() const { return uniform_.stride; }
  bool is_uniform() const { return uniform_.stride > 0; }
  // Of uniform windows those that have all taps; of others none is known to.
  Range whole() const { return whole_; }
  // The positions that no other windows read, or would if there were more of them:
  // windows read those one stride apart alike.
  Range inner() const;
  // No position belongs to two windows, and a window's taps are neighbours.
  bool is_disjoint() const { return is_disjoint_; }

  Span span(int64_t o) const {
    if (!is_uniform()) return spans_[static_cast<size_t>(o)];
    if (o < whole_.begin || o >= whole_.end) return ClippedSpan(o);
    return {start(o), 0, uniform_.taps, uniform_.taps};
  }
  // Where a window begins; a uniform one as if the input cut nothing off.
  int64_t start(int64_t o) const {
    return is_uniform() ? o * uniform_.stride - uniform_.pad_before
                        : spans_[static_cast<size_t>(o)].first;
  }

  // The windows that read a position; of irregular windows only after IndexReaders().
  // `reader_step` is the distance from one to the next: 1, except where windows are
  // dilated.
  void IndexReaders();
  Readers readers(int64_t position) const;
  int64_t reader_step() const { return reader_step_; }
  int64_t most_readers() const { return most_readers_; }  // of any position

  // The tap as which window `o` reads `position`, one of its own.
  int64_t TapAt(int64_t o, int64_t position) const {
    const Span at = span(o);
    int64_t offset = position - at.first;
    if (__builtin_expect(dilation() != 1, 0)) offset /= dilation();
    return at.first_tap + offset;
  }

  // Where windows do not overlap: the positions that window `o` is answerable for, its
  // own and the gap behind it (the first window's also the gap before it).
  Range Owned(int64_t o) const {
    return {o == 0 ? 0 : span(o).first, o + 1 == out() ? in_ : span(o + 1).first};
  }

  // The positions that some windows read, the windows that read some positions.
  Range InputsOf(Range outputs) const;
  Range OutputsOf(Range inputs) const;

  // Taps of all windows together, roughly where they are cut off.
  double reads() const { return reads_; }

  // Windows that move by one position can be turned round: window i of the result
  // stands for position i, and its positions for the windows that read it. A single
  // position and its window count as such.
  bool HasAdjoint() const {
    return dilation() == 1 && (stride() == 1 || (in_ == 1 && out() == 1));
  }
  Axis Adjoint() const;
  // Of an adjoint: what the window divided by that `position` now stands for.
  int64_t DivisorAt(int64_t position) const;

 private:
  Span ClippedSpan(int64_t o) const;

  int64_t in_;
  UniformWindows uniform_;  // of irregular windows only out, and taps: the most
  Range whole_ = {0, 0};    // uniform windows that are not cut off
  bool is_disjoint_ = true;
  int64_t reader_step_ = 1;
  int64_t most_readers_ = 1;
  double reads_ = 1.0;
  std::vector<Span> spans_;       // of irregular windows
  std::vector<Readers> readers_;  // the same
  // Of an adjoint: the windows before they were turned round.
  int64_t before_in_ = 0;
  UniformWindows before_;
};

}  // namespace keras_pooling

#endif  // KERAS_POOLING_KERNELS_SPEC_AXIS_H_
