"""Fractional average pooling layers. How regions are drawn is not known here."""

from __future__ import annotations

from typing import Any

import keras

from keras_pooling.layers.base_fractional_pooling import BaseFractionalPooling
from keras_pooling.layers.documentation import documented


@keras.saving.register_keras_serializable(package="keras_pooling")
@documented
class FractionalAvgPool(BaseFractionalPooling):
    """Fractional average pooling; the input tells over how many spatial axes.

    `y[o] = Σ x[t] / n over the n taps t of region o`, for each channel. float16 and
    bfloat16 are summed in float32 and rounded once; integers are averaged as floats.

    {fractional_regions}

    Args:
        {fractional_args}
        {name_args}

    {fractional_shapes}

    {fractional_raises}

    References:
        Graham, Fractional Max-Pooling, 2014.

    Example:

    >>> x = np.arange(1., 8.).reshape(1, 7, 1)
    >>> layer = kp.FractionalAvgPool(1.6, overlapping=False, seed=3)
    >>> keras.ops.convert_to_numpy(layer(x))[0, :, 0]
    array([1.5, 3.5, 5.5, 7. ], dtype=float32)
    >>> layer(x, training=True).shape  # another draw each time
    TensorShape([1, 4, 1])
    """

    function = "avg_pool"

    def __init__(
        self,
        pooling_ratio: float | tuple | None = None,
        *,
        output_size: int | tuple | None = None,
        pseudo_random: bool = True,
        overlapping: bool = True,
        regions_per: str = "batch",
        inference: str = "central",
        seed: Any = None,
        data_format: str | None = None,
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
            seed,
            data_format,
            name=name,
            **kwargs,
        )


@keras.saving.register_keras_serializable(package="keras_pooling")
@documented
class FractionalAvgPool1D(FractionalAvgPool):
    """Fractional average pooling over the steps of a sequence.

    `FractionalAvgPool` with one spatial axis, where the other facts stand.

    Args:
        {fractional_args}
        {name_args}

    {fractional_shapes}

    {fractional_raises}

    Example:

    >>> x = np.array([1., 5., 2., 3., 4.]).reshape(1, 5, 1)
    >>> y = kp.FractionalAvgPool1D(output_size=3, overlapping=False)(x)
    >>> keras.ops.convert_to_numpy(y)[0, :, 0]
    array([3. , 2.5, 4. ], dtype=float32)
    """

    rank = 1

    def __init__(
        self,
        pooling_ratio: float | tuple | None = None,
        *,
        output_size: int | tuple | None = None,
        pseudo_random: bool = True,
        overlapping: bool = True,
        regions_per: str = "batch",
        inference: str = "central",
        seed: Any = None,
        data_format: str | None = None,
        name: str | None = None,
        **kwargs: Any,
    ):
        super().__init__(
            pooling_ratio,
            output_size=output_size,
            pseudo_random=pseudo_random,
            overlapping=overlapping,
            regions_per=regions_per,
            inference=inference,
            seed=seed,
            data_format=data_format,
            name=name,
            **kwargs,
        )


@keras.saving.register_keras_serializable(package="keras_pooling")
@documented
class FractionalAvgPool2D(FractionalAvgPool):
    """Fractional average pooling over the height and width of images.

    `FractionalAvgPool` with 2 spatial axes, where the other facts stand.

    Args:
        {fractional_args}
        {name_args}

    {fractional_shapes}

    {fractional_raises}

    Example:

    >>> x = np.arange(9.).reshape(1, 3, 3, 1)
    >>> y = kp.FractionalAvgPool2D(pooling_ratio=(1.5, 3), overlapping=False)(x)
    >>> keras.ops.convert_to_numpy(y)[0, ..., 0]
    array([[2.5],
           [7. ]], dtype=float32)
    """

    rank = 2

    def __init__(
        self,
        pooling_ratio: float | tuple | None = None,
        *,
        output_size: int | tuple | None = None,
        pseudo_random: bool = True,
        overlapping: bool = True,
        regions_per: str = "batch",
        inference: str = "central",
        seed: Any = None,
        data_format: str | None = None,
        name: str | None = None,
        **kwargs: Any,
    ):
        super().__init__(
            pooling_ratio,
            output_size=output_size,
            pseudo_random=pseudo_random,
            overlapping=overlapping,
            regions_per=regions_per,
            inference=inference,
            seed=seed,
            data_format=data_format,
            name=name,
            **kwargs,
        )


@keras.saving.register_keras_serializable(package="keras_pooling")
@documented
class FractionalAvgPool3D(FractionalAvgPool):
    """Fractional average pooling over depth, height and width of volumes.

    `FractionalAvgPool` with 3 spatial axes, where the other facts stand.

    Args:
        {fractional_args}
        {name_args}

    {fractional_shapes}

    {fractional_raises}

    Example:

    >>> x = np.arange(27.).reshape(1, 3, 3, 3, 1)
    >>> keras.ops.convert_to_numpy(kp.FractionalAvgPool3D(3)(x))[0, ..., 0]
    array([[[13.]]], dtype=float32)
    """

    rank = 3

    def __init__(
        self,
        pooling_ratio: float | tuple | None = None,
        *,
        output_size: int | tuple | None = None,
        pseudo_random: bool = True,
        overlapping: bool = True,
        regions_per: str = "batch",
        inference: str = "central",
        seed: Any = None,
        data_format: str | None = None,
        name: str | None = None,
        **kwargs: Any,
    ):
        super().__init__(
            pooling_ratio,
            output_size=output_size,
            pseudo_random=pseudo_random,
            overlapping=overlapping,
            regions_per=regions_per,
            inference=inference,
            seed=seed,
            data_format=data_format,
            name=name,
            **kwargs,
        )
