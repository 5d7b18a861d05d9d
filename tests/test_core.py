"""The core library by itself: no framework is needed to load it, and any can use it."""

import pathlib
import re
import subprocess

import numpy as np
import pytest
import tensorflow as tf
from processes import run_python

import keras_pooling as kp
from keras_pooling import _build_info, _library

CORE = pathlib.Path(_build_info.__file__).with_name("libkeras_pooling.so")

# A host of thirty lines: what custom_ops/hosts/c/keras_pooling.h says, in ctypes.
HOST = f"""
import ctypes, sys
import numpy as np

class Attribute(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p), ("text", ctypes.c_char_p),
                ("ints", ctypes.POINTER(ctypes.c_int64)), ("count", ctypes.c_int64)]

class Array(ctypes.Structure):
    _fields_ = [("type", ctypes.c_int32), ("rank", ctypes.c_int32),
                ("shape", ctypes.POINTER(ctypes.c_int64)), ("data", ctypes.c_void_p)]

TYPES = {{"float32": 2, "uint8": 5, "int32": 7}}

def array(values):
    shape = (ctypes.c_int64 * values.ndim)(*values.shape)
    return Array(TYPES[values.dtype.name], values.ndim, shape, values.ctypes.data)

core = ctypes.CDLL({str(CORE)!r})
core.KerasPoolingMessage.restype = ctypes.c_char_p
assert core.KerasPoolingAbi() == 1

def run(name, inputs, outputs, **attributes):
    items = []
    for key, value in attributes.items():
        if isinstance(value, str):
            items.append(Attribute(key.encode(), value.encode(), None, 0))
        else:
            ints = (ctypes.c_int64 * len(value))(*value)
            items.append(Attribute(key.encode(), None, ints, len(value)))
    op = ctypes.c_void_p()
    status = core.KerasPoolingBind(
        name.encode(), (Attribute * len(items))(*items), len(items), ctypes.byref(op))
    if status == 0:
        status = core.KerasPoolingRun(
            op, (Array * len(inputs))(*map(array, inputs)), len(inputs),
            (Array * len(outputs))(*map(array, outputs)), len(outputs), None)
        core.KerasPoolingRelease(op)
    return status, core.KerasPoolingMessage().decode()
"""


def run_host(code: str) -> subprocess.CompletedProcess[str]:
    return run_python("-c", HOST + code)


def test_it_links_no_framework():
    listing = subprocess.run(
        ["readelf", "--dynamic", str(CORE)], capture_output=True, text=True, check=True
    )
    needed = [line.split("[")[1][:-1] for line in listing.stdout.splitlines()
              if "(NEEDED)" in line]  # fmt: skip
    assert needed
    allowed = ("libstdc++", "libm.", "libgcc_s", "libc.", "ld-linux", "libpthread")
    assert all(name.startswith(allowed) for name in needed), needed


def test_a_process_without_a_framework_pools_through_the_c_entry():
    done = run_host("""
x = np.arange(16, dtype="float32").reshape(1, 4, 4, 1)
y, taps = np.zeros((1, 2, 2, 1), "float32"), np.zeros((1, 2, 2, 1), "uint8")
print(run("SelectingPool", [x], [y, taps], window=[2, 2]), y.ravel(), taps.ravel())
dx = np.zeros_like(x)
size = np.array([4, 4], "int32")  # not every host has int64
print(run("SelectingPoolGrad", [y, taps, size], [dx], window=[2, 2])[0], dx.sum())
print(run("SelectingPool", [x], [y], window=[2, 2], reduction="mode"))
print("tensorflow" in sys.modules, "jax" in sys.modules)
""")
    lines = done.stdout.splitlines()
    assert lines[0] == "(0, '') [ 5.  7. 13. 15.] [3 3 3 3]", done.stderr
    assert lines[1] == "0 40.0"
    assert 'unknown reduction "mode"' in lines[2] and lines[2].startswith("(1,")
    assert lines[3] == "False False"


def test_the_threads_of_the_core_survive_a_fork():
    done = run_host("""
import os
x = np.random.default_rng(0).random((8, 64, 64, 32), "float32")
y, other = np.zeros((8, 32, 32, 32), "float32"), np.zeros((8, 32, 32, 32), "float32")
core.KerasPoolingSetThreads(4)
assert run("SelectingPool", [x], [y], window=[2, 2])[0] == 0
child = os.fork()
if child == 0:
    small = np.zeros_like(y[:1, :4])  # which no second thread is worth
    run("SelectingPool", [np.ascontiguousarray(x[:1, :8])], [small], window=[2, 2])
    status, _ = run("SelectingPool", [x], [other], window=[2, 2])
    same = (y == other).all() and (small == y[:1, :4]).all()
    os._exit(0 if status == 0 and same else 1)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
""")
    assert done.stdout.strip() == "0", done.stderr


def test_a_fork_pools_without_the_threads_of_tensorflow():
    done = run_python(
        "-c",
        """
import os
import tensorflow as tf
import keras_pooling as kp
tf.config.threading.set_intra_op_parallelism_threads(4)
x = tf.random.uniform((32, 56, 56, 64))  # which is worth several threads
y = kp.ops.max_pool(x, 2).numpy()
child = os.fork()
if child == 0:
    os._exit(0 if (kp.ops.max_pool(x, 2).numpy() == y).all() else 1)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
""",
        timeout=60,
    )
    assert done.stdout.strip() == "0", done.stderr


def test_a_process_is_interrupted_and_ends_while_its_threads_pool():
    done = run_host("""
import os, signal, threading, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have it ignored
x = np.random.default_rng(0).random((8, 256, 256, 16), "float32")
exact, y = (np.zeros((8, 254, 254, 16), "float32") for _ in range(2))
pool = lambda y: run("SelectingPool", [x], [y], window=[3, 3], strides=[1, 1])[0]
core.KerasPoolingSetThreads(4)
assert pool(exact) == 0

def work():
    mine = np.zeros_like(exact)
    while True:
        pool(mine)

def interrupt():
    time.sleep(0.2)
    os.kill(os.getpid(), signal.SIGINT)

for target in (work, work, interrupt):
    threading.Thread(target=target, daemon=True).start()
try:
    while True:
        pool(y)
except KeyboardInterrupt:
    print("interrupted")
assert pool(y) == 0 and (y == exact).all()
print("ended")
""")
    assert done.stdout.split() == ["interrupted", "ended"], done.stderr


def test_jax_runs_it_with_the_handler_of_custom_calls():
    code = """
import jax, jax.numpy as jnp
jax.ffi.register_ffi_target(
    "keras_pooling", jax.ffi.pycapsule(core.KerasPoolingXlaHandler), platform="cpu")
x = jnp.arange(32, dtype="float32").reshape(2, 4, 4, 1)
pool = jax.ffi.ffi_call("keras_pooling", jax.ShapeDtypeStruct((2, 2, 2, 1), x.dtype))
y = jax.jit(lambda x: pool(x, op="BlendingPool", reduction="avg",
                           window=np.array([2, 2], "int64")))(x)
print(np.asarray(y).ravel().tolist(), "tensorflow" in sys.modules)
try:
    jax.block_until_ready(jax.jit(lambda x: pool(x, op="BlendingPool", reduction="max",
                                                 window=np.array([2, 2], "int64")))(x))
except Exception as error:
    print(error)
"""
    done = run_host(code)
    lines = done.stdout.splitlines()
    expected = [2.5, 4.5, 10.5, 12.5, 18.5, 20.5, 26.5, 28.5]
    assert lines[0] == f"{expected} False", done.stderr
    assert "reduction must be one of avg" in lines[1]


def test_tensorflow_and_ctypes_share_one_copy():
    kp.ops.max_pool(tf.zeros((1, 2, 2, 1)), 2)
    maps = pathlib.Path("/proc/self/maps").read_text().splitlines()
    paths = {line.split()[-1] for line in maps if "libkeras_pooling.so" in line}
    assert len(paths) == 1


@pytest.mark.parametrize("name", ["_keras_pooling_ops.so", "_keras_pooling_xla.so"])
def test_the_adapters_link_to_the_core_beside_them(name):
    listing = subprocess.run(
        ["readelf", "--dynamic", str(CORE.with_name(name))],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "[libkeras_pooling.so]" in listing
    assert "[$ORIGIN]" in listing


def test_the_reductions_are_a_list_that_python_can_read():
    done = run_host("""
core.KerasPoolingReductions.restype = ctypes.c_char_p
print(core.KerasPoolingReductions().decode())
""")
    lines = [line.split() for line in done.stdout.splitlines()]
    assert ["max", "selects", "1", "0", "0", "0", "0", "1"] in lines, done.stderr
    assert {line[1] for line in lines} == {"selects", "blends"}
    assert np.all([flag in "01" for line in lines for flag in line[2:]])


def test_python_and_the_header_agree_on_the_entry():
    header = pathlib.Path(__file__).parents[1] / "custom_ops/hosts/c/keras_pooling.h"
    (number,) = re.findall(r"#define KERAS_POOLING_ABI (\d+)", header.read_text())
    assert int(number) == _library._ABI
