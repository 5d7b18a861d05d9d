"""Max pooling layers. How a maximum is found is not known here."""

from __future__ import annotations

from typing import Any

import keras

from keras_pooling import arguments
from keras_pooling.layers.base_pooling import BaseSlidingPooling
from keras_pooling.layers.documentation import documented


@keras.saving.register_keras_serializable(package="keras_pooling")
@documented
class MaxPool(BaseSlidingPooling):
    """Max pooling; the input tells whether over 1, 2 or 3 spatial axes.

    `y[o] = max of x[t] over the taps t of window o`, for each channel. A NaN in a
    window gives NaN. The gradient goes to the first NaN, else to the first greatest
    tap in row-major order.

    {sliding_sizes}

    Args:
        {sliding_args}
        {name_args}
        {dilation_args}
        return_indices: bool, whether to return `(y, indices)`: where each maximum
            stands, as a flat index in the input's spatial plane (no batch, no
            channel), int32 if the plane is known to have at most 2³¹ elements, else
            int64.

    {sliding_shapes}
        With `return_indices=True`, two tensors of this shape.

    {sliding_raises}

    References:
        Ranzato et al., Unsupervised Learning of Invariant Feature Hierarchies with
        Applications to Object Recognition, 2007.

    Example:

    >>> x = np.arange(12.).reshape(1, 3, 4, 1)
    >>> y, indices = kp.MaxPool(2, return_indices=True)(x)
    >>> keras.ops.convert_to_numpy(y)[0, ..., 0]
    array([[5., 7.]], dtype=float32)
    >>> keras.ops.convert_to_numpy(indices)[0, ..., 0]
    array([[5, 7]], dtype=int32)
    """

    function = "max_pool"

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
        return_indices: bool = False,
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
class MaxPool1D(MaxPool):
    """Max pooling over the steps of a sequence.

    `MaxPool` with one spatial axis, where the formula and the other arguments stand.

    Args:
        {sliding_args}
        {name_args}
        {dilation_args}
        return_indices: as in `MaxPool`.

    {sliding_shapes}

    {sliding_raises}

    Example:

    >>> x = np.array([1., 5., 2., 3., 4.]).reshape(1, 5, 1)
    >>> keras.ops.convert_to_numpy(kp.MaxPool1D(pool_size=3, strides=1)(x))[0, :, 0]
    array([5., 5., 4.], dtype=float32)
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
        return_indices: bool = False,
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
            return_indices=return_indices,
            **kwargs,
        )


@keras.saving.register_keras_serializable(package="keras_pooling")
@documented
class MaxPool2D(MaxPool):
    """Max pooling over the height and width of images.

    `MaxPool` with 2 spatial axes, where the formula and the other arguments stand.

    Args:
        {sliding_args}
        {name_args}
        {dilation_args}
        return_indices: as in `MaxPool`.

    {sliding_shapes}

    {sliding_raises}

    Example:

    >>> x = np.arange(9.).reshape(1, 3, 3, 1)
    >>> y = kp.MaxPool2D(pool_size=(2, 2), strides=1)(x)
    >>> keras.ops.convert_to_numpy(y)[0, ..., 0]
    array([[4., 5.],
           [7., 8.]], dtype=float32)
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
        return_indices: bool = False,
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
            return_indices=return_indices,
            **kwargs,
        )


@keras.saving.register_keras_serializable(package="keras_pooling")
@documented
class MaxPool3D(MaxPool):
    """Max pooling over depth, height and width of volumes.

    `MaxPool` with 3 spatial axes, where the formula and the other arguments stand.

    Args:
        {sliding_args}
        {name_args}
        {dilation_args}
        return_indices: as in `MaxPool`.

    {sliding_shapes}

    {sliding_raises}

    Example:

    >>> x = np.arange(27.).reshape(1, 3, 3, 3, 1)
    >>> keras.ops.convert_to_numpy(kp.MaxPool3D(pool_size=2)(x))[0, ..., 0]
    array([[[13.]]], dtype=float32)
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
        return_indices: bool = False,
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
            return_indices=return_indices,
            **kwargs,
        )


# Keras's long names.
MaxPooling1D = MaxPool1D
MaxPooling2D = MaxPool2D
MaxPooling3D = MaxPool3D
