// How kernels ask for threads, and what they need of each: no framework, no thread of
// our own.
#ifndef KERAS_POOLING_KERNELS_EXECUTION_PARALLEL_H_
#define KERAS_POOLING_KERNELS_EXECUTION_PARALLEL_H_

#include <cstdint>

namespace keras_pooling {

// A range [begin, end) of units of work. A function pointer with its context rather
// than std::function: it crosses the C entry, and code compiled for one instruction set
// must instantiate no templates of the standard library (the linker would share them
// with other code).
struct Work {
  void (*run)(const void* context, int64_t begin, int64_t end);
  const void* context;
};

// Runs every unit in [0, total) exactly once, and returns when all are done.
class Parallel {
 public:
  virtual ~Parallel() = default;
  // `cost` is a unit's time in nanoseconds, roughly. Work does not throw here: see
  // Guarded.
  virtual void For(int64_t total, int64_t cost, const Work& work) const = 0;
  virtual int threads() const = 0;
};

// One thread: the caller's.
class Serial : public Parallel {
 public:
  void For(int64_t total, int64_t cost, const Work& work) const override;
  int threads() const override { return 1; }
};

// Lets work throw. What a unit throws is caught on its thread, units that have not
// begun are skipped, and when all threads are done with the call, For() throws on the
// caller's: std::bad_alloc if memory was short, else std::runtime_error.
class Guarded : public Parallel {
 public:
  explicit Guarded(const Parallel& parallel) : parallel_(parallel) {}
  void For(int64_t total, int64_t cost, const Work& work) const override;
  int threads() const override { return parallel_.threads(); }

 private:
  const Parallel& parallel_;
};

// While one lives, this thread rounds to nearest and keeps subnormal numbers.
// Frameworks set their worker threads to flush them, so that without this a result
// would depend on the thread that made it. When it ends, what was written past the
// caches is visible to other threads.
class ExactFloats {
 public:
  ExactFloats();
  ~ExactFloats();
  ExactFloats(const ExactFloats&) = delete;
  ExactFloats& operator=(const ExactFloats&) = delete;

 private:
  uint64_t saved_;
};

// Memory aligned for any vector. Throws std::bad_alloc where there is none to be had.
class Scratch {
 public:
  explicit Scratch(int64_t bytes);
  ~Scratch();
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  void* data() const { return data_; }

 private:
  void* data_;
};

}  // namespace keras_pooling

#endif  // KERAS_POOLING_KERNELS_EXECUTION_PARALLEL_H_
