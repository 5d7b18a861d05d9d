"""Max unpooling in a small SegNet that takes noise off real digits.

An encoder of convolutions pools twice, and a decoder of convolutions goes the way back.
It is trained with two kinds of decoder that have the same weights: one puts each value
back where its maximum was, by the indices that the pool kept (Badrinarayanan et al.,
SegNet, 2017); the other repeats each value over its window. What is left of the noise
is measured on digits that no network has seen.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import common
import digits
import keras
import numpy as np

import keras_pooling as kp

PICTURE_FILE = "max_unpooling_segnet.png"
KINDS = ("unpooling", "repeating")


def build_network(kind: str) -> keras.Model:
    """Returns the network with one kind of decoder."""

    def convolution(filters: int) -> keras.layers.Layer:
        return keras.layers.Conv2D(filters, 3, padding="same", activation="relu")

    def pool(x):
        if kind == "unpooling":
            return kp.MaxPooling2D(2, return_indices=True)(x)
        return kp.MaxPooling2D(2)(x), None

    def back(x, indices):
        if kind == "unpooling":
            return kp.MaxUnpool2D(2)(x, indices)
        return keras.layers.UpSampling2D(2)(x)

    images = keras.Input((28, 28, 1))
    x, outer = pool(convolution(16)(images))
    x, inner = pool(convolution(32)(x))
    # As many channels as the pool had: each has indices of its own.
    x = convolution(32)(x)
    x = convolution(16)(back(x, inner))
    x = convolution(16)(back(x, outer))
    return keras.Model(images, keras.layers.Conv2D(1, 3, padding="same")(x))


def with_noise(images: np.ndarray, noise: float, seed: int) -> np.ndarray:
    """Returns the images with normal noise on every pixel."""
    numbers = np.random.default_rng(seed).standard_normal(images.shape)
    return (images + noise * numbers).astype("float32")


def error(images: np.ndarray, clean: np.ndarray) -> float:
    """Returns the root of the mean squared difference, in % of white."""
    return 100 * float(np.sqrt(np.mean((images - clean) ** 2)))


def draw(rows: dict[str, np.ndarray], path: Path) -> None:
    """Writes a picture: one digit of each class as it was and as it came back."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(
        len(rows), 10, figsize=(10, 1.2 * len(rows)), layout="constrained"
    )
    for line, (name, images) in zip(axes, rows.items(), strict=True):
        for axis, image in zip(line, images[:: len(images) // 10], strict=False):
            axis.imshow(image[..., 0], cmap="gray", vmin=0, vmax=1)
            axis.set_xticks([])
            axis.set_yticks([])
        line[0].set_ylabel(name)
    figure.savefig(path, dpi=120)
    plt.close(figure)


def parse_arguments() -> argparse.Namespace:
    """Reads the command line."""
    parser = common.parser(__doc__, 8, "a trial of seconds; shows no difference")
    add = parser.add_argument
    add("--seeds", type=int, default=2, help="networks of each kind")
    add("--images", type=int, default=2000, help="to train with, at most 4000")
    add("--noise", type=float, default=0.5, help="its standard deviation; white is 1")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.epochs, arguments.seeds, arguments.images = 1, 1, 200
    return arguments


def main() -> None:
    """Trains, prints the table and draws the picture."""
    arguments = parse_arguments()
    training, _, held_out, _ = digits.load(arguments.images, 1000)
    noisy = with_noise(held_out, arguments.noise, seed=0)
    pictures = {"clean": held_out, "noisy": noisy}
    errors = {kind: [] for kind in KINDS}
    with digits.progress(len(KINDS) * arguments.seeds * arguments.epochs) as (
        bar,
        task,
    ):
        for seed in range(arguments.seeds):
            for kind in KINDS:
                keras.utils.set_random_seed(seed)
                network = build_network(kind)
                network.compile(keras.optimizers.Adam(2e-3), "mse")
                network.fit(
                    *(with_noise(training, arguments.noise, seed + 1), training),
                    batch_size=50,
                    epochs=arguments.epochs,
                    verbose=0,
                    callbacks=[digits.Epochs(bar, task, f"{kind}, seed {seed}")],
                )
                pictures[kind] = network.predict(noisy, batch_size=250, verbose=0)
                errors[kind].append(error(pictures[kind], held_out))

    heads = [f"seed {seed}" for seed in range(arguments.seeds)]
    print(
        f"\nRoot mean squared error in % of white, of {len(held_out)} held-out digits: "
        f"{error(noisy, held_out):.2f} with the\nnoise, and after {arguments.epochs} "
        f"epochs with {network.count_params():,} weights"
    )
    rows = [
        (kind, *(f"{each:.2f}" for each in runs), digits.mean_and_spread(runs))
        for kind, runs in errors.items()
    ]
    print(digits.table(("decoder", *heads, "mean"), rows))
    path = common.output_folder(arguments) / PICTURE_FILE
    draw(pictures, path)
    print(f"Picture: {path}")


if __name__ == "__main__":
    main()
