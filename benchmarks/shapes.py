"""Random shapes: pools of published networks, drawn at other sizes. Plain data.

To add a network, add a line to `NETWORKS`. A draw takes one of its pools and a batch;
one draw in two has another resolution than was published, one in two another width, and
one in two has one pool a call, the others as many as the rows of the table.
"""

from __future__ import annotations

import math
import random
from dataclasses import replace
from typing import Any

from row import BYTES, MOVED, Row

COUNT = 200  # of the draw that the bars are said of
SEED = 1
PEERS = "tf,litert,openvino,core"
ROUNDS = 5

BATCHES = (1, 2, 7, 8, 32)
CALLS = (1, 0)  # one pool a call, or as many as in the table
# MobileNet's width multipliers; the products are rounded to a multiple of 8, as there.
WIDTHS = (0.35, 0.5, 0.75, 1.3)
SMALLEST_SCALE = 0.5
# A pool reads and writes at least so many bytes, since with less one pool a call would
# measure the framework's call; and at most what a call of the table does at least.
LEAST_MOVED = 1 << 20
MOST_TAPS = 1 << 28  # in the windows of one pool


def _pools(kind: str, *shapes: tuple[int, ...], **window: Any) -> tuple[Row, ...]:
    """Pools of one kind and window, each on spatial sizes and channels."""
    return tuple(Row("", kind, (1, *shape), **window) for shape in shapes)


SAME2 = {"pool_size": 3, "strides": 2, "padding": "same"}
SAME1 = {"pool_size": 3, "strides": 1, "padding": "same"}
VALID2 = {"pool_size": 3, "strides": 2}

NETWORKS: dict[str, tuple[Row, ...]] = {
    # Krizhevsky et al. 2012, doi:10.1145/3065386
    "alexnet": _pools("max", (55, 55, 96), (27, 27, 256), (13, 13, 256), **VALID2),
    # Simonyan, Zisserman 2014, arXiv:1409.1556
    "vgg16": _pools(
        "max",
        *((224, 224, 64), (112, 112, 128), (56, 56, 256), (28, 28, 512), (14, 14, 512)),
    ),
    # Szegedy et al. 2014, arXiv:1409.4842
    "googlenet": (
        *_pools(
            "max",
            *((112, 112, 64), (56, 56, 192), (28, 28, 480), (14, 14, 832)),
            **SAME2,
        ),
        *_pools(
            "max",
            *((28, 28, 192), (28, 28, 256), (14, 14, 480), (14, 14, 512), (7, 7, 832)),
            **SAME1,
        ),
        *_pools("global_avg", (7, 7, 1024)),
    ),
    # Szegedy et al. 2015, arXiv:1512.00567
    "inception3": (
        *_pools(
            "max",
            *((147, 147, 64), (71, 71, 192), (35, 35, 288), (17, 17, 768)),
            **VALID2,
        ),
        *_pools(
            "avg",
            *((35, 35, 192), (35, 35, 256), (35, 35, 288), (17, 17, 768), (8, 8, 1280)),
            **SAME1,
        ),
        *_pools("global_avg", (8, 8, 2048)),
    ),
    # He et al. 2015, arXiv:1512.03385
    "resnet": (
        *_pools("max", (112, 112, 64), **SAME2),
        *_pools("global_avg", (7, 7, 512), (7, 7, 2048)),
    ),
    # Huang et al. 2016, arXiv:1608.06993: DenseNet-121 and -161
    "densenet": (
        *_pools("max", (112, 112, 64), (112, 112, 96), **SAME2),
        *_pools("avg", (56, 56, 128), (28, 28, 256), (14, 14, 512)),
        *_pools("avg", (56, 56, 192), (28, 28, 384), (14, 14, 1056)),
        *_pools("global_avg", (7, 7, 1024), (7, 7, 2208)),
    ),
    # Chollet 2016, arXiv:1610.02357
    "xception": (
        *_pools(
            "max",
            *((147, 147, 128), (74, 74, 256), (37, 37, 728), (19, 19, 1024)),
            **SAME2,
        ),
        *_pools("global_avg", (10, 10, 2048)),
    ),
    # Iandola et al. 2016, arXiv:1602.07360
    "squeezenet": (
        *_pools("max", (111, 111, 96), (55, 55, 256), (27, 27, 512), **VALID2),
        *_pools("global_avg", (13, 13, 1000)),
    ),
    # Howard et al. 2017 and 2019, arXiv:1704.04861 and 1905.02244: heads, and the
    # squeezes before excitation
    "mobilenet": _pools(
        "global_avg",
        *((7, 7, 1024), (7, 7, 960), (28, 28, 72), (28, 28, 120), (14, 14, 480)),
        *((14, 14, 672), (7, 7, 672)),
    ),
    # Tan, Le 2019, arXiv:1905.11946: squeezes of EfficientNet-B0, and its head
    "efficientnet": _pools(
        "global_avg",
        *((112, 112, 32), (56, 56, 96), (56, 56, 144), (28, 28, 144), (28, 28, 240)),
        *((14, 14, 240), (14, 14, 480), (14, 14, 672), (7, 7, 1152), (7, 7, 1280)),
    ),
    # Zhang et al. 2017, arXiv:1707.01083: first pool, and shortcuts of 3 and 8 groups
    "shufflenet": (
        *_pools("max", (112, 112, 24), **SAME2),
        *_pools("avg", (56, 56, 24), (28, 28, 240), (14, 14, 480), **SAME2),
        *_pools("avg", (28, 28, 384), (14, 14, 768), **SAME2),
    ),
    # Zoph et al. 2017, arXiv:1707.07012: cells of NASNet-A (6 @ 4032)
    "nasnet": (
        *_pools("avg", (42, 42, 168), (21, 21, 336), (11, 11, 672), **SAME1),
        *_pools("avg", (42, 42, 336), (21, 21, 672), **SAME2),
        *_pools("max", (42, 42, 336), (21, 21, 672), **SAME2),
    ),
    # Ronneberger et al. 2015, arXiv:1505.04597
    "unet": _pools(
        "max", (568, 568, 64), (280, 280, 128), (136, 136, 256), (64, 64, 512)
    ),
    # Redmon, Farhadi 2018, arXiv:1804.02767: the tiny one
    "yolo3-tiny": (
        *_pools("max", (416, 416, 16), (208, 208, 32), (104, 104, 64), (52, 52, 128)),
        *_pools("max", (26, 26, 256)),
        *_pools("max", (13, 13, 512), pool_size=2, strides=1, padding="same"),
    ),
    # Bochkovskiy et al. 2020, arXiv:2004.10934: spatial pyramid
    "yolo4": tuple(
        pool
        for size in (5, 9, 13)
        for pool in _pools(
            "max", (19, 19, 512), pool_size=size, strides=1, padding="same"
        )
    ),
    # Jocher et al. 2020, doi:10.5281/zenodo.3908559: SPPF of the sizes n, s, m, l
    "yolo5": _pools(
        "max",
        *((20, 20, 128), (20, 20, 256), (20, 20, 384), (20, 20, 512)),
        **SAME1 | {"pool_size": 5},
    ),
    # Karras et al. 2017, arXiv:1710.10196: its discriminator
    "progan": _pools(
        "avg",
        *((1024, 1024, 32), (512, 512, 64), (256, 256, 128), (128, 128, 256)),
        *((64, 64, 512), (32, 32, 512), (16, 16, 512), (8, 8, 512)),
    ),
    # Wang et al. 2017, arXiv:1711.11585: label maps, edges and image, made smaller
    "pix2pixhd": _pools("avg", (512, 1024, 39), (256, 512, 39), **SAME2),
    # Hershey et al. 2016, arXiv:1609.09430: spectrograms
    "vggish": _pools("max", (96, 64, 64), (48, 32, 128), (24, 16, 256), (12, 8, 512)),
    # Dai et al. 2016, arXiv:1610.00087: waveforms
    "m5": (
        *_pools("max", (8000, 128), (2000, 128), (500, 256), (125, 512), pool_size=4),
        *_pools("global_avg", (32, 512)),
    ),
    # Lee et al. 2017, arXiv:1703.01789
    "samplecnn": _pools(
        "max",
        *((19683, 128), (6561, 128), (2187, 256), (729, 256), (243, 256)),
        pool_size=3,
    ),
    # Aytar et al. 2016, arXiv:1610.09001
    "soundnet": _pools("max", (110250, 16), (6891, 32), pool_size=8),
    # Zhang et al. 2015, arXiv:1509.01626: text as characters, both widths
    "charcnn": _pools(
        "max", (1008, 256), (330, 256), (1008, 1024), (330, 1024), pool_size=3
    ),
    # Fawaz et al. 2019, arXiv:1909.04939: series as long as in the UCR archive
    "inceptiontime": (
        *_pools("max", (1024, 128), (2709, 128), **SAME1),
        *_pools("global_avg", (1024, 128), (2709, 128)),
    ),
    # Qi et al. 2016, arXiv:1612.00593: clouds of points
    "pointnet": _pools("global_max", (1024, 1024), (2048, 1024)),
    # Tran et al. 2014, arXiv:1412.0767
    "c3d": _pools("max", (16, 56, 56, 128), (8, 28, 28, 256), (4, 14, 14, 512)),
    # Carreira, Zisserman 2017, arXiv:1705.07750
    "i3d": (
        *_pools("max", (32, 28, 28, 480), **SAME2),
        *_pools("max", (16, 14, 14, 832)),
        *_pools("max", (32, 28, 28, 192), (16, 14, 14, 480), (8, 7, 7, 832), **SAME1),
        *_pools("global_avg", (8, 7, 7, 1024)),
    ),
    # Çiçek et al. 2016, arXiv:1606.06650
    "unet3d": _pools("max", (128, 128, 112, 64), (60, 60, 52, 128), (26, 26, 22, 256)),
    # Feichtenhofer 2020, arXiv:2004.04730: squeezes of X3D-M
    "x3d": _pools(
        "global_avg",
        *((16, 56, 56, 54), (16, 28, 28, 108), (16, 14, 14, 216), (16, 7, 7, 432)),
    ),
}


def draw(count: int, seed: int) -> list[Row]:
    """Returns `count` shapes, each forward and in training: the same for a seed.

    The networks take turns, so each has its share. The first shapes of a long draw are
    those of a short one.
    """
    order = random.Random(seed)
    names = list(NETWORKS)
    drawn: dict[tuple[Any, ...], Row] = {}
    while len(drawn) < count:
        name = names[len(drawn) % len(names)]
        row = _variant(order, order.choice(NETWORKS[name]))
        key = (row.kind, row.shape, row.window, row.calls)
        if within_bounds(row) and key not in drawn:
            drawn[key] = replace(row, name=f"{len(drawn):03}-{name}")
    modes = ("forward", "training")
    return [replace(row, mode=mode) for row in drawn.values() for mode in modes]


def within_bounds(row: Row) -> bool:
    """Tells whether a pool is worth measuring, and short enough."""
    outputs = math.prod(row.output_shape)
    moved = (math.prod(row.shape) + outputs) * BYTES[row.dtype]
    window = int(row.pool_size) ** len(row.spatial)
    taps = math.prod(row.shape) if row.kind.startswith("global") else outputs * window
    return LEAST_MOVED <= moved <= MOVED and taps <= MOST_TAPS


def _variant(order: random.Random, row: Row) -> Row:
    """The pool for another batch and, mostly, at another resolution or width."""
    scale = order.choice((1.0, order.uniform(SMALLEST_SCALE, 1.0)))
    width = order.choice((1.0, order.choice(WIDTHS)))
    least = 1 if row.kind.startswith("global") else int(row.pool_size)
    sizes = (max(round(size * scale), least) for size in row.spatial)
    channels = row.shape[-1]
    if width != 1.0:
        channels = max(8 * round(channels * width / 8), 8)
    shape = (order.choice(BATCHES), *sizes, channels)
    return replace(row, shape=shape, calls=order.choice(CALLS))
