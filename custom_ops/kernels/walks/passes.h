// What a walk that takes windows apart, one axis at a time, needs to know of a box, and
// where in scratch memory it keeps what. Plain integers: no SIMD.
#ifndef KERAS_POOLING_KERNELS_WALKS_PASSES_H_
#define KERAS_POOLING_KERNELS_WALKS_PASSES_H_

#include "kernels/walks/windows.h"

namespace keras_pooling {

// The windows of one axis.
//
// An axis of many taps is cut into segments as long as a window, the first of which
// begins where the first window does (as if it were whole). So a window is the end of
// its segment and the beginning of the next, and three steps per window do, however
// many its taps: one for what each position gives to the end of its segment, one for
// what it gives from the beginning, one to merge both (van Herk, 1992; Gil & Werman,
// 1993).
struct PassWindows {
  Range outputs;
  Range inputs;  // that they read
  Range whole;   // outputs that are not cut off, `stride` positions apart
  int64_t taps;
  int64_t stride;
  bool has_segments;
  const Span* spans;  // of `outputs`

  const Span& span(int64_t o) const { return spans[o - outputs.begin]; }
  // Where the segment ends in which window `o` begins; the part of it that lies in the
  // input.
  int64_t SegmentEnd(int64_t o) const;
  int64_t InputEnd(int64_t segment_end) const {
    return segment_end < in ? segment_end : in;
  }
  int64_t segment_taps() const { return has_segments ? taps : 0; }

  int64_t in;           // positions of the axis
  int64_t first_start;  // where window 0 begins
};

// How large a reducer's states and elements are.
struct PassSizes {
  int64_t state;    // bytes
  int64_t element;  // bytes
  int64_t tap;      // bytes, 0 if none are kept
  int64_t lanes;    // of a vector
  bool scales;      // every input, first of all
};

// A box, cut along its axes, and its share of scratch memory, from the outside in:
// states of input rows that are still needed, reduced along the width; one more such
// row; states from each position of a segment to its end; one row of inputs, where it
// is not read in its place; one row of results, where they are narrower than a vector.
struct Passes {
  // `lanes` fewer than a vector has are narrow.
  Passes(const Plan& plan, const Box& box, const PassSizes& sizes, int64_t lanes,
         void* scratch);  // null: only to ask for the size

  PassWindows down;
  PassWindows across;
  bool is_narrow;
  int64_t row_bytes;  // of states
  int64_t rows_kept;
  char* rows;
  char* beginnings;  // a row
  char* ends;
  char* line;  // of states or elements, from across.inputs.begin on
  char* results;
  char* result_taps;
  int64_t bytes;  // of all

  char* Row(int64_t h) const {
    return rows + (h - down.inputs.begin) % rows_kept * row_bytes;
  }
};

}  // namespace keras_pooling

#endif  // KERAS_POOLING_KERNELS_WALKS_PASSES_H_
