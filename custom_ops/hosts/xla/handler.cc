// XLA's side of the ops: buffers in, RunOp(), buffers out. One handler for all of them,
// which needs only XLA's header-only interface: it can serve any program that runs XLA.
#include "hosts/xla/handler.h"

#include <algorithm>
#include <memory>
#include <new>

#include "kernels/execution/parts.h"
#include "kernels/ops/op.h"
#include "xla/ffi/api/ffi.h"

namespace keras_pooling {
namespace {

namespace ffi = xla::ffi;

// XLA's own threads. The caller may itself be one of them, and all others may be
// callers too, so it waits for no task that has not begun.
class XlaThreads : public Parallel {
 public:
  explicit XlaThreads(ffi::ThreadPool* pool)
      : pool_(pool),
        threads_(static_cast<int>(std::max<int64_t>(pool->num_threads(), 1))) {}

  void For(int64_t total, int64_t cost, const Work& work) const override {
    Parts::Share(total, cost, threads_, work,
                 [this](const auto& parts, int64_t helpers) {
                   for (int64_t i = 0; i < helpers; ++i) {
                     pool_->Schedule([parts] { parts->RunSome(); });
                   }
                 });
  }
  int threads() const override { return threads_; }

 private:
  ffi::ThreadPool* pool_;
  int threads_;
};

bool ReadType(ffi::DataType type, ElementType* element) {
  switch (type) {
    case ffi::F16:
      *element = ElementType::kFloat16;
      return true;
    case ffi::BF16:
      *element = ElementType::kBFloat16;
      return true;
    case ffi::F32:
      *element = ElementType::kFloat32;
      return true;
    case ffi::F64:
      *element = ElementType::kFloat64;
      return true;
    case ffi::S8:
      *element = ElementType::kInt8;
      return true;
    case ffi::U8:
      *element = ElementType::kUint8;
      return true;
    case ffi::S16:
      *element = ElementType::kInt16;
      return true;
    case ffi::S32:
      *element = ElementType::kInt32;
      return true;
    case ffi::S64:
      *element = ElementType::kInt64;
      return true;
    default:
      return false;
  }
}

bool ReadArray(const ffi::AnyBuffer& buffer, std::vector<Array>* arrays) {
  Array array;
  array.shape.assign(buffer.dimensions().begin(), buffer.dimensions().end());
  array.data = buffer.untyped_data();
  const bool known = ReadType(buffer.element_type(), &array.type);
  arrays->push_back(std::move(array));
  return known;
}

class AttributeReader {
 public:
  explicit AttributeReader(const ffi::Dictionary& attributes)
      : attributes_(attributes) {}

  void operator()(const char* name, std::string* value) const {
    if (const auto text = attributes_.get<std::string_view>(name)) *value = *text;
  }
  void operator()(const char* name, std::vector<int64_t>* value) const {
    if (const auto ints = attributes_.get<ffi::Span<const int64_t>>(name)) {
      value->assign(ints->begin(), ints->end());
    }
  }
  template <class T>
  void operator()(const char* name, T* value) const {
    if (const auto scalar = attributes_.get<T>(name)) *value = *scalar;
  }

 private:
  const ffi::Dictionary& attributes_;
};

Status TryPool(ffi::ThreadPool* pool, const ffi::RemainingArgs& args,
               const ffi::RemainingRets& rets, const ffi::Dictionary& attributes) {
  const auto name = attributes.get<std::string_view>(kOpAttribute);
  SpecAttributes read;
  ForEachAttribute(&read, AttributeReader(attributes));
  BoundOp op;
  const Status status = BindOp(name ? *name : std::string_view(), read, &op);
  if (!status.ok()) return status;
  std::vector<Array> inputs;
  bool known_types = true;
  for (size_t i = 0; i < args.size(); ++i) {
    const auto buffer = args.get<ffi::AnyBuffer>(i);
    known_types &= buffer && ReadArray(*buffer, &inputs);
  }
  std::vector<Array> outputs;
  for (size_t i = 0; i < rets.size(); ++i) {
    auto buffer = rets.get<ffi::AnyBuffer>(i);
    known_types &= buffer && ReadArray(**buffer, &outputs);
  }
  if (!known_types) {
    return {Code::kInvalidArgument, op.op->name + std::string(": unknown data type")};
  }
  return RunOp(op, inputs, outputs, XlaThreads(pool));
}

ffi::Error Pool(ffi::ThreadPool pool, ffi::RemainingArgs args, ffi::RemainingRets rets,
                ffi::Dictionary attributes) {
  Status status;
  try {
    status = TryPool(&pool, args, rets, attributes);
  } catch (const std::bad_alloc&) {
    status = {Code::kOutOfMemory, "out of memory"};  // too short to need any
  }
  switch (status.code) {
    case Code::kOk:
      return ffi::Error::Success();
    case Code::kInvalidArgument:
      return ffi::Error::InvalidArgument(status.message);
    case Code::kOutOfMemory:
      return ffi::Error(ffi::ErrorCode::kResourceExhausted, status.message);
    case Code::kInternal:
      break;
  }
  return ffi::Error::Internal(status.message);
}

}  // namespace
}  // namespace keras_pooling

XLA_FFI_DEFINE_HANDLER_SYMBOL(KerasPoolingXlaHandler, keras_pooling::Pool,
                              xla::ffi::Ffi::Bind()
                                  .Ctx<xla::ffi::ThreadPool>()
                                  .RemainingArgs()
                                  .RemainingRets()
                                  .Attrs<xla::ffi::Dictionary>());
