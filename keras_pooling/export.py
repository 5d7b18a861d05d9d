"""Writes models in formats whose runtimes know nothing of this package.

Stands above the layers. Keras and the converters that it calls do the writing; here the
model is traced on the portable path, refused where a format cannot say it, and the file
put in its place only when it is whole. Computes nothing.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import mmap
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import keras

from keras_pooling import arguments
from keras_pooling._library import force_portable
from keras_pooling.convert import operations
from keras_pooling.layers.base import BaseLayer
from keras_pooling.layers.fractional_pooling import BaseFractionalPooling
from keras_pooling.ops import seeds
from keras_pooling.ops.public import StatelessPooling

# The formats, how their files' names end, and the backends that export them.
_SUFFIXES = {
    "tf_saved_model": "",
    "onnx": "",
    "openvino": ".xml",
    "litert": ".tflite",
    "torch": ".pt2",
}
_BACKENDS = {
    "tf_saved_model": ("tensorflow", "jax"),
    "onnx": ("tensorflow", "torch"),
    "openvino": ("tensorflow", "torch"),
    "litert": ("tensorflow", "torch"),
    "torch": ("torch",),
}


class _Pooling(NamedTuple):
    """What limits depend on, of a layer or a node."""

    function: str
    arguments: Callable[[str], Any]  # by name; None where there is no such
    rank: int | None
    is_open: bool  # whether the size of a pooled axis is


class _Limit(NamedTuple):
    """What some formats cannot say."""

    exports: set[tuple[str, str]]  # backend and format
    meets: Callable[[_Pooling], bool]
    reason: str
    remedy: str


# Functions that LiteRT lacks operators for in three dimensions: averages, and what has
# an axis more for the taps of each window.
_OF_MANY_AXES = {
    "avg_pool",
    "gem_pool",
    "median_pool",
    "mixed_pool",
    "soft_pool",
    "stochastic_pool",
}

_LIMITS = (
    _Limit(
        {(b, f) for f, known in _BACKENDS.items() for b in known}
        - {("tensorflow", "tf_saved_model")},
        lambda pooling: pooling.arguments("inference") == "random",
        "draws at inference (inference='random'), and the file would hold one draw",
        "Use inference='central'.",
    ),
    _Limit(
        {("tensorflow", "litert"), ("torch", "torch")}
        | {("torch", "onnx"), ("torch", "openvino"), ("jax", "tf_saved_model")},
        lambda pooling: (
            pooling.is_open and pooling.arguments("pooling_ratio") is not None
        ),
        "has a pooling_ratio, and the size of its input is open",
        "Use output_size, or an input_signature with known sizes.",
    ),
    _Limit(
        {("jax", "tf_saved_model")},
        lambda pooling: pooling.is_open and pooling.function == "mixed_pool",
        "adds pools whose sizes JAX does not know to be equal if the input's are open",
        "Use an input_signature with known sizes.",
    ),
    # OpenVINO divides integers as float32: what puts regions in order has more bits.
    _Limit(
        {("tensorflow", "openvino")},
        lambda pooling: (
            pooling.is_open
            and pooling.arguments("pooling_ratio") is not None
            and pooling.arguments("inference") == "fixed"
            and not pooling.arguments("pseudo_random")
        ),
        "has fixed regions in random order, and the size of its input is open",
        "Use inference='central', output_size, or an input_signature with known sizes.",
    ),
    _Limit(
        {("tensorflow", "litert")},
        lambda pooling: (
            pooling.rank == 3
            and pooling.function in _OF_MANY_AXES
            and (
                pooling.arguments("pool_size") is not None
                or pooling.function == "gem_pool"
            )
        ),
        "pools windows in three dimensions by operators that LiteRT alone has not",
        "Use max, min, Lp or adaptive pooling, or the global one of max, average or "
        "Lp.",
    ),
    _Limit(
        {("tensorflow", "onnx"), ("tensorflow", "openvino")},
        lambda pooling: pooling.function in ("k_max_pool", "greatest_steps"),
        "orders numbers by their bits, which the format does not show",
        "Use format 'litert' or 'tf_saved_model', or Keras on PyTorch.",
    ),
    _Limit(
        {("tensorflow", "onnx"), ("tensorflow", "litert")},
        lambda pooling: pooling.function == "max_unpool",
        "finds the last of equal indices by an operator that the format has not",
        "Use format 'openvino' or 'tf_saved_model', or Keras on PyTorch.",
    ),
)

# What a file would hold of a function that was traced before, with our ops.
_OUR_OPS = b"KerasPooling>"

# Of a SavedModel; a folder with anything else in it is not replaced.
_PARTS_OF_A_SAVED_MODEL = {"saved_model.pb", "fingerprint.pb", "variables", "assets"}


def export(
    model: keras.Model,
    path: str | os.PathLike,
    format: str = "tf_saved_model",
    *,
    input_signature: Any = None,
    verbose: bool | None = None,
    **kwargs: Any,
) -> None:
    """Writes a model for inference, in a file that needs none of our ops.

    As `keras.Model.export`, on the portable path: whoever reads the file needs neither
    this package nor Keras. Plain max and average pools are the format's own operators,
    and random layers have their inference form. Sizes that the model leaves open stay
    open.

    | format | runtime | backends |
    |---|---|---|
    | `"tf_saved_model"` | TensorFlow | TensorFlow, JAX |
    | `"onnx"` | ONNX Runtime | TensorFlow, PyTorch |
    | `"openvino"` | OpenVINO | TensorFlow, PyTorch |
    | `"litert"` | LiteRT | TensorFlow, PyTorch (all sizes known) |
    | `"torch"` | PyTorch | PyTorch |

    The file is written beside its place and moved there when it is whole, at once: an
    export that fails or is killed leaves the old file as it was. Two files (OpenVINO's)
    are moved one after the other, with no `.xml` there meanwhile. An old SavedModel and
    a new one change places at once where the file system can do that (Linux's own can);
    elsewhere there is a moment with neither. What is killed leaves a hidden folder
    `.NAME.….tmp` beside the place, which may be deleted.

    Args:
        model: the model, built; it stays as it is.
        path: local path of the file, or of the SavedModel's folder. It ends with
            `.xml` for OpenVINO, `.tflite` for LiteRT, `.pt2` for PyTorch.
        format: one of the table above.
        input_signature: shapes and dtypes of the inputs, as `keras.Model.export` takes
            them. None: those that the model was built with.
        verbose: bool, whether to say where the model was saved. None: True.
        **kwargs: of `keras.Model.export`, for the format.

    Raises:
        ValueError: if an argument is not allowed, the backend does not export the
            format, or the format cannot say a layer or an operator of the model, which
            is named.

    Example:

    >>> model = keras.Sequential([keras.Input((8, 8, 3)), kp.LpPool2D(2)])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     kp.export(model, f"{folder}/model", verbose=False)
    ...     y = tf.saved_model.load(f"{folder}/model").serve(tf.ones((1, 8, 8, 3)))
    >>> y.numpy()[0, 0, 0]
    array([2., 2., 2.], dtype=float32)
    """
    with arguments.errors_name("export"):
        path = _checked_path(model, path, format)
        if input_signature is None:
            input_signature = _signature_of(model)
        _check_sayable(model, format, input_signature)
    with (
        _beside(path) as new,
        force_portable(),
        _constant_words(model),
        _same_modes(model),
        _same_integers(),
    ):
        if keras.config.backend() == "torch" and format != "litert":
            _export_from_torch(model, new, format, input_signature, kwargs)
        else:
            if keras.config.backend() == "jax":
                # Gradients of open sizes cannot be traced, nor are they asked for.
                given = kwargs.get("jax2tf_kwargs") or {}
                kwargs["jax2tf_kwargs"] = {"with_gradient": False, **given}
            model.export(
                str(new),
                format=format,
                input_signature=input_signature,
                verbose=False,
                **kwargs,
            )
        _check_foreign(new, model)
        if format == "onnx":
            _check_operators(new, model)
    if verbose is not False and keras.config.is_interactive_logging_enabled():
        print(f"Saved model at '{path}'.")


def _checked_path(model: Any, path: Any, format: str) -> Path:
    if not isinstance(model, keras.Model):
        raise arguments.ArgumentError(f"expected a keras.Model. Received: {model!r}.")
    arguments.choice("format", format, tuple(_SUFFIXES))
    backend, known = keras.config.backend(), _BACKENDS[format]
    if backend not in known:
        raise arguments.ArgumentError(
            f"Keras on {backend} writes no file of format {format!r} that its runtime "
            "reads. Save the model as a .keras file and load it with "
            f"KERAS_BACKEND={' or '.join(known)}."
        )
    name = os.fspath(path)
    if "://" in name:
        raise arguments.ArgumentError(
            f"the path must be a local one. Received path={name!r}. Copy the file."
        )
    if not name.endswith(_SUFFIXES[format]):
        raise arguments.ArgumentError(
            f"the path must end with '{_SUFFIXES[format]}' for format {format!r}. "
            f"Received path={name!r}."
        )
    path = Path(os.path.abspath(name))
    if format == "tf_saved_model":
        is_file = path.exists() and not path.is_dir()
        others = set(os.listdir(path)) if path.is_dir() else set()
        others -= _PARTS_OF_A_SAVED_MODEL
        if is_file or others:
            finding = (
                f"holds {', '.join(sorted(others)[:3])}" if others else "is a file"
            )
            raise arguments.ArgumentError(
                f"'{path}' {finding}, and a SavedModel is a folder that is replaced as "
                "a whole. Name a new folder, or that of a SavedModel."
            )
    elif path.is_dir():
        raise arguments.ArgumentError(f"'{path}' is a folder. Name a file.")
    return path


def _signature_of(model: keras.Model) -> Any:
    """The inputs that a model was built with, as Keras has input signatures."""
    if isinstance(model, keras.Sequential) and model.built:
        return keras.tree.map_structure(_spec, model.inputs)
    if hasattr(model, "operations"):
        return [keras.tree.map_structure(_spec, model.input)]
    built = model.get_build_config() or {}
    shapes = built.get("shapes_dict") or {"": built.get("input_shape")}
    shapes = list(shapes.values())
    if not all(_is_shape(shape) for shape in shapes):
        raise arguments.ArgumentError(
            "the model does not tell the shapes of its inputs. Call it once, or give "
            "an input_signature."
        )
    dtype = model.input_dtype
    return [keras.InputSpec(shape=(None, *s[1:]), dtype=dtype) for s in shapes]


def _is_shape(shape: Any) -> bool:
    is_sequence = isinstance(shape, tuple | list) and len(shape) > 0
    return is_sequence and all(n is None or isinstance(n, int) for n in shape)


def _spec(x: Any) -> keras.InputSpec:
    return keras.InputSpec(shape=x.shape, dtype=x.dtype, name=x.name)


def _check_sayable(model: keras.Model, format: str, signature: Any) -> None:
    """Raises an error that names the first layer that the format cannot say."""
    backend = keras.config.backend()
    shapes = [tuple(spec.shape) for spec in keras.tree.flatten(signature)]
    if (backend, format) == ("torch", "litert") and any(None in s for s in shapes):
        raise arguments.ArgumentError(
            "from PyTorch, format 'litert' has no open sizes, nor an open batch. "
            f"Received shapes={shapes}. Give an input_signature with known sizes."
        )
    some_open = any(None in shape[1:] for shape in shapes)
    for operation in operations(model):
        if not isinstance(operation, BaseLayer | StatelessPooling):
            continue
        pooling = _facts(operation, some_open)
        for limit in _LIMITS:
            if (backend, format) in limit.exports and limit.meets(pooling):
                raise arguments.ArgumentError(
                    f"layer {operation.name!r} ({type(operation).__name__}) "
                    f"{limit.reason}: format {format!r}, written from {backend}, "
                    f"cannot say that. {limit.remedy}"
                )


def _facts(operation: BaseLayer | StatelessPooling, some_open: bool) -> _Pooling:
    if isinstance(operation, StatelessPooling):
        argument: Callable[[str], Any] = operation.arguments.get
    else:
        argument = functools.partial(_attribute, operation)
    shapes = [
        tensor.shape
        for node in operation._inbound_nodes
        for tensor in node.input_tensors
    ]
    first = argument("data_format") == "channels_first"
    sizes = [shape[2:] if first else shape[1:-1] for shape in shapes]
    # Where no graph tells, an axis may be open if one of the model's is.
    is_open = some_open and (not sizes or any(None in s for s in sizes))
    rank = len(sizes[0]) if sizes else getattr(type(operation), "rank", None)
    function = getattr(operation.function, "__name__", operation.function)
    return _Pooling(function, argument, rank, is_open)


def _attribute(layer: BaseLayer, name: str) -> Any:
    return getattr(layer, name, None)


# For open sizes while PyTorch traces: it computes nothing, and large windows fit.
_EXAMPLE_BATCH, _EXAMPLE_SIZE = 2, 64


def _export_from_torch(
    model: keras.Model, path: Path, format: str, signature: Any, kwargs: dict[str, Any]
) -> None:
    """Exports by way of `torch.export`, which alone leaves sizes open.

    Keras would trace ONNX and OpenVINO files with sizes of 1 in place of open ones.
    """
    import torch

    def example(spec: Any) -> keras.InputSpec:
        examples = (_EXAMPLE_BATCH, *[_EXAMPLE_SIZE] * len(spec.shape))
        shape = [
            size or example for size, example in zip(spec.shape, examples, strict=False)
        ]
        return keras.InputSpec(shape=shape, dtype=spec.dtype)

    def dims(spec: Any) -> dict[int, Any]:
        open_axes = (axis for axis, size in enumerate(spec.shape) if size is None)
        return dict.fromkeys(open_axes, torch.export.Dim.DYNAMIC)

    examples = keras.tree.map_structure(example, signature)
    dynamic = (tuple(keras.tree.map_structure(dims, list(signature))),)
    if format == "torch":
        if "dynamic_shapes" in kwargs:
            examples = signature
        kwargs = {"dynamic_shapes": dynamic, **kwargs}
        model.export(
            str(path), "torch", verbose=False, input_signature=examples, **kwargs
        )
        return
    inputs = keras.tree.map_structure(
        lambda spec: keras.ops.ones(spec.shape, spec.dtype), tuple(examples)
    )
    model.eval()
    with torch.no_grad():
        program = torch.export.export(
            model, inputs, dynamic_shapes=dynamic, strict=False
        )
        names = [
            getattr(spec, "name", None) or f"input_{i}"
            for i, spec in enumerate(keras.tree.flatten(signature))
        ]
        options = {"opset_version": None, **kwargs}
        written = torch.onnx.export(
            program, dynamo=True, verbose=False, input_names=names, **options
        )
    written.optimize()
    if format == "onnx":
        written.save(str(path))
        return
    import openvino

    with tempfile.TemporaryDirectory() as folder:
        written.save(f"{folder}/model.onnx")
        openvino.serialize(openvino.convert_model(f"{folder}/model.onnx"), str(path))


@contextlib.contextmanager
def _constant_words(model: keras.Model) -> Iterator[None]:
    """Makes the words that fix regions constants of the graph."""
    layers = [y for y in operations(model) if isinstance(y, BaseFractionalPooling)]
    try:
        for layer in layers:
            layer.constant_word = int(seeds.first_word(layer.seed_generator))
        yield
    finally:
        for layer in layers:
            layer.constant_word = None


@contextlib.contextmanager
def _same_modes(model: keras.Model) -> Iterator[None]:
    """Leaves PyTorch's modules in the mode that they are in."""
    modules = list(model.modules()) if hasattr(model, "modules") else []
    modes = [module.training for module in modules]
    try:
        yield
    finally:
        for module, mode in zip(modules, modes, strict=True):
            module.training = mode


@contextlib.contextmanager
def _same_integers() -> Iterator[None]:
    """Lets litert-torch, which builds on JAX, find its setting at every call.

    It turns on integers of 64 bits when it is imported, Keras turns them off after an
    export, and a second one would mix the two.
    """
    if keras.config.backend() != "torch" or "litert_torch" not in sys.modules:
        yield
        return
    import jax

    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", True)
    try:
        yield
    finally:
        jax.config.update("jax_enable_x64", before)


def _check_foreign(path: Path, model: keras.Model) -> None:
    """Raises if an op of ours is in what was written."""
    files = [path / "saved_model.pb"] if path.is_dir() else [path]
    for file in files:
        with (
            file.open("rb") as opened,
            mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as content,
        ):
            if content.find(_OUR_OPS) >= 0:
                raise ValueError(
                    f"export: model {model.name!r} calls a function that was traced "
                    "before, with the compiled ops, and keeps them. Build the model "
                    "anew, and trace that function within `force_portable()`."
                )


def _check_operators(path: Path, model: keras.Model) -> None:
    """Raises if an operator is none of ONNX's: tf2onnx writes it, and logs an error."""
    import onnx

    graphs, unknown = [onnx.load(path, load_external_data=False).graph], set()
    while graphs:
        for node in graphs.pop().node:
            inner = (a for a in node.attribute if a.type == a.GRAPH)
            graphs += [attribute.g for attribute in inner]
            is_onnx = node.domain in ("", "ai.onnx")
            if is_onnx and not onnx.defs.has(node.op_type):
                unknown.add(node.op_type)
    if unknown:
        raise ValueError(
            f"export: model {model.name!r} has operators that ONNX lacks: "
            f"{', '.join(sorted(unknown))}. Export it with Keras on PyTorch, or use "
            "format 'openvino' or 'tf_saved_model'."
        )


@contextlib.contextmanager
def _beside(path: Path) -> Iterator[Path]:
    """A path to write to; what is there in the end takes the place of the old."""
    path.parent.mkdir(parents=True, exist_ok=True)
    prefix = f".{path.name}."
    folder = Path(tempfile.mkdtemp(prefix=prefix, suffix=".tmp", dir=path.parent))
    try:
        (folder / "new").mkdir()
        (folder / "old").mkdir()
        new = folder / "new" / path.name
        yield new
        if new.is_dir() and os.path.lexists(path) and _exchange(new, path):
            return
        made = [name for name in os.listdir(new.parent) if name != new.name]
        if not made and not new.is_dir():
            os.replace(new, path)  # the one file
            return
        _move([path.name, *made], folder, path.parent)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _move(names: list[str], folder: Path, place: Path) -> None:
    """Moves new files to their place, the first one last, and old ones away before.

    The first is what tells of the others: while it is there, they are of its kind.
    """
    old = [name for name in names if os.path.lexists(place / name)]
    moves = [(place / name, folder / "old" / name) for name in old]
    moves += [(folder / "new" / name, place / name) for name in reversed(names)]
    done = []
    try:
        for source, target in moves:
            os.rename(source, target)
            done.append((source, target))
    except OSError:
        for source, target in reversed(done):
            os.rename(target, source)
        raise


def _exchange(a: Path, b: Path) -> bool:
    """Has two paths change places at once; False where the file system cannot."""
    at_here, exchange = -100, 2  # AT_FDCWD, RENAME_EXCHANGE
    rename = getattr(ctypes.CDLL(None), "renameat2", None)
    names = os.fsencode(a), os.fsencode(b)
    return bool(rename) and not rename(at_here, names[0], at_here, names[1], exchange)
