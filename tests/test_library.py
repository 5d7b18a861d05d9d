"""Finding, checking and loading the compiled ops, and choosing between the paths."""

import concurrent.futures
import importlib.metadata
import importlib.util
import pathlib
import platform
import shutil
import sys
import types
import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf
from processes import TESTS, run_python

import keras_pooling as kp
from keras_pooling import _build_info
from keras_pooling import _library as library

sys.path.append(str(TESTS.parent / "custom_ops"))
from write_build_info import digest_of

SWITCHES = (
    "KERAS_POOLING_PORTABLE",
    "KERAS_POOLING_REQUIRE_COMPILED",
    "KERAS_POOLING_TARGET",
)


def run_code(code, **environment):
    """Runs `code` in a new process that has none of our switches but the given ones."""
    switches = {**dict.fromkeys(SWITCHES, ""), **environment}
    return run_python("-W", "always", "-c", code, **switches)


LIBRARIES = tuple(_build_info.LIBRARIES)
CORE, OPS, XLA = LIBRARIES
BUILT = pathlib.Path(_build_info.__file__).parent


@pytest.fixture
def built(monkeypatch):
    """Makes library.py start over with another record, in a folder."""

    def pretend(folder, **changes):
        record = types.ModuleType("keras_pooling._build_info")
        vars(record).update(vars(_build_info), **changes)
        record.__file__ = str(folder / "_build_info.py")
        monkeypatch.setitem(sys.modules, "keras_pooling._build_info", record)
        start_over(monkeypatch)

    return pretend


def start_over(monkeypatch):
    monkeypatch.setattr(library, "_outcome", None)
    for name in SWITCHES:
        monkeypatch.delenv(name, raising=False)


def assert_told(monkeypatch, *words):
    """One warning holds the words, or an error where that is asked for."""
    with pytest.warns(UserWarning) as caught:
        assert library.load() is None
        assert not library.use_compiled(tf.zeros(1))
        y = kp.ops.max_pool(tf.reshape(tf.range(4.0), (1, 2, 2, 1)), 2)
    assert y.numpy().ravel() == [3]
    (message,) = [str(warning.message) for warning in caught]
    monkeypatch.setenv("KERAS_POOLING_REQUIRE_COMPILED", "1")
    with pytest.raises(ImportError) as error:
        kp.ops.max_pool(tf.zeros((1, 2, 2, 1)), 2)
    for word in (*words, "keras_pooling: ", "To mend it: "):
        assert word in message
        assert word in str(error.value)
    monkeypatch.delenv("KERAS_POOLING_REQUIRE_COMPILED")


def test_the_library_is_loaded_once():
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        loaded = list(pool.map(lambda _: library.load(), range(8)))
    assert loaded[0] is not None
    assert all(ops is loaded[0] for ops in loaded)


def test_another_minor_version_is_told_with_both_versions(built, tmp_path, monkeypatch):
    built(tmp_path, TENSORFLOW_VERSION="2.5.1")
    command = "pip install --no-build-isolation"
    assert_told(monkeypatch, "2.5.1", tf.__version__, command)


def test_another_patch_version_is_accepted(built, tmp_path, monkeypatch):
    minor = ".".join(tf.__version__.split(".")[:2])
    built(tmp_path, TENSORFLOW_VERSION=f"{minor}.99")
    assert_told(monkeypatch, "is missing")  # past the check: no file here


def test_another_machine_is_told(built, tmp_path, monkeypatch):
    built(tmp_path, MACHINE="abacus64")
    assert_told(monkeypatch, "they are for abacus64", platform.machine())


def with_zeros_in_its_midst(content):
    third = len(content) // 3
    return content[:third] + bytes(third) + content[2 * third :]


DAMAGE = {
    "cut off": (lambda content: content[: len(content) * 2 // 3], "was cut off"),
    "cut off in its header": (lambda content: content[:20], "has 20 bytes, and had"),
    "empty": (lambda content: b"", "it has 0 bytes"),
    "half written": (with_zeros_in_its_midst, "was damaged or replaced: its digest"),
    "another library": (lambda _: (BUILT / XLA).read_bytes(), "or replaced"),
    "no library": (lambda _: b"#!/bin/sh", "has 9 bytes"),
    "missing": (None, "is missing"),
}


@pytest.mark.parametrize("damaged", [CORE, OPS])
@pytest.mark.parametrize("damage, finding", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_library_is_told(
    damage, finding, damaged, built, tmp_path, monkeypatch
):
    for name in LIBRARIES:
        (tmp_path / name).symlink_to(BUILT / name)
    (tmp_path / damaged).unlink()
    if damage is not None:
        (tmp_path / damaged).write_bytes(damage((BUILT / damaged).read_bytes()))
    built(tmp_path)
    assert_told(monkeypatch, f"do not load: {damaged} ", finding)


def test_what_no_loader_takes_is_told(built, tmp_path, monkeypatch):
    # As it was built, by its digest, yet for another machine.
    content = bytearray((BUILT / CORE).read_bytes())
    content[18:20] = b"\xff\xfe"
    (tmp_path / CORE).write_bytes(content)
    sizes = {CORE: (len(content), digest_of(tmp_path / CORE))}
    built(tmp_path, LIBRARIES={**_build_info.LIBRARIES, **sizes})
    assert_told(monkeypatch, "do not load: ", str(tmp_path / CORE))
    # Another library, by the name of ours.
    (tmp_path / CORE).unlink()
    (tmp_path / CORE).symlink_to(libm())
    sizes = {CORE: ((tmp_path / CORE).stat().st_size, digest_of(tmp_path / CORE))}
    built(tmp_path, LIBRARIES={**_build_info.LIBRARIES, **sizes})
    assert_told(monkeypatch, "do not load: ", "KerasPoolingAbi")


def libm():
    """The path of the C library's mathematics, which is in the process."""
    lines = pathlib.Path("/proc/self/maps").read_text().splitlines()
    return next(line.split()[-1] for line in lines if "/libm.so" in line)


RECORDS = {
    "bad syntax": ("TENSORFLOW_VERSION =", "SyntaxError"),
    "cut off in a name": ('TENSORFLOW_VERSION = "2.21.0"\nMACHI', "NameError"),
    "zeros": ("\0" * 100, "Error"),
    "empty": ("", "LIBRARIES"),
    "no version": ('MACHINE = ""\nLIBRARIES = {}', "TENSORFLOW_VERSION"),
    "no list": ('TENSORFLOW_VERSION = MACHINE = ""\nLIBRARIES = 3', "AttributeError"),
    "no digest": (
        f'TENSORFLOW_VERSION = MACHINE = ""\nLIBRARIES = {{"{CORE}": 3}}',
        "TypeError",
    ),
}


@pytest.mark.parametrize("text, finding", RECORDS.values(), ids=RECORDS)
def test_a_damaged_record_of_the_build_is_told(text, finding, tmp_path, monkeypatch):
    file = tmp_path / "_build_info.py"
    file.write_text(text)

    def from_file(name):
        assert name == "keras_pooling._build_info"
        spec = importlib.util.spec_from_file_location(name, file)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    # Not of importlib itself, which others use meanwhile.
    replaced = types.SimpleNamespace(**vars(importlib))
    replaced.import_module = from_file
    monkeypatch.setattr(library, "importlib", replaced)
    start_over(monkeypatch)
    assert_told(monkeypatch, "_build_info.py is damaged", finding)
    assert library.build_info()["tensorflow_built"] is None


def test_a_library_that_was_not_built_is_told(built, tmp_path, monkeypatch):
    built(tmp_path, LIBRARIES={})
    assert_told(monkeypatch, f"{CORE} was not built")


def test_registering_never_fails(built, tmp_path, monkeypatch):
    built(tmp_path, TENSORFLOW_VERSION="2.5.1")
    monkeypatch.setenv("KERAS_POOLING_REQUIRE_COMPILED", "1")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        library.register()


def test_without_a_build_the_warning_says_so(monkeypatch):
    monkeypatch.setitem(sys.modules, "keras_pooling._build_info", None)
    start_over(monkeypatch)
    assert_told(monkeypatch, "are not built", str(pathlib.Path(kp.__file__).parent))
    assert library.build_info()["tensorflow_built"] is None


def test_without_a_build_another_copy_that_has_one_is_named(monkeypatch, tmp_path):
    (tmp_path / "keras_pooling").mkdir()
    (tmp_path / "keras_pooling" / "_build_info.py").touch()
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.setitem(sys.modules, "keras_pooling._build_info", None)
    start_over(monkeypatch)
    assert_told(monkeypatch, f"have {tmp_path}, whose copy is built, stand before")


# The whole of it, in a process of its own. Its package is a copy in a folder.
PRELUDE = """
import importlib, os, sys, threading, warnings
sys.meta_path[:] = [f for f in sys.meta_path if "Redirecting" not in type(f).__name__]
sys.path.insert(0, {folder!r})
warnings.simplefilter("always")
caught = []
def keep(message, *_):
    if "keras_pooling" in str(message):
        caught.append(str(message))
warnings.showwarning = keep
import numpy as np, keras, keras_pooling as kp
assert kp.__file__.startswith({folder!r}), kp.__file__

def told(*words):
    message, = caught
    caught.clear()
    missing = [word for word in words if word not in message]
    assert not missing, (missing, message)

def check():
    x = keras.ops.reshape(keras.ops.arange(16.0), (1, 4, 4, 1))
    y = kp.layers.MaxPooling2D(2)(x)
    assert keras.ops.convert_to_numpy(y).ravel().tolist() == [5, 7, 13, 15]

def check_required(*words):
    os.environ["KERAS_POOLING_REQUIRE_COMPILED"] = "1"
    try:
        check()
    except ImportError as error:
        missing = [word for word in words if word not in str(error)]
        assert not missing, (missing, str(error))
    else:
        raise AssertionError("no ImportError")
    os.environ["KERAS_POOLING_REQUIRE_COMPILED"] = ""

def forget():
    for name in [name for name in sys.modules if name.split(".")[0] == "keras_pooling"]:
        del sys.modules[name]
"""


def run_copy(folder, code, **environment):
    """Runs code beside a copy of the package, in which it may damage what it likes."""
    sources = pathlib.Path(kp.__file__).parent
    ignore = shutil.ignore_patterns("__pycache__", "*.so", "_build_info.py")
    shutil.copytree(sources, folder / "keras_pooling", ignore=ignore)
    for name in (*LIBRARIES, "_build_info.py"):
        shutil.copy(BUILT / name, folder / "keras_pooling" / name)
    before, after = code.split("# import\n")
    before = f"folder = {str(folder / 'keras_pooling')!r}\n{before}"
    code = before + PRELUDE.format(folder=str(folder)) + after
    done = run_code(code + "\nprint('ended')", **environment)
    assert done.stdout.split()[-1:] == ["ended"], done.stdout + done.stderr


HALF_WRITTEN = """
import os
path = os.path.join(folder, "libkeras_pooling.so")
os.truncate(path, os.path.getsize(path) // 2)
# import
threads = [threading.Thread(target=check) for _ in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
told("libkeras_pooling.so was cut off", "To mend it")
check()
assert not caught and not kp.build_info()["compiled"]
check_required("libkeras_pooling.so was cut off", "To mend it")
"""


@pytest.mark.parametrize("backend", ["jax", "tensorflow"])
def test_after_half_an_installation_a_process_lives(backend, tmp_path):
    run_copy(tmp_path, HALF_WRITTEN, KERAS_BACKEND=backend)


WITHOUT_XLA = """
import os
os.unlink(os.path.join(folder, "_keras_pooling_xla.so"))
# import
import tensorflow as tf
check()
assert not caught and kp.build_info()["compiled"]
words = ("inside XLA", "_keras_pooling_xla.so is missing", "To mend it")
x = tf.reshape(tf.range(4.0), (1, 2, 2, 1))
function = tf.function(lambda x: kp.ops.max_pool(x, 2), jit_compile=True)
assert function(x).numpy().ravel() == [3]
told(*words)
os.environ["KERAS_POOLING_REQUIRE_COMPILED"] = "1"
try:
    tf.function(lambda x: kp.ops.avg_pool(x, 2), jit_compile=True)(x)
except ImportError as error:
    assert all(word in str(error) for word in words), error
else:
    raise AssertionError
os.environ["KERAS_POOLING_REQUIRE_COMPILED"] = ""
"""
IMPORTED_TWICE = """
# import
check()
importlib.reload(kp); check()
importlib.reload(kp._library); check()
assert kp.build_info()["compiled"] and not caught
forget()
import keras_pooling as kp
check()
told("the copy that was imported first", "start Python anew")
check_required("the copy that was imported first")
"""


def test_without_the_library_for_xla_the_rest_is_compiled(tmp_path):
    # And, to spare a process, what the next test tests.
    run_copy(tmp_path, WITHOUT_XLA + IMPORTED_TWICE.split("# import\n")[1])


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_a_second_import_in_a_process_is_told(backend, tmp_path):
    run_copy(tmp_path, IMPORTED_TWICE, KERAS_BACKEND=backend)


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
