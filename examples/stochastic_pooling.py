"""Max, average and stochastic pooling on real digits, after Zeiler and Fergus (2013).

The same network, convolutions of 5×5 each followed by pooling 3×3 with stride 2, is
trained with each kind of pooling from three seeds, without dropout and without changing
the images. What the paper says: with stochastic pooling the error on the training
images stays higher and the error on others gets lower.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import common
import digits
import keras
import numpy as np

import keras_pooling as kp

PICTURE_FILE = "stochastic_pooling.png"
KINDS = {
    "max": kp.MaxPool2D,
    "average": kp.AvgPool2D,
    "stochastic": kp.StochasticPool2D,
}


def build_network(kind: str, seed: int) -> keras.Sequential:
    """Returns the network with one kind of pooling."""

    def pool(number: int) -> keras.layers.Layer:
        drawing = {"seed": 10 * seed + number} if kind == "stochastic" else {}
        return KINDS[kind](3, strides=2, padding="same", **drawing)

    def convolution(filters: int) -> keras.layers.Layer:
        # Stochastic pooling weighs taps by size, so they must not be negative.
        return keras.layers.Conv2D(filters, 5, padding="same", activation="relu")

    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            *(convolution(12), pool(0)),
            *(convolution(24), pool(1)),
            *(convolution(24), pool(2)),
            keras.layers.Flatten(),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )


class Errors(digits.Epochs):
    """Also measures both errors after some of the epochs, as inference does.

    Args:
        bar: of rich.
        task: the bar's task.
        name: what is trained.
        data: training images and labels, held-out images and labels.
        every: epochs from one measurement to the next; the last is always measured.
    """

    def __init__(self, bar, task, name: str, data: tuple, every: int):
        super().__init__(bar, task, name)
        self.data, self.every = data, every
        self.curve = []  # (epoch, training error, held-out error)

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Called by `fit`."""
        super().on_epoch_end(epoch, logs)
        epoch += 1
        if epoch % self.every and epoch != self.params["epochs"]:
            return
        answers = [
            digits.error(self.model.predict(x, batch_size=250, verbose=0), labels)
            for x, labels in (self.data[:2], self.data[2:])
        ]
        self.curve.append((epoch, *answers))


def train(network: keras.Sequential, data: tuple, epochs: int, callback: Errors):
    """Trains by momentum, the learning rate falling to zero, as the paper does."""
    images, labels, batch_size = data[0], data[1], 50
    steps = epochs * -(-len(images) // batch_size)
    rate = keras.optimizers.schedules.PolynomialDecay(0.03, steps, 0.0)
    optimizer = keras.optimizers.SGD(rate, momentum=0.9)
    network.compile(optimizer, "sparse_categorical_crossentropy")
    network.fit(
        *(images, labels),
        batch_size=batch_size,
        epochs=epochs,
        verbose=0,
        callbacks=[callback],
    )


def draw(curves: dict[str, np.ndarray], path: Path) -> None:
    """Writes a picture: both errors over the epochs, mean and range over the seeds."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(10, 4.2), layout="constrained")
    for column, axis in enumerate(axes, start=1):
        for kind, runs in curves.items():  # (seeds, measurements, 3)
            epochs, errors = runs[0, :, 0], runs[:, :, column]
            (line,) = axis.plot(epochs, errors.mean(axis=0), marker=".", label=kind)
            low, high = errors.min(axis=0), errors.max(axis=0)
            axis.fill_between(epochs, low, high, alpha=0.2, color=line.get_color())
        axis.set_xlabel("epochs")
        axis.set_ylabel("error in %")
        axis.set_ylim(bottom=0)
        axis.legend()
    axes[0].set_title("on the training images")
    axes[1].set_title("on held-out images")
    figure.savefig(path, dpi=120)
    plt.close(figure)


def parse_arguments() -> argparse.Namespace:
    """Reads the command line."""
    parser = common.parser(__doc__, 20, "a trial of seconds; shows no difference")
    add = parser.add_argument
    add("--seeds", type=int, default=3, help="networks of each kind")
    add("--images", type=int, default=2000, help="to train with, at most 4000")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.epochs, arguments.seeds, arguments.images = 1, 1, 200
    return arguments


def main() -> None:
    """Trains, prints the table and draws the picture."""
    arguments = parse_arguments()
    data = digits.load(arguments.images, 1000)
    curves = {kind: [] for kind in KINDS}
    total = len(KINDS) * arguments.seeds * arguments.epochs
    with digits.progress(total) as (bar, task):
        for seed in range(arguments.seeds):
            for kind in KINDS:
                keras.utils.set_random_seed(seed)
                network = build_network(kind, seed)
                name = f"{kind}, seed {seed}"
                every = max(arguments.epochs // 10, 1)
                callback = Errors(bar, task, name, data, every)
                train(network, data, arguments.epochs, callback)
                curves[kind].append(callback.curve)

    curves = {kind: np.array(runs) for kind, runs in curves.items()}
    rows = []
    for kind, runs in curves.items():
        training, held_out = runs[:, -1, 1].tolist(), runs[:, -1, 2].tolist()
        each = (f"{error:.2f}" for error in held_out)
        means = map(digits.mean_and_spread, (training, held_out))
        rows.append((kind, *each, *means))
    heads = [f"seed {seed}" for seed in range(arguments.seeds)]
    print(
        f"\nError in % after {arguments.epochs} epochs: {len(data[0])} training and "
        f"{len(data[2])} held-out digits.\nThe columns of single seeds are held-out."
    )
    print(digits.table(("pooling", *heads, "training", "held-out"), rows))
    path = common.output_folder(arguments) / PICTURE_FILE
    draw(curves, path)
    print(f"Picture: {path}")


if __name__ == "__main__":
    main()
