"""Exported models in their own runtimes, where this package cannot be imported."""

import importlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import exported_models
import keras
import numpy as np
import pytest
import runtimes
import tensorflow as tf
from exported_models import ARGUMENTS, FAMILIES
from processes import run_python

import keras_pooling as kp

FORMATS = ("tf_saved_model", "onnx", "openvino", "litert")
module = importlib.import_module("keras_pooling.export")


def check_predictions(model, folder, format, inputs):
    path = folder / f"model{runtimes.SUFFIXES[format]}"
    kp.export(model, path, format, verbose=False)
    made = runtimes.predictions(format, path, inputs)
    for x, y in zip(inputs, made, strict=True):
        exported_models.assert_same(y, model.predict(x, verbose=0), x)
    return path


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize(
    ("rank", "is_open"), [(1, True), (2, False), (2, True), (3, True)]
)
def test_every_family_predicts_the_same_in_the_runtime(tmp_path, format, rank, is_open):
    model = exported_models.every_family(format, rank, is_open)
    inputs = exported_models.inputs(rank, is_open)
    check_predictions(model, tmp_path, format, inputs)


@pytest.mark.parametrize("format", FORMATS)
def test_every_argument_predicts_the_same_in_the_runtime(tmp_path, format):
    model = exported_models.model(ARGUMENTS.values(), 2, True)
    check_predictions(model, tmp_path, format, exported_models.inputs(2, True))


@pytest.mark.parametrize(
    ("backend", "format", "sizes"),
    [
        ("jax", "tf_saved_model", "known"),
        ("jax", "tf_saved_model", "open"),
        ("torch", "torch", "known"),
        ("torch", "torch", "open"),
        ("torch", "onnx", "known"),
        ("torch", "onnx", "open"),
        ("torch", "openvino", "open"),
    ],
)
def test_every_family_is_exported_on_other_backends(tmp_path, backend, format, sizes):
    path = tmp_path / f"model{runtimes.SUFFIXES[format]}"
    arguments = (exported_models.__file__, sizes, str(path), format)
    run_python(*arguments, timeout=900, KERAS_BACKEND=backend)
    inputs = exported_models.inputs(2, sizes == "open")
    made = runtimes.predictions(format, path, inputs)
    with np.load(f"{path}.expected.npz") as expected:
        for i, (x, y) in enumerate(zip(inputs, made, strict=True)):
            exported_models.assert_same(y, expected[f"y{i}"], x)


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("is_open", [False, True])
def test_what_a_format_cannot_say_is_refused_and_named(tmp_path, format, rank, is_open):
    for name, make in FAMILIES.items():
        model = exported_models.model([make], rank, is_open)
        given = module._signature_of(model)
        if not exported_models.is_refused(name, format, rank, is_open):
            module._check_sayable(model, format, given)
            continue
        path = tmp_path / f"model{runtimes.SUFFIXES[format]}"
        with pytest.raises(ValueError, match=f"{model.layers[1].name}.*'{format}'"):
            kp.export(model, path, format)
        assert not os.listdir(tmp_path)


def small_model(**options):
    return exported_models.model([lambda: kp.LpPool2D(2, **options)], 2, True)


def small_inputs():
    return exported_models.inputs(2, True)


PLAIN = {
    "max": (lambda: kp.MaxPool2D(2), "MaxPool"),
    "max, same": (lambda: kp.MaxPool2D(3, 2, "same"), "MaxPool"),
    "average": (lambda: kp.AvgPool2D(2), "AvgPool|AveragePool"),
    "average, same": (lambda: kp.AvgPool2D(3, 2, "same"), "AvgPool|AveragePool"),
    "global max": (lambda: kp.GlobalMaxPool2D(), "Max|ReduceMax|GlobalMaxPool"),
    "global average": (
        lambda: kp.GlobalAvgPool2D(),
        "Mean|ReduceMean",
    ),
}
LITERT_NAMES = {"AvgPool": "AVERAGE_POOL_2D", "MaxPool": "MAX_POOL_2D"}
LITERT_NAMES |= {"Max": "REDUCE_MAX", "Mean": "MEAN"}


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("is_open", [False, True])
def test_plain_pools_are_one_native_operator_each(tmp_path, format, is_open):
    makers = [make for make, _ in PLAIN.values()]
    path = tmp_path / f"model{runtimes.SUFFIXES[format]}"
    kp.export(exported_models.model(makers, 2, is_open), path, format, verbose=False)
    ops = runtimes.operators(format, path)
    assert not [op for op in ops if "KerasPooling" in op]
    for names in {names for _, names in PLAIN.values()}:
        here = set(names.split("|"))
        here |= {LITERT_NAMES[name] for name in here & set(LITERT_NAMES)}
        expected = sum(names == others for _, others in PLAIN.values())
        assert sum(op in here for op in ops) == expected, (names, ops)


def nested_model():
    inner = keras.Sequential(
        [keras.Input((None, None, 3)), kp.FractionalMaxPool2D(1.6, name="deep")]
    )
    x = keras.Input((None, None, 3))
    return keras.Model(x, inner(x))


class Subclassed(keras.Model):
    def __init__(self, **options):
        super().__init__()
        self.pool = kp.FractionalMaxPool2D(1.6, name="deep", **options)

    def call(self, x):
        return self.pool(x)


def node_model():
    x = keras.Input((None, None, 3))
    return keras.Model(x, kp.ops.fractional_max_pool(x, 1.6))


def test_layers_in_nested_models_and_nodes_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"layer 'deep' .*pooling_ratio.*Use output"):
        kp.export(nested_model(), tmp_path / "model.tflite", "litert")
    with pytest.raises(ValueError, match="layer 'fractional_max_pool"):
        kp.export(node_model(), tmp_path / "model.tflite", "litert")
    subclassed = Subclassed()
    subclassed(np.zeros((1, 9, 9, 3), "float32"))
    signature = [keras.InputSpec(shape=(None, None, None, 3), dtype="float32")]
    with pytest.raises(ValueError, match="layer 'deep'"):
        kp.export(
            subclassed,
            tmp_path / "model.tflite",
            "litert",
            input_signature=signature,
        )
    assert not os.listdir(tmp_path)


def unpooling_model(as_node):
    x = keras.Input((None, None, 3))
    y, indices = kp.MaxPool2D(3, 1, return_indices=True)(x)
    if as_node:
        return keras.Model(x, kp.ops.max_unpool(y, indices, 3, 1))
    return keras.Model(x, kp.MaxUnpool2D(3, 1)(y, indices))


@pytest.mark.parametrize("as_node", [False, True])
def test_unpooling_is_exported_where_the_format_can_say_it(tmp_path, as_node):
    model, inputs = unpooling_model(as_node), exported_models.inputs(2, True)
    for format in ("tf_saved_model", "openvino"):
        path = tmp_path / f"model{runtimes.SUFFIXES[format]}"
        kp.export(model, path, format, verbose=False)
        made = runtimes.predictions(format, path, inputs)
        for x, y in zip(inputs, made, strict=True):
            np.testing.assert_array_equal(y, model.predict(x, verbose=0))
    for format in ("onnx", "litert"):
        path = tmp_path / f"refused{runtimes.SUFFIXES[format]}"
        with pytest.raises(ValueError, match=rf"layer 'max_unpool.*'{format}'"):
            kp.export(model, path, format)
        assert not path.exists()


def test_an_input_signature_with_known_sizes_lifts_the_limit(tmp_path):
    signature = [keras.InputSpec(shape=(None, 13, 11, 3), dtype="float32")]
    path, x = tmp_path / "model.tflite", exported_models.inputs(2, False)[0]
    model = nested_model()
    kp.export(model, path, "litert", input_signature=signature, verbose=False)
    (y,) = runtimes.predictions("litert", path, [x])
    exported_models.assert_same(y, model.predict(x, verbose=0), x)


def test_a_subclassed_model_is_exported_as_it_was_called(tmp_path):
    x = exported_models.inputs(2, False)[0]
    model = Subclassed()
    expected = model(x).numpy()
    path = tmp_path / "model.onnx"
    kp.export(model, path, "onnx", verbose=False)
    (y,) = runtimes.predictions("onnx", path, [x])
    exported_models.assert_same(y, expected, x)


def test_a_subclassed_model_that_was_never_called_is_an_error(tmp_path):
    with pytest.raises(ValueError, match=r"export: .*Call it once"):
        kp.export(Subclassed(), tmp_path / "model.onnx", "onnx")


@pytest.mark.parametrize("format", FORMATS[1:])
def test_a_layer_that_draws_at_inference_is_refused(tmp_path, format):
    model = keras.Sequential(
        [
            keras.Input((9, 9, 3)),
            kp.FractionalMaxPool2D(1.6, inference="random", name="draws"),
        ]
    )
    path = tmp_path / f"model{runtimes.SUFFIXES[format]}"
    with pytest.raises(ValueError, match=r"layer 'draws' .*inference='central'"):
        kp.export(model, path, format)


def test_a_saved_model_draws_at_inference_where_the_layer_does(tmp_path):
    layer = kp.FractionalMaxPool2D(1.6, inference="random", seed=3)
    model = keras.Sequential([keras.Input((19, 19, 3)), layer])
    kp.export(model, tmp_path / "model", verbose=False)
    served = tf.saved_model.load(tmp_path / "model")
    x = tf.random.normal((1, 19, 19, 3), seed=0)
    draws = [served.serve(x).numpy().tobytes() for _ in range(4)]
    assert len(set(draws)) > 1


def test_arguments_that_cannot_be_are_errors(tmp_path):
    model, path = small_model(), tmp_path / "model"
    for args, match in {
        ("model", path): "expected a keras.Model",
        (model, path, "tflite"): "must be one of 'tf_saved_model', 'onnx'",
        (model, path, "litert"): "must end with '.tflite'",
        (model, path, "openvino"): "must end with '.xml'",
        (model, f"{path}.pt2", "torch"): "KERAS_BACKEND=torch",
        (model, "gs://bucket/model"): "local",
    }.items():
        with pytest.raises(ValueError, match=f"export: .*{match}"):
            kp.export(*args)
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "notes.txt").write_text("mine")
    with pytest.raises(ValueError, match=r"holds notes\.txt"):
        kp.export(model, tmp_path / "folder")
    with pytest.raises(ValueError, match="is a folder"):
        kp.export(model, tmp_path / "folder", "onnx")
    with pytest.raises(ValueError, match="is a file"):
        kp.export(model, tmp_path / "folder" / "notes.txt")
    assert sorted(os.listdir(tmp_path)) == ["folder"]


def contents(folder):
    return {
        str(file.relative_to(folder)): file.read_bytes()
        for file in folder.rglob("*")
        if file.is_file()
    }


@pytest.mark.parametrize("format", FORMATS)
def test_an_export_replaces_the_old_one_as_a_whole(tmp_path, format):
    path = tmp_path / f"model{runtimes.SUFFIXES[format]}"
    x = small_inputs()[0]
    for strides in (1, 2):
        model = small_model(strides=strides)
        kp.export(model, path, format, verbose=False)
        (y,) = runtimes.predictions(format, path, [x])
        exported_models.assert_same(y, model.predict(x, verbose=0), x)
    names = {name.split(".")[0] for name in os.listdir(tmp_path)}
    assert names == {"model"}  # and nothing hidden


@pytest.mark.parametrize("format", FORMATS)
def test_a_failing_export_leaves_the_old_one(tmp_path, format, monkeypatch):
    path = tmp_path / f"model{runtimes.SUFFIXES[format]}"
    kp.export(small_model(), path, format, verbose=False)
    before = contents(tmp_path)
    export = keras.Model.export

    def fails_at_the_end(*args, **kwargs):
        export(*args, **kwargs)
        raise OSError("no space left")

    monkeypatch.setattr(keras.Model, "export", fails_at_the_end)
    with pytest.raises(OSError, match="no space left"):
        kp.export(small_model(strides=1), path, format, verbose=False)
    assert contents(tmp_path) == before


@pytest.mark.parametrize("step", range(4))
def test_two_files_are_replaced_together_or_not_at_all(tmp_path, monkeypatch, step):
    path = tmp_path / "model.xml"
    kp.export(small_model(), path, "openvino", verbose=False)
    before = contents(tmp_path)
    rename, calls = os.rename, []

    def fails_once(source, target):
        calls.append(source)
        if len(calls) == step + 1:
            raise OSError("not now")
        # While the .xml is there, the other file is of its kind.
        if path.exists() and contents(tmp_path).get("model.bin"):
            assert contents(tmp_path)["model.bin"] == before["model.bin"]
        rename(source, target)

    monkeypatch.setattr(os, "rename", fails_once)
    with pytest.raises(OSError, match="not now"):
        kp.export(small_model(strides=1), path, "openvino", verbose=False)
    assert contents(tmp_path) == before


def test_a_folder_is_replaced_where_the_file_system_cannot_exchange(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(module, "_exchange", lambda a, b: False)
    kp.export(small_model(), tmp_path / "model", verbose=False)
    before = contents(tmp_path)
    kp.export(small_model(strides=1), tmp_path / "model", verbose=False)
    assert contents(tmp_path) != before
    assert os.listdir(tmp_path) == ["model"]


KILLED = """
import sys, time
import keras, exported_models
import keras_pooling as kp
export = keras.Model.export
def stops(*args, **kwargs):
    export(*args, **kwargs)
    print("written", flush=True)
    time.sleep(600)
keras.Model.export = stops
model = exported_models.model([lambda: kp.LpPool2D(2, 1)], 2, True)
kp.export(model, *sys.argv[1:], verbose=False)
"""


@pytest.mark.parametrize("format", ["tf_saved_model", "openvino", "onnx"])
def test_a_killed_export_leaves_the_old_one(tmp_path, format):
    path = tmp_path / f"model{runtimes.SUFFIXES[format]}"
    kp.export(small_model(), path, format, verbose=False)
    before = contents(tmp_path)
    tests = str(Path(__file__).parent)
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(path), format],
        env={**os.environ, "PYTHONPATH": tests},
        stdout=subprocess.PIPE,
        text=True,
        cwd=tests,
    )
    try:
        assert "written\n" in iter(process.stdout.readline, "")
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=60)
    after = contents(tmp_path)
    assert {name: after.pop(name) for name in before} == before
    hidden = {name.split("/")[0] for name in after}
    assert all(name.startswith(".model") and name.endswith(".tmp") for name in hidden)


def ops_of(function):
    (traced,) = function._list_all_concrete_functions()
    graphs = traced.graph.as_graph_def()
    nodes = [graphs.node, *(f.node_def for f in graphs.library.function)]
    return {node.op for part in nodes for node in part}


def test_the_model_stays_on_the_compiled_ops(tmp_path):
    model, x = small_model(), small_inputs()[0]
    expected = model.predict(x, verbose=0)
    function = model.predict_function
    for format in FORMATS:
        path = tmp_path / f"model{runtimes.SUFFIXES[format]}"
        kp.export(model, path, format, verbose=False)
    assert model.predict_function is function
    np.testing.assert_array_equal(model.predict(x, verbose=0), expected)
    after = small_model()  # and one that is first used after an export
    kp.export(after, tmp_path / "after", verbose=False)
    called = tf.function(after.__call__)
    called(tf.constant(x))
    if kp.build_info()["compiled"]:
        assert "KerasPooling>BlendingPool" in ops_of(called)


def test_a_function_that_kept_the_compiled_ops_is_an_error(tmp_path):
    if not kp.build_info()["compiled"]:
        return

    class Traced(keras.Model):
        def __init__(self):
            super().__init__()
            self.pool = kp.LpPool2D(2)
            self.traced = tf.function(
                self.pool, input_signature=[tf.TensorSpec((None, 8, 8, 3))]
            )

        def call(self, x):
            return self.traced(x)

    model = Traced()
    model(np.ones((1, 8, 8, 3), "float32"))
    try:  # TensorFlow may trace it anew
        kp.export(model, tmp_path / "model", verbose=False)
    except ValueError as error:
        assert "traced before" in str(error)
        assert not os.listdir(tmp_path)
    else:
        content = (tmp_path / "model" / "saved_model.pb").read_bytes()
        assert b"KerasPooling>" not in content


@pytest.mark.parametrize("format", FORMATS[1:])
def test_keras_export_of_compiled_ops_is_an_error_where_no_runtime_has_them(
    tmp_path, format
):
    if not kp.build_info()["compiled"]:
        return
    model = small_model()
    model.predict(small_inputs()[0], verbose=0)
    path = tmp_path / f"model{runtimes.SUFFIXES[format]}"
    with pytest.raises(Exception):  # noqa: B017 - each converter has its own
        model.export(str(path), format=format, verbose=False)
        runtimes.predictions(format, path, small_inputs())  # what is written in silence


def test_says_where_the_model_was_saved(tmp_path, capsys):
    kp.export(small_model(), tmp_path / "model.onnx", "onnx")
    assert f"Saved model at '{tmp_path / 'model.onnx'}'." in capsys.readouterr().out
    kp.export(small_model(), tmp_path / "model.onnx", "onnx", verbose=False)
    assert not capsys.readouterr().out
