"""Calls of the core's ops with forged inputs, for every host: CVEs of other frameworks.

Each says by which reference it is known, and what the error must name. Expects nothing
of how a host calls the ops.
"""

from typing import Any, NamedTuple

import numpy as np

HUGE = 2**31 - 1
MAX, AVG = {"reduction": "max"}, {"reduction": "avg"}
REGIONS = {"geometry": "regions", "window": [1, 1]}
EDGES = ([[0, 2, 4]], [[0, 2, 4]])


class Forged(NamedTuple):
    """One call of an op."""

    references: list[str]
    op: str
    inputs: dict[str, Any]  # by role, in the op's order; regions are several
    attributes: dict[str, Any]
    output: tuple  # the shape that a host would allocate
    words: tuple[str, ...]  # of the error

    @property
    def id(self) -> str:
        """What a test of it is called."""
        return f"{'+'.join(self.references)}-{self.op}"


def floats(*shape: int) -> np.ndarray:
    return np.ones(shape, "float32")


def taps(*shape: int, value: int = 0) -> np.ndarray:
    return np.full(shape, value, "uint8")


def edges(*rows: Any) -> list[np.ndarray]:
    return [np.array(row, "int64") for row in rows]


def size(*sizes: int) -> np.ndarray:
    return np.array(sizes, "int64")


def max_grad(references, dy, tap, plane, attributes, *words, regions=()) -> Forged:
    inputs = {"dy": dy, "taps": tap, "size": plane, "regions": edges(*regions)}
    output = (1, *(int(n) % 64 or 1 for n in plane), 1)
    given = {**MAX, **attributes}
    return Forged(references.split(), "SelectingPoolGrad", inputs, given, output, words)


def avg_grad(references, dy, plane, attributes, *words, regions=()) -> Forged:
    inputs = {"dy": dy, "size": plane, "regions": edges(*regions)}
    output = (1, *(int(n) % 64 or 1 for n in plane), 1)
    given = {**AVG, **attributes}
    return Forged(references.split(), "BlendingPoolGrad", inputs, given, output, words)


def pool(references, x, attributes, *words, regions=(), output=(1, 2, 2, 1)) -> Forged:
    op = "SelectingPool" if attributes["reduction"] == "max" else "BlendingPool"
    inputs = {"x": x, "regions": edges(*regions)}
    return Forged(references.split(), op, inputs, attributes, output, words)


def draw(references, *numbers_and_words) -> Forged:
    *numbers, words = numbers_and_words
    inputs = {"seed": np.array([1, 2], "int64"), "draw": np.array(numbers, "int64")}
    output = (1, 2)
    return Forged(references.split(), "FractionalRegions", inputs, {}, output, words)


BAD_EDGES = {
    "CVE-2021-29580 CVE-2022-35981 CVE-2022-41897": [
        ([[0, 0, 0]], "0"),
        ([[-0x4000000, 1, 1]], str(-0x4000000)),
        ([[0, 1, -0x4000000]], str(-0x4000000)),
    ],
    "CVE-2021-29578 CVE-2021-37651 CVE-2022-21730 CVE-2022-35963": [
        ([[0, 4]], "gives 1 windows, dy has 2"),
        ([[0, 3, 1]], "1"),
        ([[0, -2, 4]], "-2"),
        ([[0, 2, 9]], "9"),
    ],
}
WINDOW = {"window": [2, 2]}
ONE = floats(1, 1, 1, 1)
Y, TAPS = floats(1, 2, 2, 1), taps(1, 2, 2, 1)
X = floats(1, 4, 4, 1)

FORGED = [
    draw("CVE-2021-29550 CVE-2022-21735", 1, 0, 1, ("0",)),
    draw("CVE-2022-41900", 4, 5, 1, ("5", "4", "pooling_ratio")),
    draw("pytorch#73624", 0, 0, 1, ("0",)),
    draw("CVE-2022-35963", 4, -1879048192, 1, (str(-1879048192),)),
    pool(
        *("CVE-2021-29550", ONE, {**MAX, **REGIONS}, "regions"),
        regions=([[0]], [[0]]),
        output=(1, 1, 1, 1),
    ),
    pool(
        "CVE-2023-25801", X, {**MAX, **REGIONS}, "expected 3 inputs", regions=EDGES * 2
    ),
    pool(
        *("CVE-2023-25801", X, {**MAX, "geometry": "regions", "window": [1] * 4}),
        "window",
        regions=EDGES * 2,
    ),
    pool("pytorch#50967", X, {**MAX, "window": []}, "window"),
    pool("pytorch#50967 pytorch#91659", X, {**MAX, **REGIONS}, "inputs"),
    *[
        make(references, *given, {**REGIONS}, word, regions=(row, row))
        for references, rows in BAD_EDGES.items()
        for row, word in rows
        for make, given in (
            (max_grad, (Y, TAPS, size(4, 4))),
            (avg_grad, (Y, size(4, 4))),
        )
    ],
    max_grad(
        *("CVE-2021-29580", floats(0), taps(0), size(4, 4), REGIONS, "rank"),
        regions=EDGES,
    ),
    max_grad(
        *("CVE-2022-35981", floats(4), taps(4), size(4, 4), REGIONS, "rank"),
        regions=EDGES,
    ),
    max_grad(
        *("CVE-2022-41897", floats(1, 0, 0, 1), taps(1, 0, 0, 1), size(4, 4), REGIONS),
        *("(1, 0, 0, 1)",),
        regions=EDGES,
    ),
    max_grad(
        *("pytorch#141102", Y, taps(1, 2, 2, 1, value=9), size(4, 4), REGIONS),
        *("a tap lies outside its window: taps hold 9",),
        regions=EDGES,
    ),
    avg_grad(
        *("CVE-2022-35963", Y, size(*[-1879048192] * 2), REGIONS, str(-1879048192)),
        regions=EDGES,
    ),
    # Gradients of maxima.
    *[
        max_grad(
            "CVE-2021-29570", Y, taps(1, 2, 2, 1, value=tap), size(4, 4), WINDOW, word
        )
        for tap, word in ((4, "taps hold 4"), (255, "taps hold 255"))
    ],
    max_grad(
        *("CVE-2021-29573", floats(0, 0, 0, 0), taps(0, 0, 0, 0), size(0, 0), WINDOW),
        "0",
    ),
    max_grad(
        *("tensorflow#59357", floats(1, 1, 1, 4), taps(1, 1, 3, 1), size(1, 3)),
        *({"window": [1, 1]}, "(1, 1, 1, 4)"),
    ),
    max_grad(
        *("CVE-2021-29579", floats(0, 0, 0, 0), taps(0, 0, 0, 0), size(1, 1)),
        *({"window": [1, 1]}, "(0, 0, 0, 0)"),
    ),
    max_grad(
        *("CVE-2021-37674", ONE, taps(1, 1, 1, 1), size(1, 1)),
        *({**WINDOW, "padding": "EXPLICIT", "pads": [2, 2, 2, 2]}, "pads"),
    ),
    # Of three axes.
    max_grad(
        *("CVE-2021-29576", floats(1, 0, 0, 0, 1), taps(1, 0, 0, 0, 1)),
        *(size(2, 2, 2), {"window": [1, 1, 1]}, "(1, 0, 0, 0, 1)"),
    ),
    max_grad(
        *("CVE-2021-29574", floats(11, 1, 1, 1, 1), taps(1, 1, 1, 1, 1)),
        *(size(2, 2, 2), {"window": [2, 2, 2]}, "(11, 1, 1, 1, 1)", "(1, 1, 1, 1, 1)"),
    ),
    avg_grad(
        *("CVE-2021-29577", floats(3, 1, 1, 1, 1), size(6, 3, 7)),
        *({"window": [2, 2, 2]}, "(3, 1, 1, 1, 1)"),
    ),
    # Gradients of averages.
    avg_grad(
        *("CVE-2022-35959", Y, size(*[-536870912] * 2), WINDOW, str(-536870912)),
    ),
    avg_grad("CVE-2022-35968", Y, size(11, 9), {"window": [40, 128]}, "40", "11"),
    avg_grad("CVE-2023-25664", Y, size(HUGE, HUGE), WINDOW, str(HUGE)),
    *[
        avg_grad("CVE-2023-25669", Y, size(4, 4), attributes, *words)
        for attributes, *words in (
            ({"window": [2, 0], "strides": [1, 1]}, "window", "0"),
            ({"window": [2, 2], "strides": [0, 2]}, "strides", "0"),
            ({"window": [2, 2], "dilations": [0, 1]}, "dilations", "0"),
        )
    ],
    # Any.
    pool("CVE-2022-35941", X, {**AVG, "window": [2**62, 2]}, str(2**62)),
    pool("tensorflow#61601", X, {**MAX, "window": [2, 2**31]}, str(2**31)),
    pool("tensorflow#61601", X, {**MAX, "window": [-(2**63), 2]}, str(-(2**63))),
    pool("tensorflow#61601", X, {**AVG, **WINDOW, "strides": [2**40, 1]}, str(2**40)),
    pool("CVE-2022-35989", X, {**MAX, "window": [5, 2]}, "5", "4"),
    pool("CVE-2021-41196", X, {**MAX, "window": [0, 2]}, "window", "0"),
    pool("CVE-2025-2953", X, {**AVG, **WINDOW, "strides": [0, 1]}, "strides", "0"),
    pool("keras#16491", floats(1, 0, 4, 1), {**MAX, **WINDOW}, "axis 0 of size 0"),
    *[
        pool("pytorch#50960 pytorch#91553", X, attributes, word)
        for attributes, word in (
            ({**MAX, "geometry": "adaptive", "window": [2, 0]}, "0"),
            ({**AVG, "geometry": "adaptive", "window": [-2, 2]}, "-2"),
            ({**AVG, "geometry": "adaptive", "window": [2**31, 2]}, str(2**31)),
        )
    ],
]
