"""Our layers' functions and TensorFlow's own, in graphs, eagerly and inside XLA."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from row import MODELS, Row

import keras_pooling as kp
from peers import BEFORE, OURS, models, ours, prepared
from peers.prepared import Prepared, Unsupported

VERSIONS = {
    "tensorflow": tf.__version__,
    "keras": keras.__version__,
    "keras_pooling": kp.build_info()["version"],
}
Pool = Callable[..., Any]


def setup(threads: int) -> None:
    """Sets the threads of this process."""
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)


def details(variant: str) -> dict[str, str]:
    """Tells what else a reader of the results must know."""
    if variant not in (OURS, BEFORE):
        return {}
    info = kp.build_info()
    return {key: str(info[key]) for key in ("target", "tensorflow_built")}


def prepare(row: Row, variant: str) -> Prepared:
    """Builds, traces and compiles a row."""
    variant = OURS if variant == BEFORE else variant
    jit = variant == "tf-xla" or (variant == OURS and row.xla)
    if variant == OURS and jit:
        _check_custom_call()
    if row.kind in MODELS:
        if variant not in (OURS, "tf", "tf-xla") or (variant == "tf" and row.xla):
            raise Unsupported("not compared on whole models")
        return models.prepare(row, kp if variant == OURS else keras.layers, jit)
    pool = ours.pool(row) if variant == OURS else _theirs(row)
    step = _training(pool) if row.mode == "training" else _forward(pool)
    xs = [tf.constant(x) for x in prepared.given(row, prepared.inputs(row))]
    arguments = [xs, [tf.constant(p) for p in prepared.parameters(row)]]
    if row.mode == "training":
        dys = prepared.given(row, prepared.gradients(row))
        arguments.append([tf.constant(dy) for dy in dys])
    if variant != "tf-eager":
        step = tf.function(step, autograph=False, jit_compile=jit)
    is_random = row.kind in ("stochastic", "fractional_max")

    def results(outcome: Any) -> list[Any]:
        return [outputs[0].numpy() for outputs in outcome if outputs]

    return Prepared(lambda: step(*arguments), None if is_random else results)


def _forward(pool: Pool) -> Callable:
    def step(xs: list[Any], parameters: list[Any]) -> tuple[list[Any]]:
        return ([pool(x, *parameters) for x in xs],)

    return step


def _training(pool: Pool) -> Callable:
    def step(xs: list[Any], parameters: list[Any], dys: list[Any]) -> tuple:
        with tf.GradientTape() as tape:
            tape.watch((xs, parameters))
            ys = [pool(x, *parameters) for x in xs]
        return ys, *tape.gradient(ys, (xs, parameters), output_gradients=dys)

    return step


def _check_custom_call() -> None:
    """Raises where XLA compiles the portable path and not our kernels."""
    step = tf.function(lambda x: kp.ops.max_pool(x, 2), jit_compile=True)
    hlo = step.experimental_get_compiler_ir(tf.zeros((1, 4, 4, 1)))(stage="hlo")
    targets = [t.split('"')[0].lower() for t in hlo.split('custom_call_target="')[1:]]
    if not any("pool" in target for target in targets):
        raise Unsupported("no compiled kernels inside XLA yet")


def _theirs(row: Row) -> Pool:
    pool = _channels_last(row)
    if row.layout == "channels_last":
        return pool
    rank = len(row.shape)
    last, first = (0, *range(2, rank), 1), (0, rank - 1, *range(1, rank - 1))
    # What Keras does on a CPU, where TensorFlow has no channels_first pooling.
    return lambda x, *p: tf.transpose(pool(tf.transpose(x, last), *p), first)


def _channels_last(row: Row) -> Pool:
    k, s, padding = row.pool_size, row.step, row.padding.upper()
    axes = list(range(1, len(row.shape) - 1))
    simple: dict[str, Pool] = {
        "max": lambda x: tf.nn.max_pool(x, k, s, padding),
        "avg": lambda x: tf.nn.avg_pool(x, k, s, padding),
        "global_max": lambda x: tf.reduce_max(x, axes, keepdims=True),
        "global_avg": lambda x: tf.reduce_mean(x, axes, keepdims=True),
        "adaptive_max": lambda x: keras.ops.adaptive_max_pool(x, k, "channels_last"),
        "adaptive_avg": lambda x: keras.ops.adaptive_average_pool(
            x, k, "channels_last"
        ),
        "lp": lambda x: tf.sqrt(
            tf.nn.avg_pool(tf.square(x), k, s, padding) * float(k ** len(axes))
        ),
        "soft": lambda x, beta: _mean(tf.exp(beta * x), x, k, s, padding),
        "gem": lambda x, p: tf.pow(
            tf.nn.avg_pool(tf.pow(tf.maximum(x, 1e-6), p), k, s, padding), 1 / p
        ),
        "global_gem": lambda x, p: tf.pow(
            tf.reduce_mean(tf.pow(tf.maximum(x, 1e-6), p), axes, keepdims=True), 1 / p
        ),
        "mixed": lambda x, alpha: (
            alpha * tf.nn.max_pool(x, k, s, padding)
            + (1 - alpha) * tf.nn.avg_pool(x, k, s, padding)
        ),
        "median": lambda x: tf.sort(_taps_last(row, x))[..., row.pool_size**2 // 2],
        "fractional_max": lambda x: tf.nn.fractional_max_pool(
            x, [1.0, k, k, 1.0], pseudo_random=row.pseudo, overlapping=False
        )[0],
    }
    if row.kind in simple:
        return simple[row.kind]
    if row.kind == "max_unpool":
        return _scattered(row)
    return _drawn(row) if row.mode == "training" else _expected(row)


def _mean(weights: Any, x: Any, *window: Any) -> Any:
    """The mean of each window by weights, of two averages."""
    return tf.nn.avg_pool(weights * x, *window) / tf.nn.avg_pool(weights, *window)


def _scattered(row: Row) -> Pool:
    """An unpool by indices in the whole output, as `max_pool_with_argmax` has them."""
    shape = row.output_shape
    places = prepared.indices(row)
    images = np.arange(shape[0]).reshape(-1, *[1] * (len(shape) - 1))
    flat = (images * math.prod(row.output_spatial) + places) * shape[-1]
    flat = tf.constant((flat + np.arange(shape[-1])).reshape(-1, 1))
    total = [math.prod(shape)]

    def unpool(x: Any) -> Any:
        return tf.reshape(tf.scatter_nd(flat, tf.reshape(x, [-1]), total), shape)

    return unpool


def _drawn(row: Row) -> Pool:
    """Stochastic pooling in training: the Gumbel trick over the patches."""

    def pool(x: Any) -> Any:
        patches = _taps_last(row, x)
        uniform = tf.random.uniform(patches.shape, minval=1e-20)
        weights = tf.math.log(tf.nn.relu(patches) + 1e-20)
        taps = tf.argmax(weights - tf.math.log(-tf.math.log(uniform)), axis=-1)
        return tf.gather(patches, taps, batch_dims=4)

    return pool


def _taps_last(row: Row, x: Any) -> Any:
    """The taps of each window, along an axis behind the channels."""
    k, s = row.pool_size, row.step
    patches = tf.image.extract_patches(
        x, [1, k, k, 1], [1, s, s, 1], [1, 1, 1, 1], row.padding.upper()
    )
    shape = (*row.output_shape[:-1], k * k, row.shape[-1])
    return tf.transpose(tf.reshape(patches, shape), (0, 1, 2, 4, 3))


def _expected(row: Row) -> Pool:
    """Stochastic pooling in inference: the average weighted by the positive part."""
    k, s, padding = row.pool_size, row.step, row.padding.upper()

    def pool(x: Any) -> Any:
        weights = tf.nn.relu(x)
        total = tf.nn.avg_pool(weights, k, s, padding)
        weighted = tf.nn.avg_pool(weights * x, k, s, padding)
        plain = tf.nn.avg_pool(x, k, s, padding)
        return tf.where(total > 0, tf.math.divide_no_nan(weighted, total), plain)

    return pool
