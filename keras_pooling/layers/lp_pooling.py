"""Lp pooling layers. How powers are summed is not known here."""

from __future__ import annotations

from typing import Any

import keras

from keras_pooling.layers.base_pooling import BaseSlidingPooling
from keras_pooling.layers.documentation import documented
from keras_pooling.ops.pooling import lp_options


@keras.saving.register_keras_serializable(package="keras_pooling")
@documented
class LpPool(BaseSlidingPooling):
    """Lp pooling; the input tells whether over 1, 2 or 3 spatial axes.

    `y[o] = (Σ |x[t]|^p)^(1/p) over the taps t of window o`, for each channel; with
    `normalize=True` the sum is divided by the number of taps inside the input, which
    gives the power mean: of inputs that are not negative, generalized-mean (GeM)
    pooling. `p=1` is the sum of absolute values, `p=2` the Euclidean norm, `p=inf` the
    greatest absolute value. float16 and bfloat16 are computed in float32 and rounded
    once; integers are pooled as floats.

    The gradient is `sign(x) · (|x| / y)^(p-1) · dy`, and 0 where y or x is 0.

    {sliding_sizes}

    Args:
        {sliding_args}
        {name_args}
        {dilation_args}
        p: real number > 0, `math.inf` included.
        normalize: bool, whether the sum is divided by the number of taps.

    {sliding_shapes}

    {sliding_raises}

    References:
        Sermanet et al., Convolutional Neural Networks Applied to House Numbers Digit
        Classification, 2012. Radenović et al., Fine-tuning CNN Image Retrieval with No
        Human Annotation, 2018.

    Example:

    >>> x = np.array([3., 4., 0., -2.]).reshape(1, 4, 1)
    >>> keras.ops.convert_to_numpy(kp.LpPool(2, p=2)(x))[0, :, 0]
    array([5., 2.], dtype=float32)
    >>> keras.ops.convert_to_numpy(kp.LpPool(2, p=1, normalize=True)(x))[0, :, 0]
    array([3.5, 1. ], dtype=float32)
    """

    function = "lp_pool"

    def __init__(
        self,
        pool_size: int | tuple = 2,
        strides: int | tuple | None = None,
        padding: str | int | tuple = "valid",
        data_format: str | None = None,
        name: str | None = None,
        *,
        p: float = 2.0,
        normalize: bool = False,
        dilation_rate: int | tuple = 1,
        ceil_mode: bool = False,
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
        self.p, self.normalize = lp_options(self._call(), p, normalize).values()

    def options(self) -> dict[str, Any]:
        """Further arguments of the function."""
        return {"p": self.p, "normalize": self.normalize}

    def get_config(self) -> dict[str, Any]:
        """Returns what `from_config` needs."""
        return {**super().get_config(), **self.options()}


@keras.saving.register_keras_serializable(package="keras_pooling")
@documented
class LpPool1D(LpPool):
    """Lp pooling over the steps of a sequence.

    `LpPool` with one spatial axis, where the formula and the other arguments stand.

    Args:
        {sliding_args}
        {name_args}
        {dilation_args}
        p, normalize: as in `LpPool`.

    {sliding_shapes}

    {sliding_raises}

    Example:

    >>> x = np.array([3., 4., 0., 5., 12.]).reshape(1, 5, 1)
    >>> keras.ops.convert_to_numpy(kp.LpPool1D(pool_size=2, strides=1)(x))[0, :, 0]
    array([ 5.,  4.,  5., 13.], dtype=float32)
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
        p: float = 2.0,
        normalize: bool = False,
        dilation_rate: int | tuple = 1,
        ceil_mode: bool = False,
        **kwargs: Any,
    ):
        super().__init__(
            pool_size,
            strides,
            padding,
            data_format,
            name,
            p=p,
            normalize=normalize,
            dilation_rate=dilation_rate,
            ceil_mode=ceil_mode,
            **kwargs,
        )


@keras.saving.register_keras_serializable(package="keras_pooling")
@documented
class LpPool2D(LpPool):
    """Lp pooling over the height and width of images.

    `LpPool` with 2 spatial axes, where the formula and the other arguments stand.

    Args:
        {sliding_args}
        {name_args}
        {dilation_args}
        p, normalize: as in `LpPool`.

    {sliding_shapes}

    {sliding_raises}

    Example:

    >>> x = np.array([[1., 3.], [5., 1.]]).reshape(1, 2, 2, 1)
    >>> keras.ops.convert_to_numpy(kp.LpPool2D(pool_size=(2, 2))(x))[0, ..., 0]
    array([[6.]], dtype=float32)
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
        p: float = 2.0,
        normalize: bool = False,
        dilation_rate: int | tuple = 1,
        ceil_mode: bool = False,
        **kwargs: Any,
    ):
        super().__init__(
            pool_size,
            strides,
            padding,
            data_format,
            name,
            p=p,
            normalize=normalize,
            dilation_rate=dilation_rate,
            ceil_mode=ceil_mode,
            **kwargs,
        )


@keras.saving.register_keras_serializable(package="keras_pooling")
@documented
class LpPool3D(LpPool):
    """Lp pooling over depth, height and width of volumes.

    `LpPool` with 3 spatial axes, where the formula and the other arguments stand.

    Args:
        {sliding_args}
        {name_args}
        {dilation_args}
        p, normalize: as in `LpPool`.

    {sliding_shapes}

    {sliding_raises}

    Example:

    >>> x = np.full((1, 2, 2, 2, 1), 3.)
    >>> y = kp.LpPool3D(pool_size=2, normalize=True)(x)
    >>> keras.ops.convert_to_numpy(y)[0, ..., 0]
    array([[[3.]]], dtype=float32)
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
        p: float = 2.0,
        normalize: bool = False,
        dilation_rate: int | tuple = 1,
        ceil_mode: bool = False,
        **kwargs: Any,
    ):
        super().__init__(
            pool_size,
            strides,
            padding,
            data_format,
            name,
            p=p,
            normalize=normalize,
            dilation_rate=dilation_rate,
            ceil_mode=ceil_mode,
            **kwargs,
        )
