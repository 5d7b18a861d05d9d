"""The public stateless functions; the one place that chooses compiled or portable."""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable
from types import ModuleType
from typing import Any

import keras

from keras_pooling import _library, arguments
from keras_pooling.implementations import portable

Tensor = Any

_FLOATS = ("float16", "bfloat16", "float32", "float64")
# How a dtype is pooled: as itself, or exactly as a wider one and cast back.
_MAX_DTYPES = {
    **{dtype: dtype for dtype in _FLOATS},
    **{dtype: dtype for dtype in ("int8", "uint8", "int16", "int32", "int64")},
    "bool": "uint8",
    "uint16": "int32",
    "uint32": "int64",
}


def run(
    call: str,
    function: str,
    x: Tensor,
    windows: arguments.Windows,
    data_format: str,
    keepdims: bool = True,
    **options: Any,
) -> Any:
    """Pools a tensor, or tells what pooling a `KerasTensor` would give.

    Args:
        call: the user's function or class, which opens every message.
        function: name of the function of every implementation.
        x: tensor or `KerasTensor`.
        windows: where the windows fall.
        data_format: `"channels_last"` or `"channels_first"`.
        keepdims: False drops the spatial axes, which must be of length 1 by then.
        **options: further arguments of the function.

    Raises:
        ValueError: if the windows do not fit the input, or its dtype is not pooled.
    """
    shape = arguments.pooled_shape(call, windows, static_shape(call, x), data_format)
    dtype, inner_dtype = _dtypes(call, function, x)
    axes = (1, 2) if data_format == "channels_last" else (2, 3)
    axes = tuple(range(axes[0], axes[0] + windows.rank))
    if not keepdims:
        shape = tuple(size for axis, size in enumerate(shape) if axis not in axes)
    if isinstance(x, keras.KerasTensor):
        y = keras.KerasTensor(shape, dtype=dtype)
        if not options.get("return_indices"):
            return y
        index_dtype = arguments.index_dtype([x.shape[axis] for axis in axes])
        return y, keras.KerasTensor(shape, dtype=index_dtype)

    def finish(y: Tensor, dtype: str | None = None) -> Tensor:
        y = y if dtype is None else keras.ops.cast(y, dtype)
        y = y if keepdims else keras.ops.squeeze(y, axes)
        if hasattr(y, "set_shape"):  # a graph may have lost what is known
            y.set_shape(shape)
        return y

    x = keras.ops.cast(x, inner_dtype)
    if function == "lp_pool" and options["p"] == math.inf:  # the greatest |x|
        x, function, options = keras.ops.abs(x), "max_pool", {}
    y = getattr(floor(x), function)(x, windows, data_format, **options)
    if options.get("return_indices"):
        return finish(y[0], dtype), finish(y[1])
    return finish(y, dtype)


def floor(x: Tensor) -> ModuleType:
    """The module that pools this tensor: compiled or portable."""
    if _library.use_compiled(x):
        from keras_pooling.implementations import tensorflow

        return tensorflow
    return portable


def static_shape(call: str, x: Tensor) -> tuple[int | None, ...]:
    """The shape with None for what is not known; the rank must be."""
    try:
        return tuple(x.shape)
    except ValueError:  # TensorFlow's word for a tensor of unknown rank
        raise ValueError(
            f"{call}: the rank of the input is not known. Received x={x}. Give it a "
            "shape, for example with `tf.ensure_shape`."
        ) from None


def _dtypes(call: str, function: str, x: Tensor) -> tuple[str, str]:
    dtype = keras.backend.standardize_dtype(x.dtype)
    if function == "max_pool" and dtype in _MAX_DTYPES:
        return dtype, _MAX_DTYPES[dtype]
    if dtype in _FLOATS:
        return dtype, dtype
    if function != "max_pool" and dtype in (*_MAX_DTYPES, "uint64"):
        return keras.config.floatx(), keras.config.floatx()
    raise ValueError(
        f"{call}: an input of dtype {dtype} cannot be pooled. Received "
        f"shape={tuple(x.shape)}, dtype={dtype}. Cast it to one of "
        f"{', '.join(_MAX_DTYPES)}."
    )


@keras.saving.register_keras_serializable(package="keras_pooling")
class StatelessPooling(keras.Operation):
    """A function of this module as a node of a functional model.

    Args:
        function: name of the function.
        arguments: its arguments other than the tensor.
        name: name of the node.
    """

    def __init__(
        self, function: str, arguments: dict[str, Any], name: str | None = None
    ):
        super().__init__(name=name)
        self.function = function
        self.arguments = arguments

    def call(self, x: Tensor) -> Any:
        """Applies the function to a tensor."""
        return _PUBLIC[self.function](x, **self.arguments)

    compute_output_spec = call  # the function itself answers a KerasTensor with specs

    def get_config(self) -> dict[str, Any]:
        """Returns what `from_config` needs."""
        config = {"function": self.function, "arguments": self.arguments}
        return {**config, "name": self.name}


_PUBLIC: dict[str, Callable] = {}


def public(function: Callable) -> Callable:
    """Gives a function what all of them share.

    Anything that Keras makes a tensor of is accepted, `data_format=None` becomes
    Keras's default, and a `KerasTensor` makes a node of a functional model.
    """
    name = function.__name__
    signature = inspect.signature(function)
    _PUBLIC[name] = function

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        given = dict(bound.arguments)
        x = given.pop("x")
        given["data_format"] = arguments.data_format_name(
            name, given["data_format"], keras.config.image_data_format()
        )
        if isinstance(x, keras.KerasTensor):
            return StatelessPooling(name, given).symbolic_call(x)
        return function(keras.ops.convert_to_tensor(x), **given)

    # TensorFlow's AutoGraph calls what has this attribute as it is: there is nothing
    # to convert here, and converting takes seconds.
    call.autograph_info__ = {}
    return call


@public
def max_pool(
    x: Tensor,
    pool_size: int | tuple,
    strides: int | tuple | None = None,
    padding: str | int | tuple = "valid",
    data_format: str | None = None,
    *,
    dilation_rate: int | tuple = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """Greatest tap of each window. `keras_pooling.MaxPool` says it in full.

    Args:
        x: tensor with 1, 2 or 3 spatial axes.
        pool_size: int or one per axis; elements per window.
        strides: int or one per axis; elements between windows. None: `pool_size`.
        padding: `"valid"`, `"same"`, an int, or one int or (before, after) per axis.
        data_format: `"channels_last"` or `"channels_first"`. None: Keras's default.
        dilation_rate: int or one per axis; elements from tap to tap.
        ceil_mode: whether a last, clipped window is kept.
        return_indices: whether to return `(y, indices)`.

    Returns:
        Tensor of the input's dtype, or that and the flat positions of the maxima.

    Raises:
        ValueError: if an argument is not allowed or the windows do not fit.

    Example:

    >>> keras.ops.convert_to_numpy(kp.ops.max_pool([[[1.], [5.], [2.], [3.]]], 2))
    array([[[5.],
            [3.]]], dtype=float32)
    """
    call = "max_pool"
    ceil_mode = arguments.flag(call, "ceil_mode", ceil_mode)
    return_indices = arguments.flag(call, "return_indices", return_indices)
    rank = arguments.check_rank(call, static_shape(call, x))
    windows = arguments.sliding_windows(
        call, rank, pool_size, strides, padding, dilation_rate, ceil_mode
    )
    return run(call, call, x, windows, data_format, return_indices=return_indices)


@public
def avg_pool(
    x: Tensor,
    pool_size: int | tuple,
    strides: int | tuple | None = None,
    padding: str | int | tuple = "valid",
    data_format: str | None = None,
    *,
    dilation_rate: int | tuple = 1,
    ceil_mode: bool = False,
    count_include_pad: bool = False,
    divisor_override: int | None = None,
) -> Tensor:
    """Average of each window's taps. `keras_pooling.AvgPool` says it in full.

    Args:
        x: tensor with 1, 2 or 3 spatial axes; integers are averaged as floats.
        pool_size: int or one per axis; elements per window.
        strides: int or one per axis; elements between windows. None: `pool_size`.
        padding: `"valid"`, `"same"`, an int, or one int or (before, after) per axis.
        data_format: `"channels_last"` or `"channels_first"`. None: Keras's default.
        dilation_rate: int or one per axis; elements from tap to tap.
        ceil_mode: whether a last, clipped window is kept.
        count_include_pad: whether taps in the padding are counted, as zeros.
        divisor_override: int to divide each sum by, in place of the count.

    Returns:
        Tensor of the input's dtype.

    Raises:
        ValueError: if an argument is not allowed or the windows do not fit.

    Example:

    >>> keras.ops.convert_to_numpy(kp.ops.avg_pool([[[1.], [5.], [2.], [3.]]], 2))
    array([[[3. ],
            [2.5]]], dtype=float32)
    """
    call = "avg_pool"
    rank = arguments.check_rank(call, static_shape(call, x))
    windows = arguments.sliding_windows(
        call, rank, pool_size, strides, padding, dilation_rate, ceil_mode
    )
    return run(
        call,
        call,
        x,
        windows,
        data_format,
        count_include_pad=arguments.flag(call, "count_include_pad", count_include_pad),
        divisor_override=arguments.divisor(call, divisor_override),
    )


@public
def lp_pool(
    x: Tensor,
    pool_size: int | tuple,
    strides: int | tuple | None = None,
    padding: str | int | tuple = "valid",
    data_format: str | None = None,
    *,
    p: float = 2.0,
    normalize: bool = False,
    dilation_rate: int | tuple = 1,
    ceil_mode: bool = False,
) -> Tensor:
    """`(Σ |x|^p)^(1/p)` of each window's taps. `keras_pooling.LpPool` says it in full.

    Args:
        x: tensor with 1, 2 or 3 spatial axes; integers are pooled as floats.
        pool_size: int or one per axis; elements per window.
        strides: int or one per axis; elements between windows. None: `pool_size`.
        padding: `"valid"`, `"same"`, an int, or one int or (before, after) per axis.
        data_format: `"channels_last"` or `"channels_first"`. None: Keras's default.
        p: real number > 0; `math.inf` gives the greatest |x|.
        normalize: whether the sum is divided by the number of taps in the input.
        dilation_rate: int or one per axis; elements from tap to tap.
        ceil_mode: whether a last, clipped window is kept.

    Returns:
        Tensor of the input's dtype.

    Raises:
        ValueError: if an argument is not allowed or the windows do not fit.

    Example:

    >>> keras.ops.convert_to_numpy(kp.ops.lp_pool([[[3.], [-4.], [6.], [8.]]], 2))
    array([[[ 5.],
            [10.]]], dtype=float32)
    """
    call = "lp_pool"
    rank = arguments.check_rank(call, static_shape(call, x))
    windows = arguments.sliding_windows(
        call, rank, pool_size, strides, padding, dilation_rate, ceil_mode
    )
    return run(call, call, x, windows, data_format, **lp_options(call, p, normalize))


@public
def global_max_pool(
    x: Tensor, data_format: str | None = None, keepdims: bool = False
) -> Tensor:
    """Greatest element of each channel.

    Args:
        x: tensor with 1, 2 or 3 spatial axes.
        data_format: `"channels_last"` or `"channels_first"`. None: Keras's default.
        keepdims: whether the spatial axes stay, with length 1.

    Returns:
        Tensor of the input's dtype.

    Raises:
        ValueError: if a spatial axis is empty.

    Example:

    >>> keras.ops.convert_to_numpy(kp.ops.global_max_pool([[[1.], [5.], [2.]]]))
    array([[5.]], dtype=float32)
    """
    return run_global("global_max_pool", "max_pool", x, data_format, keepdims)


@public
def global_avg_pool(
    x: Tensor, data_format: str | None = None, keepdims: bool = False
) -> Tensor:
    """Average of each channel.

    Args:
        x: tensor with 1, 2 or 3 spatial axes; integers are averaged as floats.
        data_format: `"channels_last"` or `"channels_first"`. None: Keras's default.
        keepdims: whether the spatial axes stay, with length 1.

    Returns:
        Tensor of the input's dtype.

    Raises:
        ValueError: if a spatial axis is empty.

    Example:

    >>> keras.ops.convert_to_numpy(kp.ops.global_avg_pool([[[1.], [5.], [3.]]]))
    array([[3.]], dtype=float32)
    """
    return run_global("global_avg_pool", "avg_pool", x, data_format, keepdims)


@public
def global_lp_pool(
    x: Tensor,
    data_format: str | None = None,
    keepdims: bool = False,
    *,
    p: float = 2.0,
    normalize: bool = False,
) -> Tensor:
    """`(Σ |x|^p)^(1/p)` of each channel.

    Args:
        x: tensor with 1, 2 or 3 spatial axes; integers are pooled as floats.
        data_format: `"channels_last"` or `"channels_first"`. None: Keras's default.
        keepdims: whether the spatial axes stay, with length 1.
        p: real number > 0; `math.inf` gives the greatest |x|.
        normalize: whether the sum is divided by the number of elements.

    Returns:
        Tensor of the input's dtype.

    Raises:
        ValueError: if an argument is not allowed or a spatial axis is empty.

    Example:

    >>> keras.ops.convert_to_numpy(kp.ops.global_lp_pool([[[3.], [0.], [-4.]]]))
    array([[5.]], dtype=float32)
    """
    call = "global_lp_pool"
    options = lp_options(call, p, normalize)
    return run_global(call, "lp_pool", x, data_format, keepdims, **options)


def run_global(
    call: str,
    function: str,
    x: Tensor,
    data_format: str,
    keepdims: bool,
    **options: Any,
) -> Any:
    """Runs a function over one window per channel: the whole plane."""
    rank = arguments.check_rank(call, static_shape(call, x))
    windows = arguments.AdaptiveWindows((1,) * rank)
    return run(call, function, x, windows, data_format, keepdims, **options)


def lp_options(call: str, p: Any, normalize: Any) -> dict[str, Any]:
    """The arguments that Lp pooling adds to those of its windows."""
    return {
        "p": arguments.exponent(call, p),
        "normalize": arguments.flag(call, "normalize", normalize),
    }
