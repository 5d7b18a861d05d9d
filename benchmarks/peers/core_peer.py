"""Our core by its C entry, on arrays that are there already; forward only.

This is how the inference runtimes are measured: no framework calls it, and its results
go to the same memory every time.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from row import Row

import keras_pooling as kp
from keras_pooling.implementations import entry
from peers import prepared
from peers.prepared import Prepared

VERSIONS = {"keras_pooling": kp.__version__}
_TYPES = {"float16": 0, "float32": 2, "float64": 3, "int8": 4}  # KerasPoolingType
_OPS = {"max": "SelectingPool", "avg": "BlendingPool"}


def setup(threads: int) -> None:
    """Has the core compute on so many threads."""
    entry.use_threads(threads)


def prepare(row: Row, variant: str) -> Prepared:
    """Binds the op once, and gives each call its arrays."""
    prepared.forward_only(row)
    kind = row.kind.removeprefix("global_")
    prepared.only(row, kinds=(*_OPS, "global_max", "global_avg"), dtypes=(*_TYPES,))
    rank = len(row.spatial)
    attributes: dict[str, Any] = {
        "reduction": kind,
        "channels_first": int(row.layout == "channels_first"),
    }
    if row.kind == kind:
        attributes |= {
            "window": [int(row.pool_size)] * rank,
            "strides": [row.step] * rank,
            "padding": row.padding.upper(),
        }
    else:
        attributes |= {"geometry": "adaptive", "window": [1] * rank}
    op = entry.Op(_OPS[kind], attributes)
    calls = []
    for x in prepared.given(row, prepared.inputs(row)):
        (y,) = prepared.given(row, [np.zeros(row.output_shape, x.dtype)])
        kinds = ([(_TYPES[row.dtype], array.shape)] for array in (x, y))
        addresses = [array.ctypes.data for array in (x, y)]
        calls.append((entry.Frame(op, *kinds), addresses, (x, y)))  # kept alive

    def run() -> Any:
        for frame, addresses, _ in calls:
            frame.run(addresses)
        return calls

    return Prepared(run, lambda calls: [calls[0][2][1]])
