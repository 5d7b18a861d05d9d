"""Whole models with pools of Keras's or of ours: fitted, or predicting.

Keras is imported when a model is made.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

BATCH, BATCHES = 32, 4
ABOUT = {
    "small-cnn": "2 convolutions, 2 max pools 2/2, 64×64×3",
    "vgg-like": "6 convolutions, 3 max pools 2/2, 64×64×3",
    "overlapping": "3 convolutions, 3 max pools 3/2 same, 64×64×3",
}
MODES = ("fit", "predict")
ABOUT = {f"{name}/{mode}": text for name, text in ABOUT.items() for mode in MODES}
KEYS = tuple(ABOUT)


def calls(key: str) -> dict[str, Callable]:
    """Returns what is measured, with our pools and with Keras's: a pass over the data.

    A pass of `fit` returns nothing to compare, since its weights move.
    """
    import keras

    import keras_pooling as kp

    name, mode = key.split("/")
    rng = np.random.default_rng(0)
    x = rng.random((BATCH * BATCHES, 64, 64, 3), "float32")
    labels = rng.integers(0, 10, len(x))

    def call(layers: Any) -> Callable:
        keras.utils.set_random_seed(0)
        model = made(name, layers)
        model.compile("sgd", "sparse_categorical_crossentropy")
        if mode == "predict":
            return lambda: [model.predict(x, batch_size=BATCH, verbose=0)]

        def fit() -> list:
            model.fit(x, labels, batch_size=BATCH, shuffle=False, verbose=0)
            return []

        return fit

    return {"ours": call(kp), "keras": call(keras.layers)}


def made(name: str, pools: Any) -> Any:
    """Returns a model whose pools are those of a module."""
    from keras import Input, Sequential, layers

    def convolution(filters: int) -> Any:
        return layers.Conv2D(filters, 3, padding="same", activation="relu")

    body: list[Any] = []
    if name == "small-cnn":
        for filters in (32, 64):
            body += [convolution(filters), pools.MaxPooling2D(2)]
    elif name == "vgg-like":
        for filters in (32, 64, 128):
            body += [convolution(filters), convolution(filters), pools.MaxPooling2D(2)]
    else:
        for filters in (32, 64, 128):
            body += [convolution(filters), pools.MaxPooling2D(3, 2, "same")]
    head = [layers.Flatten(), layers.Dense(10, activation="softmax")]
    return Sequential([Input((64, 64, 3)), *body, *head])
