"""Pooling by the core's ops inside JAX's programs for CPUs.

Every op is one primitive, `pool`, whose parameters say which. Its rules make it one of
JAX's own: derivatives of both modes and any order, `vmap`, `jit`, `lax.scan`, `remat`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir

from keras_pooling import _library
from keras_pooling.implementations.compiled import (
    DEFAULTS,
    Call,
    Compiled,
    Unpooling,
    composed,
    saved,
)

_TARGET = "keras_pooling"  # of XLA's custom call
_DEFAULTS = {
    **DEFAULTS,
    **{"reduction": "max", "window": [], "axis": 0, "pseudo_random": True},
}


class Jax(Compiled):
    """The core's ops as one primitive of JAX."""

    def fractional_regions(
        self,
        size: Any,
        count: Any,
        rows: Any,
        seed: Any,
        pseudo_random: bool,
        axis: int,
    ) -> Any:
        """Draws the edges of one axis's regions; as `portable.fractional_regions`."""
        numbers = jnp.array([size, count, rows], "int32")
        options = (("axis", axis), ("pseudo_random", pseudo_random))
        (edges,) = _pool(
            *("FractionalRegions", options, [(rows, count + 1)], ["int32"]),
            *(_words(seed), numbers),
        )
        return edges

    def select(self, call: Call, x: Any, edges: tuple, seed: Any = None) -> Any:
        """SelectingPool without taps; where it is differentiated, with them."""
        seeds = () if seed is None else (_words(seed),)
        shape = _output_shape(call, x, edges)
        (y,) = _pool("SelectingPool", call, [shape], [x.dtype], x, *seeds, *edges)
        return y

    def select_with_taps(
        self, call: Call, x: Any, edges: tuple, seed: Any = None
    ) -> tuple[Any, Any]:
        """SelectingPool, and which tap won."""
        seeds = () if seed is None else (_words(seed),)
        return _selected(call, x, (*seeds, *edges))

    def indices(self, call: Call, x: Any, taps: Any, edges: tuple, dtype: str) -> Any:
        """TapIndices of the pool of `x` that gave the taps."""
        dtype = jax.dtypes.canonicalize_dtype(dtype)
        sizes = jnp.array(call.sizes(x.shape), "int32")
        (indices,) = _pool(
            "TapIndices", call, [taps.shape], [dtype], taps, sizes, *edges
        )
        return indices

    def unpool(self, call: Call, y: Any, indices: Any, plane: Unpooling) -> Any:
        """MaxUnpool to the plane of these values."""
        sizes = plane.output_sizes(call.sizes(y.shape))
        shape = call.with_sizes(y.shape, sizes)
        (x,) = _pool("MaxUnpool", call, [shape], [y.dtype], y, indices)
        return x

    def blend(self, call: Call, x: Any, edges: tuple, parameter: Any = None) -> Any:
        """BlendingPool."""
        shape = _output_shape(call, x, edges)
        # One number is a vector too: `_folded` tells tensors by their number of axes.
        learned = () if parameter is None else (jnp.atleast_1d(parameter),)
        (y,) = _pool("BlendingPool", call, [shape], [x.dtype], x, *learned, *edges)
        return y


pooling = Jax()


def _pool(op: str, call: Any, shapes: list, dtypes: list, *operands: Any) -> list:
    """Binds the primitive.

    Args:
        op: name of the core's op, or `Tangent`.
        call: a `Call`; of FractionalRegions pairs of attributes and values.
        shapes: of the outputs.
        dtypes: of the outputs.
        *operands: the op's, without the size of a plane that is made: `shapes` has
            that.
    """
    dtypes = tuple(jnp.dtype(dtype) for dtype in dtypes)
    shapes = tuple(tuple(shape) for shape in shapes)
    return _primitive.bind(*operands, op=op, call=call, shapes=shapes, dtypes=dtypes)


def _output_shape(call: Call, x: Any, edges: tuple) -> tuple:
    sizes = call.output_sizes(call.sizes(x.shape), edges)
    return call.with_sizes(x.shape, sizes)


def _selected(call: Call, x: Any, others: tuple) -> list:
    """y and taps; `others` are a seed, where one is needed, and edges."""
    shape = _output_shape(call, x, _edges(call, others))
    byte = call.taps_fit_a_byte(call.sizes(x.shape))
    dtypes = [x.dtype, "uint8" if byte else "int32"]
    return _pool("SelectingPool", call, [shape, shape], dtypes, x, *others)


def _words(seed: Any) -> Any:
    """The two words of a seed as the core reads them: the bits of each count."""
    if seed.dtype == jnp.uint32:
        return jax.lax.bitcast_convert_type(seed, jnp.int32)
    return seed


# The primitive.


def _shapes(*_: Any, shapes: tuple, dtypes: tuple, **__: Any) -> list:
    return [
        jax.core.ShapedArray(shape, dtype)
        for shape, dtype in zip(shapes, dtypes, strict=True)
    ]


def _custom_call(
    *operands: Any, op: str, call: Any, shapes: tuple, dtypes: tuple
) -> Any:
    """What the primitive is inside a program for a CPU."""
    if op == "Tangent":
        return [_tangent(call, *operands)]
    given = call.attributes() if isinstance(call, Call) else dict(call)
    # XLA writes a message of every attribute that it does not find, at each call.
    attributes = {**_DEFAULTS, **given}
    if op in ("SelectingPoolGrad", "BlendingPoolGrad", "MaxUnpool"):
        # They are told the sizes of x: after dy; after dy and taps, or y and indices.
        after = 1 if op == "BlendingPoolGrad" else 2
        sizes = jnp.array(call.sizes(shapes[0]), "int32")
        operands = (*operands[:after], sizes, *operands[after:])
    results = [
        jax.ShapeDtypeStruct(shape, dtype)
        for shape, dtype in zip(shapes, dtypes, strict=True)
    ]
    run = jax.ffi.ffi_call(_registered(), results)
    return run(*operands, op=op, **{k: _attribute(v) for k, v in attributes.items()})


@functools.cache
def _registered() -> str:
    """The name of the core's handler, which XLA knows from now on."""
    handler = jax.ffi.pycapsule(_library.core().KerasPoolingXlaHandler)
    jax.ffi.register_ffi_target(_TARGET, handler, platform="cpu")
    return _TARGET


def _attribute(value: Any) -> Any:
    """As XLA's attributes are typed."""
    if isinstance(value, list):
        return np.array(value, np.int64)
    if isinstance(value, bool):
        return np.bool_(value)
    return np.int64(value) if isinstance(value, int) else value


def _elsewhere(*_: Any, op: str, **__: Any) -> Any:
    raise NotImplementedError(
        f"keras_pooling: {op} was traced for a CPU and is being compiled for another "
        "device. Trace it anew within `with keras_pooling.force_portable():`, or set "
        "KERAS_POOLING_PORTABLE=1."
    )


@functools.lru_cache(maxsize=1024)
def _program(**parameters: Any) -> Callable:
    """A program of the primitive alone: what a call outside `jit` runs."""
    return jax.jit(functools.partial(_primitive.bind, **parameters))


_primitive = Primitive("keras_pooling")
_primitive.multiple_results = True
_primitive.def_abstract_eval(_shapes)
_primitive.def_impl(lambda *operands, **parameters: _program(**parameters)(*operands))
mlir.register_lowering(
    _primitive, mlir.lower_fun(_custom_call, multiple_results=True), platform="cpu"
)
mlir.register_lowering(_primitive, mlir.lower_fun(_elsewhere, multiple_results=True))


# Derivatives. What is linear in its first operand has itself as tangent, and in
# `_adjoint` its transpose. `Tangent` stands for what a nonlinear blend makes of a small
# change of x: reverse mode transposes it, into the compiled gradient, and never
# computes it.


_LINEAR = (
    *("SelectingPoolGrad", "SelectingPoolPick", "MaxUnpool", "MaxUnpoolGrad"),
    "Tangent",
)


def _is_linear(op: str, call: Any) -> bool:
    if op in _LINEAR:
        return True
    return op in ("BlendingPool", "BlendingPoolGrad") and call.reduction == "avg"


def _derivative(
    primals: Any, tangents: Any, *, op: str, call: Any, shapes: tuple, dtypes: tuple
) -> tuple[list, list]:
    bind = functools.partial(_pool, op, call, shapes, dtypes)
    x, *others = primals
    change, *other_changes = tangents
    if op == "SelectingPool":
        outputs = _selected(call, x, tuple(others))
        operands = (change, outputs[1], *_edges(call, others))
        picked = _pool("SelectingPoolPick", call, shapes[:1], dtypes[:1], *operands)
        outputs = outputs[: len(shapes)]
        return outputs, [*picked, *_zeros(outputs[1:])]
    outputs = bind(*primals)
    if op in ("TapIndices", "FractionalRegions"):
        return outputs, _zeros(outputs)
    only_first = all(type(tangent) is ad.Zero for tangent in other_changes)
    if _is_linear(op, call) and only_first:
        return outputs, bind(change, *others)
    if op == "BlendingPool" and call.reduction != "expectation":
        parts = []
        if type(change) is not ad.Zero:
            operands = (change, *saved(call.reduction, x, outputs[0]), *others)
            parts += _pool("Tangent", call, shapes, dtypes, *operands)
        if not only_first:
            parts.append(_through_parameter(call, x, others[0], other_changes[0]))
        return outputs, [functools.reduce(jnp.add, parts)]
    # The rest is composed of JAX's own ops: an expectation, derivatives of derivatives.
    function = functools.partial(_COMPOSED[op], call)
    tangents = tuple(map(ad.instantiate_zeros, tangents))
    return outputs, [jax.jvp(function, tuple(primals), tangents)[1]]


def _through_parameter(call: Call, x: Any, parameter: Any, change: Any) -> Any:
    """What a small change of the parameter makes of y."""
    shape = _output_shape(call, x, ())
    operands = (x, parameter)
    dtypes = [parameter.dtype]
    (slopes,) = _pool("BlendingPoolParameterGrad", call, [shape], dtypes, *operands)
    if call.channels_first and change.shape[0] > 1:
        change = change.reshape(-1, *(1,) * (x.ndim - 2))
    return (slopes * change).astype(x.dtype)


def _adjoint(
    cotangents: Any, *operands: Any, op: str, call: Any, shapes: tuple, dtypes: tuple
) -> list:
    (change,) = cotangents
    first, *others = operands
    nothing = [None] * len(others)
    if type(change) is ad.Zero:
        return [ad.Zero(first.aval), *nothing]
    other_way = {
        "SelectingPoolGrad": "SelectingPoolPick",
        "SelectingPoolPick": "SelectingPoolGrad",
        "MaxUnpool": "MaxUnpoolGrad",
        "MaxUnpoolGrad": "MaxUnpool",
        "BlendingPoolGrad": "BlendingPool",
        "BlendingPool": "BlendingPoolGrad",
        "Tangent": "BlendingPoolGrad",
    }[op]
    kind = first.aval
    outputs = _pool(other_way, call, [kind.shape], [kind.dtype], change, *others)
    return [*outputs, *nothing]


def _edges(call: Call, operands: Any) -> list:
    """The last operands: of regions."""
    return list(operands[len(operands) - call.number_of_edges :])


def _zeros(values: list) -> list:
    return [ad.Zero(jax.typeof(value).to_tangent_aval()) for value in values]


# None of these reductions is offered for regions, so there are no edges. By way of x
# and the parameter, y has its share in the derivatives of a gradient.


def _value(call: Call, x: Any, *learned: Any) -> Any:
    return composed(call.attributes(), x, *learned)


def _gradient(call: Call, dy: Any, x: Any, *others: Any) -> Any:
    learned = others[-1:] if call.learns else ()
    _, pull_back = jax.vjp(lambda x: _value(call, x, *learned), x)
    return pull_back(dy)[0]


def _slopes(call: Call, x: Any, learned: Any) -> Any:
    # Each output depends on a single number.
    direction = (jnp.ones_like(learned),)
    slopes = jax.jvp(lambda p: _value(call, x, p), (learned,), direction)[1]
    return slopes.astype(learned.dtype)


def _tangent(call: Call, dx: Any, x: Any, *others: Any) -> Any:
    learned = others[-1:] if call.learns else ()
    return jax.jvp(lambda x: _value(call, x, *learned), (x,), (dx,))[1]


_COMPOSED = {
    "BlendingPool": _value,
    "BlendingPoolGrad": _gradient,
    "BlendingPoolParameterGrad": _slopes,
    "Tangent": _tangent,
}

ad.primitive_jvps[_primitive] = _derivative
ad.primitive_transposes[_primitive] = _adjoint


# vmap: the new axis becomes part of the batch.


def _batched(
    operands: Any, axes: Any, *, op: str, call: Any, shapes: tuple, dtypes: tuple
) -> tuple[list, list]:
    is_mapped = [axis is not None for axis in axes]
    moved = [
        jnp.moveaxis(x, axis, 0) if mapped else x
        for x, axis, mapped in zip(operands, axes, is_mapped, strict=True)
    ]
    mapped_ones = [x for x, mapped in zip(moved, is_mapped, strict=True) if mapped]
    draws = op == "SelectingPool" and call.reduction == "stochastic"
    learns = isinstance(call, Call) and call.learns and is_mapped[-1]
    if op == "FractionalRegions" or draws or learns:
        # What is drawn depends on the place in the batch, and all of a batch has one
        # parameter: each is as if alone.
        def alone(ones: list) -> list:
            ones = iter(ones)
            pairs = zip(moved, is_mapped, strict=True)
            own = [next(ones) if mapped else x for x, mapped in pairs]
            return _pool(op, call, shapes, dtypes, *own)

        outputs = jax.lax.map(alone, mapped_ones)
        return outputs, [0] * len(outputs)
    count, batch = mapped_ones[0].shape[0], shapes[0][0]
    folded = [
        _folded(x, mapped, count, batch)
        for x, mapped in zip(moved, is_mapped, strict=True)
    ]
    wide = [(count * batch, *sizes) for _, *sizes in shapes]
    outputs = _pool(op, call, wide, dtypes, *folded)
    outputs = [
        y.reshape(count, *shape) for y, shape in zip(outputs, shapes, strict=True)
    ]
    return outputs, [0] * len(outputs)


def _folded(x: Any, mapped: bool, count: int, batch: int) -> Any:
    """One operand for all of the mapped axis and the batch."""
    rank = x.ndim - mapped
    is_edges = rank == 2  # a row for all samples, or one or more for each
    if rank == 1 or (is_edges and not mapped and x.shape[0] == 1):
        return x  # sizes and edges that are the same for all
    if not mapped:
        x = jnp.broadcast_to(x, (count, *x.shape))
    if is_edges and x.shape[1] == 1:
        x = jnp.repeat(x, batch, axis=1)
    return x.reshape(x.shape[0] * x.shape[1], *x.shape[2:])


batching.primitive_batchers[_primitive] = _batched
