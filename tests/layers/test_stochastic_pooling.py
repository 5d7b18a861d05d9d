"""Stochastic pooling layers: they pass on what they are given, and they train."""

import keras
import numpy as np
import pytest
from training import assert_fit_trains

import keras_pooling as kp

SIZES = {1: (9,), 2: (9, 6), 3: (5, 9, 6)}


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_layers_and_functions_agree(rank):
    x = np.random.default_rng(rank).standard_normal((2, *SIZES[rank], 3))
    x = x.astype("float32")
    arguments = dict(pool_size=3, strides=2, padding="same", ceil_mode=False)
    names = ("StochasticPool", f"StochasticPool{rank}D")
    for training in (False, True):
        seed = (5, 0) if training else None  # what a generator of 5 begins with
        expected = kp.ops.stochastic_pool(x, **arguments, seed=seed)
        for name in names:
            layer = getattr(kp, name)(**arguments, seed=5)
            np.testing.assert_array_equal(layer(x, training=training), expected)


def test_trains_the_layer_before_it():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((64, 8, 8, 2)).astype("float32")
    y = (x.mean(axis=(1, 2, 3)) > 0).astype("float32")
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.layers.Conv2D(4, 3, activation="relu"),
            kp.StochasticPool2D(seed=1),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(1, "sigmoid"),
        ]
    )
    model.compile("adam", "binary_crossentropy")
    model.build(x.shape)
    assert_fit_trains(model.layers[0], model, x, y)
    once, twice = model.predict(x, verbose=0), model.predict(x, verbose=0)
    np.testing.assert_array_equal(once, twice)
