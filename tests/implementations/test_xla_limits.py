"""Inside XLA: many threads, bad input, and where our kernels cannot be reached."""

import concurrent.futures
import warnings

import numpy as np
import pytest
import tensorflow as tf
from inside_xla import (
    CLASSIC,
    assert_same_bits,
    calls_of,
    operands,
    pool,
    training_step,
)
from processes import run_python

import keras_pooling as kp
from keras_pooling import _library as library

# Every thread of XLA's pool may be busy with one of our calls, which itself wants help
# of the others.
STRESS = """
import concurrent.futures, tensorflow as tf, keras_pooling as kp

def step(x):
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        ys = [kp.ops.max_pool(x, k, 2) for k in (2, 3, 5)]
        ys += [kp.ops.avg_pool(x, k, 2) for k in (2, 3, 5)]
    return [tape.gradient(y, x) for y in ys]

x = tf.random.stateless_normal((4, 64, 64, 32), (1, 2))
functions = [tf.function(step, jit_compile=True) for _ in range(4)]
expected = [dx.numpy().tobytes() for dx in step(x)]

def check(turn):
    found = functions[turn % 4](x)
    assert [dx.numpy().tobytes() for dx in found] == expected

with concurrent.futures.ThreadPoolExecutor(8) as pool:
    assert len(list(pool.map(check, range(160)))) == 160
print("ended")
"""


@pytest.mark.parametrize("threads", ["1", "2", "8"])
def test_many_functions_at_once_end(threads):
    done = run_python("-c", STRESS, TF_NUM_INTRAOP_THREADS=threads)
    assert done.stdout.strip() == "ended", done.stderr


def test_from_several_python_threads():
    step = training_step("max", CLASSIC)
    args = operands("max", CLASSIC, "float32")
    expected = step(*args)
    with concurrent.futures.ThreadPoolExecutor(4) as threads:
        compiled = [tf.function(step, jit_compile=True) for _ in range(4)]
        for found in threads.map(lambda function: function(*args), compiled):
            assert_same_bits(found, expected)


# Bad input.


def test_a_window_that_does_not_fit_is_our_error():
    @tf.function(input_signature=[tf.TensorSpec((None,) * 4)], jit_compile=True)
    def compiled(x):
        return kp.ops.max_pool(x, 3)

    with pytest.raises(tf.errors.InvalidArgumentError, match="does not fit"):
        compiled(tf.zeros((1, 2, 3, 1)))
    assert compiled(tf.zeros((1, 3, 3, 1))).shape == (1, 1, 1, 1)


WINDOWS = {"window": [2, 2], "strides": [2, 2], "dilations": [1, 1], "regions": []}


@pytest.mark.parametrize(
    "words, size, taps_shape",
    [
        ("must not be negative", [4, -4], (1, 2, 2, 1)),
        ("gives 4 windows", [4, 8], (1, 2, 2, 1)),
        ("must have the shape", [4, 4], (1, 2, 3, 1)),
    ],
)
def test_a_forged_gradient_is_our_error(words, size, taps_shape):
    grad = library.load().keras_pooling_selecting_pool_grad
    # Of unknown shapes, or the op's shape function would find it first.
    signature = [tf.TensorSpec((None,) * 4), tf.TensorSpec((None,) * 4, tf.uint8)]

    @tf.function(input_signature=signature, jit_compile=True)
    def compiled(dy, taps):
        hidden = tf.constant(size, tf.int64) + tf.cast(tf.shape(dy)[:1] - 1, tf.int64)
        return grad(dy=dy, taps=taps, size=hidden, **WINDOWS)

    with pytest.raises(tf.errors.InvalidArgumentError, match=words):
        compiled(tf.zeros((1, 2, 2, 1)), tf.zeros(taps_shape, tf.uint8))


def test_a_tap_outside_its_window_is_our_error():
    @tf.function(jit_compile=True)
    def compiled(taps):
        find = library.load().keras_pooling_tap_indices
        return find(taps=taps, size=[4, 4], Index=tf.int32, **WINDOWS)

    with pytest.raises(tf.errors.InvalidArgumentError, match="outside its window"):
        compiled(tf.fill((1, 2, 2, 1), tf.constant(4, tf.uint8)))
    found = compiled(tf.fill((1, 2, 2, 1), tf.constant(3, tf.uint8)))
    assert found.numpy().ravel().tolist() == [5, 7, 13, 15]


# Where our kernels cannot be reached from XLA.


@pytest.fixture
def without_lowering(monkeypatch):
    def fail(path):
        raise tf.errors.NotFoundError(None, None, f"{path}: undefined symbol: xla")

    monkeypatch.setattr(tf, "load_library", fail)
    monkeypatch.setattr(library, "_outcome", None)
    monkeypatch.delenv("KERAS_POOLING_REQUIRE_COMPILED", raising=False)


def new_function():
    return tf.function(lambda x: pool("max", x, CLASSIC), jit_compile=True)


def test_without_the_lowering_one_warning_and_the_portable_path(without_lowering):
    x = operands("max", CLASSIC, "float32")[0]
    compiled = new_function()
    with pytest.warns(UserWarning, match=r"jit_compile=True.*undefined symbol"):
        y = compiled(x)
    np.testing.assert_array_equal(y, pool("max", x, CLASSIC))
    assert calls_of(compiled, x) == []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        new_function()(x)
    assert library.use_compiled(x)  # outside XLA nothing is lost


def test_without_the_lowering_where_it_is_required(without_lowering, monkeypatch):
    monkeypatch.setenv("KERAS_POOLING_REQUIRE_COMPILED", "1")
    with pytest.raises(ImportError, match="REQUIRE_COMPILED"):
        new_function()(tf.zeros(CLASSIC.shape))


@pytest.mark.parametrize("device", ["GPU", "TPU"])
def test_beside_an_accelerator_the_portable_path(device, monkeypatch):
    devices = {"CPU": ["CPU"], device: [device]}
    monkeypatch.setattr(
        tf.config, "get_visible_devices", lambda kind: devices.get(kind, [])
    )
    compiled = new_function()
    x = operands("max", CLASSIC, "float32")[0]
    np.testing.assert_array_equal(compiled(x), pool("max", x, CLASSIC))
    assert calls_of(compiled, x) == []
