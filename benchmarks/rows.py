"""What is measured: one line per row, for every peer. Plain data: imports no framework.

To add a row, add a line to `_LINES`; `row.py` says what it may hold. Shapes are
channels_last; a peer with another layout transposes before the clock starts.
"""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Any

from row import Row, both, forward, training

CNN = (32, 56, 56, 64)  # the shape that variants share: 26 MB of float32
SAME3 = {"pool_size": 3, "strides": 1, "padding": "same"}

# How many times faster than a peer we must be; where a row says nothing, once.
TWICE = {"bars": {"tf": 2.0}}
TRAIN2 = {"training_bars": {"tf": 2.0}}
TRAIN3 = {"training_bars": {"tf": 3.0}}
TRAIN5 = {"training_bars": {"tf": 5.0}}
FRACTIONAL = {"training_bars": {"tf": 15.0, "torch-nhwc": 5.0, "torch-nchw": 5.0}}
LEARNED = {"training_bars": {"tf": 5.0, "torch-nhwc": 5.0, "torch-nchw": 5.0}}

# Rows in which not everyone takes part.
XLA = {"xla": True, "peers": ("tf-xla", "jax"), "training_bars": {"tf-xla": 10.0}}
MODEL = {"peers": ("tf", "tf-xla"), "shape": (32, 64, 64, 3), "calls": 4}
ONE_THREAD = {"threads": 1, "peers": ("tf", "torch-nhwc", "ort", "litert")}
WIDE = {"peers": ("tf", "torch-nhwc", "ort", "openvino", "litert")}
WIDER = {"strides": 1, "padding": "same", "against": "window3", **WIDE}
WINDOWS = (5, 7, 9, 13, 19, 31, 47, 63)


def first(of: str, *arguments: Any, **further: Any) -> tuple[Row, ...]:
    """The channels_first twin of a row."""
    further |= {"layout": "channels_first", "bars": {"tf": 2.5}, "against": of}
    return both(f"{of}-first", *arguments, **further)


def one(of: str, *arguments: Any, **further: Any) -> tuple[Row, ...]:
    """A row and its twin with one pool a call, for the peers that come close to us."""
    rows = both(of, *arguments, **WIDE, **further)
    twin = {"calls": 1, "against": of, **WIDE}
    return rows + both(f"{of}-one", *arguments, **twin, **further)


_LINES: tuple[tuple[Row, ...], ...] = (
    # The pools of VGG-16, batch 8; the first ones are bound by memory.
    both("vgg1", "max", (8, 224, 224, 64)),
    both("vgg2", "max", (8, 112, 112, 128)),
    both("vgg3", "max", (8, 56, 56, 256)),
    both("vgg4", "max", (8, 28, 28, 512)),
    both("vgg5", "max", (8, 14, 14, 512)),
    # Pools of other networks.
    both("resnet", "max", (32, 112, 112, 64), 3, 2, "same"),
    both("inception", "avg", (32, 35, 35, 192), 3, 1, "same", **TRAIN2),
    both("sppf", "max", (32, 28, 28, 256), 5, 1, "same", **TRAIN3),
    both("spp", "max", (8, 20, 20, 512), 13, 1, "same", **TRAIN5),
    both("densenet", "avg", (32, 56, 56, 128)),
    both("lenet", "max", (128, 24, 24, 32)),
    both("global-max", "global_max", (32, 7, 7, 2048)),
    both("global-avg", "global_avg", (32, 7, 7, 2048)),
    both("adaptive-max", "adaptive_max", CNN, 7),
    both("adaptive-avg", "adaptive_avg", CNN, 7),
    both("adaptive-uneven", "adaptive_avg", CNN, 10),
    both("max7", "max", (32, 7, 7, 2048), 7),
    both("audio", "max", (8, 16000, 64), 4),
    both("video2", "max", (4, 16, 56, 56, 64)),
    both("video3", "max", (4, 16, 56, 56, 64), 3, 2, "same"),
    both("batch1", "max", (1, 224, 224, 64)),
    # Widths as in MobileNet, EfficientNet, DenseNet and NASNet, odd sizes, batches of
    # 1, 2 and 7; every kind of window, and some with one pool a call.
    both("c3", "avg", (7, 225, 225, 3), **WIDE),
    both("c8", "max", (2, 225, 225, 8), 3, 2, **WIDE),
    one("c24", "max", (7, 16001, 24), 3, 2, "same"),
    one("c40", "max", (1, 301, 301, 40)),
    both("c48", "max", (2, 15, 57, 57, 48), **WIDE),
    both("c72", "avg", (7, 57, 57, 72), **WIDE),
    one("c80", "avg", (7, 45, 45, 80), 3, 1, "same"),
    one("c96", "max", (2, 111, 111, 96), 3, 2),
    both("c168", "max", (7, 43, 43, 168), 3, 1, "same", **WIDE),
    one("c304", "global_avg", (7, 15, 15, 304)),
    # The plain cases that the variants below are twins of.
    both("max112", "max", (32, 112, 112, 64)),
    both("avg112", "avg", (32, 112, 112, 64)),
    both("max2", "max", CNN),
    both("max3", "max", CNN, **SAME3, **TRAIN2),
    both("avg3", "avg", CNN, **SAME3, **TRAIN2),
    # channels_first twins.
    first("max2", "max", CNN),
    first("max3", "max", CNN, **SAME3),
    first("avg3", "avg", CNN, **SAME3),
    first("resnet", "max", (32, 112, 112, 64), 3, 2, "same"),
    first("sppf", "max", (32, 28, 28, 256), 5, 1, "same"),
    # Other dtypes.
    both("max3-f16", "max", CNN, **SAME3, dtype="float16", **TWICE),
    both("avg3-f16", "avg", CNN, **SAME3, dtype="float16", **TWICE),
    both("max2-bf16", "max", CNN, dtype="bfloat16"),
    both("max3-bf16", "max", CNN, **SAME3, dtype="bfloat16"),
    both("avg3-bf16", "avg", CNN, **SAME3, dtype="bfloat16"),
    both("max3-f64", "max", CNN, **SAME3, dtype="float64", **TWICE),
    both("avg3-f64", "avg", CNN, **SAME3, dtype="float64", **TWICE),
    forward("max2-int8", "max", CNN, dtype="int8", **TWICE),
    forward("max3-int8", "max", CNN, **SAME3, dtype="int8", **TWICE),
    # Random and power pools.
    both("frac-random", "fractional_max", CNN, 2**0.5, **FRACTIONAL),
    both("frac-pseudo", "fractional_max", CNN, 2**0.5, pseudo=True, **FRACTIONAL),
    both("stochastic2", "stochastic", CNN, training_bars={"tf": 20.0}),
    both("stochastic3", "stochastic", CNN, 3, 2, training_bars={"tf": 20.0}),
    both("l2", "lp", CNN),
    both("median3", "median", CNN, 3, 2),  # of an odd number of taps
    # Pools with a parameter that is learned, against what users compose.
    both("soft2", "soft", CNN, **LEARNED),
    both("soft3", "soft", CNN, 3, 2, **LEARNED),
    both("gem2", "gem", CNN, **LEARNED),
    both("gem3", "gem", CNN, 3, 2, **LEARNED),
    both("global-gem", "global_gem", (32, 7, 7, 2048), **LEARNED),
    both("mixed2", "mixed", CNN),
    first("soft2", "soft", CNN),
    first("gem2", "gem", CNN),
    # The way back of the pools of SegNet, batch 8.
    both("segnet1", "max_unpool", (8, 112, 112, 64)),
    both("segnet3", "max_unpool", (8, 28, 28, 256)),
    both("unpool-batch1", "max_unpool", (1, 112, 112, 64)),
    first("segnet1", "max_unpool", (8, 112, 112, 64)),
    # Inside XLA, against XLA's own.
    both("max112-xla", "max", (32, 112, 112, 64), **XLA),
    both("resnet-xla", "max", (32, 112, 112, 64), 3, 2, "same", **XLA),
    both("max3-xla", "max", CNN, **SAME3, **XLA),
    both("sppf-xla", "max", (32, 28, 28, 256), 5, 1, "same", **XLA),
    both("avg3-xla", "avg", CNN, **SAME3, **XLA),
    both("max7-xla", "max", (32, 7, 7, 2048), 7, **XLA),
    # What a second thread brings.
    both("batch1-1t", "max", (1, 224, 224, 64), against="batch1", **ONE_THREAD),
    both("max112-1t", "max", (32, 112, 112, 64), against="max112", **ONE_THREAD),
    both("max3-1t", "max", CNN, **SAME3, against="max3", **ONE_THREAD),
    # What a wider window costs.
    forward("window3", "max", (8, 64, 64, 32), **SAME3, **WIDE),
    *(forward(f"window{k}", "max", (8, 64, 64, 32), k, **WIDER) for k in WINDOWS),
    # The cost of a call: 50 small pools in one graph.
    both("small50", "max", (8, 20, 20, 32), calls=50),
    both("small50-avg", "avg", (8, 20, 20, 32), calls=50),
    # Whole models, VGG-like, of Keras's layers or ours; a call is a batch.
    training("model-fit", "fit", **MODEL),
    forward("model-predict", "predict", **MODEL),
    training("model-fit-xla", "fit", xla=True, **MODEL),
    training("model-memory", "memory", (32, 128, 128, 3), calls=4, peers=("tf",)),
)

ROWS: tuple[Row, ...] = tuple(row for line in _LINES for row in line)


def chosen(patterns: str, rows: Sequence[Row] = ROWS) -> list[Row]:
    """Returns the rows that comma-separated names select; all, where there are none.

    A pattern is a name, "vgg1", or a name and a mode, "vgg1/training"; `*` and `?`
    stand for any characters.

    Raises:
        ValueError: A pattern selects nothing.
    """
    asked = [pattern.strip() for pattern in patterns.split(",") if pattern.strip()]
    found = []
    for pattern in asked or ["*"]:
        hits = [r for r in rows if _matches(r, pattern)]
        if not hits:
            names = ", ".join(dict.fromkeys(row.name for row in rows))
            raise ValueError(f"no row is called {pattern!r}. Rows: {names}")
        found += [row for row in hits if row not in found]
    return found


def _matches(row: Row, pattern: str) -> bool:
    return fnmatchcase(row.name, pattern) or fnmatchcase(row.key, pattern)
