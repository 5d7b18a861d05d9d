// Attributes as the C entry takes them, for hosts in C++. Header only.
#ifndef KERAS_POOLING_HOSTS_C_ATTRIBUTE_LIST_H_
#define KERAS_POOLING_HOSTS_C_ATTRIBUTE_LIST_H_

#include <deque>
#include <string>
#include <vector>

#include "hosts/c/keras_pooling.h"
#include "kernels/spec/pool_spec.h"

namespace keras_pooling {

// Refers to the attributes, which must outlive it.
class AttributeList {
 public:
  explicit AttributeList(SpecAttributes* attributes) {
    ForEachAttribute(attributes, *this);
  }

  const KerasPoolingAttribute* data() const { return list_.data(); }
  int32_t size() const { return static_cast<int32_t>(list_.size()); }

  void operator()(const char* name, const std::string* value) {
    list_.push_back({name, value->c_str(), nullptr, 0});
  }
  void operator()(const char* name, const std::vector<int64_t>* value) {
    list_.push_back(
        {name, nullptr, value->data(), static_cast<int64_t>(value->size())});
  }
  void operator()(const char* name, const int64_t* value) {
    list_.push_back({name, nullptr, value, 1});
  }
  void operator()(const char* name, const bool* value) {
    flags_.push_back(*value ? 1 : 0);
    list_.push_back({name, nullptr, &flags_.back(), 1});
  }

 private:
  std::vector<KerasPoolingAttribute> list_;
  std::deque<int64_t> flags_;  // stay where they are: the list points to them
};

}  // namespace keras_pooling

#endif  // KERAS_POOLING_HOSTS_C_ATTRIBUTE_LIST_H_
