"""Fractional max pooling layers. How regions are drawn is not known here."""

from __future__ import annotations

from typing import Any

import keras

from keras_pooling import arguments
from keras_pooling.layers.base_fractional_pooling import BaseFractionalPooling
from keras_pooling.layers.documentation import documented


@keras.saving.register_keras_serializable(package="keras_pooling")
@documented
class FractionalMaxPool(BaseFractionalPooling):
    """Fractional max pooling; the input tells over how many spatial axes.

    `y[o] = max of x[t] over the taps t of region o`, for each channel, with NaN,
    ties and gradient as in `MaxPool`.

    {fractional_regions}

    Args:
        {fractional_args}
        return_indices: bool, whether to return `(y, indices)`, with the indices of
            `MaxPool`.
        {name_args}

    {fractional_shapes}
        With `return_indices=True`, two tensors of this shape.

    {fractional_raises}

    References:
        Graham, Fractional Max-Pooling, 2014.

    Example:

    >>> x = np.arange(1., 8.).reshape(1, 7, 1)
    >>> layer = kp.FractionalMaxPool(1.6, overlapping=False, seed=3)
    >>> keras.ops.convert_to_numpy(layer(x))[0, :, 0]
    array([2., 4., 6., 7.], dtype=float32)
    >>> layer(x, training=True).shape  # another draw each time
    TensorShape([1, 4, 1])
    """

    function = "max_pool"

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
            seed,
            data_format,
            name=name,
            **kwargs,
        )
        self.return_indices = arguments.flag(
            self._call(), "return_indices", return_indices
        )

    def options(self) -> dict[str, Any]:
        """Further arguments of the function."""
        return {"return_indices": self.return_indices}

    def get_config(self) -> dict[str, Any]:
        """Returns what `from_config` needs."""
        return {**super().get_config(), "return_indices": self.return_indices}


@keras.saving.register_keras_serializable(package="keras_pooling")
@documented
class FractionalMaxPool1D(FractionalMaxPool):
    """Fractional max pooling over the steps of a sequence.

    `FractionalMaxPool` with one spatial axis, where the other facts stand.

    Args:
        {fractional_args}
        return_indices: as in `FractionalMaxPool`.
        {name_args}

    {fractional_shapes}

    {fractional_raises}

    Example:

    >>> x = np.array([1., 5., 2., 3., 4.]).reshape(1, 5, 1)
    >>> y = kp.FractionalMaxPool1D(output_size=3, overlapping=False)(x)
    >>> keras.ops.convert_to_numpy(y)[0, :, 0]
    array([5., 3., 4.], dtype=float32)
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
        return_indices: bool = False,
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
            return_indices=return_indices,
            name=name,
            **kwargs,
        )


@keras.saving.register_keras_serializable(package="keras_pooling")
@documented
class FractionalMaxPool2D(FractionalMaxPool):
    """Fractional max pooling over the height and width of images.

    `FractionalMaxPool` with 2 spatial axes, where the other facts stand.

    Args:
        {fractional_args}
        return_indices: as in `FractionalMaxPool`.
        {name_args}

    {fractional_shapes}

    {fractional_raises}

    Example:

    >>> x = np.arange(9.).reshape(1, 3, 3, 1)
    >>> y = kp.FractionalMaxPool2D((1.5, 3), overlapping=False)(x)
    >>> keras.ops.convert_to_numpy(y)[0, ..., 0]
    array([[5.],
           [8.]], dtype=float32)
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
        return_indices: bool = False,
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
            return_indices=return_indices,
            name=name,
            **kwargs,
        )


@keras.saving.register_keras_serializable(package="keras_pooling")
@documented
class FractionalMaxPool3D(FractionalMaxPool):
    """Fractional max pooling over depth, height and width of volumes.

    `FractionalMaxPool` with 3 spatial axes, where the other facts stand.

    Args:
        {fractional_args}
        return_indices: as in `FractionalMaxPool`.
        {name_args}

    {fractional_shapes}

    {fractional_raises}

    Example:

    >>> x = np.arange(27.).reshape(1, 3, 3, 3, 1)
    >>> keras.ops.convert_to_numpy(kp.FractionalMaxPool3D(3)(x))[0, ..., 0]
    array([[[26.]]], dtype=float32)
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
        return_indices: bool = False,
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
            return_indices=return_indices,
            name=name,
            **kwargs,
        )
