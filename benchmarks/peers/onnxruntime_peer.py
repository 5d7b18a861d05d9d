"""ONNX Runtime's CPU provider, channels first; forward only."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnxruntime
from row import Row

from peers import onnx_model, prepared
from peers.prepared import Prepared

VERSIONS = {"onnxruntime": onnxruntime.__version__}
_options = onnxruntime.SessionOptions()


def setup(threads: int) -> None:
    """Sets the threads of this process."""
    _options.intra_op_num_threads = threads
    _options.inter_op_num_threads = 1
    _options.log_severity_level = 4


def prepare(row: Row, variant: str) -> Prepared:
    """Makes a session, its inputs bound once; outputs come from its own arena."""
    prepared.forward_only(row)
    session = onnxruntime.InferenceSession(
        onnx_model.build(row), _options, providers=["CPUExecutionProvider"]
    )
    binding = session.io_binding()
    xs = [prepared.channels_first(x) for x in prepared.inputs(row)]
    for value, x in zip(session.get_inputs(), xs, strict=True):
        binding.bind_cpu_input(value.name, x)
    for value in session.get_outputs():
        binding.bind_output(value.name, "cpu")

    def run() -> Any:
        session.run_with_iobinding(binding)
        return binding

    def results(outcome: Any) -> list[np.ndarray]:
        return [outcome.copy_outputs_to_cpu()[0]]

    return Prepared(run, results)
