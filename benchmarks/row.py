"""What one row of the benchmark is. Plain integers: imports no framework."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any

FRAMEWORK_POOLS = (
    *("max", "avg", "lp"),
    *("global_max", "global_avg", "adaptive_max", "adaptive_avg", "max_unpool"),
)
RANDOM_POOLS = ("stochastic", "fractional_max")
# Pools that no framework has: a peer composes them, as its users do. Those with a
# parameter that is learned, and what it is: β, p, p and α.
COMPOSED_POOLS = ("median",)
LEARNED_POOLS = {"soft": 1.0, "gem": 3.0, "global_gem": 3.0, "mixed": 0.5}
# Kinds, or their last words, whose gradient needs no tap.
TAPLESS = {"avg", "lp", "max_unpool", *COMPOSED_POOLS, *LEARNED_POOLS}
MODELS = ("fit", "predict", "memory")
BYTES = {"int8": 1, "float16": 2, "bfloat16": 2, "float32": 4, "float64": 8}
# What a call should read and write at least, in bytes, for the frameworks' cost of a
# call (0.3 ms for a `tf.function`) not to hide the pool; and how many pools at most.
MOVED = 64 << 20
MOST_CALLS = 8
# The classes of shape that reports sum up by, in order. A multiple of 64 is not counted
# among those of 16, nor these among those of 8.
CLASSES = {
    "pool": ("max", "average"),
    "axes": ("1", "2", "3"),
    "windows": ("apart", "overlapping", "overlapping, stride 1", "whole planes"),
    "channels": ("multiple of 64", "multiple of 16", "multiple of 8", "other"),
    "batch": ("1", "2 to 7", "8 or more"),
    "input and output": ("below 4 MiB", "4 to 32 MiB", "above 32 MiB"),
    "pools in a call": ("one", "several"),
}


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        name: what selects it.
        kind: one of `FRAMEWORK_POOLS`, `RANDOM_POOLS`, `LEARNED_POOLS` or `MODELS`.
        shape: batch, spatial sizes, channels; of a model, its input; of an unpool,
            that of its values.
        pool_size: elements per axis of the window; the ratio, where it is fractional;
            the size of the output, where it is adaptive.
        strides: elements between windows; None is `pool_size`.
        padding: "valid" or "same".
        dtype: what the elements are.
        layout: "channels_last" or "channels_first": how inputs and outputs lie. In a
            channels_first row TensorFlow transposes, as Keras does on a CPU.
        mode: "forward", or "training", which is forward and backward, to the parameter
            too where one is learned.
        xla: whether we are compiled with `jit_compile=True`.
        threads: how many each peer may use.
        calls: pools in one measured call, each on an input of its own; of a model,
            batches. 0 is as many as `MOVED` asks for.
        pseudo: whether fractional regions are drawn pseudo-randomly.
        peers: the only ones that take part; empty is all.
        against: name of the row that this one's time is divided by, for a table of its
            own (thread scaling, layouts, window sizes).
        bars: how many times faster than a peer we must be, where that is not 1.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    pool_size: float = 2
    strides: int | None = None
    padding: str = "valid"
    dtype: str = "float32"
    layout: str = "channels_last"
    mode: str = "forward"
    xla: bool = False
    threads: int = 2
    calls: int = 0
    pseudo: bool = False
    peers: tuple[str, ...] = ()
    against: str = ""
    bars: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.calls == 0:
            object.__setattr__(self, "calls", self._enough_calls())

    def _enough_calls(self) -> int:
        if self.kind in MODELS or 0 in self.shape:
            return 1
        size = math.prod(self.shape) + math.prod(self.output_shape)
        return min(math.ceil(MOVED / (size * BYTES[self.dtype])), MOST_CALLS)

    @property
    def key(self) -> str:
        """Name and mode: what tells a row from all others."""
        return f"{self.name}/{self.mode}"

    @property
    def unit(self) -> str:
        """What a measured value counts."""
        return "MB" if self.kind == "memory" else "ms"

    @property
    def spatial(self) -> tuple[int, ...]:
        """Sizes of the pooled axes."""
        return self.shape[1:-1]

    @property
    def step(self) -> int:
        """Elements from one window to the next."""
        return int(self.pool_size) if self.strides is None else self.strides

    @property
    def output_spatial(self) -> tuple[int, ...]:
        """Sizes of the pooled axes of the output."""
        if self.kind.startswith("global"):
            return (1,) * len(self.spatial)
        if self.kind.startswith("adaptive"):
            return (int(self.pool_size),) * len(self.spatial)
        if self.kind.startswith("fractional"):
            return tuple(math.floor(size / self.pool_size) for size in self.spatial)
        if self.kind == "max_unpool":
            last = int(self.pool_size) - self.step
            return tuple(size * self.step + last for size in self.spatial)
        room = 0 if self.padding == "same" else int(self.pool_size) - 1
        return tuple((size - room - 1) // self.step + 1 for size in self.spatial)

    @property
    def pads(self) -> tuple[tuple[int, int], ...]:
        """Elements of padding before and after each axis, as TensorFlow places them."""
        if self.padding == "valid" or self.kind not in ("max", "avg", "lp"):
            return ((0, 0),) * len(self.spatial)
        pads = []
        for size, count in zip(self.spatial, self.output_spatial, strict=True):
            reach = (count - 1) * self.step + int(self.pool_size)
            total = max(reach - size, 0)
            pads.append((total // 2, total - total // 2))
        return tuple(pads)

    @property
    def output_shape(self) -> tuple[int, ...]:
        """Shape of the output, channels last."""
        return (self.shape[0], *self.output_spatial, self.shape[-1])

    @property
    def bytes_moved(self) -> int:
        """Least traffic with memory: what a copy of the same time could have moved.

        Forward reads x and writes y. Training also writes and reads one byte of tap per
        output where one tap wins, reads dy and writes dx. An unpool reads indices of
        four bytes each time.
        """
        if self.kind in MODELS:
            return 0
        width = BYTES[self.dtype]
        x, y = math.prod(self.shape), math.prod(self.output_shape)
        indices = 4 * x if self.kind == "max_unpool" else 0
        moved = width * (x + y) + indices
        if self.mode == "training":
            has_taps = not {self.kind, *self.kind.split("_")} & TAPLESS
            moved += width * (x + y) + indices + 2 * y * has_taps
        return self.calls * moved

    @property
    def classes(self) -> dict[str, str]:
        """Its class by each property of `CLASSES`.

        Empty unless it is a plain max or average: what twins in other dtypes, layouts
        and threads show is no matter of shape.
        """
        pool = {"max": "max", "avg": "average"}.get(self.kind.split("_")[-1])
        if self.kind in RANDOM_POOLS or pool is None or self.xla or self.threads != 2:
            return {}
        if (self.dtype, self.layout) != ("float32", "channels_last"):
            return {}
        size = math.prod(self.shape) + math.prod(self.output_shape)
        mib = self.calls * size * BYTES[self.dtype] / 2**20
        channels = (f"multiple of {n}" for n in (64, 16, 8) if self.shape[-1] % n == 0)
        return {
            "pool": pool,
            "axes": str(len(self.spatial)),
            "windows": self._window_class(),
            "channels": next(channels, "other"),
            "batch": CLASSES["batch"][(self.shape[0] > 1) + (self.shape[0] > 7)],
            "input and output": CLASSES["input and output"][(mib >= 4) + (mib > 32)],
            "pools in a call": "one" if self.calls == 1 else "several",
        }

    def _window_class(self) -> str:
        if set(self.output_spatial) == {1}:
            return "whole planes"
        if self.kind not in ("max", "avg") or self.pool_size <= self.step:
            return "apart"
        return "overlapping, stride 1" if self.step == 1 else "overlapping"

    @property
    def window(self) -> str:
        """The window as a person writes it: 3/2 same."""
        if self.kind in MODELS or self.kind.startswith("global"):
            return ""
        if self.kind.startswith("adaptive"):
            return f"to {self.pool_size}"
        if self.kind.startswith("fractional"):
            return f"{self.pool_size:.3f}"
        same = " same" if self.padding == "same" else ""
        return f"{self.pool_size}/{self.step}{same}"


def both(
    *arguments: Any, training_bars: dict[str, float] | None = None, **further: Any
) -> tuple[Row, Row]:
    """A line that gives two rows: forward and training."""
    row = Row(*arguments, **further)
    bars = row.bars | (training_bars or {})
    return row, replace(row, mode="training", bars=bars)


def forward(*arguments: Any, **further: Any) -> tuple[Row]:
    """A line that gives the forward row alone."""
    return (Row(*arguments, **further),)


def training(*arguments: Any, **further: Any) -> tuple[Row]:
    """A line that gives the training row alone."""
    return (Row(*arguments, mode="training", **further),)
