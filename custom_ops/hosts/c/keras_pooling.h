/* The door to the pooling core, for any host: a framework, a language, a test.
 *
 * One call is: bind an op to its attributes (once), ask for the shapes of its outputs,
 * allocate them, run.
 *
 *   KerasPoolingAttribute attributes[] = {
 *       {.name = "window", .ints = (int64_t[]){2, 2}, .count = 2},
 *       {.name = "reduction", .text = "max"}};
 *   KerasPoolingOp* op;
 *   KerasPoolingBind("SelectingPool", attributes, 2, &op);
 *   KerasPoolingInfer(op, &x, 1, shapes, 2);          // of y and of taps
 *   KerasPoolingRun(op, &x, 1, outputs, 2, NULL);     // NULL: our own threads
 *   KerasPoolingRelease(op);
 *
 * Whatever is wrong with the arguments is an answer, never a crash: each function
 * returns a status, and KerasPoolingMessage() tells what was found and what is allowed.
 * Ops, attributes and roles stand in kernels/ops/op.cc, kernels/spec/attributes.inc and
 * kernels/spec/reductions.inc. Every function may be called from any thread; an op may
 * run on several at once. Tensors are dense and row-major. No framework. */
#ifndef KERAS_POOLING_HOSTS_C_KERAS_POOLING_H_
#define KERAS_POOLING_HOSTS_C_KERAS_POOLING_H_

#include <stdint.h>

/* Changes when a caller that was compiled or written for another number cannot go on.
 * Compare it with KerasPoolingAbi() before any other call. */
#define KERAS_POOLING_ABI 1

#if defined(__cplusplus)
extern "C" {
#endif
#if defined(__GNUC__)
#define KERAS_POOLING_API __attribute__((visibility("default")))
#else
#define KERAS_POOLING_API
#endif

typedef enum {
  KERAS_POOLING_OK = 0,
  KERAS_POOLING_INVALID_ARGUMENT = 1,
  KERAS_POOLING_OUT_OF_MEMORY = 2,
  KERAS_POOLING_INTERNAL = 3
} KerasPoolingStatus;

typedef enum {
  KERAS_POOLING_FLOAT16 = 0,
  KERAS_POOLING_BFLOAT16 = 1,
  KERAS_POOLING_FLOAT32 = 2,
  KERAS_POOLING_FLOAT64 = 3,
  KERAS_POOLING_INT8 = 4,
  KERAS_POOLING_UINT8 = 5,
  KERAS_POOLING_INT16 = 6,
  KERAS_POOLING_INT32 = 7,
  KERAS_POOLING_INT64 = 8
} KerasPoolingType;

/* A text, or `count` integers (a flag is one integer). Defaults serve for what is left
 * out. */
typedef struct {
  const char* name;
  const char* text;    /* null for integers */
  const int64_t* ints; /* null for a text, or for no integers */
  int64_t count;
} KerasPoolingAttribute;

/* In KerasPoolingInfer() -1 stands for whatever is not known yet: a type, a rank, a
 * size. */
typedef struct {
  int32_t type; /* KerasPoolingType */
  int32_t rank;
  const int64_t* shape;
  void* data; /* in KerasPoolingInfer() null, but for sizes that are known */
} KerasPoolingArray;

#define KERAS_POOLING_MOST_RANK 5
typedef struct {
  int32_t rank;
  int64_t sizes[KERAS_POOLING_MOST_RANK]; /* -1: unknown */
} KerasPoolingShape;

/* Threads that a host lends. `run` calls work(context, begin, end) so that every unit
 * of 0 … total - 1 is in exactly one range, on any threads, and returns when all are
 * done. `cost` is the time of a unit in nanoseconds, roughly. `work` never throws. */
typedef struct {
  int32_t threads;
  void* pool; /* handed on to `run` */
  void (*run)(void* pool, int64_t total, int64_t cost,
              void (*work)(const void* context, int64_t begin, int64_t end),
              const void* context);
} KerasPoolingParallel;

typedef struct KerasPoolingOp KerasPoolingOp;

KERAS_POOLING_API int32_t KerasPoolingAbi(void);

/* What the thread's last call that failed found; "" if none has. Valid until the
 * thread's next call. */
KERAS_POOLING_API const char* KerasPoolingMessage(void);

/* `name` may bear a namespace, "KerasPooling>SelectingPool". */
KERAS_POOLING_API KerasPoolingStatus
KerasPoolingBind(const char* name, const KerasPoolingAttribute* attributes,
                 int32_t attribute_count, KerasPoolingOp** op);
KERAS_POOLING_API void KerasPoolingRelease(KerasPoolingOp* op); /* null is allowed */

/* The shapes of the first `output_count` outputs, by the checks that a run makes, as
 * far as the inputs are known. */
KERAS_POOLING_API KerasPoolingStatus KerasPoolingInfer(const KerasPoolingOp* op,
                                                       const KerasPoolingArray* inputs,
                                                       int32_t input_count,
                                                       KerasPoolingShape* outputs,
                                                       int32_t output_count);

/* Computes the outputs, of which the last may be left out. Their data does not overlap
 * the inputs'. Without `parallel` the core's own threads share the work. */
KERAS_POOLING_API KerasPoolingStatus
KerasPoolingRun(const KerasPoolingOp* op, const KerasPoolingArray* inputs,
                int32_t input_count, const KerasPoolingArray* outputs,
                int32_t output_count, const KerasPoolingParallel* parallel);

/* How many of its own threads the core uses, the caller's among them; 0: as many as
 * there are processors. They start at the first call that needs them and survive a fork
 * of the process. */
KERAS_POOLING_API void KerasPoolingSetThreads(int32_t threads);
KERAS_POOLING_API int32_t KerasPoolingThreads(void);

/* The names of the ops, a line each. */
KERAS_POOLING_API const char* KerasPoolingOps(void);

/* The reductions, a line each: name, kind (selects, blends), whether it is defined for
 * integers, draws, takes a parameter, saves x for its gradient, saves y for it, and has
 * a gradient op: "max selects 1 0 0 0 0 1". */
KERAS_POOLING_API const char* KerasPoolingReductions(void);

/* The instruction set in use, all that this machine can run (best first, by commas),
 * and what is wrong with KERAS_POOLING_TARGET, or "". */
KERAS_POOLING_API const char* KerasPoolingTarget(void);
KERAS_POOLING_API const char* KerasPoolingTargets(void);
KERAS_POOLING_API const char* KerasPoolingTargetError(void);
/* For tests. Returns what is wrong, or "". */
KERAS_POOLING_API const char* KerasPoolingForceTarget(const char* name);

#if defined(__cplusplus)
} /* extern "C" */
#endif

#endif /* KERAS_POOLING_HOSTS_C_KERAS_POOLING_H_ */
