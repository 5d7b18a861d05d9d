"""Lp pooling layers: what they pass on, where GeM is."""

import itertools
import math

import keras
import numpy as np

import keras_pooling as kp


def test_generalized_mean_on_clamped_input():
    x = np.random.default_rng(0).standard_normal((2, 6, 6, 3)).astype("float32")
    clamped = np.maximum(x, 1e-6)
    y = kp.GlobalLpPool2D(p=3, normalize=True)(clamped)
    np.testing.assert_allclose(y, np.cbrt((clamped**3).mean((1, 2))), rtol=1e-5)


def test_between_average_and_max_on_positive_input():
    x = np.random.default_rng(1).uniform(0.1, 1, (2, 8, 8, 3)).astype("float32")
    results = [
        keras.ops.convert_to_numpy(kp.LpPool2D(p=p, normalize=True)(x))
        for p in (1, 2, 4, 32, math.inf)
    ]
    np.testing.assert_allclose(results[0], kp.AvgPool2D()(x), rtol=1e-6)
    np.testing.assert_array_equal(results[-1], kp.MaxPool2D()(x))
    for less, more in itertools.pairwise(results):
        assert (less <= more * (1 + 1e-5)).all()


def test_infinity_survives_a_keras_file(tmp_path):
    inputs = keras.Input((4, 4, 1))
    model = keras.Model(inputs, kp.LpPool2D(p=math.inf)(inputs))
    model.save(tmp_path / "model.keras")
    assert keras.saving.load_model(tmp_path / "model.keras").layers[-1].p == math.inf
