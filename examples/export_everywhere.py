"""Exports a small CNN to every format, and runs each file in its own runtime.

Run with `python examples/export_everywhere.py --help`, on any Keras backend:
`KERAS_BACKEND=jax` or `torch` before the command. Each runtime is a process where
keras_pooling cannot be imported. Printed are the pooling operators that it found in the
file, the file's size, the greatest difference to the model's own predictions, and the
time of one image in a batch. A runtime that is not installed is named as such.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import common
import numpy as np

# How the file's name ends, and the packages that write it and that run it.
FORMATS = {
    "tf_saved_model": ("", (), "tensorflow"),
    "onnx": (".onnx", ("onnx",), "onnxruntime"),
    "openvino": (".xml", (), "openvino"),
    "litert": (".tflite", (), "ai-edge-litert"),
    "torch": (".pt2", (), "torch"),
}
# What reduces whole planes, besides operators with "pool" in their name.
REDUCTIONS = {
    "max",
    "mean",
    "reducemax",
    "reduce_max",
    "reducemean",
    "aten.amax.default",
}


def saved_model(path: str) -> tuple[Callable, list[str]]:
    """Loads with TensorFlow."""
    import tensorflow as tf

    model = tf.saved_model.load(path)
    served = model.signatures["serving_default"]
    graph = served.graph.as_graph_def()
    nodes = [*graph.node, *(n for f in graph.library.function for n in f.node_def)]
    run = lambda x: model.serve(tf.constant(x)).numpy()  # noqa: E731
    return run, [node.op for node in nodes]


def onnx(path: str) -> tuple[Callable, list[str]]:
    """Loads with ONNX Runtime."""
    import onnx
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(path, options)
    name = session.get_inputs()[0].name
    nodes = onnx.load(path).graph.node
    return lambda x: session.run(None, {name: x})[0], [node.op_type for node in nodes]


def openvino(path: str) -> tuple[Callable, list[str]]:
    """Loads with OpenVINO, which shall compute in float32."""
    import openvino

    core = openvino.Core()
    model = core.compile_model(path, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    nodes = core.read_model(path).get_ops()
    return lambda x: model(x)[0].copy(), [node.get_type_name() for node in nodes]


def litert(path: str) -> tuple[Callable, list[str]]:
    """Loads with LiteRT."""
    from ai_edge_litert.interpreter import Interpreter

    model = Interpreter(model_path=path)
    given, result = model.get_input_details()[0], model.get_output_details()[0]

    def run(x: np.ndarray) -> np.ndarray:
        model.resize_tensor_input(given["index"], x.shape)
        model.allocate_tensors()
        model.set_tensor(given["index"], x)
        model.invoke()
        return model.get_tensor(result["index"])

    return run, [op["op_name"] for op in model._get_ops_details()]


def torch(path: str) -> tuple[Callable, list[str]]:
    """Loads with PyTorch."""
    import torch

    program = torch.export.load(path)
    model = program.module()
    nodes = [str(n.target) for n in program.graph.nodes if n.op == "call_function"]
    return lambda x: model(torch.from_numpy(x)).detach().numpy(), nodes


def run(format: str, path: str, given: str, rounds: int) -> None:
    """Runs an exported file in this process, and writes JSON of what was found."""
    sys.modules["keras_pooling"] = None  # type: ignore[assignment]
    loaders = (saved_model, onnx, openvino, litert, torch)
    predict, operators = dict(zip(FORMATS, loaders, strict=True))[format](path)
    x, times = np.load(given), []
    for _ in range(rounds + 1):
        start = time.perf_counter()
        y = predict(x)
        times.append(time.perf_counter() - start)
    pools = [op for op in operators if _pools(op.lower())]
    seconds = statistics.median(times[1:]) / len(x)
    print(json.dumps({"y": y.tolist(), "pools": Counter(pools), "seconds": seconds}))


def _pools(operator: str) -> bool:
    return "pool" in operator or operator in REDUCTIONS


def build() -> object:
    """A CNN with max, average and global pooling, for images of any size."""
    import keras

    import keras_pooling as kp

    keras.utils.set_random_seed(0)
    return keras.Sequential(
        [
            keras.Input((None, None, 3)),
            keras.layers.Conv2D(16, 3, activation="relu", padding="same"),
            kp.MaxPooling2D(2),
            keras.layers.Conv2D(32, 3, activation="relu", padding="same"),
            kp.AveragePooling2D(3, 2, "same"),
            keras.layers.Conv2D(64, 3, activation="relu", padding="same"),
            kp.GlobalMaxPooling2D(),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )


def missing(packages: tuple[str, ...]) -> str:
    """The first of some packages that is not installed, else nothing."""
    for package in packages:
        if not any(_has(name) for name in (package, f"{package}-cpu")):
            return package
    return ""


def _has(package: str) -> bool:
    try:
        importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def size_of(path: Path) -> int:
    """Bytes of a file and of those beside it that bear its name, or of a folder."""
    files = path.rglob("*") if path.is_dir() else path.parent.glob(f"{path.stem}.*")
    return sum(file.stat().st_size for file in files if file.is_file())


def line_of(format: str, model: object, x: np.ndarray, rounds: int) -> list[str]:
    """A line of the table."""
    import keras

    import keras_pooling as kp

    suffix, writers, runtime = FORMATS[format]
    backend = keras.config.backend()
    if backend == "tensorflow" and format == "onnx":
        writers = (*writers, "tf2onnx")
    if backend == "torch":
        more = {"onnx": ("onnxscript",), "openvino": ("onnx", "onnxscript")}
        writers += (*more.get(format, ()), *(("litert-torch",) * (format == "litert")))
    absent = missing((*writers, runtime))
    if absent:
        return [format, runtime, f"{absent} is not installed", "", "", ""]
    shape = x.shape if (backend, format) == ("torch", "litert") else None
    signature = [keras.InputSpec(shape=shape, dtype="float32")] if shape else None
    with tempfile.TemporaryDirectory() as folder:
        path, given = Path(folder) / "exported" / f"model{suffix}", f"{folder}/x.npy"
        try:
            kp.export(model, path, format, input_signature=signature, verbose=False)
        except ValueError as error:  # it says which backends write the format
            return [format, runtime, str(error).split(". ")[0], "", "", ""]
        np.save(given, x)
        command = [sys.executable, __file__, "--run", format, str(path), given]
        done = subprocess.run(
            [*command, "--rounds", str(rounds)],
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        )
        found = json.loads(done.stdout.splitlines()[-1])
        size = size_of(path)
    expected = keras.ops.convert_to_numpy(model(x))
    difference = abs(np.array(found["y"]) - expected).max()
    pools = ", ".join(f"{count} {op}" for op, count in found["pools"].items())
    figures = [
        f"{size / 1024:.0f}",
        f"{difference:.1e}",
        f"{1e3 * found['seconds']:.2f}",
    ]
    return [format, runtime, pools, *figures]


def parse_arguments() -> argparse.Namespace:
    """Reads the command line."""
    quick = "one format, few small images, a trial of seconds"
    parser = common.parser(__doc__, quick=quick, writes=False)
    add = parser.add_argument
    add("--formats", nargs="+", choices=FORMATS, default=list(FORMATS), metavar="NAME")
    add("--batch", type=int, default=16, help="images in a batch")
    add("--size", type=int, default=64, help="height and width of an image")
    add("--rounds", type=int, default=20, help="predictions; their median is printed")
    add("--run", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.formats = ["tf_saved_model"]
        arguments.batch, arguments.size, arguments.rounds = 2, 16, 1
    return arguments


def main() -> None:
    """Prints the table."""
    arguments = parse_arguments()
    if arguments.run:
        run(*arguments.run, arguments.rounds)
        return
    import keras
    from rich.console import Console
    from rich.table import Table

    backend, model = keras.config.backend(), build()
    shape = (arguments.batch, arguments.size, arguments.size, 3)
    x = np.random.default_rng(0).random(shape, "float32")
    table = Table(title=f"One CNN, exported from {backend}")
    heads = ["format", "runtime", "pooling operators", "KB", "difference", "ms/image"]
    for i, head in enumerate(heads):
        table.add_column(head, justify="left" if i < 3 else "right", overflow="fold")
    for format in arguments.formats:
        table.add_row(*line_of(format, model, x, arguments.rounds))
        print(f"  {format}: done", flush=True)
    Console(width=150).print(table)


if __name__ == "__main__":
    main()
