"""Fractional pooling layers. How regions are drawn is not known here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import keras

from keras_pooling import arguments
from keras_pooling.arguments import DataFormat, RegionsPer
from keras_pooling.layers.base import BaseRandomPooling
from keras_pooling.ops import seeds


class BaseFractionalPooling(BaseRandomPooling):
    """A layer that cuts each axis into regions, drawn anew for each training step.

    Args:
        pooling_ratio: number >= 1, one per axis, or None.
        output_size: int, one per axis, or None.
        pseudo_random: bool.
        overlapping: bool.
        regions_per: `"batch"`, `"sample"` or `"channel"`.
        inference: `"fixed"`, `"central"` or `"random"`.
        data_format: `"channels_last"`, `"channels_first"` or None.
        central: `"nearest"`, or `"half"` in what version 0.1.0 wrote.
        **kwargs: further arguments of the next base class.
    """

    def __init__(
        self,
        pooling_ratio: Any,
        output_size: Any,
        pseudo_random: bool,
        overlapping: bool,
        regions_per: str,
        inference: str,
        data_format: str | None,
        central: str = "nearest",
        **kwargs: Any,
    ):
        with arguments.errors_name(type(self).__name__):
            windows = arguments.fractional_windows(
                self.rank,
                pooling_ratio,
                output_size,
                pseudo_random,
                overlapping,
                regions_per,
                central,
            )
            super().__init__(windows, data_format, **kwargs)
            allowed = ("fixed", "central", "random")
            self.inference = arguments.choice("inference", inference, allowed)

    def draws(self, training: bool | None) -> bool:
        """Whether such a call draws."""
        return super().draws(training) or self.inference == "random"

    # That word as a number, in a graph that is to hold it as a constant.
    constant_word: int | None = None

    def seed_without_draw(self) -> Any:
        """The word that fixes regions; None where they are central."""
        if self.inference != "fixed":
            return None
        if self.constant_word is not None:
            return self.constant_word
        return seeds.first_word(self.seed_generator)

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> BaseFractionalPooling:
        """The layer of a config; what it lacks is as it was in version 0.1.0."""
        before = {"inference": "central", "central": "half"}
        return super().from_config({**before, **config})

    def get_config(self) -> dict[str, Any]:
        """Returns what `from_config` needs."""
        return {**super().get_config(), "inference": self.inference}


class FractionalMaxPool(BaseFractionalPooling):
    """Fractional max pooling; the input tells over how many spatial axes.

    `y[o] = max of x[t] over the taps t of region o`, for each channel, with NaN,
    ties and gradient as in `MaxPool`.

    An axis of `size` elements is cut into `floor(size / pooling_ratio)` regions, or
    `output_size`, whose lengths are `floor(size / regions)` or one more. Where they
    begin is drawn anew in every training step:

    - pseudo-random: at `ceil(size / regions * (i + u))`, less the first of these, with
      one u per axis, uniform in (0, 1];
    - random: the two lengths follow each other in random order, each order as likely.

    A region that overlaps includes the first element of the next. All is computed in
    integers, so no region is ever longer or shorter.

    At inference a layer has regions of its own for every axis, which the first word of
    its seed's state fixes, the same for the whole batch and on every backend. Training
    does not move them, and files keep them. The average of several draws errs least:
    `keras_pooling.predict_averaged`.

    With a mask, which needs a single spatial axis, the steps that count are cut in each
    sample, as if it had no others: n of them into `floor(n / pooling_ratio)` regions,
    at least one, or into `output_size`, at most n. They must come first, before all
    padding. Regions that a sample lacks give 0 and index 0, have no gradient, and are
    masked in turn. What is drawn does not depend on the padding; with
    `regions_per="batch"`, samples of one length have the same regions.

    Args:
        pooling_ratio: number >= 1 or one per axis; elements per region, on average.
        output_size: int or one per axis; regions. Exactly one of the two is given.
        pseudo_random: bool, whether draws are pseudo-random, else random.
        overlapping: bool, whether a region includes the first element of the next.
        regions_per: `"batch"`, `"sample"` or `"channel"`; what has regions in common.
        inference: `"fixed"` (one draw of the layer's own, the same at every call),
            `"central"` (edges at the integers nearest to those of equal regions) or
            `"random"` (a draw at every call).
        seed: int, `keras.random.SeedGenerator` or None (any seed). Each call draws
            anew; the state is saved with the weights, so that a loaded model goes on.
        data_format: `"channels_last"` or `"channels_first"`. None: Keras's default.
        return_indices: bool, whether to return `(y, indices)`.
        name: str, the layer's name.
        **kwargs: further arguments of `keras.layers.Layer`: `dtype`, `trainable`.

    Call arguments:
        inputs: the tensor.
        mask: tensor of shape `(batch, steps)`, true or 1 where a step counts.
        training: bool, whether to draw.

    Input shape:
        `(batch, spatial…, channels)`, or `(batch, channels, spatial…)` with
        `data_format="channels_first"`. Each axis may be None.

    Output shape:
        The same with pooled spatial axes. With `return_indices=True`, two
        tensors of this shape.

    Raises:
        ValueError: if an argument is not allowed (when the layer is made), there are
            more regions than elements (when the input's shape is known), or a step
            that counts comes after one that does not. A compiled program that cannot
            raise gives NaN for such a sample.

    References:
        Graham, Fractional Max-Pooling, 2014.

    Example:

    >>> x = np.arange(1., 8.).reshape(1, 7, 1)
    >>> layer = kp.FractionalMaxPool(1.6, overlapping=False, seed=3)
    >>> keras.ops.convert_to_numpy(layer(x))[0, :, 0]
    array([1., 3., 5., 7.], dtype=float32)
    >>> layer(x, training=True).shape  # another draw each time
    TensorShape([1, 4, 1])
    """

    function = "max_pool"

    def __init__(
        self,
        pooling_ratio: float | Sequence[float] | None = None,
        *,
        output_size: int | Sequence[int] | None = None,
        pseudo_random: bool = True,
        overlapping: bool = True,
        regions_per: RegionsPer = "batch",
        inference: Literal["fixed", "central", "random"] = "fixed",
        seed: int | keras.random.SeedGenerator | None = None,
        data_format: DataFormat | None = None,
        return_indices: bool = False,
        name: str | None = None,
        **kwargs: Any,
    ):
        super().__init__(
            pooling_ratio,
            output_size,
            pseudo_random,
            overlapping,
            regions_per,
            inference,
            data_format,
            options={"return_indices": return_indices},
            seed=seed,
            name=name,
            **kwargs,
        )


class FractionalMaxPool1D(FractionalMaxPool):
    """Fractional max pooling over the steps of a sequence.

    `y[o] = max of x[t] over the taps t of region o`, for each channel.
    `FractionalMaxPool` says how regions are drawn.

    Args:
        pooling_ratio: number >= 1 or one per axis; elements per region, on average.
        output_size: int or one per axis; regions. Exactly one of the two is given.
        pseudo_random: bool, whether draws are pseudo-random, else random.
        overlapping: bool, whether a region includes the first element of the next.
        regions_per: `"batch"`, `"sample"` or `"channel"`; what has regions in common.
        inference: `"fixed"` (one draw of the layer's own, the same at every call),
            `"central"` (edges at the integers nearest to those of equal regions) or
            `"random"` (a draw at every call).
        seed: int, `keras.random.SeedGenerator` or None (any seed). Each call draws
            anew; the state is saved with the weights, so that a loaded model goes on.
        data_format: `"channels_last"` or `"channels_first"`. None: Keras's default.
        return_indices: bool, whether to return `(y, indices)`.
        name: str, the layer's name.
        **kwargs: further arguments of `keras.layers.Layer`: `dtype`, `trainable`.

    Call arguments:
        inputs: the tensor.
        mask: tensor of shape `(batch, steps)`, true or 1 where a step counts.
        training: bool, whether to draw.

    Input shape:
        `(batch, steps, channels)`, or `(batch, channels, steps)` with
        `data_format="channels_first"`. Each axis may be None.

    Output shape:
        The same with pooled spatial axes. With `return_indices=True`, two
        tensors of this shape.

    Raises:
        ValueError: if an argument is not allowed (when the layer is made), or there are
            more regions than elements (when the input's shape is known).

    Example:

    >>> x = np.array([1., 5., 2., 3., 4.]).reshape(1, 5, 1)
    >>> y = kp.FractionalMaxPool1D(output_size=3, overlapping=False, seed=1)(x)
    >>> keras.ops.convert_to_numpy(y)[0, :, 0]
    array([5., 2., 4.], dtype=float32)
    """

    rank = 1


class FractionalMaxPool2D(FractionalMaxPool):
    """Fractional max pooling over the height and width of images.

    `y[o] = max of x[t] over the taps t of region o`, for each channel.
    `FractionalMaxPool` says how regions are drawn.

    Args:
        pooling_ratio: number >= 1 or one per axis; elements per region, on average.
        output_size: int or one per axis; regions. Exactly one of the two is given.
        pseudo_random: bool, whether draws are pseudo-random, else random.
        overlapping: bool, whether a region includes the first element of the next.
        regions_per: `"batch"`, `"sample"` or `"channel"`; what has regions in common.
        inference: `"fixed"` (one draw of the layer's own, the same at every call),
            `"central"` (edges at the integers nearest to those of equal regions) or
            `"random"` (a draw at every call).
        seed: int, `keras.random.SeedGenerator` or None (any seed). Each call draws
            anew; the state is saved with the weights, so that a loaded model goes on.
        data_format: `"channels_last"` or `"channels_first"`. None: Keras's default.
        return_indices: bool, whether to return `(y, indices)`.
        name: str, the layer's name.
        **kwargs: further arguments of `keras.layers.Layer`: `dtype`, `trainable`.

    Call arguments:
        inputs: the tensor.
        training: bool, whether to draw.

    Input shape:
        `(batch, height, width, channels)`, or `(batch, channels, height, width)` with
        `data_format="channels_first"`. Each axis may be None.

    Output shape:
        The same with pooled spatial axes. With `return_indices=True`, two
        tensors of this shape.

    Raises:
        ValueError: if an argument is not allowed (when the layer is made), or there are
            more regions than elements (when the input's shape is known).

    Example:

    >>> x = np.arange(9.).reshape(1, 3, 3, 1)
    >>> y = kp.FractionalMaxPool2D((1.5, 3), overlapping=False, seed=1)(x)
    >>> keras.ops.convert_to_numpy(y)[0, ..., 0]
    array([[2.],
           [8.]], dtype=float32)
    """

    rank = 2


class FractionalMaxPool3D(FractionalMaxPool):
    """Fractional max pooling over depth, height and width of volumes.

    `y[o] = max of x[t] over the taps t of region o`, for each channel.
    `FractionalMaxPool` says how regions are drawn.

    Args:
        pooling_ratio: number >= 1 or one per axis; elements per region, on average.
        output_size: int or one per axis; regions. Exactly one of the two is given.
        pseudo_random: bool, whether draws are pseudo-random, else random.
        overlapping: bool, whether a region includes the first element of the next.
        regions_per: `"batch"`, `"sample"` or `"channel"`; what has regions in common.
        inference: `"fixed"` (one draw of the layer's own, the same at every call),
            `"central"` (edges at the integers nearest to those of equal regions) or
            `"random"` (a draw at every call).
        seed: int, `keras.random.SeedGenerator` or None (any seed). Each call draws
            anew; the state is saved with the weights, so that a loaded model goes on.
        data_format: `"channels_last"` or `"channels_first"`. None: Keras's default.
        return_indices: bool, whether to return `(y, indices)`.
        name: str, the layer's name.
        **kwargs: further arguments of `keras.layers.Layer`: `dtype`, `trainable`.

    Call arguments:
        inputs: the tensor.
        training: bool, whether to draw.

    Input shape:
        `(batch, depth, height, width, channels)`, or
        `(batch, channels, depth, height, width)` with `data_format="channels_first"`.
        Each axis may be None.

    Output shape:
        The same with pooled spatial axes. With `return_indices=True`, two
        tensors of this shape.

    Raises:
        ValueError: if an argument is not allowed (when the layer is made), or there are
            more regions than elements (when the input's shape is known).

    Example:

    >>> x = np.arange(27.).reshape(1, 3, 3, 3, 1)
    >>> keras.ops.convert_to_numpy(kp.FractionalMaxPool3D(3)(x))[0, ..., 0]
    array([[[26.]]], dtype=float32)
    """

    rank = 3


class FractionalAvgPool(BaseFractionalPooling):
    """Fractional average pooling; the input tells over how many spatial axes.

    `y[o] = Σ x[t] / n over the n taps t of region o`, for each channel. float16 and
    bfloat16 are summed in float32 and rounded once; integers are averaged as floats.

    An axis of `size` elements is cut into `floor(size / pooling_ratio)` regions, or
    `output_size`, whose lengths are `floor(size / regions)` or one more. Where they
    begin is drawn anew in every training step:

    - pseudo-random: at `ceil(size / regions * (i + u))`, less the first of these, with
      one u per axis, uniform in (0, 1];
    - random: the two lengths follow each other in random order, each order as likely.

    A region that overlaps includes the first element of the next. All is computed in
    integers, so no region is ever longer or shorter.

    At inference a layer has regions of its own for every axis, which the first word of
    its seed's state fixes, the same for the whole batch and on every backend. Training
    does not move them, and files keep them. The average of several draws errs least:
    `keras_pooling.predict_averaged`.

    With a mask, which needs a single spatial axis, the steps that count are cut in each
    sample, as if it had no others: n of them into `floor(n / pooling_ratio)` regions,
    at least one, or into `output_size`, at most n. They must come first, before all
    padding. Regions that a sample lacks give 0, have no gradient, and are
    masked in turn. What is drawn does not depend on the padding; with
    `regions_per="batch"`, samples of one length have the same regions.

    Args:
        pooling_ratio: number >= 1 or one per axis; elements per region, on average.
        output_size: int or one per axis; regions. Exactly one of the two is given.
        pseudo_random: bool, whether draws are pseudo-random, else random.
        overlapping: bool, whether a region includes the first element of the next.
        regions_per: `"batch"`, `"sample"` or `"channel"`; what has regions in common.
        inference: `"fixed"` (one draw of the layer's own, the same at every call),
            `"central"` (edges at the integers nearest to those of equal regions) or
            `"random"` (a draw at every call).
        seed: int, `keras.random.SeedGenerator` or None (any seed). Each call draws
            anew; the state is saved with the weights, so that a loaded model goes on.
        data_format: `"channels_last"` or `"channels_first"`. None: Keras's default.
        name: str, the layer's name.
        **kwargs: further arguments of `keras.layers.Layer`: `dtype`, `trainable`.

    Call arguments:
        inputs: the tensor.
        mask: tensor of shape `(batch, steps)`, true or 1 where a step counts.
        training: bool, whether to draw.

    Input shape:
        `(batch, spatial…, channels)`, or `(batch, channels, spatial…)` with
        `data_format="channels_first"`. Each axis may be None.

    Output shape:
        The same with pooled spatial axes.

    Raises:
        ValueError: if an argument is not allowed (when the layer is made), there are
            more regions than elements (when the input's shape is known), or a step
            that counts comes after one that does not. A compiled program that cannot
            raise gives NaN for such a sample.

    References:
        Graham, Fractional Max-Pooling, 2014.

    Example:

    >>> x = np.arange(1., 8.).reshape(1, 7, 1)
    >>> layer = kp.FractionalAvgPool(1.6, overlapping=False, seed=3)
    >>> keras.ops.convert_to_numpy(layer(x))[0, :, 0]
    array([1. , 2.5, 4.5, 6.5], dtype=float32)
    >>> layer(x, training=True).shape  # another draw each time
    TensorShape([1, 4, 1])
    """

    function = "avg_pool"

    def __init__(
        self,
        pooling_ratio: float | Sequence[float] | None = None,
        *,
        output_size: int | Sequence[int] | None = None,
        pseudo_random: bool = True,
        overlapping: bool = True,
        regions_per: RegionsPer = "batch",
        inference: Literal["fixed", "central", "random"] = "fixed",
        seed: int | keras.random.SeedGenerator | None = None,
        data_format: DataFormat | None = None,
        name: str | None = None,
        **kwargs: Any,
    ):
        super().__init__(
            pooling_ratio,
            output_size,
            pseudo_random,
            overlapping,
            regions_per,
            inference,
            data_format,
            seed=seed,
            name=name,
            **kwargs,
        )


class FractionalAvgPool1D(FractionalAvgPool):
    """Fractional average pooling over the steps of a sequence.

    `y[o] = Σ x[t] / n over the n taps t of region o`, for each channel.
    `FractionalAvgPool` says how regions are drawn.

    Args:
        pooling_ratio: number >= 1 or one per axis; elements per region, on average.
        output_size: int or one per axis; regions. Exactly one of the two is given.
        pseudo_random: bool, whether draws are pseudo-random, else random.
        overlapping: bool, whether a region includes the first element of the next.
        regions_per: `"batch"`, `"sample"` or `"channel"`; what has regions in common.
        inference: `"fixed"` (one draw of the layer's own, the same at every call),
            `"central"` (edges at the integers nearest to those of equal regions) or
            `"random"` (a draw at every call).
        seed: int, `keras.random.SeedGenerator` or None (any seed). Each call draws
            anew; the state is saved with the weights, so that a loaded model goes on.
        data_format: `"channels_last"` or `"channels_first"`. None: Keras's default.
        name: str, the layer's name.
        **kwargs: further arguments of `keras.layers.Layer`: `dtype`, `trainable`.

    Call arguments:
        inputs: the tensor.
        mask: tensor of shape `(batch, steps)`, true or 1 where a step counts.
        training: bool, whether to draw.

    Input shape:
        `(batch, steps, channels)`, or `(batch, channels, steps)` with
        `data_format="channels_first"`. Each axis may be None.

    Output shape:
        The same with pooled spatial axes.

    Raises:
        ValueError: if an argument is not allowed (when the layer is made), or there are
            more regions than elements (when the input's shape is known).

    Example:

    >>> x = np.array([1., 5., 2., 3., 4.]).reshape(1, 5, 1)
    >>> y = kp.FractionalAvgPool1D(output_size=3, overlapping=False, seed=1)(x)
    >>> keras.ops.convert_to_numpy(y)[0, :, 0]
    array([3. , 2. , 3.5], dtype=float32)
    """

    rank = 1


class FractionalAvgPool2D(FractionalAvgPool):
    """Fractional average pooling over the height and width of images.

    `y[o] = Σ x[t] / n over the n taps t of region o`, for each channel.
    `FractionalAvgPool` says how regions are drawn.

    Args:
        pooling_ratio: number >= 1 or one per axis; elements per region, on average.
        output_size: int or one per axis; regions. Exactly one of the two is given.
        pseudo_random: bool, whether draws are pseudo-random, else random.
        overlapping: bool, whether a region includes the first element of the next.
        regions_per: `"batch"`, `"sample"` or `"channel"`; what has regions in common.
        inference: `"fixed"` (one draw of the layer's own, the same at every call),
            `"central"` (edges at the integers nearest to those of equal regions) or
            `"random"` (a draw at every call).
        seed: int, `keras.random.SeedGenerator` or None (any seed). Each call draws
            anew; the state is saved with the weights, so that a loaded model goes on.
        data_format: `"channels_last"` or `"channels_first"`. None: Keras's default.
        name: str, the layer's name.
        **kwargs: further arguments of `keras.layers.Layer`: `dtype`, `trainable`.

    Call arguments:
        inputs: the tensor.
        training: bool, whether to draw.

    Input shape:
        `(batch, height, width, channels)`, or `(batch, channels, height, width)` with
        `data_format="channels_first"`. Each axis may be None.

    Output shape:
        The same with pooled spatial axes.

    Raises:
        ValueError: if an argument is not allowed (when the layer is made), or there are
            more regions than elements (when the input's shape is known).

    Example:

    >>> x = np.arange(9.).reshape(1, 3, 3, 1)
    >>> y = kp.FractionalAvgPool2D((1.5, 3), overlapping=False, seed=1)(x)
    >>> keras.ops.convert_to_numpy(y)[0, ..., 0]
    array([[1. ],
           [5.5]], dtype=float32)
    """

    rank = 2


class FractionalAvgPool3D(FractionalAvgPool):
    """Fractional average pooling over depth, height and width of volumes.

    `y[o] = Σ x[t] / n over the n taps t of region o`, for each channel.
    `FractionalAvgPool` says how regions are drawn.

    Args:
        pooling_ratio: number >= 1 or one per axis; elements per region, on average.
        output_size: int or one per axis; regions. Exactly one of the two is given.
        pseudo_random: bool, whether draws are pseudo-random, else random.
        overlapping: bool, whether a region includes the first element of the next.
        regions_per: `"batch"`, `"sample"` or `"channel"`; what has regions in common.
        inference: `"fixed"` (one draw of the layer's own, the same at every call),
            `"central"` (edges at the integers nearest to those of equal regions) or
            `"random"` (a draw at every call).
        seed: int, `keras.random.SeedGenerator` or None (any seed). Each call draws
            anew; the state is saved with the weights, so that a loaded model goes on.
        data_format: `"channels_last"` or `"channels_first"`. None: Keras's default.
        name: str, the layer's name.
        **kwargs: further arguments of `keras.layers.Layer`: `dtype`, `trainable`.

    Call arguments:
        inputs: the tensor.
        training: bool, whether to draw.

    Input shape:
        `(batch, depth, height, width, channels)`, or
        `(batch, channels, depth, height, width)` with `data_format="channels_first"`.
        Each axis may be None.

    Output shape:
        The same with pooled spatial axes.

    Raises:
        ValueError: if an argument is not allowed (when the layer is made), or there are
            more regions than elements (when the input's shape is known).

    Example:

    >>> x = np.arange(27.).reshape(1, 3, 3, 3, 1)
    >>> keras.ops.convert_to_numpy(kp.FractionalAvgPool3D(3)(x))[0, ..., 0]
    array([[[13.]]], dtype=float32)
    """

    rank = 3
