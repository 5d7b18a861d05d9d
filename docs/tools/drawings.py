"""The drawings of the site, made by code. Knows how the package works, imports none.

`python docs/tools/drawings.py FOLDER` writes them, to look at.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from pathlib import Path

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Rectangle

# A colour means the same in all drawings. Dark text reads on each.
KERAS, PYTHON, HOST, CORE, PLAIN = "#f9d5d1", "#dbe7f6", "#fdeec7", "#d5ecd9", "#eeeeee"
EDGE, TEXT, STRONG = "#5b6470", "#20262e", "#b3402e"
plt.rcParams |= {
    "svg.hashsalt": "keras_pooling",  # the same file each time
    "svg.fonttype": "path",
    "font.size": 13,
    "font.family": "DejaVu Sans",
}


def _axes(width: float, height: float) -> Axes:
    """An empty sheet with x from 0 to `width` and y, downwards, from 0 to `height`."""
    _, axes = plt.subplots(figsize=(width, height))
    axes.set(xlim=(0, width), ylim=(height, 0), aspect="equal")
    axes.axis("off")
    axes.figure.subplots_adjust(0, 0, 1, 1)
    return axes


def _box(
    axes: Axes,
    x: float,
    y: float,
    width: float,
    height: float,
    colour: str,
    title: str,
    lines: str = "",
) -> None:
    shape = "round,pad=0,rounding_size=0.08"
    axes.add_patch(
        FancyBboxPatch((x, y), width, height, shape, facecolor=colour, edgecolor=EDGE)
    )
    middle = y + height / 2
    rows = lines.count("\n") + 1 if lines else 0
    axes.text(
        x + width / 2,
        middle - 0.13 * rows,
        title,
        ha="center",
        va="center",
        weight="bold",
        color=TEXT,
    )
    if lines:
        axes.text(
            x + width / 2,
            middle + 0.16,
            lines,
            ha="center",
            va="center",
            fontsize=11,
            color=TEXT,
            linespacing=1.25,
        )


def _arrow(
    axes: Axes, start: tuple[float, float], end: tuple[float, float], colour: str = EDGE
) -> None:
    axes.add_patch(
        FancyArrowPatch(
            start,
            end,
            arrowstyle="-|>",
            mutation_scale=14,
            color=colour,
            shrinkA=0,
            shrinkB=0,
        )
    )


def floors() -> None:
    """Who calls whom: each floor the one below it."""
    axes = _axes(9, 8.1)
    rows = [
        (KERAS, "layers", "Keras: arguments, config, shapes, seeds, masks"),
        (PYTHON, "functions · dispatch", "kp.ops; compiled, portable or symbolic?"),
    ]
    for i, (colour, title, lines) in enumerate(rows):
        _box(axes, 0.4, 0.2 + 1.15 * i, 8.2, 0.8, colour, title, lines)
        _arrow(axes, (3.0, 1.0 + 1.15 * i), (3.0, 1.35 + 1.15 * i))
    _arrow(axes, (7.4, 2.15), (7.4, 2.5))
    _box(
        axes,
        0.4,
        2.5,
        5.8,
        0.8,
        PYTHON,
        "compiled",
        "tensorflow.py · jax.py · torch.py",
    )
    _box(axes, 6.4, 2.5, 2.2, 0.8, PYTHON, "portable", "keras.ops, any device")
    for i, (title, lines) in enumerate(
        [
            ("TensorFlow", "registered ops"),
            ("XLA", "custom calls"),
            ("C entry", "PyTorch, others"),
        ]
    ):
        middle = 1.27 + 2.03 * i
        _arrow(axes, (middle, 3.3), (middle, 3.65))
        _box(axes, 0.4 + 2.03 * i, 3.65, 1.74, 0.8, HOST, title, lines)
        _arrow(axes, (middle, 4.45), (middle, 4.8))
    axes.text(6.45, 4.06, "hosts (C++)", color=EDGE, va="center")
    _box(
        axes,
        0.4,
        4.8,
        5.8,
        0.8,
        STRONG + "33",
        "the door",
        "one entry for each op; checks all that comes in",
    )
    axes.text(
        6.45,
        5.2,
        "what is below it\nlinks no framework",
        color=EDGE,
        va="center",
        fontsize=11,
    )
    _arrow(axes, (3.3, 5.6), (3.3, 5.95))
    _box(
        axes,
        0.4,
        5.95,
        5.8,
        0.8,
        CORE,
        "execution",
        "chooses a walk, shares work out to threads",
    )
    _arrow(axes, (3.3, 6.75), (3.3, 7.1))
    for i, (title, lines) in enumerate(
        [("walks", "loops"), ("reducers", "arithmetic"), ("targets", "instructions")]
    ):
        _box(axes, 0.4 + 2.03 * i, 7.1, 1.74, 0.8, CORE, title, lines)
    axes.text(6.45, 7.5, "kernels (C++)", color=EDGE, va="center")


def walks() -> None:
    """Any walk with any reducer, compiled for every instruction set."""
    axes = _axes(9, 5.6)
    columns = [
        ("geometry", PLAIN, ["sliding", "fractional", "adaptive", "global"]),
        ("walk", PYTHON, ["reduce", "separable", "gather", "disjoint", "scatter"]),
        ("reducer", CORE, ["max", "average", "Lp", "soft, GeM", "stochastic"]),
        ("target", HOST, ["AVX-512", "AVX2", "baseline"]),
    ]
    said = [
        "where windows fall",
        "how to loop over them",
        "one window's arithmetic",
        "instruction set",
    ]
    for i, (title, colour, names) in enumerate(columns):
        left = 0.25 + 2.25 * i
        axes.text(
            left + 0.87, 0.3, title, ha="center", va="center", weight="bold", color=TEXT
        )
        axes.text(
            left + 0.87,
            0.62,
            said[i],
            ha="center",
            va="center",
            fontsize=10.5,
            color=EDGE,
        )
        for j, name in enumerate(names):
            _box(axes, left, 1.0 + 0.8 * j, 1.75, 0.58, colour, name)
        if i:
            axes.text(
                left - 0.25,
                2.9,
                "×",
                ha="center",
                va="center",
                fontsize=26,
                color=STRONG,
            )
    axes.text(
        4.5,
        5.25,
        "A new entry in one column needs no change in the others: "
        "no loop is written twice.",
        ha="center",
        va="center",
        color=TEXT,
        fontsize=11.5,
    )


def taps() -> None:
    """Window, tap, span and lane, in a picture of a 3/2 pool with padding "same"."""
    axes = _axes(9, 5.3)
    size, left, top = 0.72, 0.75, 0.75
    for row in range(5):
        for column in range(5):
            axes.add_patch(
                Rectangle(
                    (left + size * column, top + size * row),
                    size,
                    size,
                    facecolor=PLAIN,
                    edgecolor=EDGE,
                )
            )
    for row, column in ((r, c) for r in range(2) for c in range(2)):
        axes.add_patch(
            Rectangle(
                (left + size * column, top + size * row),
                size,
                size,
                facecolor=CORE,
                edgecolor=EDGE,
            )
        )
        axes.text(
            left + size * (column + 0.5),
            top + size * (row + 0.5),
            str(4 + 3 * row + column),
            ha="center",
            va="center",
            color=TEXT,
        )
    axes.add_patch(
        Rectangle(
            (left - size + 0.04, top - size + 0.04),
            3 * size - 0.08,
            3 * size - 0.08,
            fill=False,
            edgecolor=STRONG,
            lw=2.5,
        )
    )
    axes.text(left + 2.1 * size, top - 0.4, "first window", color=STRONG, va="center")
    axes.text(
        left + 2.5 * size,
        top + 5 * size + 0.3,
        '5 × 5 input, 3 × 3 windows, stride 2,\npadding "same"',
        ha="center",
        va="top",
        fontsize=11,
        color=TEXT,
    )
    right = 4.95
    said = [
        ("window", "the box that gives one output"),
        (
            "tap",
            "one element that a window looks at: the green ones.\n"
            "Numbers count the whole window in row-major order,\n"
            "so that taps 0 to 3 and 6 lie outside the input",
        ),
        (
            "span",
            "where a window falls on one axis, clipped to the input:\n"
            "first element 0, first tap 1, count 2",
        ),
        ("lane", "one of the channels that a vector instruction\nhandles together"),
    ]
    y = 0.65
    for word, text in said:
        axes.text(right, y, word, weight="bold", color=TEXT, va="top")
        axes.text(
            right, y + 0.3, text, color=TEXT, va="top", fontsize=10.5, linespacing=1.3
        )
        y += 0.62 + 0.23 * (text.count("\n") + 1)


def lowering() -> None:
    """How one call of a layer comes to the C++ library, under each framework."""
    axes = _axes(9, 6.2)
    _box(axes, 2.6, 0.2, 3.8, 0.7, KERAS, "kp.MaxPooling2D(2)(x)")
    columns = [
        ("TensorFlow", "registered op\nKerasPooling>…", "C entry"),
        ("XLA in TensorFlow", "the op is lowered\nto a custom call", "XLA handler"),
        ("JAX", "primitive, lowered\nto a custom call", "XLA handler"),
        ("PyTorch", "operator\nkeras_pooling::…", "C entry"),
    ]
    for i, (title, how, entry) in enumerate(columns):
        left = 0.15 + 2.2 * i
        middle = left + 1.05
        _arrow(axes, (4.5, 0.9), (middle, 1.45))
        _box(axes, left, 1.45, 2.1, 1.25, PYTHON, title, how)
        _arrow(axes, (middle, 2.7), (middle, 3.1))
        _box(axes, left, 3.1, 2.1, 0.6, HOST, entry)
        _arrow(axes, (middle, 3.7), (middle, 4.15))
    _box(axes, 0.15, 4.15, 8.7, 0.7, STRONG + "33", "RunOp(): the door")
    _arrow(axes, (4.5, 4.85), (4.5, 5.25))
    _box(
        axes,
        0.15,
        5.25,
        8.7,
        0.75,
        CORE,
        "libkeras_pooling.so",
        "the same code, so the same bits",
    )


def all_drawings() -> dict[str, str]:
    """Each drawing as SVG, by its name."""
    made: tuple[Callable[[], None], ...] = (floors, walks, taps, lowering)
    drawn = {}
    for draw in made:
        draw()
        file = io.StringIO()
        plt.savefig(file, format="svg", metadata={"Date": None})
        plt.close()
        drawn[draw.__name__] = file.getvalue()
    return drawn


if __name__ == "__main__":
    for name, svg in all_drawings().items():
        (Path(sys.argv[1]) / f"{name}.svg").write_text(svg)
