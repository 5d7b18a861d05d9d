"""Fractional max pooling against max pooling on real digits, after Graham (2014).

Two networks of blocks (C2 - P), a 2×2 convolution and a pooling layer, then C2 - C1 and
the output:

- fractional: five blocks that shrink each axis by √2, each sample by its own regions;
- max: three blocks that halve it, and a few more filters, for as many parameters.

Each is trained from three seeds. The table says how often the fractional networks err

- when 12 random passes are averaged, as in the paper: `kp.predict_averaged`;
- in one random pass: layers with `inference="random"`; the mean of the 12 errors;
- with the regions that each layer keeps: `inference="fixed"`, the default;
- with edges at the nearest integers: `inference="central"`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import common
import digits
import keras
import numpy as np

import keras_pooling as kp

PICTURE_FILE = "fractional_max_pooling.png"


def block_network(pooling: list[keras.layers.Layer], filters: int) -> keras.Sequential:
    """Returns a network with these pooling layers; block i has i · filters filters."""
    network = keras.Sequential([keras.Input((28, 28, 1))])

    def convolution(count: int, size: int, dropout: float) -> None:
        network.add(keras.layers.Conv2D(count, size, kernel_initializer="he_normal"))
        network.add(keras.layers.LeakyReLU(0.3))
        network.add(keras.layers.Dropout(dropout))

    last = len(pooling) + 1
    for i, pool in enumerate(pooling, start=1):
        convolution(i * filters, 2, 0.25 * i / last)
        network.add(pool)
    convolution(last * filters, 2, 0.25)
    convolution(last * filters, 1, 0.25)
    network.add(keras.layers.GlobalAveragePooling2D())
    network.add(keras.layers.Dense(10, activation="softmax"))
    return network


def fractional_network(seed: int, inference: str = "fixed") -> keras.Sequential:
    """Returns the network with fractional max pooling by √2."""
    pooling = [
        kp.FractionalMaxPool2D(
            2**0.5, regions_per="sample", inference=inference, seed=10 * seed + i
        )
        for i in range(5)
    ]
    return block_network(pooling, filters=16)


def max_network() -> keras.Sequential:
    """Returns the network with max pooling by 2."""
    return block_network([kp.MaxPool2D() for _ in range(3)], filters=30)


def train(
    network: keras.Sequential, data: tuple, epochs: int, callback: digits.Epochs
) -> None:
    """Trains with Adam, the learning rate falling to zero along a cosine."""
    images, labels, batch_size = data[0], data[1], 50
    steps = epochs * -(-len(images) // batch_size)
    rate = keras.optimizers.schedules.CosineDecay(2e-3, steps)
    network.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy")
    network.fit(
        *(images, labels),
        batch_size=batch_size,
        epochs=epochs,
        verbose=0,
        callbacks=[callback],
    )


def answers(network: keras.Sequential, images: np.ndarray) -> np.ndarray:
    """Returns what one pass gives."""
    return network.predict(images, batch_size=250, verbose=0)


def draw(errors: dict[str, list[float]], by_passes: np.ndarray, path: Path) -> None:
    """Writes a picture: the error over the number of passes, a line for each seed."""
    import matplotlib.pyplot as plt

    figure, axis = plt.subplots(figsize=(7, 4.5), layout="constrained")
    passes = np.arange(1, by_passes.shape[1] + 1)
    for seed, line in enumerate(by_passes):
        axis.plot(passes, line, marker="o", label=f"fractional, seed {seed}")
    for seed, height in enumerate(errors["max, 1 pass"]):
        style = {"linestyle": "--", "color": "black", "linewidth": 0.8 + 0.4 * seed}
        axis.axhline(height, label=f"max pooling, seed {seed}", **style)
    axis.set_xlabel("passes that are averaged")
    axis.set_ylabel("held-out error in %")
    axis.set_ylim(bottom=0)
    axis.legend(fontsize=8)
    figure.savefig(path, dpi=120)
    plt.close(figure)


def parse_arguments() -> argparse.Namespace:
    """Reads the command line."""
    parser = common.parser(__doc__, 15, "a trial of seconds; shows no difference")
    add = parser.add_argument
    add("--seeds", type=int, default=3, help="networks of each kind")
    add("--passes", type=int, default=12, help="test passes that are averaged")
    add("--images", type=int, default=4000, help="to train with, at most 4000")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.epochs, arguments.seeds, arguments.images = 1, 1, 200
        arguments.passes = min(arguments.passes, 2)
    return arguments


def main() -> None:
    """Trains, prints the table and draws the picture."""
    arguments = parse_arguments()
    data = digits.load(arguments.images, 1000)
    held_out, labels = data[2:]
    ways = ("1 pass", f"{arguments.passes} passes", "fixed", "central")
    names = (*(f"fractional, {way}" for way in ways), "max, 1 pass")
    results: dict[str, list[float]] = {name: [] for name in names}
    by_passes = np.zeros((arguments.seeds, arguments.passes))
    with digits.progress(2 * arguments.seeds * arguments.epochs) as (bar, task):
        for seed in range(arguments.seeds):
            keras.utils.set_random_seed(seed)
            network = fractional_network(seed)
            callback = digits.Epochs(bar, task, f"fractional, seed {seed}")
            train(network, data, arguments.epochs, callback)
            drawing = fractional_network(seed, "random")
            drawing.set_weights(network.get_weights())
            each = np.stack([answers(drawing, held_out) for _ in by_passes[seed]])
            by_passes[seed] = [digits.error(sums, labels) for sums in each.cumsum(0)]
            averaged = kp.predict_averaged(
                network, held_out, arguments.passes, batch_size=250, verbose=0
            )
            central = fractional_network(seed, "central")
            central.set_weights(network.get_weights())

            keras.utils.set_random_seed(seed)
            other = max_network()
            callback = digits.Epochs(bar, task, f"max pooling, seed {seed}")
            train(other, data, arguments.epochs, callback)
            errors = (
                float(np.mean([digits.error(one, labels) for one in each])),
                digits.error(averaged, labels),
                digits.error(answers(network, held_out), labels),
                digits.error(answers(central, held_out), labels),
                digits.error(answers(other, held_out), labels),
            )
            for name, value in zip(names, errors, strict=True):
                results[name].append(value)

    parameters = {"fractional": network.count_params(), "max": other.count_params()}
    rows = [
        (
            name,
            f"{parameters[name.split(',')[0]]:,}",
            *(f"{value:.2f}" for value in values),
            digits.mean_and_spread(values),
        )
        for name, values in results.items()
    ]
    heads = [f"seed {seed}" for seed in range(arguments.seeds)]
    print(f"\nError in % of {len(labels)} held-out digits, {len(data[0])} trained with")
    print(digits.table(("network", "parameters", *heads, "mean"), rows))
    path = common.output_folder(arguments) / PICTURE_FILE
    draw(results, by_passes, path)
    print(f"Picture: {path}")


if __name__ == "__main__":
    main()
