"""The paragraphs that pooling layers' docstrings share, each written once.

A docstring names a paragraph as `{name}` on a line of its own; `documented` puts it in.
"""

from __future__ import annotations

import re
import textwrap

_SPATIAL_AXES = {None: "spatial…", 1: "steps", 2: "height, width"}
_SPATIAL_AXES[3] = f"depth, {_SPATIAL_AXES[2]}"

_DATA_FORMAT = """
data_format: `"channels_last"` or `"channels_first"`, the order of the axes in
    the input. None: `image_data_format` of the Keras configuration."""

_NAME = """
name: str, the layer's name.
**kwargs: further arguments of `keras.layers.Layer`: `dtype`, `trainable`."""

_SEED = """
seed: int, `keras.random.SeedGenerator` or None (any seed). Each call draws anew; the
    state is saved with the weights, so that a loaded model goes on drawing."""

_PARAGRAPHS = {
    "sliding_sizes": """
With `extent = (pool_size - 1) * dilation_rate + 1`, an axis of `size` elements has

- `floor((size - extent) / strides) + 1` windows with `padding="valid"`,
- `ceil(size / strides)` windows with `padding="same"`,
- `floor((size + before + after - extent) / strides) + 1` windows otherwise.

`ceil_mode=True` replaces floor by ceil, without a last window that would start beyond
the input. Windows are clipped to the input: padding is never data.""",
    "sliding_args": f"""
pool_size: int or {{one_per_axis}}, elements that a window has along each axis.
strides: int or {{one_per_axis}}, elements from one window to the next. None:
    `pool_size`.
padding: `"valid"` (none), `"same"` (case-insensitive), an int, or for each axis
    one int or `(before, after)` pair, in elements.
{_DATA_FORMAT.strip()}""",
    "dilation_args": """
dilation_rate: int or {one_per_axis}, elements from one tap to the next.
ceil_mode: bool, whether a last window that does not fit is kept, clipped.""",
    "name_args": _NAME,
    "global_args": f"""
{_DATA_FORMAT.strip()}
keepdims: bool, whether the spatial axes stay, with length 1.
{_NAME.strip()}""",
    "seed_args": _SEED,
    "fractional_regions": """
An axis of `size` elements is cut into `floor(size / pooling_ratio)` regions, or
`output_size`, whose lengths are `floor(size / regions)` or one more. Where they begin
is drawn anew in every training step:

- pseudo-random: at `ceil(size / regions * (i + u))`, less the first of these, with one
  u per axis, uniform in (0, 1];
- random: the two lengths follow each other in random order, each order as likely.

A region that overlaps includes the first element of the next. All is computed in
integers, so no region is ever longer or shorter.""",
    "fractional_args": f"""
pooling_ratio: number from 1 to the axis's size, or one per axis: elements per region,
    on average.
output_size: int or {{one_per_axis}}, the number of regions. Exactly one of the two is
    given.
pseudo_random: bool, whether draws are pseudo-random, else random.
overlapping: bool, whether regions overlap by one element.
regions_per: what shares a draw: `"batch"`, `"sample"` (each sample has its own) or
    `"channel"` (each channel of each sample has).
inference: `"central"` (u = 1/2, always the same) or `"random"` (a draw, to average
    over several calls).
{_SEED.strip()}
{_DATA_FORMAT.strip()}""",
    "fractional_shapes": """
Call arguments:
    inputs: the tensor.
    training: bool, whether to draw.

Input shape:
    `(batch, {axes}, channels)`, or `(batch, channels, {axes})` with
    `data_format="channels_first"`. Each axis may be None.

Output shape:
    The same with pooled spatial axes.""",
    "fractional_raises": """
Raises:
    ValueError: if an argument is not allowed (when the layer is made), or there are
        more regions than elements (when the input's shape is known).""",
    "sliding_shapes": """
Input shape:
    `(batch, {axes}, channels)`, or `(batch, channels, {axes})` with
    `data_format="channels_first"`. Each axis may be None.

Output shape:
    The same with pooled spatial axes.""",
    "global_shapes": """
Input shape:
    `(batch, {axes}, channels)`, or `(batch, channels, {axes})` with
    `data_format="channels_first"`. Each axis may be None.

Output shape:
    `(batch, channels)`; with `keepdims=True` the input's with 1 for each spatial
    axis.""",
    "sliding_raises": """
Raises:
    ValueError: if an argument is not allowed (when the layer is made), or a window
        does not fit the input (when its shape is known).""",
    "global_raises": """
Raises:
    ValueError: if a spatial axis of the input is empty.""",
}


def documented(cls: type) -> type:
    """Fills the shared paragraphs into a layer's docstring, for the layer's rank."""
    if cls.__doc__ is None:  # python -OO
        return cls
    facts = {
        "axes": _SPATIAL_AXES[cls.rank],
        "one_per_axis": "one per axis" if cls.rank is None else f"{cls.rank} ints",
    }

    def paragraph(match: re.Match) -> str:
        text = _PARAGRAPHS[match["name"]].strip()
        for name, fact in facts.items():
            text = text.replace(f"{{{name}}}", fact)
        return textwrap.indent(text, match["indent"])

    place = r"^(?P<indent> *)\{(?P<name>\w+)\}$"
    cls.__doc__ = re.sub(place, paragraph, cls.__doc__, flags=re.MULTILINE)
    return cls
