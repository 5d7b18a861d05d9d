// Settings for calls of the door, each with its reason: all geometries, layouts and
// scopes of regions, and tensors without elements.
#ifndef KERAS_POOLING_TESTS_SETTINGS_H_
#define KERAS_POOLING_TESTS_SETTINGS_H_

#include <functional>
#include <vector>

#include "tests/door_call.h"

namespace keras_pooling::tests {

inline Setting SettingOf(const char* why, const char* geometry, const Shape& sizes,
                         const Shape& window, int64_t batch, int64_t channels) {
  Setting setting;
  setting.why = why;
  setting.attributes.geometry = geometry;
  setting.attributes.window = window;
  setting.attributes.padding = "SAME";
  setting.sizes = sizes;
  setting.batch = batch;
  setting.channels = channels;
  return setting;
}

inline Setting Windows(const char* why, const Shape& sizes, const Shape& window,
                       const Shape& strides, int64_t batch, int64_t channels) {
  Setting setting = SettingOf(why, "sliding", sizes, window, batch, channels);
  setting.attributes.strides = strides;
  return setting;
}

inline Setting Regions(const char* why, const Shape& sizes, const Shape& regions,
                       int64_t rows, int64_t batch, int64_t channels) {
  const Shape window(sizes.size(), 1);  // tells the rank
  Setting setting = SettingOf(why, "regions", sizes, window, batch, channels);
  setting.regions = regions;
  setting.rows = rows;
  return setting;
}

inline std::vector<Setting> AllSettings() {
  std::vector<Setting> all = {
      Windows("the commonest window", {6, 8}, {2, 2}, {}, 2, 5),
      Windows("windows that overlap, cut off on all sides", {7, 9}, {3, 3}, {2, 2}, 2,
              19),
      Windows("one axis, gaps between windows", {11}, {2}, {3}, 3, 4),
      Windows("many taps, one axis at a time", {9, 8}, {5, 5}, {1, 1}, 1, 17),
      Windows("three axes", {4, 5, 6}, {2, 3, 2}, {2, 2, 1}, 1, 6),
      Windows("more taps than a byte counts", {18, 19}, {17, 16}, {5, 3}, 1, 3),
      SettingOf("adaptive, of two sizes", "adaptive", {7, 9}, {3, 4}, 2, 5),
      SettingOf("adaptive, more windows than positions", "adaptive", {3, 4}, {7, 5}, 1,
                4),
      SettingOf("adaptive, one axis kept", "adaptive", {3, 8, 5}, {2, -1, 1}, 1, 3),
      SettingOf("global", "adaptive", {13, 11}, {1, 1}, 2, 18),
      Regions("regions of the batch", {9}, {4}, 1, 3, 5),
      Regions("regions of each image", {7, 8}, {3, 5}, 3, 3, 4),
      Regions("regions of each channel", {7, 6}, {4, 2}, 6, 2, 3),
      Regions("regions in three axes", {4, 5, 6}, {2, 3, 4}, 2, 2, 4),
      Regions("regions of one image with one channel", {5, 5}, {2, 3}, 1, 1, 1),
      Windows("an empty batch", {6, 5}, {2, 2}, {}, 0, 3),
      Windows("no channels", {6, 5}, {3, 2}, {}, 2, 0),
      SettingOf("an empty batch, adaptive", "adaptive", {7}, {3}, 0, 3),
      Regions("an empty batch, its regions without rows", {7, 5}, {3, 2}, 0, 0, 3),
      Regions("no channels, a row for each image", {7}, {3}, 2, 2, 0),
  };
  Setting dilated = Windows("dilated windows, padding of two kinds, ceil_mode", {9, 7},
                            {3, 2}, {2, 2}, 1, 7);
  dilated.attributes.dilations = {2, 3};
  dilated.attributes.padding = "EXPLICIT";
  dilated.attributes.pads = {1, 2, 0, 1};
  dilated.attributes.ceil_mode = true;
  all.push_back(dilated);
  Setting counted = Windows("padding that counts", {8, 6}, {3, 3}, {2, 1}, 2, 4);
  counted.attributes.padding = "EXPLICIT";
  counted.attributes.pads = {1, 1, 2, 0};
  counted.attributes.count_include_pad = true;
  all.push_back(counted);
  Setting divided = Windows("a divisor of the caller's", {8}, {4}, {3}, 2, 4);
  divided.attributes.divisor_override = 7;
  divided.attributes.padding = "VALID";
  all.push_back(divided);
  for (const char* why :
       {"regions that overlap", "overlapping regions of each image"}) {
    const bool is_first = all.back().regions.empty();
    Setting overlapping = Regions(why, {9, 7}, {4, 3}, is_first ? 1 : 2, 2, 5);
    overlapping.attributes.overlapping = true;
    all.push_back(overlapping);
  }
  for (const Values values : {Values::kTies, Values::kSpecial}) {
    Setting setting = Windows(values == Values::kTies ? "ties" : "special values",
                              {6, 7}, {3, 3}, {2, 1}, 2, 9);
    setting.values = values;
    all.push_back(setting);
  }
  return all;
}

// 2.0 and the like as the attribute that carries them.
inline int64_t BitsOf(double value) { return BitCast<int64_t>(value); }

// Calls visit(setting, op) for every op of every reduction in every setting that is for
// it, in both layouts. The visitor sets the types.
inline void ForEachSetting(
    const std::function<void(Setting, const Op&, const ReductionInfo&)>& visit) {
  for (const Setting& setting : AllSettings()) {
    for (const ReductionInfo& info : AllReductions()) {
      for (const Op& op : AllOps()) {
        if (!IsDefined(op, info, setting)) continue;
        for (const bool channels_first : {false, true}) {
          Setting one = setting;
          one.attributes.reduction = info.name;
          one.attributes.channels_first = channels_first;
          visit(one, op, info);
        }
      }
    }
  }
}

}  // namespace keras_pooling::tests

#endif  // KERAS_POOLING_TESTS_SETTINGS_H_
