"""A row as an ONNX model in memory, channels first."""

from __future__ import annotations

import numpy as np
from onnx import TensorProto, helper
from row import Row

from peers.prepared import Unsupported

_DTYPES = {
    "float16": TensorProto.FLOAT16,
    "bfloat16": TensorProto.BFLOAT16,
    "float32": TensorProto.FLOAT,
    "float64": TensorProto.DOUBLE,
    "int8": TensorProto.INT8,
}
_OPS = {
    "max": "MaxPool",
    "avg": "AveragePool",
    "lp": "LpPool",
    "global_max": "GlobalMaxPool",
    "global_avg": "GlobalAveragePool",
}


def build(row: Row) -> bytes:
    """Returns a model with one node for each call: x0 → y0, x1 → y1, …"""
    if row.kind not in _OPS:
        raise Unsupported(f"no {row.kind} pooling")
    attributes = {}
    if not row.kind.startswith("global"):
        rank = len(row.spatial)
        attributes["kernel_shape"] = [row.pool_size] * rank
        attributes["strides"] = [row.step] * rank
        attributes["pads"] = np.transpose(row.pads).ravel().tolist()
    names = [(f"x{i}", f"y{i}") for i in range(row.calls)]
    nodes = [helper.make_node(_OPS[row.kind], [x], [y], **attributes) for x, y in names]
    shapes = [_channels_first(row.shape), _channels_first(row.output_shape)]
    ins, outs = (
        [
            helper.make_tensor_value_info(pair[side], _DTYPES[row.dtype], shapes[side])
            for pair in names
        ]
        for side in (0, 1)
    )
    # bfloat16 and LpPool's newest rules came with 22; nothing here needs a newer set.
    model = helper.make_model(
        helper.make_graph(nodes, "row", ins, outs),
        opset_imports=[helper.make_opsetid("", 22)],
        ir_version=10,
    )
    return model.SerializeToString()


def _channels_first(shape: tuple[int, ...]) -> tuple[int, ...]:
    return (shape[0], shape[-1], *shape[1:-1])
