"""Runs exported models in a process that has their runtime, and not this package.

As a script: `python runtimes.py FILE.npz FORMAT PATH…` predicts for every `x…` in the
NumPy file by each exported model, and writes what came out to `PATH.out.npz`.
"""

import os
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from processes import run_python

SUFFIXES = {
    "tf_saved_model": "",
    "onnx": ".onnx",
    "openvino": ".xml",
    "litert": ".tflite",
    "torch": ".pt2",
}


def predictions(format: str, path: Path, inputs: list[np.ndarray]) -> list[np.ndarray]:
    """What the exported model gives for each input, in a process of its own."""
    given = Path(f"{path}.in.npz")
    np.savez(given, **{f"x{i}": x for i, x in enumerate(inputs)})
    run_python(__file__, str(given), format, str(path))
    with np.load(f"{path}.out.npz") as made:
        return [made[f"y{i}"] for i in range(len(inputs))]


def operators(format: str, path: Path) -> list[str]:
    """The operators that an exported graph holds, one entry for each time."""
    return run_python(__file__, "--operators", format, str(path)).stdout.split()


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


def print_operators(format: str, path: str) -> None:
    if format == "onnx":
        import onnx

        print(*(node.op_type for node in onnx.load(path).graph.node))
    elif format == "openvino":
        import openvino

        print(
            *(
                node.get_type_name()
                for node in openvino.Core().read_model(path).get_ops()
            )
        )
    elif format == "litert":
        from ai_edge_litert.interpreter import Interpreter

        print(*(op["op_name"] for op in Interpreter(path)._get_ops_details()))
    elif format == "torch":
        import torch

        nodes = torch.export.load(path).graph.nodes
        print(*(node.target for node in nodes if node.op == "call_function"))
    else:
        import tensorflow as tf
        from tensorflow.python.framework import convert_to_constants

        # What is reached, and not the gradients that lie beside it.
        served = tf.saved_model.load(path).signatures["serving_default"]
        frozen = convert_to_constants.convert_variables_to_constants_v2(served)
        print(*(node.op for node in frozen.graph.as_graph_def().node))


def main() -> None:
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    sys.modules["keras_pooling"] = None  # to import it is an error
    given, format, *paths = sys.argv[1:]
    if given == "--operators":
        print_operators(format, *paths)
        return
    with np.load(given) as inputs:
        xs = [inputs[f"x{i}"] for i in range(len(inputs))]
    for path in paths:
        predict = LOADERS[format](path)
        np.savez(f"{path}.out.npz", **{f"y{i}": predict(x) for i, x in enumerate(xs)})


if __name__ == "__main__":
    main()
