"""LiteRT with its XNNPACK delegate, channels last; forward only."""

from __future__ import annotations

import importlib.metadata
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter
from row import Row

from peers import prepared
from peers.prepared import Prepared, Unsupported

VERSIONS = {"ai-edge-litert": importlib.metadata.version("ai-edge-litert")}
_DTYPES = {"float32": schema.TensorType.FLOAT32, "int8": schema.TensorType.INT8}
_OPS = {
    "max": schema.BuiltinOperator.MAX_POOL_2D,
    "avg": schema.BuiltinOperator.AVERAGE_POOL_2D,
    "lp": schema.BuiltinOperator.L2_POOL_2D,
}
_threads = 2


def setup(threads: int) -> None:
    """Sets the threads of the interpreters to come."""
    global _threads
    _threads = threads


def prepare(row: Row, variant: str) -> Prepared:
    """Builds a model of one node for each call, and fills its inputs once."""
    prepared.forward_only(row)
    prepared.channels_last_only(row)
    interpreter = Interpreter(model_content=_model(row), num_threads=_threads)
    interpreter.allocate_tensors()
    details = interpreter.get_input_details()
    for detail, x in zip(details, prepared.inputs(row), strict=True):
        interpreter.set_tensor(detail["index"], x.reshape(detail["shape"]))
    output = interpreter.get_output_details()[0]["index"]

    def run() -> Any:
        interpreter.invoke()
        return interpreter

    def results(outcome: Any) -> list[np.ndarray]:
        y = outcome.get_tensor(output)
        # L2 pooling here is the root of the mean, and the row's that of the sum.
        return [y * float(row.pool_size) if row.kind == "lp" else y]

    return Prepared(run, results)


def _model(row: Row) -> bytes:
    kind = row.kind.removeprefix("global_")
    prepared.only(row, kinds=(*_OPS, "global_max", "global_avg"), dtypes=(*_DTYPES,))
    if len(row.spatial) > 2:
        raise Unsupported("no pooling over three axes")
    shapes = [_plane(row.shape), _plane(row.output_shape)]
    sides = 2 if len(row.spatial) == 2 else 1
    window, steps = [row.pool_size] * sides, [row.step] * sides
    if row.kind.startswith("global"):
        window, steps = list(row.spatial), [1] * sides
    graph = schema.SubGraphT()
    graph.tensors, graph.operators = [], []
    for i in range(row.calls):
        graph.tensors += [_tensor(row, shape) for shape in shapes]
        graph.operators.append(_node(row, [1, *window][-2:], [1, *steps][-2:], i))
    graph.inputs = list(range(0, 2 * row.calls, 2))
    graph.outputs = list(range(1, 2 * row.calls, 2))
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = _OPS[kind]
    code.version = 2 if row.dtype == "int8" else 1
    model = schema.ModelT()
    model.version, model.operatorCodes = 3, [code]
    model.subgraphs, model.buffers = [graph], [schema.BufferT()]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _plane(shape: tuple[int, ...]) -> list[int]:
    """The shape with two spatial axes, of which the first may be of length 1."""
    return [shape[0], *(1, *shape[1:-1])[-2:], shape[-1]]


def _tensor(row: Row, shape: list[int]) -> Any:
    tensor = schema.TensorT()
    tensor.shape, tensor.type, tensor.buffer = shape, _DTYPES[row.dtype], 0
    if row.dtype == "int8":
        tensor.quantization = schema.QuantizationParametersT()
        tensor.quantization.scale, tensor.quantization.zeroPoint = [1.0], [0]
    return tensor


def _node(row: Row, window: list[int], steps: list[int], call: int) -> Any:
    options = schema.Pool2DOptionsT()
    options.filterHeight, options.filterWidth = window
    options.strideH, options.strideW = steps
    same = row.padding == "same" and not row.kind.startswith("global")
    options.padding = schema.Padding.SAME if same else schema.Padding.VALID
    node = schema.OperatorT()
    node.opcodeIndex, node.inputs, node.outputs = 0, [2 * call], [2 * call + 1]
    node.builtinOptionsType = schema.BuiltinOptions.Pool2DOptions
    node.builtinOptions = options
    return node
