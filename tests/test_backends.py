"""A model that one Keras backend has written predicts and draws the same on others."""

import json
import sys

import data
import keras
import numpy as np
import pytest
from hosts import array
from processes import TESTS, run_python

import keras_pooling as kp

SHAPE = (13, 14, 5)


def model_of_every_layer() -> keras.Model:
    """One input, and an output for each layer: random ones draw when training."""
    x = keras.Input(SHAPE)
    layers = [
        kp.MaxPool2D(3, 2, "same"),
        kp.AvgPool2D(3, 2, "same"),
        kp.LpPool2D(2, p=3.0),
        kp.StochasticPool2D(2, seed=1),
        kp.FractionalMaxPool2D(1.4, seed=2),
        kp.FractionalAvgPool2D(1.3, seed=3, regions_per="channel", pseudo_random=False),
        kp.FractionalMaxPool2D(1.6, seed=4, inference="central"),
        kp.FractionalMaxPool2D(1.6, seed=5, inference="random", regions_per="sample"),
        kp.AdaptiveMaxPool2D((4, 3)),
        kp.AdaptiveAvgPool2D((None, 5)),
        kp.GlobalMaxPool2D(),
        kp.GlobalAvgPool2D(),
        kp.GlobalLpPool2D(p=3.0),
        kp.BlurPool2D(4, 1),
        kp.MaxBlurPool2D(),
        kp.Maxout(5),
        kp.SpatialPyramidPool2D(mode="avg"),
        keras.Sequential([keras.layers.Reshape((-1, 5)), kp.KMaxPool1D(9)]),
    ]
    y, indices = kp.MaxPool2D(2, return_indices=True)(x)
    back = kp.MaxUnpool2D(output_size=SHAPE[:2])(y, indices)
    return keras.Model(x, [back, *(layer(x) for layer in layers)])


def results_of(path: str) -> list[list]:
    """What the model gives as a prediction and, twice, as when it trains."""
    model = keras.saving.load_model(path)
    x = data.generator("backends").standard_normal((3, *SHAPE)).astype("float32")
    passes = [model(x, training=training) for training in (False, True, True)]
    return [[array(y).tolist() for y in outputs] for outputs in passes]


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_a_saved_model_gives_the_same_on(backend, tmp_path):
    path = str(tmp_path / "model.keras")
    model_of_every_layer().save(path)
    out = run_python(str(TESTS / "test_backends.py"), path, KERAS_BACKEND=backend)
    ours, theirs = results_of(path), json.loads(out.stdout)
    for one, other in zip(ours, theirs, strict=True):
        for y, exact in zip(one, other, strict=True):
            np.testing.assert_array_equal(np.float32(y), np.float32(exact))
    assert ours[1] != ours[2]  # random layers did draw


if __name__ == "__main__":
    json.dump(results_of(sys.argv[1]), sys.stdout)
