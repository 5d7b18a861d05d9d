"""A VGG-like network learns from which of three photographs a small patch is cut.

The photographs, a dahlia, a pavilion and a portrait, come with scikit-learn and
Matplotlib. Each is cut into blocks; the patches of a fifth of the blocks are held out,
so that no pixel of them is trained with. Blocks of convolutions end with max pooling,
and the last one with the average of each feature map.

Run with `python examples/vgg_on_photographs.py --help`, on any Keras backend.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import common
import keras
import numpy as np

import keras_pooling as kp

BLOCK, PATCH = 64, 32  # heights and widths in pixels


def photographs() -> list[np.ndarray]:
    """Returns the photographs, (rows, columns, 3) from 0 to 1."""
    import matplotlib.cbook
    import matplotlib.image
    from sklearn.datasets import load_sample_image

    with matplotlib.cbook.get_sample_data("grace_hopper.jpg") as file:
        portrait = matplotlib.image.imread(file, format="jpg")
    both = map(load_sample_image, ("flower.jpg", "china.jpg"))
    return [photo.astype("float32") / 255 for photo in (*both, portrait)]


def load(patches: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Returns patches and labels to train with, patches and labels to hold out.

    Args:
        patches: in all, as many of each photograph.
    """
    random = np.random.default_rng(0)
    parts: tuple[list, list] = [], []  # to train with, to hold out
    for label, photo in enumerate(photographs()):
        rows, columns = (size // BLOCK for size in photo.shape[:2])
        blocks = random.permutation(rows * columns)
        for i in range(patches // 3):
            block = blocks[i % len(blocks)]
            corner = np.array(divmod(block, columns)) * BLOCK
            top, left = corner + random.integers(0, BLOCK - PATCH + 1, 2)
            patch = photo[top : top + PATCH, left : left + PATCH]
            held_out = i % len(blocks) < len(blocks) // 5
            parts[held_out].append((patch, label))
    arrays = []
    for part in parts:
        x, y = zip(*part, strict=True)
        arrays += [np.stack(x), np.array(y, "int32")]
    return tuple(arrays)


def build_network() -> keras.Sequential:
    """Returns the network."""

    def block(filters: int) -> tuple[keras.layers.Layer, ...]:
        def convolution() -> keras.layers.Layer:
            return keras.layers.Conv2D(filters, 3, padding="same", activation="relu")

        return convolution(), convolution(), kp.MaxPooling2D(2)

    return keras.Sequential(
        [
            keras.Input((PATCH, PATCH, 3)),
            keras.layers.RandomFlip("horizontal", seed=0),
            *block(16),
            *block(32),
            *block(64),
            kp.GlobalAveragePooling2D(),
            keras.layers.Dropout(0.3),
            keras.layers.Dense(3, activation="softmax"),
        ]
    )


def parse_arguments() -> argparse.Namespace:
    """Reads the command line."""
    parser = common.parser(__doc__, 8, "few patches and epochs, a trial of seconds")
    parser.add_argument("--patches", type=int, default=3000, help="of all photographs")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.epochs, arguments.patches = 3, 900
    return arguments


def main() -> None:
    """Trains and tells how many patches are told apart."""
    arguments = parse_arguments()
    data = load(arguments.patches)
    common.train_and_report(build_network, 2e-3, data, arguments, Path(__file__).stem)


if __name__ == "__main__":
    main()
