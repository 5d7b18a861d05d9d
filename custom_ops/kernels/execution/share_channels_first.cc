// Shares planes out: tiles of several planes, which are packed into scratch memory
// where their lanes are neighbours, walked, and unpacked.
#include <algorithm>
#include <cstring>

#include "kernels/execution/plan_run.h"
#include "kernels/spec/integers.h"

namespace keras_pooling {
namespace {

// Where windows are so large that their tiles cannot stay in the cache.
constexpr int64_t kMostTileBytes = int64_t{16} << 20;

// Where a single window is so large that no memory should be asked for its tile.
constexpr int64_t kMostScratchBytes = int64_t{256} << 20;

// How scratch memory that holds the box is addressed by positions of the whole.
Strides Packed(const Box& box, int64_t lanes) {
  Strides strides = {0, {0, 0, lanes}};
  strides.stride[1] = box.axes[2].size() * strides.stride[2];
  strides.stride[0] = box.axes[1].size() * strides.stride[1];
  strides.base = -strides.At(box.axes[0].begin, box.axes[1].begin, box.axes[2].begin);
  return strides;
}

// An operand as tiles move it: packed before a tile's walk, or unpacked after it.
struct Moved {
  char* tensor;  // null if the call does not have it
  int64_t element_size;
  bool at_outputs;
  bool is_written;
  bool is_streamed;
};

enum { kX, kDx, kY, kDy, kTaps, kNorms, kOperands };

// The parts of the input and of the output that a tile works on.
struct TileBoxes {
  Box in;
  Box out;
  Box visited;
};

// How a call's planes are cut into tiles.
struct TileChoice {
  Tiling tiling;
  int64_t lanes;          // planes per tile
  int64_t scratch_bytes;  // of the largest tile
  bool fits;              // the cache
};

class ChannelsFirst {
 public:
  explicit ChannelsFirst(const PlanRun& run)
      : run_(run), operands_(OperandsOf(run)), tiles_(ChooseTiles()) {
    for (int i = 0; i < kOperands; ++i) {
      moves_[i] = run.target.find_move(operands_.all[i].element_size,
                                       !operands_.all[i].is_written, tiles_.lanes);
    }
  }

  bool fits_memory() const { return tiles_.scratch_bytes <= kMostScratchBytes; }

  void ShareOut() const {
    run_.parallel.For(Units(tiles_),
                      tiles_.tiling.BoxOf(0).positions() * run_.Cost(2 * tiles_.lanes),
                      {&ChannelsFirst::Run, this});
  }

 private:
  struct All {
    Moved all[kOperands];
  };

  static All OperandsOf(const PlanRun& run) {
    const Operands& o = run.call.operands;
    const Task task = run.call.task;
    // A gradient that does not save y makes it again, in the type of calculations.
    const bool has_saved_y = InfoOf(run.call.reduction).saves_y() &&
                             (task == Task::kBackward || task == Task::kPrepare);
    const bool has_math_y =
        task == Task::kParameterGradient || (o.norms != nullptr && !has_saved_y);
    const int64_t size = run.element_size();
    const int64_t math_size = run.math_size();
    const bool streams = run.streams();
    const auto bytes = [](const void* tensor) {
      return static_cast<char*>(const_cast<void*>(tensor));
    };
    return {{{bytes(o.x), size, false, false, false},
             {bytes(o.dx), size, false, true, streams},
             {bytes(o.y), has_math_y ? math_size : size, true,
              task != Task::kBackward && !has_saved_y, streams},
             {bytes(o.dy), size, true, false, false},
             {bytes(o.taps), TapSize(run.call.tap_type), true, task == Task::kForward,
              false},
             {bytes(o.norms), math_size, true, task == Task::kPrepare, false}}};
  }

  int64_t Units(const TileChoice& tiles) const {
    return CeilDiv(run_.plan.planes(), tiles.lanes) * tiles.tiling.boxes();
  }

  TileBoxes BoxesOf(const Box& visited) const {
    TileBoxes boxes = {visited, visited, visited};
    Box& other = run_.visits_outputs() ? boxes.in : boxes.out;
    for (int i = 0; i < kMaxRank; ++i) {
      const Axis& axis = run_.plan.axes[i];
      const Range& range = visited.axes[i];
      if (!run_.visits_outputs()) {
        other.axes[i] = axis.OutputsOf(range);
      } else if (run_.walk == Walk::kDisjoint) {
        other.axes[i] = {axis.Owned(range.begin).begin, axis.Owned(range.end - 1).end};
      } else {
        other.axes[i] = axis.InputsOf(range);
      }
    }
    return boxes;
  }

  static int64_t Bytes(const Moved& operand, const TileBoxes& boxes, int64_t lanes) {
    if (operand.tensor == nullptr) return 0;
    const Box& held = operand.at_outputs ? boxes.out : boxes.in;
    return RoundUp(held.positions() * lanes * operand.element_size);
  }

  // The planes' own numbers, one per lane, if the reduction has one per channel.
  int64_t ParameterBytes(int64_t lanes) const {
    return run_.call.operands.parameters.period > 1 ? RoundUp(lanes * run_.math_size())
                                                    : 0;
  }

  int64_t MostBytes(const Tiling& tiling, int64_t lanes) const {
    int64_t most = 0;
    for (int64_t index = 0; index < tiling.boxes(); ++index) {
      const TileBoxes boxes = BoxesOf(tiling.BoxOf(index));
      int64_t bytes = 0;
      for (const Moved& operand : operands_.all) bytes += Bytes(operand, boxes, lanes);
      most = std::max(most, bytes);
    }
    return most + ParameterBytes(lanes) + tiling.ScratchBytes(lanes);
  }

  // Tiles of `vectors` vectors of planes, cut until they fit, or until they are no
  // longer than `windows` windows.
  TileChoice CutTiles(int64_t vectors, double windows) const {
    TileChoice choice = {Tiling(run_), vectors * run_.kernel.lanes, 0, false};
    do {
      choice.scratch_bytes = MostBytes(choice.tiling, choice.lanes);
      choice.fits = choice.scratch_bytes <= kTileBytes;
    } while (!choice.fits && choice.tiling.Split(windows));
    return choice;
  }

  // Several vectors of planes share the steps from tap to tap, if there are enough of
  // them, and if tiles do not reach so far into others that they had better be long.
  TileChoice ChooseTiles() const {
    const int64_t wanted = 4 * run_.parallel.threads();
    for (int64_t vectors = run_.reaches() ? 1 : 4; vectors > 1; vectors /= 2) {
      const TileChoice choice = CutTiles(vectors, 2.0);
      if (choice.fits && Units(choice) >= wanted) return choice;
    }
    // Tiles far shorter than a window would do the same work again and again: rather
    // let them leave the cache.
    for (const double windows : {2.0, 0.5}) {
      const TileChoice choice = CutTiles(1, windows);
      if (choice.fits || choice.scratch_bytes <= kMostTileBytes) return choice;
    }
    return CutTiles(1, 0.0);
  }

  // Packs or unpacks what planes plane … plane + planes − 1 have of an operand.
  void Move(int i, const Box& held, int64_t plane, int64_t planes, char* packed) const {
    const Moved& operand = operands_.all[i];
    const auto size = [&](int axis) {
      const Axis& a = run_.plan.axes[axis];
      return operand.at_outputs ? a.out() : a.in();
    };
    const int64_t plane_size = size(0) * size(1) * size(2);
    int64_t width = held.axes[2].size();
    int64_t rows = held.axes[1].size();
    if (width == size(2)) {  // whole rows are one long row
      width *= rows;
      rows = 1;
    }
    const PlaneRow row = {plane_size, planes, tiles_.lanes, width, operand.is_streamed};
    for (int64_t d = held.axes[0].begin; d < held.axes[0].end; ++d) {
      for (int64_t r = 0; r < rows; ++r) {
        const int64_t h = held.axes[1].begin + r;
        const int64_t offset =
            plane * plane_size + (d * size(1) + h) * size(2) + held.axes[2].begin;
        moves_[i](row, operand.tensor + offset * operand.element_size, packed);
        packed += width * tiles_.lanes * operand.element_size;
      }
    }
  }

  void RunTile(int64_t unit, char* scratch) const {
    const Plan& plan = run_.plan;
    const int64_t lanes = tiles_.lanes;
    const int64_t boxes_count = tiles_.tiling.boxes();
    const int64_t first = unit / boxes_count * lanes;
    const int64_t planes = std::min(plan.planes() - first, lanes);
    const int64_t plane =
        plan.images.begin * plan.all_channels + plan.channels.begin + first;
    const TileBoxes boxes = BoxesOf(tiles_.tiling.BoxOf(unit % boxes_count));
    char* packed[kOperands];
    for (int i = 0; i < kOperands; ++i) {
      packed[i] = scratch;
      scratch += Bytes(operands_.all[i], boxes, lanes);
    }
    const auto move_all = [&](bool written) {
      for (int i = 0; i < kOperands; ++i) {
        const Moved& operand = operands_.all[i];
        if (operand.tensor == nullptr || operand.is_written != written) continue;
        Move(i, operand.at_outputs ? boxes.out : boxes.in, plane, planes, packed[i]);
      }
    };
    move_all(false);
    Parameters parameters = run_.call.operands.parameters;
    if (parameters.period > 1) {
      const int64_t size = run_.math_size();
      const auto* const all = static_cast<const char*>(parameters.learned);
      for (int64_t lane = 0; lane < lanes; ++lane) {
        const int64_t channel = (plane + lane) % plan.all_channels;
        std::memcpy(scratch + lane * size, all + channel * size,
                    static_cast<size_t>(size));
      }
      parameters.learned = scratch;
      parameters.period = lanes;
      scratch += ParameterBytes(lanes);
    }
    const Operands operands = {packed[kX],  packed[kY],     packed[kTaps], packed[kDy],
                               packed[kDx], packed[kNorms], parameters};
    const TileView view = {
        Packed(boxes.in, lanes),
        Packed(boxes.out, lanes),
        StridesOf(plane, plan.axes[0].out(), plan.axes[1].out(), plan.axes[2].out(), 1),
        plan.out_positions(),
        0,
        lanes,
        !tiles_.fits && run_.reads_first(),  // it has just been packed
        false};
    run_.kernel.run(plan, operands, view, boxes.visited, scratch);
    move_all(true);
  }

  static void Run(const void* context, int64_t begin, int64_t end) {
    const auto& self = *static_cast<const ChannelsFirst*>(context);
    const ExactFloats exact;
    const Scratch scratch(self.tiles_.scratch_bytes);
    for (int64_t unit = begin; unit < end; ++unit) {
      self.RunTile(unit, static_cast<char*>(scratch.data()));
    }
  }

  const PlanRun& run_;
  All operands_;
  TileChoice tiles_;
  MoveRowFn moves_[kOperands];
};

// Planes as images of one channel, walked where they lie: slow, one lane each.
void WalkInPlace(const PlanRun& run, const Call& call, Range planes) {
  Plan plan = run.plan;
  plan.images = planes;
  plan.channels = {0, 1};
  plan.all_channels = 1;
  plan.channels_first = false;
  ShareChannelsLast({call, plan, run.parallel, run.target, run.walk, run.kernel});
}

}  // namespace

void ShareChannelsFirst(const PlanRun& run) {
  const ChannelsFirst planes(run);
  if (planes.fits_memory()) return planes.ShareOut();
  const Plan& plan = run.plan;
  const int64_t first = plan.images.begin * plan.all_channels + plan.channels.begin;
  const Range all = {first, first + plan.planes()};
  const Parameters& parameters = run.call.operands.parameters;
  if (parameters.period == 1) return WalkInPlace(run, run.call, all);
  for (int64_t plane = all.begin; plane < all.end; ++plane) {
    Call call = run.call;  // with the channel's own number
    const int64_t offset = plane % plan.all_channels * run.math_size();
    call.operands.parameters.learned =
        static_cast<const char*>(parameters.learned) + offset;
    call.operands.parameters.period = 1;
    WalkInPlace(run, call, {plane, plane + 1});
  }
}

}  // namespace keras_pooling
