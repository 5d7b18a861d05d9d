"""How each Keras backend differentiates and compiles. Knows no pooling."""

from collections.abc import Callable

import keras
import numpy as np

BACKEND = keras.config.backend()


def array(tensor) -> np.ndarray:
    """Returns a tensor of any backend as NumPy's."""
    return keras.ops.convert_to_numpy(tensor)


def value_and_gradient(
    function: Callable, x: np.ndarray, dy: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Returns `function(x)`, and what dy becomes on its way back to x."""
    x, dy = keras.ops.convert_to_tensor(x), keras.ops.convert_to_tensor(dy)
    if BACKEND == "jax":
        import jax

        @jax.jit  # one program is made sooner than one for each op
        def both(x, dy):
            y, pull_back = jax.vjp(function, x)
            return y, pull_back(dy)[0]

        return tuple(map(array, both(x, dy)))
    if BACKEND == "torch":
        import torch

        x = x.clone().requires_grad_()
        y = function(x)
        return array(y), array(torch.autograd.grad(y, x, dy)[0])
    import tensorflow as tf

    with tf.GradientTape() as tape:
        tape.watch(x)
        y = function(x)
    return array(y), array(tape.gradient(y, x, output_gradients=dy))


def compiled(function: Callable) -> Callable:
    """Returns the function as the backend's compiler makes it."""
    if BACKEND == "jax":
        import jax

        return jax.jit(function)
    if BACKEND == "torch":
        import torch

        # What is tested is which graphs are caught, not the machine code made of them.
        return torch.compile(function, backend="aot_eager")
    import tensorflow as tf

    return tf.function(function, jit_compile=True, autograph=False)
