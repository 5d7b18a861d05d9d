"""Accelerates models of keras.applications, and shows what that changes and gains.

Run with `python examples/accelerate_applications.py --help`, on any Keras backend:
`KERAS_BACKEND=jax` or `torch` before the command. Each model is built twice with the
same random weights, once accelerated. Printed are the number of pooling layers, the
greatest difference between their predictions, and the time of a training step and of a
prediction, Keras's and accelerated, in turns. A ratio above 1 is a gain.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable

import common
import keras
import numpy as np
from rich.console import Console
from rich.table import Table

import keras_pooling as kp

# The size of their images: as small as each takes.
MODELS = {
    "VGG16": 64,
    "ResNet50": 64,
    "InceptionV3": 96,
    "DenseNet121": 64,
    "MobileNetV2": 64,
    "EfficientNetB0": 64,
    "ConvNeXtTiny": 64,
}
CLASSES = 10


def build(name: str) -> keras.Model:
    """Returns a compiled model with weights that are the same at every call."""
    keras.utils.set_random_seed(0)
    shape = (MODELS[name], MODELS[name], 3)
    make = getattr(keras.applications, name)
    model = make(weights=None, input_shape=shape, classes=CLASSES)
    model.compile("sgd", "sparse_categorical_crossentropy")
    return model


def pools_of(model: keras.Model) -> int:
    """Counts the layers that are ours."""
    ours = [x for x in model.layers if type(x).__module__.startswith("keras_pooling")]
    return len(ours)


def in_turns(calls: list[Callable], rounds: int) -> list[float]:
    """Returns each call's median time in milliseconds, without the first round."""
    times: list[list[float]] = [[] for _ in calls]
    for turn in range(rounds + 1):
        for call, mine in zip(calls, times, strict=True):
            start = time.perf_counter()
            call()
            if turn:
                mine.append(1e3 * (time.perf_counter() - start))
    return [statistics.median(mine) for mine in times]


def compare(name: str, batch: int, rounds: int) -> tuple[list[str], float]:
    """Returns a line of the table, and the greatest difference relative to outputs."""
    models = [build(name), kp.accelerate(build(name))]
    generator = np.random.default_rng(0)
    x = generator.random((batch, *models[0].input_shape[1:]), "float32")
    labels = generator.integers(0, CLASSES, batch)
    before, after = (model.predict(x, verbose=0) for model in models)
    difference = float(abs(after - before).max() / abs(before).max())
    predict = [lambda m=m: m.predict_on_batch(x) for m in models]
    train = [lambda m=m: m.train_on_batch(x, labels) for m in models]
    steps, predictions = in_turns(train, rounds), in_turns(predict, rounds)
    line = [name, str(pools_of(models[1])), f"{difference:.1e}"]
    for keras_s, ours in (steps, predictions):
        line += [f"{keras_s:.0f}", f"{ours:.0f}", f"{keras_s / ours:.2f}"]
    return line, difference


def parse_arguments() -> argparse.Namespace:
    """Reads the command line."""
    quick = "one small model, a trial of seconds"
    parser = common.parser(__doc__, quick=quick, writes=False)
    add = parser.add_argument
    add("--models", nargs="+", choices=MODELS, default=list(MODELS), metavar="NAME")
    add("--batch", type=int, default=16, help="images in a step")
    add(
        "--rounds",
        type=int,
        default=5,
        help="steps of each, of which medians are taken",
    )
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.models, arguments.batch, arguments.rounds = ["VGG16"], 2, 1
    return arguments


def main() -> None:
    """Prints the table."""
    arguments = parse_arguments()
    info, backend = kp.build_info(), keras.config.backend()
    path = f"compiled ops, {info['target']}" if info["compiled"] else "portable path"
    print(f"keras_pooling {info['version']} on {backend}: {path}", flush=True)
    table = Table(title=f"ms per batch of {arguments.batch} images, on {backend}")
    heads = ["model", "pools", "difference"]
    for what in ("training step", "prediction"):
        heads += [f"{what}, Keras", "accelerated", "ratio"]
    for head in heads:
        table.add_column(head, justify="left" if head == "model" else "right")
    for name in arguments.models:
        line, difference = compare(name, arguments.batch, arguments.rounds)
        # Averages are summed in another order; a network multiplies the rounding.
        if not difference <= 1e-4:
            sys.exit(f"{name}: predictions differ by {difference:.1e}")
        table.add_row(*line)
        print(f"  {name}: done", flush=True)
    Console(width=110).print(table)


if __name__ == "__main__":
    main()
