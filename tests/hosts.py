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
    return differentiated(function)(x, dy)


def differentiated(function: Callable) -> Callable:
    """Returns `value_and_gradient` of a function, made once for many inputs."""
    if BACKEND == "jax":
        import jax

        @jax.jit  # one program is made sooner than one for each op
        def both(x, dy):
            y, pull_back = jax.vjp(function, x)
            return y, pull_back(dy)[0]

    elif BACKEND == "torch":
        import torch

        def both(x, dy):
            x = x.clone().requires_grad_()
            y = function(x)
            return y, torch.autograd.grad(y, x, dy)[0]

    else:
        import tensorflow as tf

        def both(x, dy):
            with tf.GradientTape() as tape:
                tape.watch(x)
                y = function(x)
            return y, tape.gradient(y, x, output_gradients=dy)

    def run(x, dy):
        return tuple(map(array, both(*map(keras.ops.convert_to_tensor, (x, dy)))))

    return run


def gradient_of_gradient(function: Callable, x: np.ndarray) -> np.ndarray:
    """Returns the gradient of `Σ dx²`, where dx is the gradient of `Σ y² / 2`."""
    x = keras.ops.convert_to_tensor(x)
    if BACKEND == "jax":
        import jax

        def square(x):
            y, pull_back = jax.vjp(function, x)
            return (pull_back(y)[0] ** 2).sum()

        return array(jax.jit(jax.grad(square))(x))
    if BACKEND == "torch":
        import torch

        x = x.clone().requires_grad_()
        y = function(x)
        (dx,) = torch.autograd.grad(y, x, y, create_graph=True)
        return array(torch.autograd.grad((dx**2).sum(), x)[0])
    import tensorflow as tf

    with tf.GradientTape() as outer:
        outer.watch(x)
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = function(x)
        square = tf.reduce_sum(tape.gradient(y, x, output_gradients=y) ** 2)
    return array(outer.gradient(square, x))


def as_one(function: Callable) -> Callable:
    """Returns the function as one program where each op would be compiled alone."""
    return compiled(function) if BACKEND == "jax" else function


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
