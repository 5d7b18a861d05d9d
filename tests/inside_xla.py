"""Steps to compile, and what to ask of a compiled function. Expects no result."""

import re

import data
import reference
import tensorflow as tf
from cases import Case

import keras_pooling as kp

CLASSIC = Case("the classic", shape=(2, 8, 6, 19))
AVERAGES = {
    "avg": {},
    "avg over padding": {"count_include_pad": True},
    "avg by a divisor": {"divisor_override": 7},
}
FUNCTIONS = ("max", *AVERAGES)


def pool(name: str, x, case: Case):
    """Calls one of FUNCTIONS."""
    if name == "max":
        return kp.ops.max_pool(x, **case.arguments)
    return kp.ops.avg_pool(x, **case.arguments, **AVERAGES[name])


def training_step(name: str, case: Case):
    """Returns (x, dy, ddx) → y, dx and ddy: forward, backward, backward once more."""

    def step(x, dy, ddx):
        with tf.GradientTape() as outer:
            outer.watch(dy)
            with tf.GradientTape() as inner:
                inner.watch(x)
                y = pool(name, x, case)
            dx = inner.gradient(y, x, output_gradients=dy)
        return y, dx, outer.gradient(dx, dy, output_gradients=ddx)

    return step


def operands(name: str, case: Case, dtype: str):
    rng = data.generator(name, case, dtype)
    taps = reference.max_taps(case.windows)
    x = data.for_max(case.shape, dtype, taps, rng)
    if name != "max":
        x = data.for_average(case.shape, dtype, rng)
    dy = data.for_average(case.output_shape, dtype, rng)
    return [tf.constant(t) for t in (x, dy, data.for_average(case.shape, dtype, rng))]


def assert_same_bits(one, other):
    one, other = tf.nest.flatten(one), tf.nest.flatten(other)
    assert len(one) == len(other)
    for a, b in zip(one, other, strict=True):
        assert a.dtype == b.dtype
        assert a.shape == b.shape
        assert a.numpy().tobytes() == b.numpy().tobytes()


def calls_of(compiled, *args) -> list[str]:
    """The ops that a compiled function calls our kernels for."""
    hlo = compiled.experimental_get_compiler_ir(*args)(stage="optimized_hlo")
    calls = [line for line in hlo.splitlines() if 'target="keras_pooling"' in line]
    return sorted(re.search(r'op = "(\w+)"', line)[1] for line in calls)
