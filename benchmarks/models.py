"""Whole models with Keras's pools or, accelerated, with ours: fitted, or predicting.

Keras is imported when a model is made.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

BATCH = 32
ABOUT = {
    "small-cnn": "2 convolutions, 2 max pools 2/2, 64×64×3",
    "vgg-like": "6 convolutions, 3 max pools 2/2, 64×64×3",
    "overlapping": "3 convolutions, 3 max pools 3/2 same, 64×64×3",
    "VGG16": "Keras's application, 64×64×3",
    "ResNet50": "Keras's application, 64×64×3",
    "InceptionV3": "Keras's application, 96×96×3",
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
    size = 96 if "96" in ABOUT[key] else 64
    # Enough batches for what a pass costs beside them not to count.
    batches = 2 if "application" in ABOUT[key] else 8
    x = rng.random((batches * BATCH, size, size, 3), "float32")
    labels = rng.integers(0, 10, len(x))

    def call(convert: Callable) -> Callable:
        keras.utils.set_random_seed(0)
        model = convert(made(name, size))
        model.compile("sgd", "sparse_categorical_crossentropy")
        options = {"batch_size": BATCH, "verbose": 0}
        if mode == "predict":
            return lambda: [model.predict(x, **options)]

        def fit() -> list:
            model.fit(x, labels, shuffle=False, **options)
            return []

        return fit

    return {"ours": call(kp.accelerate), "keras": call(lambda model: model)}


def made(name: str, size: int) -> Any:
    """Returns a model of Keras's layers."""
    from keras import Input, Sequential, applications, layers

    if hasattr(applications, name):
        build = getattr(applications, name)
        return build(weights=None, input_shape=(size, size, 3), classes=10)

    def convolution(filters: int) -> Any:
        return layers.Conv2D(filters, 3, padding="same", activation="relu")

    body: list[Any] = []
    if name == "small-cnn":
        for filters in (32, 64):
            body += [convolution(filters), layers.MaxPooling2D(2)]
    elif name == "vgg-like":
        for filters in (32, 64, 128):
            body += [convolution(filters), convolution(filters)]
            body.append(layers.MaxPooling2D(2))
    else:
        for filters in (32, 64, 128):
            body += [convolution(filters), layers.MaxPooling2D(3, 2, "same")]
    head = [layers.Flatten(), layers.Dense(10, activation="softmax")]
    return Sequential([Input((size, size, 3)), *body, *head])
