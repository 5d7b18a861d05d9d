"""OpenVINO's CPU plugin, channels first, tuned for latency; forward only."""

from __future__ import annotations

from typing import Any

import numpy as np
import openvino
from row import Row

from peers import onnx_model, prepared
from peers.prepared import Prepared

VERSIONS = {"openvino": openvino.__version__.split("-")[0]}
_core = openvino.Core()
_PRECISIONS = {"float16": "f16", "float32": "f32", "int8": "f32"}


def setup(threads: int) -> None:
    """Sets the threads of this process."""
    _core.set_property("CPU", {"INFERENCE_NUM_THREADS": threads})


def prepare(row: Row, variant: str) -> Prepared:
    """Compiles a model, its inputs shared with NumPy."""
    prepared.forward_only(row)
    prepared.only(
        row,
        kinds=("max", "avg", "global_max", "global_avg"),
        dtypes=tuple(_PRECISIONS),
    )
    settings = {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": _PRECISIONS[row.dtype],
    }
    model = _core.read_model(onnx_model.build(row))
    request = _core.compile_model(model, "CPU", settings).create_infer_request()
    xs = [prepared.channels_first(x) for x in prepared.inputs(row)]
    tensors = [openvino.Tensor(x, shared_memory=True) for x in xs]
    for i, tensor in enumerate(tensors):
        request.set_input_tensor(i, tensor)

    def run() -> Any:
        assert tensors  # the request does not keep what it reads alive
        request.infer(share_outputs=True)
        return request

    def results(outcome: Any) -> list[np.ndarray]:
        return [outcome.get_output_tensor(0).data]

    return Prepared(run, results)
