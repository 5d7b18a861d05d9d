"""Layers on a GPU: they run only where the Keras backend in use sees one."""

import statistics
import time

import keras
import numpy as np
import pytest
from hosts import BACKEND, value_and_gradient

import keras_pooling as kp


def sees_a_gpu() -> bool:
    if BACKEND == "jax":
        import jax

        return jax.default_backend() == "gpu"
    if BACKEND == "torch":
        import torch

        return torch.cuda.is_available()
    import tensorflow as tf

    return bool(tf.config.list_physical_devices("GPU"))


pytestmark = pytest.mark.skipif(
    not sees_a_gpu(), reason=f"Keras on {BACKEND} sees no GPU here"
)

LAYERS = {
    "max": lambda: kp.MaxPool2D(3, 2, "same"),
    "average": lambda: kp.AvgPool2D(3, 2, "same"),
    "min": lambda: kp.MinPool2D(2),
    "median": lambda: kp.MedianPool2D(3),
    "Lp": lambda: kp.LpPool2D(2),
    "soft": lambda: kp.SoftPool2D(2),
    "generalised mean": lambda: kp.GeMPool2D(2),
    "mixed": lambda: kp.MixedPool2D(2),
    "stochastic": lambda: kp.StochasticPool2D(2),
    "fractional max": lambda: kp.FractionalMaxPool2D(1.4, seed=1),
    "fractional average": lambda: kp.FractionalAvgPool2D(1.4, seed=1),
    "adaptive max": lambda: kp.AdaptiveMaxPool2D(3),
    "adaptive average": lambda: kp.AdaptiveAvgPool2D(3),
    "global max": lambda: kp.GlobalMaxPool2D(),
    "global average": lambda: kp.GlobalAvgPool2D(),
    "blur": lambda: kp.BlurPool2D(2),
    "spatial pyramid": lambda: kp.SpatialPyramidPool2D(),
}
by_layer = pytest.mark.parametrize("make", LAYERS.values(), ids=LAYERS)
PAIRS = {
    "max": (kp.MaxPooling2D, keras.layers.MaxPooling2D),
    "average": (kp.AveragePooling2D, keras.layers.AveragePooling2D),
}


def values(*shape):
    return np.random.default_rng(0).standard_normal(shape).astype("float32")


def device_of(tensor) -> str:
    if BACKEND == "jax":
        (device,) = tensor.devices()
        return device.platform
    return str(tensor.device).lower()


def forbid_copies():
    """A context in which a copy between the devices that was not asked for fails."""
    if BACKEND == "jax":
        import jax

        return jax.transfer_guard_device_to_host("disallow")
    if BACKEND == "torch":
        return _TorchWithoutSynchronization()
    return _TensorFlowWithExplicitCopies()


class _TorchWithoutSynchronization:
    """PyTorch waits for the GPU where it copies to the CPU."""

    def __enter__(self):
        import torch

        torch.cuda.set_sync_debug_mode("error")

    def __exit__(self, *error):
        import torch

        torch.cuda.set_sync_debug_mode("default")


class _TensorFlowWithExplicitCopies:
    def __enter__(self):
        import tensorflow as tf

        # Small integers, such as shapes, may be copied.
        tf.config.experimental.set_device_policy("silent_for_int32")

    def __exit__(self, *error):
        import tensorflow as tf

        tf.config.experimental.set_device_policy("silent")


@by_layer
def test_values_and_gradients_are_those_of_the_cpu(make):
    layer, x = make(), values(4, 19, 18, 5)
    dy = values(*layer.compute_output_shape(x.shape))
    result = value_and_gradient(layer, x, dy)
    with keras.device("cpu:0"):
        expected = value_and_gradient(make(), x, dy)  # whose weights lie there
    # No result is a sum of more terms than a plane has.
    rounding = 19 * 18 * np.finfo("float32").eps
    for one, other in zip(result, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=rounding, atol=rounding)


@by_layer
def test_nothing_is_copied_through_the_cpu(make):
    layer, x = make(), keras.ops.convert_to_tensor(values(4, 19, 18, 5))
    layer(x)  # what is made once may come from the CPU
    with forbid_copies():
        y = layer(x)
    assert "gpu" in device_of(y) or "cuda" in device_of(y)


@pytest.mark.parametrize("name", PAIRS)
def test_speed_beside_keras_own(name, capsys):
    x = keras.ops.convert_to_tensor(values(32, 112, 112, 64))
    y = keras.ops.convert_to_tensor(values(32, 64))
    seconds = {}
    for cls in PAIRS[name]:
        # A weight before the pool, so that its gradient is asked for.
        layers = [keras.layers.DepthwiseConv2D(1), cls(3, 2, "same")]
        layers.append(keras.layers.GlobalAveragePooling2D())
        model = keras.Sequential([keras.Input(x.shape[1:]), *layers])
        model.compile("sgd", "mse")
        model.train_on_batch(x, y)
        times = []
        for _ in range(20):
            begin = time.perf_counter()
            model.train_on_batch(x, y)  # which waits for the loss
            times.append(time.perf_counter() - begin)
        seconds[cls.__module__.split(".")[0]] = statistics.median(times)
    with capsys.disabled():
        print(f"\n{name}, a training step in seconds on {BACKEND}'s GPU: {seconds}")
    assert all(second > 0 for second in seconds.values())
