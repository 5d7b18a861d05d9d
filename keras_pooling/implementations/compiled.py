"""Pooling by the core's ops, for any host: what is asked of the core, and by which op.

A host is a subclass of `Compiled` that calls the ops. Knows no host and no layer.
"""

from __future__ import annotations

import functools
import math
import struct
from abc import ABC, abstractmethod
from typing import Any, NamedTuple

from keras import ops

from keras_pooling import arguments
from keras_pooling.arguments import (
    AdaptiveWindows,
    Regions,
    SlidingWindows,
    Unpooling,
    Windows,
)
from keras_pooling.implementations import portable

# Reductions with a parameter that may be learned.
LEARNED = ("gem", "mixed", "soft")

# The attributes of every op with windows and what they are where they are left out, as
# custom_ops/kernels/spec/attributes.inc has them. None: that depends on the op.
DEFAULTS: dict[str, Any] = {
    "reduction": None,
    "geometry": "sliding",
    "window": None,
    "strides": [],
    "dilations": [],
    "padding": "VALID",
    "pads": [],
    "ceil_mode": False,
    "channels_first": False,
    "count_include_pad": False,
    "divisor_override": 0,
    "p_bits": 4611686018427387904,
    "epsilon_bits": 4517329193108106637,
    "overlapping": False,
}

# A window of at most this many taps has them numbered in one byte.
_MOST_TAPS_OF_A_BYTE = 256

# Overlapping windows of more are mixed of two pools.
_MOST_TAPS_OF_A_MIXTURE = 64

# Windows of more have their taps put in order by `keras.ops` (kMostMedianTaps).
_MOST_TAPS_IN_ORDER = 64


class RegionsWithoutEdges(NamedTuple):
    """What is known of `Regions` without a tensor."""

    rank: int
    overlapping: bool
    largest: tuple[int | None, ...]
    regions_per: str

    def max_taps(self, sizes: Any) -> int | None:
        """Taps of the largest region; None where that is not known."""
        return None if None in self.largest else math.prod(self.largest)


class NoWindows(NamedTuple):
    """In place of windows, where an op knows planes alone."""

    rank: int


class Call(NamedTuple):
    """What the core is asked for, besides tensors; hashable."""

    reduction: str
    windows: SlidingWindows | AdaptiveWindows | RegionsWithoutEdges | NoWindows
    data_format: str
    count_include_pad: bool = False
    divisor_override: int = 0  # 0: the number of taps
    p: float = 2.0
    normalize: bool = True
    epsilon: float = 1e-6

    @property
    def channels_first(self) -> bool:
        """Whether the channels stand before the spatial axes."""
        return self.data_format == "channels_first"

    @property
    def learns(self) -> bool:
        """Whether a tensor goes with it that may be learned."""
        return self.reduction in LEARNED

    @property
    def number_of_edges(self) -> int:
        """How many tensors of edges go with it."""
        of_regions = isinstance(self.windows, RegionsWithoutEdges)
        return self.windows.rank if of_regions else 0

    def attributes(self) -> dict[str, Any]:
        """As `attributes_of`, which is asked once."""
        return _cached_attributes(self)

    def sizes(self, shape: Any) -> Any:
        """The spatial sizes of a shape."""
        return shape[2:] if self.channels_first else shape[1:-1]

    def with_sizes(self, shape: Any, sizes: Any) -> tuple:
        """A shape with other spatial sizes."""
        if self.channels_first:
            return (*shape[:2], *sizes)
        return (shape[0], *sizes, shape[-1])

    def output_sizes(self, sizes: Any, edges: Any) -> tuple:
        """Number of windows along each axis."""
        if isinstance(self.windows, RegionsWithoutEdges):
            return tuple(row.shape[-1] - 1 for row in edges)
        return self.windows.output_sizes(sizes)

    def taps_fit_a_byte(self, sizes: Any) -> bool:
        """Whether one byte numbers the taps of the largest window."""
        taps = self.windows.max_taps(sizes)
        return taps is not None and taps <= _MOST_TAPS_OF_A_BYTE


def without_edges(windows: Windows) -> tuple[Any, tuple]:
    """What a call keeps of the windows, and the tensors that they hold."""
    if isinstance(windows, Regions):
        kept = (windows.rank, windows.overlapping, windows.largest)
        return RegionsWithoutEdges(*kept, windows.regions_per), windows.edges
    return windows, ()


class Compiled(ABC):
    """The functions of an implementation. A subclass calls the ops of one host."""

    def max_pool(
        self, x: Any, windows: Windows, data_format: str, return_indices: bool = False
    ) -> Any:
        """Greatest tap of each window: the first NaN, else the first greatest."""
        windows, edges = without_edges(windows)
        call = Call("max", windows, data_format)
        if not return_indices:
            return self.select(call, x, edges)
        return self._select_with_indices(call, x, edges)

    def max_unpool(
        self, x: Any, windows: Unpooling, data_format: str, indices: Any
    ) -> Any:
        """Each value at its index among zeros; the last of those that share one."""
        call = Call("max", NoWindows(windows.rank), data_format)
        return self.unpool(call, x, indices, windows)

    def avg_pool(
        self,
        x: Any,
        windows: Windows,
        data_format: str,
        count_include_pad: bool = False,
        divisor_override: int | None = None,
    ) -> Any:
        """Sum of each window's taps over their number; halves are summed in float32."""
        windows, edges = without_edges(windows)
        options = (count_include_pad, divisor_override or 0)
        return self.blend(Call("avg", windows, data_format, *options), x, edges)

    def lp_pool(
        self, x: Any, windows: Windows, data_format: str, p: float, normalize: bool
    ) -> Any:
        """`(Σ |x|^p)^(1/p)` of each window's taps; the mean's root with `normalize`."""
        windows, edges = without_edges(windows)
        call = Call("lp", windows, data_format, p=p, normalize=normalize)
        return self.blend(call, x, edges)

    def min_pool(self, x: Any, windows: Windows, data_format: str) -> Any:
        """Least tap of each window: the first NaN, else the first least."""
        turned = portable.turned
        return turned(self.max_pool(turned(x), windows, data_format))

    def mixed_pool(
        self, x: Any, windows: Windows, data_format: str, alpha: Any, gate: Any = None
    ) -> Any:
        """`α · max + (1 - α) · mean`; a gate makes α of the taps of each window."""
        if gate is None and not _are_wide(windows):
            return self.blend(Call("mixed", windows, data_format), x, (), alpha)
        pools = (self.max_pool, self.avg_pool)
        return portable.mixed(*pools, x, windows, data_format, alpha, gate)

    def median_pool(self, x: Any, windows: Windows, data_format: str) -> Any:
        """Middle of each window's taps; the core puts a limited number in order."""
        if math.prod(windows.pool_size) > _MOST_TAPS_IN_ORDER:
            return portable.median_pool(x, windows, data_format)
        return self.blend(Call("median", windows, data_format), x, ())

    def stochastic_pool(
        self,
        x: Any,
        windows: Windows,
        data_format: str,
        seed: Any,
        return_indices: bool = False,
    ) -> Any:
        """A tap drawn by weight max(x, 0), or without a seed the expectation of it."""
        windows, edges = without_edges(windows)
        if seed is None:
            return self.blend(Call("expectation", windows, data_format), x, edges)
        call = Call("stochastic", windows, data_format)
        if not return_indices:
            return self.select(call, x, edges, seed)
        return self._select_with_indices(call, x, edges, seed)

    def _select_with_indices(
        self, call: Call, x: Any, edges: tuple, seed: Any = None
    ) -> tuple[Any, Any]:
        y, taps = self.select_with_taps(call, x, edges, seed)
        sizes = call.sizes(static_sizes(x.shape))
        return y, self.indices(call, x, taps, edges, arguments.index_dtype(sizes))

    def gem_pool(
        self, x: Any, windows: Windows, data_format: str, p: Any, epsilon: float
    ) -> Any:
        """`(mean of max(x, ε)^p)^(1/p)` of each window's taps."""
        windows, edges = without_edges(windows)
        call = Call("gem", windows, data_format, epsilon=epsilon)
        return self.blend(call, x, edges, p)

    def soft_pool(self, x: Any, windows: Windows, data_format: str, beta: Any) -> Any:
        """`Σ e^(βx) · x / Σ e^(βx)` of each window's taps."""
        windows, edges = without_edges(windows)
        return self.blend(Call("soft", windows, data_format), x, edges, beta)

    @abstractmethod
    def fractional_regions(
        self,
        size: Any,
        count: Any,
        rows: Any,
        seed: Any,
        pseudo_random: bool,
        axis: int,
    ) -> Any:
        """Draws the edges of one axis's regions; as `portable.fractional_regions`.

        The bits are those of the seed, the row and the axis alone.
        """

    @abstractmethod
    def select(self, call: Call, x: Any, edges: tuple, seed: Any = None) -> Any:
        """SelectingPool, differentiable."""

    @abstractmethod
    def select_with_taps(
        self, call: Call, x: Any, edges: tuple, seed: Any = None
    ) -> tuple[Any, Any]:
        """SelectingPool, and which tap won."""

    @abstractmethod
    def indices(self, call: Call, x: Any, taps: Any, edges: tuple, dtype: str) -> Any:
        """TapIndices of the pool of `x` that gave the taps."""

    @abstractmethod
    def unpool(self, call: Call, y: Any, indices: Any, plane: Unpooling) -> Any:
        """MaxUnpool to the plane of these values, differentiable."""

    @abstractmethod
    def blend(self, call: Call, x: Any, edges: tuple, parameter: Any = None) -> Any:
        """BlendingPool, differentiable by x and by the parameter.

        A parameter has no axis, or that of the channels; halves have one of float32.
        """


def _are_wide(windows: SlidingWindows) -> bool:
    """Whether windows overlap and are larger than 8 by 8.

    Alone, maxima and averages take fewer steps then: they go along one axis at a time.
    """
    pairs = zip(windows.pool_size, windows.strides, strict=True)
    overlap = any(size > stride for size, stride in pairs)
    return overlap and math.prod(windows.pool_size) > _MOST_TAPS_OF_A_MIXTURE


def saved(reduction: str, x: Any, y: Any) -> list:
    """What the gradient of a blend reads besides dy."""
    if reduction == "avg":
        return []
    return [x] if reduction in ("median", "mixed", "soft") else [x, y]


def static_sizes(shape: Any) -> tuple:
    """A shape as a tuple, None for what is not known."""
    return tuple(shape.as_list() if hasattr(shape, "as_list") else shape)


def bits_of(number: float) -> int:
    """The attribute that carries a double: not all hosts have attributes of doubles."""
    (bits,) = struct.unpack("<q", struct.pack("<d", number))
    return bits


def number_of(bits: int) -> float:
    """The inverse of `bits_of`."""
    (number,) = struct.unpack("<d", struct.pack("<q", bits))
    return number


def attributes_of(call: Call) -> dict[str, Any]:
    """What an op is given; each attribute costs time wherever an op is made or run."""
    attributes = {
        "reduction": call.reduction,
        "channels_first": call.channels_first,
        **_window_attributes(call.windows),
    }
    if call.reduction == "avg":
        attributes["count_include_pad"] = call.count_include_pad
        attributes["divisor_override"] = call.divisor_override
    if call.reduction == "lp":
        attributes["p_bits"] = bits_of(call.p)
        # The root of a mean divides by the number of taps (0), that of a sum by 1.
        attributes["divisor_override"] = 0 if call.normalize else 1
    if call.reduction == "gem":
        attributes["epsilon_bits"] = bits_of(call.epsilon)
    return without_defaults(attributes)


def without_defaults(attributes: dict[str, Any]) -> dict[str, Any]:
    """Those of `DEFAULTS` that are not what they would be anyway."""
    return {
        name: attributes[name]
        for name, default in DEFAULTS.items()
        if attributes.get(name, default) != default
    }


_cached_attributes = functools.lru_cache(maxsize=1024)(attributes_of)


def composed(attributes: dict[str, Any], x: Any, parameter: Any = None) -> Any:
    """What a blending op gives, by the portable path: to be differentiated again.

    Args:
        attributes: of a reduction that saves x; without regions.
        x: tensor.
        parameter: of a reduction that learns; or one for each output.
    """
    attributes = {**DEFAULTS, **attributes}
    windows = _windows_of(attributes)
    data_format = "channels_first" if attributes["channels_first"] else "channels_last"
    reduction = attributes["reduction"]
    if reduction == "expectation":
        return portable.stochastic_pool(x, windows, data_format, None)
    if reduction == "soft":
        return portable.soft_pool(x, windows, data_format, parameter)
    if reduction == "median":
        return portable.median_pool(x, windows, data_format)
    if reduction == "mixed":
        return portable.mixed_pool(x, windows, data_format, parameter)
    if reduction == "gem":
        epsilon = number_of(attributes["epsilon_bits"])
        return portable.gem_pool(x, windows, data_format, parameter, epsilon)
    p = number_of(attributes["p_bits"])
    normalize = attributes["divisor_override"] == 0
    return portable.lp_pool(x, windows, data_format, p, normalize)


def for_each_output(attributes: dict[str, Any], x: Any, parameter: Any) -> Any:
    """The parameter of each output by itself: `composed` depends on them one by one."""
    y = ops.stop_gradient(composed(attributes, x, parameter))
    first = attributes.get("channels_first") and len(parameter.shape) == 1
    shape = (-1, *(1,) * (len(x.shape) - 2)) if first else parameter.shape
    numbers = ops.reshape(parameter, shape)
    return numbers + ops.zeros_like(y, dtype=parameter.dtype)


def _windows_of(attributes: dict[str, Any]) -> Windows:
    """The windows that `attributes_of` made these of."""
    sizes = attributes["window"]
    if attributes["geometry"] == "adaptive":
        return AdaptiveWindows(tuple([None if size < 0 else size for size in sizes]))
    padding = attributes["padding"].lower()
    if padding == "explicit":
        pads = attributes["pads"]
        padding = tuple(zip(pads[::2], pads[1::2], strict=True))
    return SlidingWindows(
        tuple(sizes),
        tuple(attributes["strides"] or sizes),
        tuple(attributes["dilations"] or [1] * len(sizes)),
        padding,
        bool(attributes["ceil_mode"]),
    )


def _window_attributes(windows: Any) -> dict[str, Any]:
    if isinstance(windows, NoWindows):
        return {"window": [1] * windows.rank}
    if isinstance(windows, RegionsWithoutEdges):
        return {
            "geometry": "regions",
            "window": [1] * windows.rank,
            "overlapping": windows.overlapping,
        }
    if isinstance(windows, AdaptiveWindows):
        sizes = [-1 if size is None else size for size in windows.output_size]
        return {"geometry": "adaptive", "window": sizes}
    adjoin = windows.strides == windows.pool_size
    dense = set(windows.dilation_rate) == {1}
    attributes = {
        "window": list(windows.pool_size),
        "strides": [] if adjoin else list(windows.strides),
        "dilations": [] if dense else list(windows.dilation_rate),
        "ceil_mode": windows.ceil_mode,
    }
    if isinstance(windows.padding, str):
        return {**attributes, "padding": windows.padding.upper()}
    pads = [side for pair in windows.padding for side in pair]
    return {**attributes, "padding": "EXPLICIT", "pads": pads}
