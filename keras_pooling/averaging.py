"""The mean of several random passes of a whole model. Computes no pooling."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from keras_pooling import arguments
from keras_pooling.convert import layers_of
from keras_pooling.layers.base import BaseRandomPooling


def predict_averaged(
    model: keras.Model,
    x: Any,
    passes: int = 12,
    batch_size: int | None = None,
    verbose: str | int = "auto",
    steps: int | None = None,
) -> Any:
    """Mean of several predictions in which every pooling layer that can draw does.

    `y = Σ yᵢ / passes`, where pass i is `model.predict(x)` with stochastic and
    fractional pooling as in training: other taps, other regions in each. All other
    layers predict: nothing is dropped out, norms use their moving statistics. The
    passes differ by the layers' seeds, which advance; what the model predicts by
    itself stays as it was.

    The prediction is compiled once for all passes. A layer must not stand in a
    `tf.function` of the model's own: such a function goes on as it was first traced.

    Args:
        model: the model, compiled or not, with layers that draw, also within models
            that are its layers.
        x: what `model.predict` takes, other than a generator: it is gone through in
            every pass, in the same order.
        passes: int; predictions that are averaged.
        batch_size: int or None, as `model.predict` takes it.
        verbose: 0 (silent), 1 (a progress bar over the passes), 2 (one line) or
            `"auto"` (1).
        steps: int or None, as `model.predict` takes it.

    Returns:
        NumPy arrays in the structure and of the dtypes that `model.predict` gives. Sums
        are in float64; the mean of integers is rounded.

    Raises:
        ValueError: if an argument is not allowed, or no layer of the model draws.

    References:
        Graham, Fractional Max-Pooling, 2014.
        Zeiler and Fergus, Stochastic Pooling, 2013.

    Example:

    >>> layers = [keras.Input((4, 1)), kp.StochasticPool1D(4, seed=1)]
    >>> model = keras.Sequential(layers)
    >>> x = np.array([[[1.], [2.], [2.], [5.]]])
    >>> model.predict(x, verbose=0)  # the expectation
    array([[[3.4]]], dtype=float32)
    >>> kp.predict_averaged(model, x, passes=20, verbose=0)  # of draws among 1, 2, 5
    array([[[3.05]]], dtype=float32)
    """
    name = "predict_averaged"
    with arguments.errors_name(name):
        passes = arguments.positive_ints("passes", passes, None)
    drawing = [y for y in layers_of(model, name) if isinstance(y, BaseRandomPooling)]
    if not drawing:
        raise ValueError(
            f"{name}: no layer of the model {model.name!r} draws, so that every pass "
            "would be the same. Use model.predict, or stochastic or fractional pooling."
        )
    if passes > 1 and hasattr(x, "__next__"):
        raise ValueError(
            f"{name}: a generator gives its data once, and {passes} passes need it. "
            f"Received x={x!r}. Use arrays, or a dataset."
        )
    bar = keras.utils.Progbar(
        passes, verbose=1 if verbose == "auto" else verbose, unit_name="pass"
    )
    total: Any = None
    with _drawing(model, drawing):
        for number in range(1, passes + 1):
            outputs = model.predict(x, batch_size=batch_size, verbose=0, steps=steps)
            wide = keras.tree.map_structure(lambda y: y.astype("float64"), outputs)
            if total is None:
                total = wide
            else:
                total = keras.tree.map_structure(np.add, total, wide)
            bar.update(number)
    return keras.tree.map_structure(
        lambda y, like: _as(like.dtype, y / passes), total, outputs
    )


@contextlib.contextmanager
def _drawing(model: keras.Model, layers: list[BaseRandomPooling]) -> Iterator[None]:
    """Has layers draw in a model's predictions, by a function that is made for that."""
    function = model.predict_function
    variables = [*model.trainable_variables, *model.non_trainable_variables]
    # On JAX a prediction takes all variables out of the model, and gives their memory
    # away: one that is interrupted leaves nothing behind.
    is_jax = keras.config.backend() == "jax"
    copies = [keras.ops.copy(variable.value) for variable in variables if is_jax]
    try:
        model.predict_function = None
        for layer in layers:
            layer.always_draws = True
        yield
    except BaseException:
        if is_jax:
            model._jax_state = None
            for variable, value in zip(variables, copies, strict=True):
                variable.assign(value)
        raise
    finally:
        model.predict_function = function
        for layer in layers:
            layer.always_draws = False


def _as(dtype: np.dtype, mean: np.ndarray) -> np.ndarray:
    return (np.rint(mean) if dtype.kind in "biu" else mean).astype(dtype)
