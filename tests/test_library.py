"""Finding, checking and loading the compiled ops, and choosing between the paths."""

import concurrent.futures
import pathlib
import sys
import types
import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf
from processes import run_python

import keras_pooling as kp
from keras_pooling import _build_info
from keras_pooling import _library as library

SWITCHES = (
    "KERAS_POOLING_PORTABLE",
    "KERAS_POOLING_REQUIRE_COMPILED",
    "KERAS_POOLING_TARGET",
)


def run_code(code, **environment):
    """Runs `code` in a new process that has none of our switches but the given ones."""
    switches = {**dict.fromkeys(SWITCHES, ""), **environment}
    return run_python("-W", "always", "-c", code, **switches)


@pytest.fixture
def built_against(monkeypatch):
    """Makes library.py start over with a record that names another TensorFlow."""

    def pretend(version, folder):
        record = types.ModuleType("keras_pooling._build_info")
        record.TENSORFLOW_VERSION = version
        record.__file__ = str(folder / "_build_info.py")
        monkeypatch.setitem(sys.modules, "keras_pooling._build_info", record)
        monkeypatch.setattr(library, "_outcome", None)
        for name in SWITCHES:
            monkeypatch.delenv(name, raising=False)

    return pretend


def test_the_library_is_loaded_once():
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        loaded = list(pool.map(lambda _: library.load(), range(8)))
    assert loaded[0] is not None
    assert all(ops is loaded[0] for ops in loaded)


def test_another_minor_version_warns_once_with_both_versions(built_against, tmp_path):
    built_against("2.5.1", tmp_path)
    with pytest.warns(UserWarning) as caught:
        assert library.load() is None
    message = str(caught[0].message)
    assert "2.5.1" in message
    assert tf.__version__ in message
    assert "pip install --no-build-isolation" in message
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert library.load() is None
        assert not library.use_compiled(tf.zeros(1))


def test_another_patch_version_is_accepted(built_against, tmp_path):
    minor = ".".join(tf.__version__.split(".")[:2])
    built_against(f"{minor}.99", tmp_path)
    with pytest.warns(UserWarning, match="do not load"):  # past the check: no file here
        assert library.load() is None


LIBRARIES = ("libkeras_pooling.so", "_keras_pooling_ops.so", "_keras_pooling_xla.so")
DAMAGE = {
    "cut off": lambda content: content[: len(content) * 2 // 3],
    "cut off in its header": lambda content: content[:20],
    "empty": lambda content: b"",
    "something else": lambda content: b"#!/bin/sh" + 100 * b" ",
}


@pytest.mark.parametrize("damaged", LIBRARIES[:2])
@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_library_is_a_warning(damage, damaged, built_against, tmp_path):
    for name in LIBRARIES:
        content = pathlib.Path(_build_info.__file__).with_name(name).read_bytes()
        content = damage(content) if name == damaged else content
        (tmp_path / name).write_bytes(content)
    built_against(tf.__version__, tmp_path)
    with pytest.warns(UserWarning, match=f"do not load: {damaged} (is no|was cut)"):
        assert library.load() is None
    assert kp.ops.max_pool(tf.ones((1, 2, 2, 1)), 2).shape == (1, 1, 1, 1)


def test_a_damaged_record_of_the_build_is_a_warning(monkeypatch):
    def damaged(name):
        return compile("TENSORFLOW_VERSION =", name, "exec")

    monkeypatch.setattr(library.importlib, "import_module", damaged)
    monkeypatch.setattr(library, "_outcome", None)
    for name in SWITCHES:
        monkeypatch.delenv(name, raising=False)
    with pytest.warns(UserWarning, match="are not built"):
        assert library.load() is None


def test_a_missing_library_is_an_error_where_it_is_required(
    built_against, tmp_path, monkeypatch
):
    built_against("2.5.1", tmp_path)
    monkeypatch.setenv("KERAS_POOLING_REQUIRE_COMPILED", "1")
    with pytest.raises(RuntimeError, match=r"2\.5\.1.*REQUIRE_COMPILED.*pip install"):
        library.load()


def test_registering_never_fails(built_against, tmp_path, monkeypatch):
    built_against("2.5.1", tmp_path)
    monkeypatch.setenv("KERAS_POOLING_REQUIRE_COMPILED", "1")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        library.register()


def test_without_a_build_the_warning_says_so(monkeypatch):
    monkeypatch.setitem(sys.modules, "keras_pooling._build_info", None)
    monkeypatch.setattr(library, "_outcome", None)
    monkeypatch.delenv("KERAS_POOLING_REQUIRE_COMPILED", raising=False)
    with pytest.warns(UserWarning, match="not built"):
        assert library.load() is None
    assert library.build_info()["tensorflow_built"] is None


def test_build_info_names_versions_and_targets():
    info = kp.build_info()
    assert info["tensorflow_running"] == tf.__version__
    assert info["tensorflow_built"].split(".")[:2] == tf.__version__.split(".")[:2]
    assert info["compiled"] is True
    assert info["target"] in info["targets"]


def test_force_portable_holds_inside_it_and_in_its_thread_alone():
    x = tf.zeros((1, 2, 2, 1))
    assert library.use_compiled(x)
    with kp.force_portable():
        assert not library.use_compiled(x)
        assert kp.build_info()["compiled"] is False
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            assert pool.submit(library.use_compiled, x).result()
    assert library.use_compiled(x)


@pytest.mark.parametrize("value", ["", "0"])
def test_a_switch_set_to_nothing_or_0_is_off(monkeypatch, value):
    monkeypatch.setenv("KERAS_POOLING_PORTABLE", value)
    assert library.use_compiled(tf.zeros(1))


def test_a_tensor_on_a_gpu_takes_the_portable_path():
    on_gpu = types.SimpleNamespace(device="/job:localhost/task:0/device:GPU:0")
    assert not library.use_compiled(on_gpu)


def test_in_a_graph_a_visible_gpu_means_the_portable_path(monkeypatch):
    monkeypatch.setattr(tf.config, "get_visible_devices", lambda kind: [kind])
    assert not library.use_compiled(types.SimpleNamespace(device=""))
    assert library.use_compiled(types.SimpleNamespace(device="/device:CPU:0"))


def test_portable_process_computes_without_the_library():
    code = (
        "import keras_pooling as kp, numpy as np\n"
        "print(np.array(kp.ops.max_pool(np.arange(4.).reshape(1, 4, 1), 2)).ravel())\n"
        "print(kp.build_info()['compiled'])"
    )
    done = run_code(code, KERAS_POOLING_PORTABLE="1")
    assert done.stdout.split() == ["[1.", "3.]", "False"], done.stderr


def test_an_unknown_target_is_an_error_that_lists_the_good_ones():
    code = (
        "import keras_pooling as kp\n"
        "try:\n    kp.build_info()\n"
        "except ValueError as error:\n    print(error)"
    )
    done = run_code(code, KERAS_POOLING_TARGET="abacus")
    assert "abacus" in done.stdout, done.stderr
    for target in kp.build_info()["targets"]:
        assert target in done.stdout


def test_importing_the_package_is_enough_to_load_a_saved_model(tmp_path):
    x = np.arange(16.0, dtype="float32").reshape(1, 4, 4, 1)
    model = keras.Sequential([keras.Input((4, 4, 1)), kp.MaxPooling2D(2)])
    model.export(tmp_path / "model", verbose=False)
    code = (
        "import keras_pooling, numpy as np, tensorflow as tf\n"
        f"model = tf.saved_model.load({str(tmp_path / 'model')!r})\n"
        "x = np.arange(16, dtype='float32').reshape(1, 4, 4, 1)\n"
        "print(model.serve(x).numpy().ravel().tolist())"
    )
    done = run_code(code)
    assert done.stdout.strip() == str(model(x).numpy().ravel().tolist()), done.stderr


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_other_backends_use_the_core_and_never_import_tensorflow(backend):
    code = (
        "import sys, keras_pooling as kp\n"
        "assert kp._library.load() is None\n"
        "assert kp.build_info()['compiled']\n"
        "print('tensorflow' in sys.modules)"
    )
    done = run_code(code, KERAS_BACKEND=backend, KERAS_POOLING_REQUIRE_COMPILED="1")
    assert done.stdout.strip() == "False", done.stderr
