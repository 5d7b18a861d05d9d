// TensorFlow's side of the ops: tensors in, RunOp(), tensors out. What an op computes
// and what it demands of its inputs is in kernels/, for every framework.
#include <new>

#include "kernels/op_call.h"
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

Array ArrayOf(const Tensor& tensor) {
  const auto dims = tensor.shape().dim_sizes();
  return {ElementTypeOf(tensor.dtype()),
          {dims.begin(), dims.end()},
          const_cast<void*>(static_cast<const void*>(tensor.data()))};
}

class PoolOp : public OpKernel {
 public:
  explicit PoolOp(OpKernelConstruction* context)
      : OpKernel(context), op_(FindRegisteredOp(type_string())) {
    OP_REQUIRES(context, op_ != nullptr, Invalid(name(), "unknown op"));
    OP_REQUIRES_OK(context, ReadSpec(context, name(), &spec_));
  }

  void Compute(OpKernelContext* context) override {
    try {
      context->SetStatus(TryCompute(context));
    } catch (const std::bad_alloc&) {
      context->SetStatus(absl::ResourceExhaustedError(name() + ": out of memory"));
    }
  }

 private:
  absl::Status TryCompute(OpKernelContext* context) const {
    std::vector<Array> inputs;
    for (int i = 0; i < context->num_inputs(); ++i) {
      inputs.push_back(ArrayOf(context->input(i)));
    }
    OpShapes shapes;
    std::string error = FindShapes(*op_, spec_, inputs, &shapes);
    if (!error.empty()) return Invalid(name(), error);
    TensorShape shape;
    TF_RETURN_IF_ERROR(tensorflow::TensorShapeUtils::MakeShape(shapes.output, &shape));
    std::vector<Array> outputs;
    for (int i = 0; i < context->num_outputs(); ++i) {
      // Taps are wanted only if someone reads them: a gradient, or the indices.
      if (i > 0 && !context->output_required(i)) break;
      Tensor* tensor = nullptr;
      TF_RETURN_IF_ERROR(context->allocate_output(i, shape, &tensor));
      outputs.push_back(ArrayOf(*tensor));
    }
    error = RunOp(*op_, spec_, shapes, inputs, outputs, IntraOpThreads(context));
    return error.empty() ? absl::OkStatus() : Invalid(name(), error);
  }

  const OpInfo* op_;
  PoolSpec spec_;
};

#define KP_REGISTER(name)                                                            \
  REGISTER_KERNEL_BUILDER(Name("KerasPooling>" name).Device(tensorflow::DEVICE_CPU), \
                          PoolOp);
KP_OPS(KP_REGISTER)
#undef KP_REGISTER

}  // namespace
}  // namespace keras_pooling
