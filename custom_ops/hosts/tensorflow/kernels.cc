// TensorFlow's side of the ops: tensors in, the C entry, tensors out. What an op
// computes and what it demands of its inputs is behind that, for every host.
#include <algorithm>
#include <atomic>
#include <cstring>

#include "hosts/tensorflow/node_op.h"
#include "hosts/tensorflow/register_kernels.h"
#include "kernels/execution/parts.h"
#include "tensorflow/core/framework/op_kernel.h"
#include "tensorflow/core/framework/tensor_shape.h"
#include "tensorflow/core/util/work_sharder.h"

namespace keras_pooling {
namespace {

using tensorflow::OpKernel;
using tensorflow::OpKernelConstruction;
using tensorflow::OpKernelContext;
using tensorflow::Tensor;
using tensorflow::TensorShape;

// The pools that are at work. Those of one graph that do not wait for each other have a
// thread each already, and go faster side by side than each with several.
class AtWork {
 public:
  AtWork() { ++count; }
  ~AtWork() { --count; }
  AtWork(const AtWork&) = delete;
  AtWork& operator=(const AtWork&) = delete;

  static std::atomic<int> count;
};
std::atomic<int> AtWork::count{0};

// How many threads are worth it for so much work. TensorFlow's sleep between ops, and
// to wake one takes longer than to share out a small pool would save.
int ThreadsFor(double nanoseconds, int most) {
  constexpr double kLeast = 50000.0;
  return static_cast<int>(
      std::clamp(nanoseconds / kLeast, 1.0, std::max(1.0 * most / AtWork::count, 1.0)));
}

// TensorFlow's own intra-op threads, as helpers. Its own way to share work out gives
// every thread its part, and waits for the one that wakes up last.
void RunOnWorkers(void* pool, int64_t total, int64_t cost,
                  void (*work)(const void* context, int64_t begin, int64_t end),
                  const void* context) {
  const auto* workers =
      static_cast<const tensorflow::DeviceBase::CpuWorkerThreads*>(pool);
  const int most =
      std::min(workers->num_threads, tensorflow::GetPerThreadMaxParallelism());
  const int threads =
      ThreadsFor(static_cast<double>(total) * static_cast<double>(cost), most);
  Parts::Share(total, cost, threads, {work, context},
               [workers](const auto& parts, int64_t helpers) {
                 for (int64_t i = 0; i < helpers; ++i) {
                   workers->workers->Schedule([parts] { parts->RunSome(); });
                 }
               });
}

// Tensors as the C entry takes them.
class Arrays {
 public:
  explicit Arrays(size_t count) {
    shapes_.reserve(count);  // arrays point into it
    arrays_.reserve(count);
  }

  void Add(const Tensor& tensor) {
    shapes_.push_back(tensor.shape().dim_sizes());
    arrays_.push_back({TypeOf(tensor.dtype()), tensor.dims(), shapes_.back().data(),
                       const_cast<void*>(static_cast<const void*>(tensor.data()))});
  }
  const KerasPoolingArray* data() const { return arrays_.data(); }
  int32_t size() const { return static_cast<int32_t>(arrays_.size()); }

 private:
  std::vector<decltype(TensorShape().dim_sizes())> shapes_;
  std::vector<KerasPoolingArray> arrays_;
};

class PoolOp : public OpKernel {
 public:
  explicit PoolOp(OpKernelConstruction* context) : OpKernel(context) {
    OP_REQUIRES_OK(context, op_.Bind(type_string(), ReadAttributes(context)));
    context->GetAttr("taps_are_read", &taps_are_read_).IgnoreError();
  }

  void Compute(OpKernelContext* context) override {
    context->SetStatus(TryCompute(context));
  }

 private:
  static constexpr int kMostOutputs = 2;

  absl::Status TryCompute(OpKernelContext* context) const {
    Arrays inputs(static_cast<size_t>(context->num_inputs()));
    for (int i = 0; i < context->num_inputs(); ++i) inputs.Add(context->input(i));
    KerasPoolingShape shapes[kMostOutputs];
    TF_RETURN_IF_ERROR(StatusOf(KerasPoolingInfer(
        op_.get(), inputs.data(), inputs.size(), shapes, context->num_outputs())));
    Arrays outputs(kMostOutputs);
    Tensor* taps = nullptr;
    for (int i = 0; i < context->num_outputs(); ++i) {
      // Taps are wanted only if someone reads them: a gradient, or the indices.
      if (i > 0 && !context->output_required(i)) break;
      TensorShape shape;
      TF_RETURN_IF_ERROR(tensorflow::TensorShapeUtils::MakeShape(
          shapes[i].sizes, shapes[i].rank, &shape));
      Tensor* tensor = nullptr;
      TF_RETURN_IF_ERROR(context->allocate_output(i, shape, &tensor));
      outputs.Add(*tensor);
      if (i > 0) taps = tensor;
    }
    const AtWork at_work;
    const auto* workers = context->device()->tensorflow_cpu_worker_threads();
    const KerasPoolingParallel parallel = {
        workers->num_threads,
        const_cast<tensorflow::DeviceBase::CpuWorkerThreads*>(workers), &RunOnWorkers};
    const auto run = [&](int32_t count) {
      return KerasPoolingRun(op_.get(), inputs.data(), inputs.size(), outputs.data(),
                             count, &parallel);
    };
    const KerasPoolingStatus status = run(outputs.size());
    if (status != KERAS_POOLING_INVALID_ARGUMENT || taps == nullptr || taps_are_read_) {
      return StatusOf(status);
    }
    // Outside a graph every output is required. Where nobody said that they read the
    // taps, windows may have more than taps can number: who reads them all the same is
    // refused what lies outside of all windows.
    TF_RETURN_IF_ERROR(StatusOf(run(1)));
    std::memset(taps->data(), 0xff, taps->TotalBytes());
    return absl::OkStatus();
  }

  NodeOp op_;
  bool taps_are_read_ = true;
};

[[maybe_unused]] const bool are_registered =
    RegisterKernels<PoolOp>(tensorflow::DEVICE_CPU);

}  // namespace
}  // namespace keras_pooling
