"""Runs exported models in processes that have their runtime, and not this package.

One process for each format, which stays and answers one request after the other.
"""

import atexit
import functools
import json
import os
import select
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable
from pathlib import Path

import numpy as np

SUFFIXES = {
    "tf_saved_model": "",
    "onnx": ".onnx",
    "openvino": ".xml",
    "litert": ".tflite",
    "torch": ".pt2",
}


class _Process:
    """A process that has the runtime of one format, and where to import ours fails."""

    def __init__(self, format: str):
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 - as long as it runs
        self._process = subprocess.Popen(
            [sys.executable, __file__, format],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )
        atexit.register(self._process.kill)

    def ask(self, request: str, path: Path, seconds: float = 300) -> str:
        """What the process answers; an error where it fails, dies or takes longer."""
        print(json.dumps([request, str(path)]), file=self._process.stdin, flush=True)
        ready, _, _ = select.select([self._process.stdout], [], [], seconds)
        answer = self._process.stdout.readline() if ready else ""
        if not answer:
            self._process.kill()
            _process.cache_clear()
            self._errors.seek(0)
            raise RuntimeError(f"{path} ended its runtime: {self._errors.read()}")
        done, said = json.loads(answer)
        if not done:
            raise RuntimeError(f"{path}: {said}")
        return said


_process = functools.cache(_Process)


def predictions(format: str, path: Path, inputs: list[np.ndarray]) -> list[np.ndarray]:
    """What the exported model gives for each input."""
    np.savez(f"{path}.in.npz", **{f"x{i}": x for i, x in enumerate(inputs)})
    _process(format).ask("predict", path)
    with np.load(f"{path}.out.npz") as made:
        return [made[f"y{i}"] for i in range(len(inputs))]


def operators(format: str, path: Path) -> list[str]:
    """The operators that an exported graph holds, one entry for each time."""
    return _process(format).ask("operators", path).split()


def saved_model(path: str) -> Callable:
    import tensorflow as tf

    model = tf.saved_model.load(path)
    return lambda x: model.serve(tf.constant(x)).numpy()


def onnx(path: str) -> Callable:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(path, options)
    (given,) = session.get_inputs()
    return lambda x: session.run(None, {given.name: x})[0]


def openvino(path: str) -> Callable:
    import openvino

    # Some processors would compute in bfloat16.
    hints = {"INFERENCE_PRECISION_HINT": "f32"}
    model = openvino.Core().compile_model(path, "CPU", hints)
    return lambda x: model(x)[0].copy()


def litert(path: str) -> Callable:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=path)

    def run(x: np.ndarray) -> np.ndarray:
        (given,) = interpreter.get_input_details()
        interpreter.resize_tensor_input(given["index"], x.shape)
        interpreter.allocate_tensors()
        interpreter.set_tensor(given["index"], x)
        interpreter.invoke()
        (result,) = interpreter.get_output_details()
        return interpreter.get_tensor(result["index"]).copy()

    return run


def torch(path: str) -> Callable:
    import torch

    model = torch.export.load(path).module()
    return lambda x: model(torch.from_numpy(x)).detach().numpy()


LOADERS = {
    "tf_saved_model": saved_model,
    "onnx": onnx,
    "openvino": openvino,
    "litert": litert,
    "torch": torch,
}


def _predict(format: str, path: str) -> str:
    predict = LOADERS[format](path)
    with np.load(f"{path}.in.npz") as inputs:
        xs = [inputs[f"x{i}"] for i in range(len(inputs))]
    np.savez(f"{path}.out.npz", **{f"y{i}": predict(x) for i, x in enumerate(xs)})
    return ""


def _operators(format: str, path: str) -> str:
    if format == "onnx":
        import onnx

        found = [node.op_type for node in onnx.load(path).graph.node]
    elif format == "openvino":
        import openvino

        nodes = openvino.Core().read_model(path).get_ops()
        found = [node.get_type_name() for node in nodes]
    elif format == "litert":
        from ai_edge_litert.interpreter import Interpreter

        found = [op["op_name"] for op in Interpreter(path)._get_ops_details()]
    elif format == "torch":
        import torch

        nodes = torch.export.load(path).graph.nodes
        found = [str(node.target) for node in nodes if node.op == "call_function"]
    else:
        import tensorflow as tf
        from tensorflow.python.framework import convert_to_constants

        # What is reached, and not the gradients that lie beside it.
        served = tf.saved_model.load(path).signatures["serving_default"]
        frozen = convert_to_constants.convert_variables_to_constants_v2(served)
        found = [node.op for node in frozen.graph.as_graph_def().node]
    return " ".join(found)


REQUESTS = {"predict": _predict, "operators": _operators}


def main() -> None:
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    sys.modules["keras_pooling"] = None  # to import it is an error
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print is no answer
    for line in sys.stdin:
        request, path = json.loads(line)
        try:
            answer = [True, REQUESTS[request](sys.argv[1], path)]
        except Exception:
            answer = [False, traceback.format_exc()]
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
