"""Stochastic pooling layers. How a tap is drawn is not known here."""

from __future__ import annotations

from typing import Any

import keras

from keras_pooling.layers.base_pooling import BaseRandomPooling, BaseSlidingPooling
from keras_pooling.layers.documentation import documented


@keras.saving.register_keras_serializable(package="keras_pooling")
@documented
class StochasticPool(BaseRandomPooling, BaseSlidingPooling):
    """Stochastic pooling; the input tells whether over 1, 2 or 3 spatial axes.

    With the weights `w = max(x, 0)` of the taps of a window:

    - training: y is one tap, drawn with probability `w / Σ w`, for each output on its
      own; the gradient goes to that tap alone;
    - inference: `y = Σ w · x / Σ w`, which is what training gives on average.

    If no tap is above 0, all weigh the same. With +inf in a window, only those weigh.
    A NaN gives NaN. Taps in the padding are never drawn. float16 and bfloat16 are
    computed in float32 and rounded once; integers are pooled as floats.

    {sliding_sizes}

    Args:
        {sliding_args}
        {name_args}
        {dilation_args}
        {seed_args}

    Call arguments:
        inputs: the tensor.
        training: bool, whether to draw.

    {sliding_shapes}

    {sliding_raises}

    References:
        Zeiler and Fergus, Stochastic Pooling for Regularization of Deep Convolutional
        Neural Networks, 2013.

    Example:

    >>> x = np.array([1., 3., -5., 0.]).reshape(1, 4, 1)
    >>> layer = kp.StochasticPool(2, seed=1)
    >>> keras.ops.convert_to_numpy(layer(x))[0, :, 0]
    array([ 2.5, -2.5], dtype=float32)
    >>> draws = [float(layer(x, training=True)[0, 0, 0]) for _ in range(50)]
    >>> sorted(set(draws))
    [1.0, 3.0]
    """

    function = "stochastic_pool"

    def __init__(
        self,
        pool_size: int | tuple = 2,
        strides: int | tuple | None = None,
        padding: str | int | tuple = "valid",
        data_format: str | None = None,
        name: str | None = None,
        *,
        seed: Any = None,
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
            seed=seed,
            name=name,
            **kwargs,
        )

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Pools a tensor."""
        return self.pool(inputs, seed=self.next_seed() if training else None)


@keras.saving.register_keras_serializable(package="keras_pooling")
@documented
class StochasticPool1D(StochasticPool):
    """Stochastic pooling over the steps of a sequence.

    `StochasticPool` with one spatial axis, where the formulas stand.

    Args:
        {sliding_args}
        {name_args}
        {dilation_args}
        {seed_args}

    {sliding_shapes}

    {sliding_raises}

    Example:

    >>> x = np.array([1., 3., 0., 4., 4.]).reshape(1, 5, 1)
    >>> keras.ops.convert_to_numpy(kp.StochasticPool1D(pool_size=2)(x))[0, :, 0]
    array([2.5, 4. ], dtype=float32)
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
        seed: Any = None,
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
            seed=seed,
            dilation_rate=dilation_rate,
            ceil_mode=ceil_mode,
            **kwargs,
        )


@keras.saving.register_keras_serializable(package="keras_pooling")
@documented
class StochasticPool2D(StochasticPool):
    """Stochastic pooling over the height and width of images.

    `StochasticPool` with 2 spatial axes, where the formulas stand.

    Args:
        {sliding_args}
        {name_args}
        {dilation_args}
        {seed_args}

    {sliding_shapes}

    {sliding_raises}

    Example:

    >>> x = np.array([[1., 0.], [3., -2.]]).reshape(1, 2, 2, 1)
    >>> keras.ops.convert_to_numpy(kp.StochasticPool2D(pool_size=(2, 2))(x))[0, ..., 0]
    array([[2.5]], dtype=float32)
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
        seed: Any = None,
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
            seed=seed,
            dilation_rate=dilation_rate,
            ceil_mode=ceil_mode,
            **kwargs,
        )


@keras.saving.register_keras_serializable(package="keras_pooling")
@documented
class StochasticPool3D(StochasticPool):
    """Stochastic pooling over depth, height and width of volumes.

    `StochasticPool` with 3 spatial axes, where the formulas stand.

    Args:
        {sliding_args}
        {name_args}
        {dilation_args}
        {seed_args}

    {sliding_shapes}

    {sliding_raises}

    Example:

    >>> x = np.full((1, 2, 2, 2, 1), 3.)
    >>> y = kp.StochasticPool3D(pool_size=2, seed=7)(x, training=True)
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
        seed: Any = None,
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
            seed=seed,
            dilation_rate=dilation_rate,
            ceil_mode=ceil_mode,
            **kwargs,
        )
