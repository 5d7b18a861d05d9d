"""Whole VGG-like models, built of Keras's pooling layers or of ours."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
from row import Row

from peers.prepared import Prepared

CLASSES = 10


def prepare(row: Row, layers: Any, jit: bool) -> Prepared:
    """Builds a model whose pooling layers come from `layers`.

    A call of `fit` or `predict` goes through `row.calls` batches of the row's shape.
    "memory" is the peak of the process while it fits, above what it held before.
    """
    batch, *shape = row.shape
    generator = np.random.default_rng(0)
    x = generator.random((row.calls * batch, *shape), np.float32)
    labels = generator.integers(0, CLASSES, len(x))
    before = _status("VmRSS")
    keras.utils.set_random_seed(0)
    model = _vgg_like(tuple(shape), layers)
    model.compile("sgd", "sparse_categorical_crossentropy", jit_compile=jit)

    def fit() -> Any:
        return model.fit(x, labels, batch_size=batch, shuffle=False, verbose=0)

    def predict() -> Any:
        return model.predict(x, batch_size=batch, verbose=0)

    if row.kind == "memory":
        fit()
        return Prepared(fit, measured=(_status("VmHWM") - before) / 1e3)
    return Prepared(fit if row.kind == "fit" else predict)


def _vgg_like(shape: tuple[int, ...], layers: Any) -> keras.Model:
    def convolution(filters: int) -> keras.Layer:
        return keras.layers.Conv2D(filters, 3, padding="same", activation="relu")

    blocks = [keras.Input(shape)]
    for filters, convolutions in ((32, 2), (64, 2), (128, 1)):
        blocks += [convolution(filters) for _ in range(convolutions)]
        blocks.append(layers.MaxPooling2D(2))
    blocks += [layers.GlobalAveragePooling2D(), keras.layers.Dense(CLASSES, "softmax")]
    return keras.Sequential(blocks)


def _status(name: str) -> float:
    """A line of this process's status, in kB."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return float(line.split()[1])
    return float("nan")
