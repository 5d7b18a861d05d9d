"""From normalised arguments to a result: the one path of every function and layer.

`plan` says what pooling an input of some shape and dtype will give, without a tensor;
`spec` says it to Keras; `run` has an implementation compute it. Which implementation
that is, is chosen here and nowhere else.
"""

from __future__ import annotations

import functools
import importlib
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import keras
from keras import ops

from keras_pooling import _library, arguments
from keras_pooling.arguments import ArgumentError, Windows
from keras_pooling.implementations import masked, portable
from keras_pooling.ops import indices, ragged, regions
from keras_pooling.ops.graphs import is_compiling
from keras_pooling.windows import FractionalWindows, Regions

_FLOATS = ("float16", "bfloat16", "float32", "float64")
# How a dtype is put in order: as itself, or exactly as a wider one and cast back.
_MAX_DTYPES = {
    **{dtype: dtype for dtype in _FLOATS},
    **{dtype: dtype for dtype in ("int8", "uint8", "int16", "int32", "int64")},
    "bool": "uint8",
    "uint16": "int32",
    # JAX may have no int64; turned over at the sign bit, the order is that of int32.
    "uint32": "int32" if keras.config.backend() == "jax" else "int64",
}


# Of any dtype, that many take no more bytes than 64 bits count.
_MOST_ELEMENTS = 2**60 - 1

# The parameter that some functions have, which may be learned.
PARAMETERS = {"gem_pool": "p", "mixed_pool": "alpha", "soft_pool": "beta"}


class Plan(NamedTuple):
    """What pooling an input of one shape will give."""

    windows: Windows  # with one entry per axis
    shape: tuple[int | None, ...]  # of the output
    dropped: tuple[int, ...]  # axes of length 1 that the output lacks
    index_dtype: str
    is_static: bool  # every size of the input is known


def pool(
    function: str,
    inputs: Any,
    windows: Windows,
    data_format: str,
    keepdims: bool = True,
    mask: Any = None,
    seed: Any = None,
    **options: Any,
) -> Any:
    """Pools a tensor, or tells what pooling a `KerasTensor` would give.

    Args:
        function: name of the function of every implementation.
        inputs: tensor or `KerasTensor`.
        windows: where the windows fall.
        data_format: `"channels_last"` or `"channels_first"`.
        keepdims: False drops the spatial axes, which must be of length 1 by then.
        mask: tensor `(batch, steps)`, true where a step counts; None for all.
        seed: tensor of two integers, by which regions or taps are drawn; an int or a
            scalar tensor, by which regions are fixed; None if neither.
        **options: further arguments of the function. Of `indices` it is seen to that
            they fit the input.

    Raises:
        ArgumentError: if the windows do not fit the input, or its dtype is not pooled.
    """
    if "indices" in options:
        options["indices"] = indices.checked(options["indices"], inputs)
    if ragged.is_ragged(inputs):
        inputs, mask = ragged.dense(inputs, mask, data_format)
    # Regions hold tensors, which a cache would keep. PyTorch's compiler warns of it.
    uncached = isinstance(windows, Regions) or is_compiling()
    make = plan if uncached else _cached_plan
    planned = make(static_shape(inputs), windows, data_format, keepdims)
    if mask is not None:
        if not isinstance(mask, keras.KerasTensor):
            mask = ops.convert_to_tensor(mask)
        masked.check(function, static_shape(inputs), static_shape(mask), data_format)
    if isinstance(inputs, keras.KerasTensor):
        return spec(function, inputs, planned, options)
    if mask is None:
        return run(function, inputs, planned, data_format, seed, options)
    if seed is not None:
        options["seed"] = seed
    if function in PARAMETERS:
        name = PARAMETERS[function]
        options[name] = _parameter(options[name], _computed_dtype(function, inputs))
    mask = ops.cast(mask, "bool")
    outputs = masked.pool(
        *(pool, function, inputs, planned.windows, data_format, mask), **options
    )
    return keras.tree.map_structure(
        lambda y: _finished(y, planned, ops.squeeze), outputs
    )


def plan(
    shape: tuple[int | None, ...], windows: Windows, data_format: str, keepdims: bool
) -> Plan:
    """What pooling an input of this shape will give."""
    rank = arguments.check_rank(shape)
    if windows.rank not in (None, rank):
        raise ArgumentError(
            f"the input must have {windows.rank} spatial axes. Received shape={shape}. "
            "Reshape it, or give one entry per spatial axis."
        )
    windows = windows.of_rank(rank)
    axes = arguments.spatial_axes(data_format, rank)
    sizes = tuple(shape[axis] for axis in axes)
    misfit = windows.misfit(sizes)
    if misfit:
        raise _misfit(shape, windows, *misfit)
    pooled = dict(zip(axes, windows.output_sizes(sizes), strict=True))
    dropped = () if keepdims else axes
    output_shape = tuple(
        pooled.get(axis, size) for axis, size in enumerate(shape) if axis not in dropped
    )
    # JAX ends the process where a number of bytes overflows. PyTorch does not, and its
    # compiler would make a condition of it.
    known = [1 if size is None else size for size in output_shape]
    if not is_compiling() and math.prod(known) > _MOST_ELEMENTS:
        finding = f"the output {output_shape} would have more than 2^60 elements"
        raise _misfit(shape, windows, finding, "Ask for a smaller output.")
    index_dtype = arguments.index_dtype(sizes)
    return Plan(windows, output_shape, dropped, index_dtype, None not in shape)


def _misfit(shape: Any, windows: Windows, finding: str, remedy: str) -> ArgumentError:
    received = ", ".join(filter(None, (f"shape={shape}", windows.received())))
    return ArgumentError(f"{finding}. Received {received}. {remedy}")


_cached_plan = functools.lru_cache(maxsize=1024)(plan)
_cached_name = functools.cache(keras.backend.standardize_dtype)


def spec(function: str, inputs: Any, planned: Plan, options: dict[str, Any]) -> Any:
    """The outputs of a plan as `KerasTensor`s."""
    dtype = keras.backend.standardize_dtype(inputs.dtype)
    dtype, _ = dtypes(function, inputs.shape, dtype)
    y = keras.KerasTensor(planned.shape, dtype=dtype)
    if options.get("return_indices"):
        return y, keras.KerasTensor(planned.shape, dtype=planned.index_dtype)
    return y


def run(
    function: str,
    inputs: Any,
    planned: Plan,
    data_format: str,
    seed: Any,
    options: dict[str, Any],
) -> Any:
    """Has an implementation carry out a plan."""
    name_of = keras.backend.standardize_dtype if is_compiling() else _cached_name
    given_dtype = name_of(inputs.dtype)
    dtype, computed_dtype = dtypes(function, inputs.shape, given_dtype)
    # keras.ops.cast asks the backend even where there is nothing to cast.
    x = inputs
    is_turned = function == "max_pool" and _is_turned(given_dtype, computed_dtype)
    if is_turned:
        x = ops.bitwise_xor(x, _sign_bit())
    if given_dtype != computed_dtype:
        x = ops.cast(x, computed_dtype)
    implementation = implementation_of(x)
    outputs = _computed(
        implementation, function, x, planned.windows, data_format, seed, options
    )
    y, *others = outputs if options.get("return_indices") else (outputs,)
    y = y if dtype == computed_dtype else ops.cast(y, dtype)
    y = ops.bitwise_xor(y, _sign_bit()) if is_turned else y
    squeeze = getattr(implementation, "squeeze", ops.squeeze)
    if others:
        return tuple(_finished(part, planned, squeeze) for part in (y, *others))
    return _finished(y, planned, squeeze)


def _is_turned(given_dtype: str, computed_dtype: str) -> bool:
    return given_dtype == "uint32" and computed_dtype == "int32"


def _sign_bit() -> Any:
    return ops.cast(2**31, "uint32")


def _computed(
    implementation: Any,
    function: str,
    x: Any,
    windows: Windows,
    data_format: str,
    seed: Any,
    options: dict[str, Any],
) -> Any:
    """What an implementation's function gives, called with what it needs."""
    if isinstance(windows, FractionalWindows):
        draw = implementation.fractional_regions
        windows = regions.drawn(windows, x, data_format, seed, draw)
    if function == "stochastic_pool":
        options = {**options, "seed": seed}
    if function in PARAMETERS:
        name = PARAMETERS[function]
        options = {**options, name: _parameter(options[name], x.dtype)}
    elif options.get("p") == math.inf:
        absolute = getattr(implementation, "absolute", ops.abs)
        return implementation.max_pool(absolute(x), windows, data_format)
    return getattr(implementation, function)(x, windows, data_format, **options)


def _computed_dtype(function: str, x: Any) -> str:
    given_dtype = keras.backend.standardize_dtype(x.dtype)
    return dtypes(function, x.shape, given_dtype)[1]


def _parameter(value: Any, dtype: Any) -> Any:
    """A number or tensor in the dtype that halves are widened to."""
    dtype = keras.backend.standardize_dtype(dtype)
    dtype = "float32" if dtype in ("float16", "bfloat16") else dtype
    if ops.is_tensor(value) or isinstance(value, keras.Variable):
        return ops.cast(ops.convert_to_tensor(value), dtype)
    return ops.convert_to_tensor(value, dtype)


def implementation_of(x: Any) -> Any:
    """What pools this tensor: compiled for its host, or portable."""
    return _host.pooling if use_compiled(x) else portable


_host: Any = None
use_compiled = _library.use_compiled
if keras.config.backend() in _library.HOSTS and _library.is_first_import():
    _host = importlib.import_module(
        f"keras_pooling.implementations.{keras.config.backend()}"
    )
    # A host may have its own way to ask.
    use_compiled = getattr(_host, "use_compiled", use_compiled)


def static_shape(x: Any) -> tuple[int | None, ...]:
    """The shape with None for what is not known; the rank must be."""
    shape = x.shape
    try:
        # A TensorShape makes an object of every size that it yields.
        if keras.config.backend() == "jax":  # it exports with symbols in their place
            return tuple(size if isinstance(size, int) else None for size in shape)
        return tuple(shape.as_list() if hasattr(shape, "as_list") else shape)
    except ValueError:  # TensorFlow's word for a tensor of unknown rank
        raise ArgumentError(
            f"the rank of the input is not known. Received inputs={x}. Give it a "
            "shape, for example with `tf.ensure_shape`."
        ) from None


def rank_of(inputs: Any) -> int:
    """Number of spatial axes of a tensor or `KerasTensor`."""
    return arguments.check_rank(static_shape(inputs))


def _finished(y: Any, planned: Plan, squeeze: Callable) -> Any:
    y = squeeze(y, planned.dropped) if planned.dropped else y
    return y if planned.is_static else with_static_shape(y, planned.shape)


def with_static_shape(y: Any, shape: tuple[int | None, ...]) -> Any:
    """The tensor: where an axis is not known, a graph may have lost what is."""
    if hasattr(y, "set_shape"):
        y.set_shape(shape)
    return y


def dtypes(function: str, shape: Any, dtype: str) -> tuple[str, str]:
    """The dtypes of the output and of the computation."""
    selects = function in ("max_pool", "max_unpool", "min_pool")
    if selects and dtype in _MAX_DTYPES:
        return dtype, _MAX_DTYPES[dtype]
    if dtype in _FLOATS:
        return dtype, dtype
    if not selects and dtype in (*_MAX_DTYPES, "uint64"):
        return keras.config.floatx(), keras.config.floatx()
    raise ArgumentError(
        f"an input of dtype {dtype} cannot be pooled. Received "
        f"shape={tuple(shape)}, dtype={dtype}. Cast it to one of "
        f"{', '.join(_MAX_DTYPES)}."
    )
