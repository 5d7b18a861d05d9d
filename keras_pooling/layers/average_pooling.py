"""Average pooling layers. How an average is summed is not known here."""

from __future__ import annotations

from typing import Any

import keras

from keras_pooling import arguments
from keras_pooling.layers.base_pooling import BaseSlidingPooling
from keras_pooling.layers.documentation import documented


@keras.saving.register_keras_serializable(package="keras_pooling")
@documented
class AvgPool(BaseSlidingPooling):
    """Average pooling; the input tells whether over 1, 2 or 3 spatial axes.

    `y[o] = Σ x[t] / n over the taps t of window o`, for each channel, where n is the
    number of taps inside the input. float16 and bfloat16 are summed in float32 and
    rounded once; integers are averaged as floats.

    {sliding_sizes}

    Args:
        {sliding_args}
        {name_args}
        {dilation_args}
        count_include_pad: bool, whether n counts the taps in the padding too (they
            add nothing to the sum).
        divisor_override: int > 0 to take in place of n, or None.

    {sliding_shapes}

    {sliding_raises}

    References:
        LeCun et al., Gradient-Based Learning Applied to Document Recognition, 1998.

    Example:

    >>> x = np.arange(12.).reshape(1, 3, 4, 1)
    >>> keras.ops.convert_to_numpy(kp.AvgPool(2, padding="same")(x))[0, ..., 0]
    array([[ 2.5,  4.5],
           [ 8.5, 10.5]], dtype=float32)
    """

    function = "avg_pool"

    def __init__(
        self,
        pool_size: int | tuple = 2,
        strides: int | tuple | None = None,
        padding: str | int | tuple = "valid",
        data_format: str | None = None,
        name: str | None = None,
        *,
        dilation_rate: int | tuple = 1,
        ceil_mode: bool = False,
        count_include_pad: bool = False,
        divisor_override: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(
            pool_size,
            strides,
            padding,
            data_format,
            dilation_rate,
            ceil_mode,
            name=name,
            **kwargs,
        )
        self.count_include_pad = arguments.flag(
            self._call(), "count_include_pad", count_include_pad
        )
        self.divisor_override = arguments.divisor(self._call(), divisor_override)

    def options(self) -> dict[str, Any]:
        """Further arguments of the function."""
        return {
            "count_include_pad": self.count_include_pad,
            "divisor_override": self.divisor_override,
        }

    def get_config(self) -> dict[str, Any]:
        """Returns what `from_config` needs."""
        return {**super().get_config(), **self.options()}


@keras.saving.register_keras_serializable(package="keras_pooling")
@documented
class AvgPool1D(AvgPool):
    """Average pooling over the steps of a sequence.

    `AvgPool` with one spatial axis, where the formula and the other arguments stand.

    Args:
        {sliding_args}
        {name_args}
        {dilation_args}
        count_include_pad, divisor_override: as in `AvgPool`.

    {sliding_shapes}

    {sliding_raises}

    Example:

    >>> x = np.array([1., 5., 3., 4., 8.]).reshape(1, 5, 1)
    >>> keras.ops.convert_to_numpy(kp.AvgPool1D(pool_size=3, strides=1)(x))[0, :, 0]
    array([3., 4., 5.], dtype=float32)
    """

    rank = 1

    def __init__(
        self,
        pool_size: int | tuple = 2,
        strides: int | tuple | None = None,
        padding: str | int | tuple = "valid",
        data_format: str | None = None,
        name: str | None = None,
        *,
        dilation_rate: int | tuple = 1,
        ceil_mode: bool = False,
        count_include_pad: bool = False,
        divisor_override: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(
            pool_size,
            strides,
            padding,
            data_format,
            name,
            dilation_rate=dilation_rate,
            ceil_mode=ceil_mode,
            count_include_pad=count_include_pad,
            divisor_override=divisor_override,
            **kwargs,
        )


@keras.saving.register_keras_serializable(package="keras_pooling")
@documented
class AvgPool2D(AvgPool):
    """Average pooling over the height and width of images.

    `AvgPool` with 2 spatial axes, where the formula and the other arguments stand.

    Args:
        {sliding_args}
        {name_args}
        {dilation_args}
        count_include_pad, divisor_override: as in `AvgPool`.

    {sliding_shapes}

    {sliding_raises}

    Example:

    >>> x = np.arange(9.).reshape(1, 3, 3, 1)
    >>> y = kp.AvgPool2D(pool_size=(2, 2), strides=1)(x)
    >>> keras.ops.convert_to_numpy(y)[0, ..., 0]
    array([[2., 3.],
           [5., 6.]], dtype=float32)
    """

    rank = 2

    def __init__(
        self,
        pool_size: int | tuple = (2, 2),
        strides: int | tuple | None = None,
        padding: str | int | tuple = "valid",
        data_format: str | None = None,
        name: str | None = None,
        *,
        dilation_rate: int | tuple = 1,
        ceil_mode: bool = False,
        count_include_pad: bool = False,
        divisor_override: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(
            pool_size,
            strides,
            padding,
            data_format,
            name,
            dilation_rate=dilation_rate,
            ceil_mode=ceil_mode,
            count_include_pad=count_include_pad,
            divisor_override=divisor_override,
            **kwargs,
        )


@keras.saving.register_keras_serializable(package="keras_pooling")
@documented
class AvgPool3D(AvgPool):
    """Average pooling over depth, height and width of volumes.

    `AvgPool` with 3 spatial axes, where the formula and the other arguments stand.

    Args:
        {sliding_args}
        {name_args}
        {dilation_args}
        count_include_pad, divisor_override: as in `AvgPool`.

    {sliding_shapes}

    {sliding_raises}

    Example:

    >>> x = np.arange(27.).reshape(1, 3, 3, 3, 1)
    >>> keras.ops.convert_to_numpy(kp.AvgPool3D(pool_size=2)(x))[0, ..., 0]
    array([[[6.5]]], dtype=float32)
    """

    rank = 3

    def __init__(
        self,
        pool_size: int | tuple = (2, 2, 2),
        strides: int | tuple | None = None,
        padding: str | int | tuple = "valid",
        data_format: str | None = None,
        name: str | None = None,
        *,
        dilation_rate: int | tuple = 1,
        ceil_mode: bool = False,
        count_include_pad: bool = False,
        divisor_override: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(
            pool_size,
            strides,
            padding,
            data_format,
            name,
            dilation_rate=dilation_rate,
            ceil_mode=ceil_mode,
            count_include_pad=count_include_pad,
            divisor_override=divisor_override,
            **kwargs,
        )


# Keras's long names.
AveragePooling1D = AvgPool1D
AveragePooling2D = AvgPool2D
AveragePooling3D = AvgPool3D
