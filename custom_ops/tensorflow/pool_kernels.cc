// TensorFlow's side of the kernels: tensors in, one Call, tensors out. Everything a
// caller controls is checked here or in the spec; nothing is trusted.
#include <limits>
#include <new>

#include "kernels/kernel.h"
#include "tensorflow/core/framework/op_kernel.h"
#include "tensorflow/core/framework/tensor_shape.h"
#include "tensorflow/core/util/work_sharder.h"
#include "tensorflow/pool_attributes.h"

namespace keras_pooling {
namespace {

using tensorflow::OpKernel;
using tensorflow::OpKernelConstruction;
using tensorflow::OpKernelContext;
using tensorflow::Tensor;
using tensorflow::TensorShape;

// TensorFlow's own intra-op threads.
class IntraOpThreads : public Parallel {
 public:
  explicit IntraOpThreads(OpKernelContext* context)
      : workers_(*context->device()->tensorflow_cpu_worker_threads()) {}

  void For(int64_t total, int64_t cost, const Work& work) const override {
    tensorflow::Shard(
        workers_.num_threads, workers_.workers, total, cost,
        [&work](int64_t begin, int64_t end) { work.run(work.context, begin, end); });
  }
  int threads() const override { return workers_.num_threads; }

 private:
  const tensorflow::DeviceBase::CpuWorkerThreads& workers_;
};

ElementType ElementTypeOf(tensorflow::DataType type) {
  switch (type) {
    case tensorflow::DT_HALF:
      return ElementType::kFloat16;
    case tensorflow::DT_BFLOAT16:
      return ElementType::kBFloat16;
    case tensorflow::DT_DOUBLE:
      return ElementType::kFloat64;
    case tensorflow::DT_INT8:
      return ElementType::kInt8;
    case tensorflow::DT_UINT8:
      return ElementType::kUint8;
    case tensorflow::DT_INT16:
      return ElementType::kInt16;
    case tensorflow::DT_INT32:
      return ElementType::kInt32;
    case tensorflow::DT_INT64:
      return ElementType::kInt64;
    default:
      return ElementType::kFloat32;
  }
}

TapType TapTypeOf(tensorflow::DataType type) {
  return type == tensorflow::DT_UINT8 ? TapType::kUint8 : TapType::kInt32;
}

const void* Data(const Tensor& tensor) { return tensor.data(); }
void* Data(Tensor* tensor) { return tensor->data(); }

// What all ops have in common: a spec, and from it and a shape a plan.
class PoolOp : public OpKernel {
 public:
  explicit PoolOp(OpKernelConstruction* context) : OpKernel(context) {
    OP_REQUIRES_OK(context, ReadSpec(context, name(), &spec_));
  }

  void Compute(OpKernelContext* context) final {
    try {
      context->SetStatus(TryCompute(context));
    } catch (const std::bad_alloc&) {
      context->SetStatus(absl::ResourceExhaustedError(name() + ": out of memory"));
    }
  }

 protected:
  virtual absl::Status TryCompute(OpKernelContext* context) = 0;

  const PoolSpec& spec() const { return spec_; }

  absl::Status Fault(const std::string& finding) const {
    return Invalid(name(), finding);
  }

  // The plan for an input shaped as `shape`, or for the gradient or indices of an
  // output shaped as `shape` whose input has the spatial sizes `size`.
  absl::Status PlanFor(const TensorShape& shape, const Tensor* size, Plan* plan) const {
    const int rank = spec_.rank();
    if (shape.dims() != rank + 2) {
      return Fault("expected a tensor of rank " + std::to_string(rank + 2) +
                   ". Received shape=" + shape.DebugString());
    }
    std::vector<int64_t> sizes;
    for (int i = 0; i < rank; ++i) sizes.push_back(shape.dim_size(SpatialAxis(i)));
    if (size != nullptr) {
      if (size->dims() != 1 || size->NumElements() != rank) {
        return Fault("size must hold the input's " + std::to_string(rank) +
                     " spatial sizes. Received shape=" + size->shape().DebugString());
      }
      for (int i = 0; i < rank; ++i) {
        sizes[static_cast<size_t>(i)] = size->vec<int64_t>()(i);
        if (sizes[static_cast<size_t>(i)] < 0)
          return Fault("size must not be negative");
      }
      // The windows of a forged size may be more than memory holds: the output is at
      // hand, so compare before planning.
      for (int i = 0; i < rank; ++i) {
        int64_t out = 0;
        const std::string error =
            OutputSize(spec_, i, sizes[static_cast<size_t>(i)], &out);
        if (!error.empty()) return Fault(error);
        if (out != shape.dim_size(SpatialAxis(i))) {
          return Fault("spatial axis " + std::to_string(i) + " of size " +
                       std::to_string(sizes[static_cast<size_t>(i)]) + " gives " +
                       std::to_string(out) + " windows, the gradient or taps have " +
                       std::to_string(shape.dim_size(SpatialAxis(i))) +
                       ". Received shape=" + shape.DebugString());
        }
      }
    }
    const int64_t channels = shape.dim_size(spec_.channels_first ? 1 : rank + 1);
    const std::string error = MakePlan(spec_, shape.dim_size(0), channels, sizes, plan);
    return error.empty() ? absl::OkStatus() : Fault(error);
  }

  absl::Status ShapeOf(const Plan& plan, bool of_output, TensorShape* shape) const {
    std::vector<int64_t> dims = {plan.batch};
    if (spec_.channels_first) dims.push_back(plan.channels);
    for (int i = kMaxRank - spec_.rank(); i < kMaxRank; ++i) {
      dims.push_back(of_output ? plan.axes[i].out() : plan.axes[i].in);
    }
    if (!spec_.channels_first) dims.push_back(plan.channels);
    return tensorflow::TensorShapeUtils::MakeShape(dims, shape);
  }

  absl::Status CheckTaps(const Plan& plan, const Tensor& taps) const {
    if (taps.dtype() == tensorflow::DT_UINT8 && plan.max_taps() > 256) {
      return Fault("a window of " + std::to_string(plan.max_taps()) +
                   " taps needs Tap=int32");
    }
    return absl::OkStatus();
  }

  absl::Status RunCall(OpKernelContext* context, Call call) const {
    const IntraOpThreads threads(context);
    call.parallel = &threads;
    const std::string error = Run(call);
    return error.empty() ? absl::OkStatus() : Fault(error);
  }

 private:
  int SpatialAxis(int i) const { return i + (spec_.channels_first ? 2 : 1); }

  PoolSpec spec_;
};

// x → y (, taps)
class ForwardOp : public PoolOp {
 public:
  using PoolOp::PoolOp;

  absl::Status TryCompute(OpKernelContext* context) override {
    const Tensor& x = context->input(0);
    Plan plan;
    TF_RETURN_IF_ERROR(PlanFor(x.shape(), nullptr, &plan));
    TensorShape shape;
    TF_RETURN_IF_ERROR(ShapeOf(plan, true, &shape));
    Tensor* y = nullptr;
    TF_RETURN_IF_ERROR(context->allocate_output(0, shape, &y));
    Call call;
    call.reduction = spec().reduction;
    call.type = ElementTypeOf(x.dtype());
    call.plan = &plan;
    call.operands.x = Data(x);
    call.operands.y = Data(y);
    // Taps are wanted only if someone reads them: a gradient, or the indices.
    if (context->num_outputs() > 1 && context->output_required(1)) {
      Tensor* taps = nullptr;
      TF_RETURN_IF_ERROR(context->allocate_output(1, shape, &taps));
      TF_RETURN_IF_ERROR(CheckTaps(plan, *taps));
      call.tap_type = TapTypeOf(taps->dtype());
      call.operands.taps = Data(taps);
    }
    return RunCall(context, call);
  }
};

// dy (, taps), size → dx
class BackwardOp : public PoolOp {
 public:
  using PoolOp::PoolOp;

  absl::Status TryCompute(OpKernelContext* context) override {
    const bool selects = context->num_inputs() == 3;
    const Tensor& dy = context->input(0);
    Plan plan;
    TF_RETURN_IF_ERROR(PlanFor(dy.shape(), &context->input(selects ? 2 : 1), &plan));
    Call call;
    call.task = Task::kBackward;
    call.reduction = spec().reduction;
    call.type = ElementTypeOf(dy.dtype());
    call.plan = &plan;
    call.operands.dy = Data(dy);
    if (selects) {
      const Tensor& taps = context->input(1);
      if (taps.shape() != dy.shape()) {
        return Fault("dy and taps must have the same shape. Received dy " +
                     dy.shape().DebugString() + ", taps " + taps.shape().DebugString());
      }
      TF_RETURN_IF_ERROR(CheckTaps(plan, taps));
      call.tap_type = TapTypeOf(taps.dtype());
      call.operands.taps = const_cast<void*>(Data(taps));
    }
    TensorShape shape;
    TF_RETURN_IF_ERROR(ShapeOf(plan, false, &shape));
    Tensor* dx = nullptr;
    TF_RETURN_IF_ERROR(context->allocate_output(0, shape, &dx));
    call.operands.dx = Data(dx);
    return RunCall(context, call);
  }
};

// x, taps → y
class PickOp : public PoolOp {
 public:
  using PoolOp::PoolOp;

  absl::Status TryCompute(OpKernelContext* context) override {
    const Tensor& x = context->input(0);
    const Tensor& taps = context->input(1);
    Plan plan;
    TF_RETURN_IF_ERROR(PlanFor(x.shape(), nullptr, &plan));
    TensorShape shape;
    TF_RETURN_IF_ERROR(ShapeOf(plan, true, &shape));
    if (taps.shape() != shape) {
      return Fault("taps must have the output's shape " + shape.DebugString() +
                   ". Received " + taps.shape().DebugString());
    }
    TF_RETURN_IF_ERROR(CheckTaps(plan, taps));
    Tensor* y = nullptr;
    TF_RETURN_IF_ERROR(context->allocate_output(0, shape, &y));
    Call call;
    call.task = Task::kPick;
    call.type = ElementTypeOf(x.dtype());
    call.tap_type = TapTypeOf(taps.dtype());
    call.plan = &plan;
    call.operands.x = Data(x);
    call.operands.taps = const_cast<void*>(Data(taps));
    call.operands.y = Data(y);
    return RunCall(context, call);
  }
};

// taps, size → indices
class IndicesOp : public PoolOp {
 public:
  using PoolOp::PoolOp;

  absl::Status TryCompute(OpKernelContext* context) override {
    const Tensor& taps = context->input(0);
    Plan plan;
    TF_RETURN_IF_ERROR(PlanFor(taps.shape(), &context->input(1), &plan));
    TF_RETURN_IF_ERROR(CheckTaps(plan, taps));
    Tensor* indices = nullptr;
    TF_RETURN_IF_ERROR(context->allocate_output(0, taps.shape(), &indices));
    const IntraOpThreads threads(context);
    const std::string error =
        TapIndices(plan, TapTypeOf(taps.dtype()), Data(taps),
                   indices->dtype() == tensorflow::DT_INT64, Data(indices), threads);
    return error.empty() ? absl::OkStatus() : Fault(error);
  }
};

#define KP_REGISTER(name, Kernel)                                                    \
  REGISTER_KERNEL_BUILDER(Name("KerasPooling>" name).Device(tensorflow::DEVICE_CPU), \
                          Kernel)

KP_REGISTER("SelectingPool", ForwardOp);
KP_REGISTER("SelectingPoolGrad", BackwardOp);
KP_REGISTER("SelectingPoolPick", PickOp);
KP_REGISTER("BlendingPool", ForwardOp);
KP_REGISTER("BlendingPoolGrad", BackwardOp);
KP_REGISTER("TapIndices", IndicesOp);

#undef KP_REGISTER

}  // namespace
}  // namespace keras_pooling
