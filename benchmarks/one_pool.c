/* One pool, called again and again through the C entry: to be profiled, see HACKING.md.
 * No framework. */
#include <stdlib.h>
#include "hosts/c/keras_pooling.h"

int main(int count, char** arguments) {
  const int64_t window[] = {3, 3}, strides[] = {1, 1}, shape[] = {8, 56, 56, 64};
  const KerasPoolingAttribute attributes[] = {
      {.name = "window", .ints = window, .count = 2},
      {.name = "strides", .ints = strides, .count = 2},
      {.name = "padding", .text = "SAME"},
      {.name = "reduction", .text = "max"}};
  KerasPoolingArray x = {KERAS_POOLING_FLOAT32, 4, shape, calloc(8 * 56 * 56 * 64, 4)};
  KerasPoolingArray y = {KERAS_POOLING_FLOAT32, 4, shape, calloc(8 * 56 * 56 * 64, 4)};
  KerasPoolingOp* op;
  KerasPoolingSetThreads(1);
  if (KerasPoolingBind("SelectingPool", attributes, 4, &op)) return 1;
  const int calls = count > 1 ? atoi(arguments[1]) : 3;
  for (int i = 0; i < calls; ++i) {
    if (KerasPoolingRun(op, &x, 1, &y, 1, NULL)) return 2;
  }
  KerasPoolingRelease(op);
}
