"""Inside XLA the same kernels give the same bits, wherever a function is compiled."""

import math
import re

import data
import keras
import numpy as np
import pytest
import tensorflow as tf
from cases import Case, named
from inside_xla import (
    CLASSIC,
    FUNCTIONS,
    assert_same_bits,
    calls_of,
    operands,
    pool,
    training_step,
)
from processes import run_python

import keras_pooling as kp

FEW = named(
    "the classic 2x2/2",
    "overlap at stride 1, channels first",
    "gaps, channels first",
    "asymmetric pads",
    "dilation coprime to the stride",
    "ceil, channels first",
    "1D",
    "3D, everything differs per axis",
)


@pytest.mark.parametrize("case", FEW, ids=str)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_training_gives_the_same_bits_inside_as_outside(name, case):
    step, args = training_step(name, case), operands(name, case, "float32")
    assert_same_bits(tf.function(step, jit_compile=True)(*args), step(*args))


@pytest.mark.parametrize("dtype", data.FLOATS)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_float_type(name, dtype):
    step, args = training_step(name, CLASSIC), operands(name, CLASSIC, dtype)
    assert_same_bits(tf.function(step, jit_compile=True)(*args), step(*args))


@pytest.mark.parametrize("dtype", (*data.FLOATS, *data.INTEGERS))
@pytest.mark.parametrize("case", [CLASSIC, FEW[2]], ids=str)
def test_maxima_and_indices_of_every_type(case, dtype):
    def both(x):
        return kp.ops.max_pool(x, **case.arguments, return_indices=True)

    x = operands("max", case, dtype)[0] if dtype in data.FLOATS else None
    if x is None:
        x = tf.constant(data.for_max(case.shape, dtype, 9, data.generator(dtype)))
    assert_same_bits(tf.function(both, jit_compile=True)(x), both(x))


@pytest.mark.parametrize("name", ["global_max_pool", "global_avg_pool"])
def test_windows_of_more_taps_than_a_byte_numbers(name):
    def step(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = getattr(kp.ops, name)(x)
        return y, tape.gradient(y, x)

    x = tf.random.stateless_normal((3, 19, 23, 7), (1, 2))
    assert_same_bits(tf.function(step, jit_compile=True)(x), step(x))


POSITIVE = np.arange(1, 2 * 9 * 8 * 5 + 1, dtype="float32").reshape(2, 9, 8, 5) % 37
OTHERS = {
    "adaptive_max_pool": {"output_size": (4, 11)},
    "adaptive_avg_pool": {"output_size": (4, 11)},
    "lp_pool": {"pool_size": 3, "strides": 2, "p": 3.0},
    "stochastic_pool": {"pool_size": 3, "strides": 2, "training": True},
    "fractional_max_pool": {"pooling_ratio": 1.4, "training": True},
    "fractional_avg_pool": {"output_size": (5, 6), "training": True},
    "fractional_max_pool per channel": {
        "pooling_ratio": 1.4,
        "training": True,
        "regions_per": "channel",
        "pseudo_random": False,
    },
}


@pytest.mark.parametrize("name", OTHERS)
def test_other_families_draws_included(name):
    function = getattr(kp.ops, name.split()[0])

    def step(x, dy_scale, seed):
        options = {"seed": seed} if "training" in OTHERS[name] else {}
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = function(x, **OTHERS[name], **options)
        return y, tape.gradient(y, x, output_gradients=y * dy_scale)

    args = tf.constant(POSITIVE), tf.constant(0.5), tf.constant([3, 11], tf.int32)
    compiled = tf.function(step, jit_compile=True)
    assert_same_bits(compiled(*args), step(*args))
    assert calls_of(compiled, *args)


def test_the_expectation_of_stochastic_pooling():
    compiled = tf.function(lambda x: kp.ops.stochastic_pool(x, 3), jit_compile=True)
    x = tf.constant(POSITIVE)
    assert_same_bits(compiled(x), kp.ops.stochastic_pool(x, 3))
    assert calls_of(compiled, x) == ["BlendingPool"]


def test_subnormal_numbers_stay():
    x = tf.constant(np.full((2, 8, 8, 32), 1e-42, np.float32))
    case = Case("subnormal", shape=(2, 8, 8, 32))
    y = tf.function(lambda x: pool("avg", x, case), jit_compile=True)(x)
    np.testing.assert_array_equal(y, np.full((2, 4, 4, 32), 1e-42, np.float32))


# What XLA really runs.


@pytest.mark.parametrize(
    "name, ops",
    [
        ("max", ["SelectingPool", "SelectingPoolGrad", "SelectingPoolPick"]),
        ("avg", ["BlendingPool", "BlendingPool", "BlendingPoolGrad"]),
    ],
)
def test_the_compiled_program_calls_our_kernels(name, ops):
    step = tf.function(training_step(name, CLASSIC), jit_compile=True)
    assert calls_of(step, *operands(name, CLASSIC, "float32")) == ops


def test_inference_computes_no_taps():
    x = operands("max", CLASSIC, "float32")[0]
    infer = tf.function(lambda x: pool("max", x, CLASSIC), jit_compile=True)
    assert calls_of(infer, x) == ["SelectingPool"]
    hlo = infer.experimental_get_compiler_ir(x)(stage="optimized_hlo")
    assert "u8[" not in hlo
    # And yet has them where a gradient is asked for from outside.
    with tf.GradientTape() as inside, tf.GradientTape() as outside:
        inside.watch(x)
        outside.watch(x)
        one, other = infer(x), pool("max", x, CLASSIC)
    assert_same_bits(inside.gradient(one, x), outside.gradient(other, x))


def test_indices_take_two_calls():
    pool_both = tf.function(
        lambda x: kp.ops.max_pool(x, 2, return_indices=True), jit_compile=True
    )
    assert calls_of(pool_both, tf.zeros(CLASSIC.shape)) == [
        "SelectingPool",
        "TapIndices",
    ]


# Wherever a function may be compiled.


def test_changing_shapes():
    case = Case("any shape", (None,) * 4, pool_size=(3, 2), strides=2, padding="same")

    def step(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = pool("max", x, case)
        indices = kp.ops.max_pool(x, 2, return_indices=True)[1]
        return y, tape.gradient(y, x), indices

    anything = [tf.TensorSpec(case.shape)]
    compiled = tf.function(step, input_signature=anything, jit_compile=True)
    outside = tf.function(step, input_signature=anything)
    for shape in [(2, 7, 9, 5), (1, 8, 6, 19), (0, 7, 9, 5), (3, 2, 2, 1)]:
        x = tf.random.stateless_normal(shape, (3, 4))
        assert_same_bits(compiled(x), outside(x))
    assert compiled.experimental_get_tracing_count() == 1


def test_a_batch_of_which_only_a_bound_is_known():
    case = Case("any batch", (None, 8, 6, 19), pool_size=3, strides=2)

    def step(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = pool("max", tf.boolean_mask(x, x[:, 0, 0, 0] > 0), case)
            loss = tf.reduce_sum(y * y)
        return y, tape.gradient(loss, x)

    x = tf.random.stateless_normal((7, 8, 6, 19), (9, 10))
    outside = tf.function(step)(x)
    assert 0 < len(outside[0]) < 7
    assert_same_bits(tf.function(step, jit_compile=True)(x), outside)


def test_a_size_of_which_only_a_bound_is_known():
    @tf.function(jit_compile=True)
    def compiled(x):
        return kp.ops.max_pool(tf.boolean_mask(x, x[0, :, 0] > 0, axis=1), 2)

    with pytest.raises(tf.errors.UnimplementedError, match="force_portable"):
        compiled(tf.ones((2, 8, 3)))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_in_loops_and_branches(name):
    case = Case("keeps the size", (2, 6, 5, 3), pool_size=3, strides=1, padding="same")

    halves = Case("halves", (2, 6, 5, 3), padding="same")

    def step(x, flag):
        with tf.GradientTape() as tape:
            tape.watch(x)
            _, y = tf.while_loop(
                lambda turn, _: turn < 3,
                lambda turn, y: (turn + 1, pool(name, y * 1.5, case)),
                (tf.constant(0), x),
                maximum_iterations=3,
            )
            y = tf.cond(flag, lambda: pool(name, y, halves), lambda: y[:, ::2, ::2])
        return y, tape.gradient(y, x)

    x = tf.random.stateless_normal(case.shape, (5, 6))
    compiled = tf.function(step, jit_compile=True)
    outside = tf.function(step)
    for flag in (True, False):
        flag = tf.constant(flag)
        assert_same_bits(compiled(x, flag), outside(x, flag))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_traced_before_outside(name):
    inner = tf.function(training_step(name, CLASSIC))
    args = operands(name, CLASSIC, "float32")
    outside = inner(*args)
    compiled = tf.function(lambda *args: inner(*args), jit_compile=True)
    assert_same_bits(compiled(*args), outside)
    assert calls_of(compiled, *args)


def test_a_gradient_through_a_function_traced_before_outside():
    signature = [tf.TensorSpec((None,) * 4)]
    inner = tf.function(lambda x: pool("max", x, CLASSIC), input_signature=signature)

    def step(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = inner(x)
        return y, tape.gradient(y, x)

    x = operands("max", CLASSIC, "float32")[0]
    outside = step(x)
    assert_same_bits(tf.function(step, jit_compile=True)(x), outside)


def test_a_saved_model(tmp_path):
    layers = [kp.MaxPooling2D(2), kp.AveragePooling2D(3, 1, "same")]
    model = keras.Sequential([keras.Input((8, 6, 3)), *layers])
    model.export(tmp_path / "model", verbose=False)
    loaded = tf.saved_model.load(tmp_path / "model")
    compiled = tf.function(lambda x: loaded.serve(x), jit_compile=True)
    x = tf.random.stateless_normal((2, 8, 6, 3), (7, 8))
    assert_same_bits(compiled(x), model(x))
    assert calls_of(compiled, x) == ["BlendingPool", "SelectingPool"]


AUTO_CLUSTERING = """
import tensorflow as tf, keras_pooling as kp

def step(x):
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = kp.ops.avg_pool(kp.ops.max_pool(2.0 * x, 3, 1) * 2.0 + 1.0, 2) ** 2
    return y, tape.gradient(y, x)

x = tf.random.stateless_normal((2, 9, 8, 5), (1, 2))
for a, b in zip(tf.function(step)(x), step(x)):
    tf.debugging.assert_near(a, b)
"""


def test_automatic_clusters(tmp_path):
    flags = {
        "TF_XLA_FLAGS": "--tf_xla_auto_jit=2 --tf_xla_cpu_global_jit",
        "XLA_FLAGS": f"--xla_dump_to={tmp_path} --xla_dump_hlo_as_text",
    }
    run_python("-c", AUTO_CLUSTERING, **flags)
    text = "".join(
        path.read_text() for path in tmp_path.glob("*after_optimizations.txt")
    )
    ops = set(re.findall(r'keras_pooling".*op = "(\w+)"', text))
    assert ops == {
        "SelectingPool",
        "SelectingPoolGrad",
        "BlendingPool",
        "BlendingPoolGrad",
    }


def test_the_greatest_magnitude_has_the_same_bits_inside_xla():
    # Of windows with zeros of both signs too, where the gradient is 0.
    rng = np.random.default_rng(0)
    x = rng.integers(-1, 2, (2, 6, 6, 5)).astype("float32")
    x = np.where(x == 0, np.copysign(0, rng.normal(size=x.shape)), x).astype("float32")
    dy = rng.normal(size=(2, 3, 3, 5)).astype("float32")

    def value_and_gradient():
        with tf.GradientTape() as tape:
            given = tf.constant(x)
            tape.watch(given)
            y = kp.ops.lp_pool(given, 2, p=math.inf)
        return y, tape.gradient(y, given, output_gradients=tf.constant(dy))

    inside = tf.function(value_and_gradient, jit_compile=True, autograph=False)()
    for outside, compiled in zip(value_and_gradient(), inside, strict=True):
        assert outside.numpy().tobytes() == compiled.numpy().tobytes()
