// Numbers as messages show them.
#ifndef KERAS_POOLING_KERNELS_SPEC_TEXT_H_
#define KERAS_POOLING_KERNELS_SPEC_TEXT_H_

#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

namespace keras_pooling {

// (2, 3, 4)
inline std::string ListText(const std::vector<int64_t>& values) {
  std::string text = "(";
  for (size_t i = 0; i < values.size(); ++i) {
    if (i > 0) text += ", ";
    text += std::to_string(values[i]);
  }
  return text + (values.size() == 1 ? ",)" : ")");
}

// All the digits that tell a double from its neighbours, and no more than needed.
inline std::string NumberText(double value) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.6g", value);
  double back = 0.0;
  if (std::sscanf(text, "%lf", &back) != 1 || back != value) {
    std::snprintf(text, sizeof(text), "%.17g", value);
  }
  return text;
}

}  // namespace keras_pooling

#endif  // KERAS_POOLING_KERNELS_SPEC_TEXT_H_
