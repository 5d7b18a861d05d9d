"""What a model's training shows of a layer's gradient. Knows no pooling."""

import keras
import numpy as np


def assert_fit_trains(first: keras.layers.Layer, model: keras.Model, x, y) -> None:
    """Fits a compiled model; the loss falls, and the first layer's weights move.

    Weights move by the gradient that pools behind the layer pass on alone: a loss may
    fall without it, by training what follows.
    """
    before = first.get_weights()
    # As a prediction: what a training step reports may hold the noise of its draws.
    losses = [model.evaluate(x, y, verbose=0)]
    model.fit(x, y, epochs=12, batch_size=16, verbose=0)
    losses.append(model.evaluate(x, y, verbose=0))
    assert losses[-1] < losses[0]
    assert before
    for one, other in zip(before, first.get_weights(), strict=True):
        assert not np.array_equal(one, other)
