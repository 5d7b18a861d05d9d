"""One photograph through every pooling layer: what each keeps, what gets a gradient.

Run with `python examples/see_pooling.py`, on any Keras backend. The picture shows

1. the pooled maps of a photograph, each of its channels pooled by itself;
2. close up, which taps win or are drawn; they alone get a gradient;
3. the regions of fractional pooling in several draws;
4. close up, the gradients of layers that weigh all taps of a window.

The photograph, of a dahlia, comes with scikit-learn.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path

import common
import keras
import numpy as np

import keras_pooling as kp

PICTURE_FILE = "see_pooling.png"
SEED, OTHER_SEED = (3, 5), (4, 5)  # of the draws that are shown
SIZE, CLOSE = 7, 4  # of windows of the photograph, and close up
DETAIL, DETAIL_SIZE = (112, 74), 24  # what is shown close up


def photograph() -> tuple[np.ndarray, np.ndarray]:
    """Returns a part of it and a detail of that, (1, rows, columns, 3), from 0 to 1."""
    from sklearn.datasets import load_sample_image

    pixels = load_sample_image("flower.jpg").astype("float32") / 255
    part = pixels[90:342, 174:426]
    (top, left), size = DETAIL, DETAIL_SIZE
    return part[None], part[None, top : top + size, left : left + size]


def as_array(tensor) -> np.ndarray:
    """Returns a tensor's numbers."""
    return keras.ops.convert_to_numpy(tensor)


def grey(images: np.ndarray) -> np.ndarray:
    """Returns one channel, stretched to 0…1."""
    mixed = images @ np.float32([[0.299], [0.587], [0.114]])
    return (mixed - mixed.min()) / np.ptp(mixed)


def choosing(size: int, outputs: int) -> dict[str, Callable]:
    """Returns layers whose outputs are single taps, by title."""
    ops = kp.ops
    return {
        "max": lambda x: ops.max_pool(x, size),
        "min": lambda x: ops.min_pool(x, size),
        "median": lambda x: ops.median_pool(x, size),
        "stochastic: a draw": lambda x: ops.stochastic_pool(x, size, seed=SEED),
        "stochastic: another": lambda x: ops.stochastic_pool(x, size, seed=OTHER_SEED),
        f"fractional max, to {outputs}": lambda x: fractional(x, outputs, SEED),
        f"adaptive max, to {outputs}": lambda x: ops.adaptive_max_pool(x, outputs),
    }


def unpooled(x):
    """Returns the maxima in their places, and zeros elsewhere."""
    y, indices = kp.ops.max_pool(x, CLOSE, return_indices=True)
    return kp.ops.max_unpool(y, indices, CLOSE)


def weighing(size: int) -> dict[str, Callable]:
    """Returns layers whose outputs are sums over their windows, by title."""
    ops = kp.ops
    return {
        "average": lambda x: ops.avg_pool(x, size),
        "L2 (normalized)": lambda x: ops.lp_pool(x, size, normalize=True),
        "GeM, p = 3": lambda x: ops.gem_pool(x, size),
        "soft, β = 8": lambda x: ops.soft_pool(x, size, beta=8.0),
        "stochastic: expected": lambda x: ops.stochastic_pool(x, size, training=False),
        "mixed, α = ½": lambda x: ops.mixed_pool(x, size),
        "blur": lambda x: ops.blur_pool(x, 7, size),
        "max-blur": lambda x: ops.max_blur_pool(x, 2, size, filter_size=7),
    }


def fractional(x, outputs: int, seed: tuple[int, int], pseudo_random: bool = True):
    """Returns fractional max pooling over regions that do not overlap."""
    return kp.ops.fractional_max_pool(
        x,
        output_size=outputs,
        seed=seed,
        overlapping=False,
        pseudo_random=pseudo_random,
    )


def edges(size: int, *draw) -> tuple[np.ndarray, np.ndarray]:
    """Returns where the regions of a draw end, in rows and in columns.

    The greatest number of a row in each region is that of its last row.
    """
    numbers = np.indices((size, size)).transpose(1, 2, 0)[None].astype("float32")
    last = as_array(fractional(numbers, *draw))[0]
    return last[:, 0, 0] + 1, last[0, :, 1] + 1


def gradient(function: Callable, x: np.ndarray) -> np.ndarray:
    """Returns the gradient of the sum of a function's results."""
    if keras.config.backend() == "jax":
        import jax

        return np.asarray(jax.grad(lambda x: function(x).sum())(x))
    if keras.config.backend() == "torch":
        import torch

        given = torch.tensor(x, requires_grad=True)
        function(given).sum().backward()
        return given.grad.numpy()
    import tensorflow as tf

    given = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(given)
        total = tf.reduce_sum(function(given))
    return tape.gradient(total, given).numpy()


def lines(axis, rows: np.ndarray, columns: np.ndarray) -> None:
    """Draws borders between pixels."""
    for at in rows[rows < DETAIL_SIZE]:
        axis.axhline(at - 0.5, color="white", linewidth=1)
    for at in columns[columns < DETAIL_SIZE]:
        axis.axvline(at - 0.5, color="white", linewidth=1)


def tiles(figure, title: str, rows: int = 1) -> Iterator:
    """Yields the axes of a section of the picture, after its heading."""
    figure.suptitle(title, x=0.004, ha="left", fontsize=12, fontweight="bold")
    for axis in figure.subplots(rows, 8).flat:
        axis.set_xticks([])
        axis.set_yticks([])
        yield axis


def show(axis, image: np.ndarray, title: str, **scale):
    """Shows an image in its tile, pixel by pixel; without a scale, 0…1 in grey."""
    axis.set_title(title, fontsize=9.5, pad=3)
    scale = scale or {"cmap": "gray", "vmin": 0, "vmax": 1}
    return axis.imshow(image, interpolation="nearest", **scale)


def draw_maps(figure, whole: np.ndarray) -> None:
    """Draws the photograph and what each layer makes of it."""
    from matplotlib.patches import Rectangle

    title = f"1  A photograph, pooled over windows of {SIZE}×{SIZE} pixels"
    axes = tiles(figure, title, rows=2)
    axis = next(axes)
    show(axis, whole[0], "photograph, detail")
    corner, size = (DETAIL[1], DETAIL[0]), DETAIL_SIZE
    axis.add_patch(Rectangle(corner, size, size, fill=False, color="white"))
    for name, pool in {**choosing(SIZE, 30), **weighing(SIZE)}.items():
        show(next(axes), as_array(pool(whole))[0].clip(0, 1), name)


def draw_winners(figure, close: np.ndarray) -> None:
    """Draws which taps the gradient goes to, and where unpooling puts maxima."""
    title = f"2  The detail, windows of {CLOSE}×{CLOSE}: taps that win or are drawn"
    axes = tiles(figure, title)
    size, outputs = close.shape[1], 5
    for name, pool in choosing(CLOSE, outputs).items():
        axis = next(axes)
        show(axis, close[0], name)
        rows, columns = np.nonzero(gradient(pool, close)[0, ..., 0])
        axis.scatter(columns, rows, s=14, color="tab:red", linewidths=0)
        cuts = (np.arange(CLOSE, size, CLOSE),) * 2
        if name.startswith("fractional"):
            cuts = edges(size, outputs, SEED)
        elif name.startswith("adaptive"):  # where its windows begin
            cuts = (np.arange(1, outputs) * size // outputs,) * 2
        lines(axis, *cuts)
    axis = next(axes)
    show(axis, as_array(unpooled(close))[0], "max, then unpool")
    lines(axis, *(np.arange(CLOSE, size, CLOSE),) * 2)


def draw_regions(figure, detail: np.ndarray) -> None:
    """Draws the regions of fractional pooling."""
    size, outputs = detail.shape[1], 10
    axes = tiles(figure, f"3  Regions of fractional pooling from {size} to {outputs}")
    for i, axis in enumerate(axes):
        kind = "random" if i // 4 else "pseudo-random"
        show(axis, detail[0], f"{kind}, {i % 4 + 1}")
        lines(axis, *edges(size, outputs, (i % 4, 0), kind == "pseudo-random"))


def draw_gradients(figure, close: np.ndarray) -> None:
    """Draws gradients on one scale, logarithmic on either side of zero."""
    from matplotlib.colors import SymLogNorm

    axes = tiles(figure, "4  Gradients of layers that weigh all taps of a window")
    scale = {"norm": SymLogNorm(0.03, vmin=-1, vmax=1), "cmap": "RdBu_r"}
    for name, pool in weighing(CLOSE).items():
        shown = show(next(axes), gradient(pool, close)[0], name, **scale)
    ticks = [-1, -0.1, 0, 0.1, 1]
    bar = figure.colorbar(
        shown, ax=figure.axes, ticks=ticks, shrink=0.9, aspect=8, pad=0.01
    )
    bar.ax.set_yticklabels([f"{tick:g}" for tick in ticks], fontsize=9)
    bar.ax.minorticks_off()


def draw(path: Path) -> None:
    """Writes the picture."""
    import matplotlib.pyplot as plt

    whole, detail = photograph()
    figure = plt.figure(figsize=(12, 9.8), layout="constrained")
    figure.get_layout_engine().set(h_pad=0.03, w_pad=0.03, hspace=0.02, wspace=0.01)
    parts = figure.subfigures(4, 1, height_ratios=[1.9, 1, 1, 1])
    draw_maps(parts[0], whole)
    draw_winners(parts[1], grey(detail))
    draw_regions(parts[2], detail)
    draw_gradients(parts[3], grey(detail))
    figure.savefig(path, dpi=100)
    plt.close(figure)


def parse_arguments() -> argparse.Namespace:
    """Reads the command line."""
    return common.parser(__doc__).parse_args()


def main() -> None:
    """Draws the picture."""
    path = common.output_folder(parse_arguments()) / PICTURE_FILE
    draw(path)
    print(f"Picture: {path}")


if __name__ == "__main__":
    main()
