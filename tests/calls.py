"""The public functions on NumPy arrays, with their gradients. Expects no result."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf
from cases import Case

import keras_pooling as kp


def max_pool(x: np.ndarray, case: Case) -> np.ndarray:
    """Returns the maxima alone: the form of inference."""
    return kp.ops.max_pool(tf.constant(x), **case.arguments).numpy()


def max_pool_with_indices(x: np.ndarray, case: Case) -> tuple[np.ndarray, np.ndarray]:
    """Returns the maxima and their indices."""
    y, indices = kp.ops.max_pool(tf.constant(x), **case.arguments, return_indices=True)
    return y.numpy(), indices.numpy()


def avg_pool(x: np.ndarray, case: Case, **options) -> np.ndarray:
    """Returns the averages."""
    return kp.ops.avg_pool(tf.constant(x), **case.arguments, **options).numpy()


def value_and_gradient(
    function: Callable, x: np.ndarray, dy: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Returns `function(x)` as a training step computes it, and dx."""
    x, dy = tf.constant(x), tf.constant(dy)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = function(x)
    return y.numpy(), tape.gradient(y, x, output_gradients=dy).numpy()


def max_pool_gradient(x, dy, case: Case) -> tuple[np.ndarray, np.ndarray]:
    """Returns the maxima and dx."""
    return value_and_gradient(lambda x: kp.ops.max_pool(x, **case.arguments), x, dy)


def avg_pool_gradient(x, dy, case: Case, **options) -> tuple[np.ndarray, np.ndarray]:
    """Returns the averages and dx."""
    return value_and_gradient(
        lambda x: kp.ops.avg_pool(x, **case.arguments, **options), x, dy
    )


def global_pool(name: str, x, dy, data_format: str) -> tuple[np.ndarray, np.ndarray]:
    """Returns the result of `global_max_pool` or `global_avg_pool`, and dx."""
    pool = getattr(kp.ops, name)
    return value_and_gradient(lambda x: pool(x, data_format), x, dy)
