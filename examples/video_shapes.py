"""A 3D network learns what a shape does in a short, noisy video.

The videos are toys: a square or a disc moves left, right, up or down, grows or shrinks.
No single frame tells which; only time does. Max pooling first halves the frames alone,
then time too, and at last takes the greatest value of each feature map.

Run with `python examples/video_shapes.py --help`, on any Keras backend.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import common
import keras
import numpy as np

import keras_pooling as kp

FRAMES, SIZE = 8, 24
# Pixels a frame that a shape goes down, right and grows by.
MOTIONS = {
    "left": (0, -1, 0),
    "right": (0, 1, 0),
    "up": (-1, 0, 0),
    "down": (1, 0, 0),
    "grows": (0, 0, 0.5),
    "shrinks": (0, 0, -0.5),
}


def video(motion: str, random: np.random.Generator) -> np.ndarray:
    """Returns one video, (frames, rows, columns, 1)."""
    time = (np.arange(FRAMES) - (FRAMES - 1) / 2)[:, None, None]
    speed = random.uniform(0.6, 1.4)
    down, right, growth = (speed * step * time for step in MOTIONS[motion])
    rows, columns = np.indices((SIZE, SIZE)) - SIZE / 2
    row, column = random.uniform(-5, 5, 2)
    far = np.stack([rows - row - down, columns - column - right])
    is_disc = random.integers(2)
    distance = np.hypot(*far) if is_disc else abs(far).max(axis=0)
    shape = (distance < random.uniform(3.5, 5) + growth) * random.uniform(0.5, 1)
    noisy = shape + 0.5 * random.standard_normal(shape.shape)
    return noisy[..., None].astype("float32")


def build_network() -> keras.Sequential:
    """Returns the network."""

    def convolution(filters: int) -> keras.layers.Layer:
        return keras.layers.Conv3D(filters, 3, padding="same", activation="relu")

    return keras.Sequential(
        [
            keras.Input((FRAMES, SIZE, SIZE, 1)),
            convolution(8),
            kp.MaxPooling3D((1, 2, 2)),  # every frame stays
            convolution(16),
            kp.MaxPooling3D(2),
            convolution(32),
            kp.GlobalMaxPooling3D(),
            keras.layers.Dense(len(MOTIONS), activation="softmax"),
        ]
    )


def parse_arguments() -> argparse.Namespace:
    """Reads the command line."""
    parser = common.parser(__doc__, 10, "few videos and epochs, a trial of seconds")
    parser.add_argument("--videos", type=int, default=1200, help="to train with")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.epochs, arguments.videos = 6, 480
    return arguments


def main() -> None:
    """Trains and tells how many motions are recognised."""
    arguments = parse_arguments()
    data = common.samples(video, list(MOTIONS), arguments.videos)
    common.train_and_report(build_network, 3e-3, data, arguments, Path(__file__).stem)


if __name__ == "__main__":
    main()
