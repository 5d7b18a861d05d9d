// XLA's side of the ops: buffers in, RunOp(), buffers out. One handler for all of them,
// which needs only XLA's header-only interface: it can serve any program that runs XLA.
#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <new>

#include "kernels/op_call.h"
#include "xla/ffi/api/ffi.h"
#include "xla/handler.h"

namespace keras_pooling {
namespace {

namespace ffi = xla::ffi;

// A part of the work should take this many nanoseconds, or sharing it out costs more.
constexpr double kLeastPart = 20000.0;

// Work cut into parts that threads take one by one. Shared with tasks that may start
// long after the call has returned, and then find no part left.
class Parts {
 public:
  Parts(int64_t total, int64_t count, const Work& work)
      : total_(total), count_(count), work_(work) {}

  void RunSome() {
    int64_t done = 0;
    for (int64_t part; (part = next_.fetch_add(1)) < count_; ++done) {
      work_.run(work_.context, Begin(part), Begin(part + 1));
    }
    if (done == 0) return;
    const std::lock_guard<std::mutex> lock(mutex_);
    done_ += done;
    if (done_ == count_) all_done_.notify_all();
  }

  // Every part has been started by then: the caller took them until none was left.
  void Wait() {
    std::unique_lock<std::mutex> lock(mutex_);
    all_done_.wait(lock, [this] { return done_ == count_; });
  }

 private:
  int64_t Begin(int64_t part) const {
    return total_ / count_ * part + std::min(part, total_ % count_);
  }

  const int64_t total_;
  const int64_t count_;
  const Work work_;
  std::atomic<int64_t> next_{0};
  std::mutex mutex_;
  std::condition_variable all_done_;
  int64_t done_ = 0;
};

// XLA's own threads. The caller may itself be one of them, and all others may be
// callers too, so it waits for no task that has not begun.
class XlaThreads : public Parallel {
 public:
  explicit XlaThreads(ffi::ThreadPool* pool)
      : pool_(pool),
        threads_(static_cast<int>(std::max<int64_t>(pool->num_threads(), 1))) {}

  void For(int64_t total, int64_t cost, const Work& work) const override {
    if (total <= 0) return;
    const double worth =
        static_cast<double>(total) * static_cast<double>(cost) / kLeastPart;
    const int64_t most = std::min<int64_t>(total, 4 * threads_);
    const int64_t count =
        worth < static_cast<double>(most) ? static_cast<int64_t>(worth) : most;
    if (threads_ == 1 || count <= 1) return work.run(work.context, 0, total);
    const auto parts = std::make_shared<Parts>(total, count, work);
    const int64_t helpers = std::min<int64_t>(threads_, count) - 1;
    for (int64_t i = 0; i < helpers; ++i) {
      pool_->Schedule([parts] { parts->RunSome(); });
    }
    parts->RunSome();
    parts->Wait();
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

// Returns what is wrong, or "".
std::string TryPool(ffi::ThreadPool* pool, const ffi::RemainingArgs& args,
                    const ffi::RemainingRets& rets, const ffi::Dictionary& attributes,
                    const OpInfo& op) {
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
  if (!known_types) return "a data type that is not pooled";

  SpecAttributes spec_attributes;
  ForEachAttribute(&spec_attributes, AttributeReader(attributes));
  PoolSpec spec;
  std::string error = ParseSpec(spec_attributes, &spec);
  if (!error.empty()) return error;
  OpShapes shapes;
  error = FindShapes(op, spec, inputs, &shapes);
  if (!error.empty()) return error;
  return RunOp(op, spec, shapes, inputs, outputs, XlaThreads(pool));
}

ffi::Error Pool(ffi::ThreadPool pool, ffi::RemainingArgs args, ffi::RemainingRets rets,
                ffi::Dictionary attributes) {
  const auto name = attributes.get<std::string_view>(kOpAttribute);
  const OpInfo* const op = name ? FindOp(*name) : nullptr;
  if (op == nullptr) return ffi::Error::InvalidArgument("keras_pooling: unknown op");
  try {
    const std::string error = TryPool(&pool, args, rets, attributes, *op);
    return error.empty() ? ffi::Error::Success()
                         : ffi::Error::InvalidArgument(op->name + (": " + error));
  } catch (const std::bad_alloc&) {
    return ffi::Error(ffi::ErrorCode::kResourceExhausted,
                      op->name + std::string(": out of memory"));
  }
}

}  // namespace
}  // namespace keras_pooling

XLA_FFI_DEFINE_HANDLER_SYMBOL(KerasPoolingXlaHandler, keras_pooling::Pool,
                              xla::ffi::Ffi::Bind()
                                  .Ctx<xla::ffi::ThreadPool>()
                                  .RemainingArgs()
                                  .RemainingRets()
                                  .Attrs<xla::ffi::Dictionary>());
