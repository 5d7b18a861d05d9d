"""Exported models in their own runtimes, where this package cannot be imported."""

import functools
import importlib
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import exported_models
import keras
import numpy as np
import pytest
import runtimes
import tensorflow as tf
from processes import run_python

import keras_pooling as kp

FORMATS = ("tf_saved_model", "onnx", "openvino", "litert")
module = importlib.import_module("keras_pooling.export")


def check_predictions(model, folder, format, inputs):
    path = path_in(folder, format)
    kp.export(model, path, format, verbose=False)
    made = runtimes.predictions(format, path, inputs)
    for x, y in zip(inputs, made, strict=True):
        exported_models.assert_same(y, model.predict(x, verbose=0), x)


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize(("is_open", "ranks"), [(True, (2,)), (False, (3, 1))])
def test_every_family_predicts_the_same_in_the_runtime(
    tmp_path, format, is_open, ranks
):
    inputs = exported_models.inputs(max(ranks), is_open)
    for model in exported_models.every_family(format, is_open, ranks):
        check_predictions(model, tmp_path, format, inputs)


@pytest.mark.parametrize(
    ("backend", "words"),
    [
        ("jax", "tf_saved_model known tf_saved_model open"),
        ("torch", "torch known torch open"),
        ("torch", "onnx open openvino open"),
    ],
)
def test_every_family_is_exported_on_other_backends(tmp_path, backend, words):
    arguments = (exported_models.__file__, str(tmp_path), *words.split())
    run_python(*arguments, timeout=900, KERAS_BACKEND=backend)
    for file in sorted(tmp_path.glob("*.expected.npz")):
        path = file.parent / file.name.removesuffix(".expected.npz")
        format, sizes, _ = path.name.split("-")
        inputs = exported_models.inputs(2, sizes == "open")
        made = runtimes.predictions(format, path, inputs)
        with np.load(file) as expected:
            for i, (x, y) in enumerate(zip(inputs, made, strict=True)):
                exported_models.assert_same(y, expected[f"y{i}"], x)


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("is_open", [False, True])
def test_what_a_format_cannot_say_is_refused_and_named(tmp_path, rank, is_open):
    for name, make in exported_models.families(rank).items():
        model = exported_models.model([make], rank, is_open)
        layer = model.operations[-2].name  # before the reshaping
        given = module._signature_of(model)
        for format in FORMATS:
            if not exported_models.is_refused(name, format, rank, is_open):
                module._check_sayable(model, format, given)
                continue
            with pytest.raises(ValueError, match=f"layer '{layer}' .*'{format}'"):
                kp.export(model, path_in(tmp_path, format), format)
            assert not os.listdir(tmp_path)


def small_model(**options):
    return exported_models.model([lambda: kp.LpPool2D(2, **options)], 2, True)


def small_inputs():
    return exported_models.inputs(2, True)


class Small(NamedTuple):
    """Two models that were exported to the same format, one after the other."""

    models: list  # the second one has other strides
    before: list  # for each, what it predicted and its function before it was exported
    contents: list  # the files of each


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """Exports the small models to a format when they are asked for."""

    @functools.cache
    def of(format):
        folder = tmp_path_factory.mktemp("small")
        result = Small([], [], [])
        for strides in (2, 1):
            model = small_model(strides=strides)
            y = model.predict(small_inputs()[0], verbose=0)
            result.before.append((y, model.predict_function))
            kp.export(model, path_in(folder, format), format, verbose=False)
            result.models.append(model)
            result.contents.append(contents(folder))
        return result

    return of


def path_in(folder, format):
    return folder / f"model{runtimes.SUFFIXES[format]}"


def contents(folder):
    return {
        str(file.relative_to(folder)): file.read_bytes()
        for file in folder.rglob("*")
        if file.is_file()
    }


def put(files, folder):
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


def writes(files, then=lambda: None):
    """Stands in for Keras's export: writes what it wrote before."""

    def export(model, path, *args, **kwargs):
        put(files, Path(path).parent)
        then()

    return export


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
def test_plain_pools_are_one_native_operator_each(tmp_path, format):
    path = path_in(tmp_path, format)
    sizes = (None, None, 3), (*exported_models.SIZES[2], 3)
    inputs = [keras.Input(shape) for shape in sizes]
    outputs = [make()(x) for x in inputs for make, _ in PLAIN.values()]
    kp.export(keras.Model(inputs, outputs), path, format, verbose=False)
    ops = runtimes.operators(format, path)
    assert not [op for op in ops if "KerasPooling" in op]
    for names in {names for _, names in PLAIN.values()}:
        here = set(names.split("|"))
        here |= {LITERT_NAMES[name] for name in here & set(LITERT_NAMES)}
        expected = 2 * sum(names == others for _, others in PLAIN.values())
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


@pytest.mark.parametrize("format", FORMATS)
def test_an_export_replaces_the_old_one_as_a_whole(tmp_path, format, small):
    x = small_inputs()[0]
    for files, (expected, _) in zip(
        small(format).contents, small(format).before, strict=True
    ):
        for file in tmp_path.iterdir():
            (shutil.rmtree if file.is_dir() else os.remove)(file)
        put(files, tmp_path)
        (y,) = runtimes.predictions(format, path_in(tmp_path, format), [x])
        exported_models.assert_same(y, expected, x)
    old, new = (set(files) for files in small(format).contents)
    assert old == new  # and nothing hidden
    assert {name.split("/")[0].split(".")[0] for name in new} == {"model"}


@pytest.mark.parametrize("format", FORMATS)
def test_a_failing_export_leaves_the_old_one(tmp_path, format, small, monkeypatch):
    old, new = small(format).contents
    put(old, tmp_path)

    def fail():
        raise OSError("no space left")

    monkeypatch.setattr(keras.Model, "export", writes(new, fail))
    with pytest.raises(OSError, match="no space left"):
        kp.export(
            small(format).models[1], path_in(tmp_path, format), format, verbose=False
        )
    assert contents(tmp_path) == old


@pytest.mark.parametrize("step", range(4))
def test_two_files_are_replaced_together_or_not_at_all(
    tmp_path, monkeypatch, step, small
):
    path = path_in(tmp_path, "openvino")
    old, new = small("openvino").contents
    put(old, tmp_path)
    rename, calls = os.rename, []

    def fails_once(source, target):
        calls.append(source)
        if len(calls) == step + 1:
            raise OSError("not now")
        # While the .xml is there, the other file is of its kind.
        if path.exists() and contents(tmp_path).get("model.bin"):
            assert contents(tmp_path)["model.bin"] == old["model.bin"]
        rename(source, target)

    monkeypatch.setattr(keras.Model, "export", writes(new))
    monkeypatch.setattr(os, "rename", fails_once)
    with pytest.raises(OSError, match="not now"):
        kp.export(small("openvino").models[1], path, "openvino", verbose=False)
    assert contents(tmp_path) == old


def test_a_folder_is_replaced_where_the_file_system_cannot_exchange(
    tmp_path, monkeypatch, small
):
    old, new = small("tf_saved_model").contents
    put(old, tmp_path)
    monkeypatch.setattr(module, "_exchange", lambda a, b: False)
    monkeypatch.setattr(keras.Model, "export", writes(new))
    kp.export(small("tf_saved_model").models[1], tmp_path / "model", verbose=False)
    assert contents(tmp_path) == new != old
    assert os.listdir(tmp_path) == ["model"]


KILLED = """
import shutil, sys, time
from pathlib import Path
import keras
import keras_pooling as kp
new, path, format = sys.argv[1:]
def stops(model, path, *args, **kwargs):
    shutil.copytree(new, Path(path).parent, dirs_exist_ok=True)
    print("written", flush=True)
    time.sleep(600)
keras.Model.export = stops
model = keras.Sequential([keras.Input((None, None, 3)), kp.LpPool2D(2, 1)])
kp.export(model, path, format, verbose=False)
"""


@pytest.mark.parametrize("format", ["tf_saved_model", "openvino", "onnx"])
def test_a_killed_export_leaves_the_old_one(tmp_path, format, small):
    old, new = small(format).contents
    folder, written = tmp_path / "folder", tmp_path / "new"
    put(old, folder)
    put(new, written)
    tests = str(Path(__file__).parent)
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(written), path_in(folder, format), format],
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
    after = contents(folder)
    assert {name: after.pop(name) for name in old} == old
    hidden = {name.split("/")[0] for name in after}
    assert all(name.startswith(".model") and name.endswith(".tmp") for name in hidden)


def ops_of(function):
    (traced,) = function._list_all_concrete_functions()
    graphs = traced.graph.as_graph_def()
    nodes = [graphs.node, *(f.node_def for f in graphs.library.function)]
    return {node.op for part in nodes for node in part}


@pytest.mark.parametrize("format", FORMATS)
def test_the_model_stays_on_the_compiled_ops(format, small):
    x = small_inputs()[0]
    for model, (expected, function) in zip(
        small(format).models, small(format).before, strict=True
    ):
        assert model.predict_function is function
        np.testing.assert_array_equal(model.predict(x, verbose=0), expected)


def test_a_model_that_is_first_used_after_an_export_has_the_compiled_ops(tmp_path):
    model = small_model()
    kp.export(model, tmp_path / "model", verbose=False)
    called = tf.function(model.__call__)
    called(tf.constant(small_inputs()[0]))
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


def test_an_operator_that_onnx_lacks_is_an_error(tmp_path):
    x = keras.Input((8, 8, 3))
    model = keras.Model(x, keras.ops.expm1(kp.MaxPool2D(2)(x)))
    with pytest.raises(ValueError, match=r"export: .* ONNX lacks: Expm1\. "):
        kp.export(model, tmp_path / "model.onnx", "onnx")
    assert not os.listdir(tmp_path)


def pool_of_one_size():
    model = keras.Sequential([keras.Input((8, 8, 3)), kp.LpPool2D(2)])
    model(np.ones((1, 8, 8, 3), "float32"))
    return model


@pytest.mark.parametrize("format", ["openvino", "litert"])
def test_keras_own_export_of_compiled_ops_is_an_error(tmp_path, format):
    if kp.build_info()["compiled"]:
        with pytest.raises(Exception, match="KerasPooling>BlendingPool"):
            pool_of_one_size().export(
                str(path_in(tmp_path, format)), format=format, verbose=False
            )


def test_keras_own_export_to_onnx_logs_an_error_and_the_runtime_refuses_the_file(
    tmp_path, caplog
):
    if not kp.build_info()["compiled"]:
        return
    path = path_in(tmp_path, "onnx")
    pool_of_one_size().export(str(path), format="onnx", verbose=False)
    errors = [r.getMessage() for r in caplog.records if r.levelname == "ERROR"]
    assert any("KerasPooling>BlendingPool" in error for error in errors)
    with pytest.raises(RuntimeError, match="KerasPooling>BlendingPool"):
        runtimes.predictions("onnx", path, [np.ones((1, 8, 8, 3), "float32")])


KERAS_EXPORT = """
import sys
import numpy as np
import keras
import keras_pooling as kp
model = keras.Sequential([keras.Input((8, 8, 3)), kp.LpPool2D(2)])
model(np.ones((1, 8, 8, 3), "float32"))
try:
    model.export(sys.argv[1], format="onnx", verbose=False)
except RuntimeError as error:
    print(error)
"""


def test_keras_own_export_to_onnx_is_an_error_on_pytorch(tmp_path):
    if not kp.build_info()["compiled"]:
        return
    path = path_in(tmp_path, "onnx")
    done = run_python("-c", KERAS_EXPORT, str(path), KERAS_BACKEND="torch")
    assert "LpPool2D" in done.stdout and not path.exists()


def test_says_where_the_model_was_saved(tmp_path, capsys, monkeypatch, small):
    exported, path = small("onnx"), tmp_path / "model.onnx"
    monkeypatch.setattr(keras.Model, "export", writes(exported.contents[0]))
    kp.export(exported.models[0], path, "onnx")
    assert f"Saved model at '{path}'." in capsys.readouterr().out
    kp.export(exported.models[0], path, "onnx", verbose=False)
    assert not capsys.readouterr().out
