"""Pooling by the core's ops, as operators of PyTorch.

Each is defined once, with its form for shapes alone, its kernel for CPUs and its
derivative, so that autograd, `torch.compile` and `torch.export` know it. The kernels
call the core's C entry, custom_ops/hosts/c/keras_pooling.h.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from typing import Any

import torch

from keras_pooling import _library
from keras_pooling.implementations import entry
from keras_pooling.implementations.compiled import (
    Call,
    Compiled,
    Unpooling,
    attributes_of,
    composed,
    for_each_output,
    saved,
)

_DTYPES = {  # KerasPoolingType
    torch.float16: 0,
    torch.bfloat16: 1,
    torch.float32: 2,
    torch.float64: 3,
    torch.int8: 4,
    torch.uint8: 5,
    torch.int16: 6,
    torch.int32: 7,
    torch.int64: 8,
}


def use_compiled(x: torch.Tensor) -> bool:
    """As `_library.use_compiled`, in a way that PyTorch's compiler can follow."""
    return x.device.type == "cpu" and _is_usable()


@torch.compiler.assume_constant_result
def _is_usable() -> bool:
    return _library.core_here() is not None


class Torch(Compiled):
    """The core's ops as PyTorch has them registered."""

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
        return _ops.fractional_regions(seed, size, count, rows, pseudo_random, axis)

    def select(self, call: Call, x: Any, edges: tuple, seed: Any = None) -> Any:
        """SelectingPool; the taps are recorded where a gradient may be asked for."""
        arguments = _arguments(call, x, edges)
        if torch.is_grad_enabled() and x.requires_grad:
            byte = call.taps_fit_a_byte(call.sizes(x.shape))
            return _call("selecting_pool", x, seed, *arguments, byte)[0]
        return _ops.selecting_pool_values(x, seed, *arguments)

    def select_with_taps(
        self, call: Call, x: Any, edges: tuple, seed: Any = None
    ) -> tuple[Any, Any]:
        """SelectingPool, and which tap won."""
        byte = call.taps_fit_a_byte(call.sizes(x.shape))
        return _call("selecting_pool", x, seed, *_arguments(call, x, edges), byte)

    def indices(self, call: Call, x: Any, taps: Any, edges: tuple, dtype: str) -> Any:
        """TapIndices of the pool of `x` that gave the taps."""
        sizes = list(call.sizes(x.shape))
        wide = dtype == "int64"
        return _ops.tap_indices(taps, _joined(edges), _text(call), sizes, wide)

    def unpool(self, call: Call, y: Any, indices: Any, plane: Unpooling) -> Any:
        """MaxUnpool to the plane of these values."""
        sizes = plane.output_sizes(call.sizes(y.shape))
        return _call("max_unpool", y, indices, _text(call), list(sizes))

    def blend(self, call: Call, x: Any, edges: tuple, parameter: Any = None) -> Any:
        """BlendingPool; where no gradient is asked for, by a plainer operator."""
        learns = parameter is not None and parameter.requires_grad
        is_tracked = torch.is_grad_enabled() and (x.requires_grad or learns)
        inputs = (x, parameter, *_arguments(call, x, edges))
        if is_tracked:
            return _call("blending_pool", *inputs)
        return _ops.blending_pool_plain(*inputs)


def _arguments(call: Call, x: Any, edges: tuple) -> tuple[Any, str, list]:
    """Edges, the call as a text, and the spatial sizes of the output."""
    # PyTorch's compiler warns of caches.
    if edges or torch.compiler.is_compiling():
        sizes = call.output_sizes(call.sizes(x.shape), edges)
        return _joined(edges), _text(call), list(sizes)
    return None, *_cached_arguments(call, x.shape)


@functools.lru_cache(maxsize=1024)
def _cached_arguments(call: Call, shape: tuple) -> tuple[str, list]:
    return _text(call), list(call.output_sizes(call.sizes(shape), ()))


def _joined(edges: tuple) -> torch.Tensor | None:
    """The edges of all axes side by side, as an operator takes them."""
    return torch.cat(edges, -1) if edges else None


def _text(call: Call) -> str:
    """A call as an operator takes it: "reduction='max;window=2,2,;ceil_mode=0"."""
    # PyTorch's compiler warns of caches.
    make = _new_text if torch.compiler.is_compiling() else _cached_text
    return make(call)


def _new_text(call: Call) -> str:
    items = [f"{name}={_value_text(v)}" for name, v in attributes_of(call).items()]
    return ";".join(items)


_cached_text = functools.lru_cache(maxsize=1024)(_new_text)


def _value_text(value: Any) -> str:
    if isinstance(value, str):
        return f"'{value}"
    if isinstance(value, list):
        return ",".join([str(number) for number in value]) + ","
    return str(int(value))


def _attributes_in(text: str) -> dict[str, Any]:
    """The attributes that `_text` was made of."""
    attributes: dict[str, Any] = {}
    for item in text.split(";"):
        name, value = item.split("=")
        if value.startswith("'"):
            attributes[name] = value[1:]
        else:
            numbers = [int(number) for number in value.split(",") if number]
            attributes[name] = numbers if "," in value else numbers[0]
    return attributes


# Calls of the core.


_threads = threading.local()


@functools.lru_cache(maxsize=1024)
def _bound(op: str, text: str, channels_first: bool | None) -> Any:
    """An op of the core with its attributes."""
    attributes = _attributes_in(text)
    if channels_first is not None:
        attributes["channels_first"] = int(channels_first)
    return entry.Op(op, attributes)


@functools.lru_cache(maxsize=1024)
def _frames(
    op: str, text: str, channels_first: bool | None, inputs: tuple, outputs: tuple
) -> list[entry.Frame]:
    """Frames for tensors of these dtypes and shapes that no thread is using."""
    return []


def _new_frame(op: str, text: str, channels_first: bool | None, *kinds: tuple) -> Any:
    for dtype, _ in (*kinds[0], *kinds[1]):
        if dtype not in _DTYPES:
            raise ValueError(f"keras_pooling: {dtype} cannot be pooled.")
    inputs, outputs = ([(_DTYPES[dtype], shape) for dtype, shape in k] for k in kinds)
    return entry.Frame(_bound(op, text, channels_first), inputs, outputs)


def _run(
    op: str,
    text: str,
    channels_first: bool | None,
    inputs: list[torch.Tensor],
    outputs: list[torch.Tensor],
) -> None:
    """Runs an op; outputs are dense."""
    inputs = [x if x.is_contiguous() else x.contiguous() for x in inputs]
    kinds = tuple([(x.dtype, x.shape) for x in inputs])
    results = tuple([(y.dtype, y.shape) for y in outputs])
    call = (op, text, channels_first, kinds, results)
    frames = _frames(*call)
    try:
        frame = frames.pop()
    except IndexError:
        frame = _new_frame(*call)
    threads = torch.get_num_threads()
    if getattr(_threads, "wanted", None) != threads:
        entry.use_threads(threads)
        _threads.wanted = threads
    frame.run([tensor.data_ptr() for tensor in (*inputs, *outputs)])
    frames.append(frame)


# How a tensor lies in memory. Whatever its axes are called, channels that lie next to
# each other are "channels last" for the core: neither format costs a copy.


@functools.lru_cache(maxsize=1024)
def _sizes(numbers: tuple) -> torch.Tensor:
    """Sizes as the core takes them."""
    return torch.tensor(numbers, device="cpu")


def _is_first(text: str) -> bool:
    return "channels_first=1" in text


def _reduction(text: str) -> str:
    return text.split("'", 2)[1].split(";")[0]


def _given(tensor: torch.Tensor | None) -> list[torch.Tensor]:
    return [] if tensor is None else [tensor]


def _swapped(x: torch.Tensor, to_first: bool) -> torch.Tensor:
    """The view of a tensor with its channels moved to the other place."""
    return x.movedim(-1, 1) if to_first else x.movedim(1, -1)


def _order(x: torch.Tensor, text: str) -> bool:
    """Whether the channels of x stand before the spatial axes in memory."""
    first = _is_first(text)
    # What is drawn depends on the place in memory.
    if x.is_contiguous() or "reduction='stochastic" in text:
        return first
    return first ^ _swapped(x, not first).is_contiguous()


def _laid_out(x: torch.Tensor, text: str, first: bool) -> torch.Tensor:
    """A dense form of x in a given order."""
    return (x if first == _is_first(text) else _swapped(x, first)).contiguous()


def _empty(
    like: torch.Tensor, first: bool, sizes: Any, dtype: torch.dtype
) -> torch.Tensor:
    batch, *others = like.shape
    shape = (batch, others[0], *sizes) if first else (batch, *sizes, others[-1])
    return like.new_empty(shape, dtype=dtype)


def _spatial(x: torch.Tensor, first: bool) -> Any:
    return list(x.shape[2:] if first else x.shape[1:-1])


def _restored(y: torch.Tensor, text: str, first: bool) -> torch.Tensor:
    """A result in the order that the caller's axes have."""
    return y if first == _is_first(text) else _swapped(y, not first)


def _edges(joined: torch.Tensor | None, windows: Any) -> list[torch.Tensor]:
    """The edges of each axis, given how many windows it has."""
    if joined is None:
        return []
    return list(joined.split([count + 1 for count in windows], -1))


# The operators: allocation is one function for shapes alone and for kernels.


_definitions = torch.library.Library("keras_pooling", "DEF")


_operators: dict[str, tuple[str, Callable]] = {}


def _operator(schema: str) -> Callable:
    """Registers a function `(compute, *arguments)` as an operator.

    `compute` is False where shapes alone are asked for.
    """
    name, rest = schema.split("(", 1)

    def register(function: Callable) -> Callable:
        _operators[name] = rest, function
        _define(name, rest, function)
        return function

    return register


def _define(name: str, rest: str, function: Callable) -> None:
    _definitions.define(f"{name}({rest}", tags=(torch.Tag.pt2_compliant_tag,))
    _definitions.impl(name, functools.partial(function, True), "CPU")
    torch.library.register_fake(
        f"keras_pooling::{name}", functools.partial(function, False), lib=_definitions
    )


@_operator(
    "selecting_pool(Tensor x, Tensor? seed, Tensor? edges, str call, SymInt[] sizes, "
    "bool byte) -> (Tensor, Tensor)"
)
def _selecting_pool(compute, x, seed, edges, call, sizes, byte):
    first = _order(x, call)
    x = _laid_out(x, call, first)
    y = _empty(x, first, sizes, x.dtype)
    taps = _empty(x, first, sizes, torch.uint8 if byte else torch.int32)
    if compute:
        seeds = [] if seed is None else [seed]
        inputs = [x, *seeds, *_edges(edges, sizes)]
        _run("SelectingPool", call, first, inputs, [y, taps])
    return _restored(y, call, first), _restored(taps, call, first)


@_operator(
    "selecting_pool_values(Tensor x, Tensor? seed, Tensor? edges, str call, "
    "SymInt[] sizes) -> Tensor"
)
def _selecting_pool_values(compute, x, seed, edges, call, sizes):
    first = _order(x, call)
    x = _laid_out(x, call, first)
    y = _empty(x, first, sizes, x.dtype)
    if compute:
        seeds = [] if seed is None else [seed]
        _run("SelectingPool", call, first, [x, *seeds, *_edges(edges, sizes)], [y])
    return _restored(y, call, first)


@_operator(
    "selecting_pool_grad(Tensor dy, Tensor taps, Tensor? edges, str call, "
    "SymInt[] sizes, bool first) -> Tensor"
)
def _selecting_pool_grad(compute, dy, taps, edges, call, sizes, first):
    dy, taps = _laid_out(dy, call, first), _laid_out(taps, call, first)
    dx = _empty(dy, first, sizes, dy.dtype)
    if compute:
        inputs = [dy, taps, _sizes(tuple(sizes)), *_edges(edges, _spatial(taps, first))]
        _run("SelectingPoolGrad", call, first, inputs, [dx])
    return _restored(dx, call, first)


@_operator(
    "selecting_pool_pick(Tensor x, Tensor taps, Tensor? edges, str call) -> Tensor"
)
def _selecting_pool_pick(compute, x, taps, edges, call):
    first = _order(taps, call)
    x, taps = _laid_out(x, call, first), _laid_out(taps, call, first)
    y = torch.empty_like(taps, dtype=x.dtype)
    if compute:
        inputs = [x, taps, *_edges(edges, _spatial(taps, first))]
        _run("SelectingPoolPick", call, first, inputs, [y])
    return _restored(y, call, first)


@_operator(
    "blending_pool(Tensor x, Tensor? parameter, Tensor? edges, str call, "
    "SymInt[] sizes) -> Tensor"
)
def _blending_pool(compute, x, parameter, edges, call, sizes):
    first = _order(x, call)
    x = _laid_out(x, call, first)
    y = _empty(x, first, sizes, x.dtype)
    if compute:
        inputs = [x, *_given(parameter), *_edges(edges, sizes)]
        _run("BlendingPool", call, first, inputs, [y])
    return _restored(y, call, first)


@_operator(
    "blending_pool_grad(Tensor dy, Tensor? x, Tensor? y, Tensor? parameter, "
    "Tensor? edges, str call, SymInt[] sizes, bool first) -> Tensor"
)
def _blending_pool_grad(compute, dy, x, y, parameter, edges, call, sizes, first):
    dy = _laid_out(dy, call, first)
    saved = [_laid_out(v, call, first) for v in (x, y) if v is not None]
    dx = _empty(dy, first, sizes, dy.dtype)
    if compute:
        inputs = [dy, _sizes(tuple(sizes)), *saved, *_given(parameter)]
        inputs += _edges(edges, _spatial(dy, first))
        _run("BlendingPoolGrad", call, first, inputs, [dx])
    return _restored(dx, call, first)


@_operator(
    "blending_pool_parameter_grad(Tensor x, Tensor parameter, str call, "
    "SymInt[] sizes) -> Tensor"
)
def _blending_pool_parameter_grad(compute, x, parameter, call, sizes):
    first = _order(x, call)
    x = _laid_out(x, call, first)
    slopes = _empty(x, first, sizes, parameter.dtype)
    if compute:
        inputs = [x, parameter]
        _run("BlendingPoolParameterGrad", call, first, inputs, [slopes])
    return _restored(slopes, call, first)


@_operator(
    "tap_indices(Tensor taps, Tensor? edges, str call, SymInt[] sizes, bool wide) "
    "-> Tensor"
)
def _tap_indices(compute, taps, edges, call, sizes, wide):
    first = _order(taps, call)
    taps = _laid_out(taps, call, first)
    indices = torch.empty_like(taps, dtype=torch.int64 if wide else torch.int32)
    if compute:
        inputs = [taps, _sizes(tuple(sizes)), *_edges(edges, _spatial(taps, first))]
        _run("TapIndices", call, first, inputs, [indices])
    return _restored(indices, call, first)


@_operator("max_unpool(Tensor y, Tensor indices, str call, SymInt[] sizes) -> Tensor")
def _max_unpool(compute, y, indices, call, sizes):
    first = _order(y, call)
    y, indices = _laid_out(y, call, first), _laid_out(indices, call, first)
    x = _empty(y, first, sizes, y.dtype)
    if compute:
        _run("MaxUnpool", call, first, [y, indices, _sizes(tuple(sizes))], [x])
    return _restored(x, call, first)


@_operator("max_unpool_grad(Tensor dx, Tensor indices, str call) -> Tensor")
def _max_unpool_grad(compute, dx, indices, call):
    first = _order(indices, call)
    dx, indices = _laid_out(dx, call, first), _laid_out(indices, call, first)
    dy = torch.empty_like(indices, dtype=dx.dtype)
    if compute:
        _run("MaxUnpoolGrad", call, first, [dx, indices], [dy])
    return _restored(dy, call, first)


@_operator(
    "fractional_regions(Tensor seed, SymInt size, SymInt count, SymInt rows, "
    "bool pseudo_random, int axis) -> Tensor"
)
def _fractional_regions(compute, seed, size, count, rows, pseudo_random, axis):
    edges = seed.new_empty((rows, count + 1), dtype=torch.int64)
    if compute:
        text = f"pseudo_random={int(pseudo_random)};axis={axis}"
        inputs = [seed, torch.tensor([size, count, rows])]
        _run("FractionalRegions", text, None, inputs, [edges])
    return edges


# Derivatives.


_ops = torch.ops.keras_pooling
_functions: dict[str, tuple[Callable, Callable]] = {}


def _differentiated(name: str, setup: Callable) -> Callable:
    """Gives an operator its derivative.

    A twin without one, `…_plain`, is made a function with the same derivative. Where
    nothing is compiled, PyTorch calls that, and its gradient, in half the time.
    """

    def register(backward: Callable) -> Callable:
        torch.library.register_autograd(
            f"keras_pooling::{name}", backward, setup_context=setup, lib=_definitions
        )
        _define(f"{name}_plain", *_operators[name])
        plain = getattr(_ops, f"{name}_plain")

        def forward(ctx: Any, *inputs: Any) -> Any:
            output = plain(*inputs)
            setup(ctx, inputs, output)
            return output

        methods = {"forward": staticmethod(forward), "backward": staticmethod(backward)}
        function = type(name, (torch.autograd.Function,), methods)
        _functions[name] = function.apply, plain
        return backward

    return register


def _call(name: str, *inputs: Any) -> Any:
    """Calls an operator that has a derivative."""
    if torch.compiler.is_compiling():
        return getattr(_ops, name)(*inputs)
    function, plain = _functions[name]
    return function(*inputs) if torch.is_grad_enabled() else plain(*inputs)


def _keep_taps(ctx: Any, inputs: tuple, output: tuple) -> None:
    x, _, edges, ctx.call, _, _ = inputs
    ctx.sizes = _spatial(x, _is_first(ctx.call))
    ctx.first = _order(x, ctx.call)
    ctx.save_for_backward(output[1], edges)
    ctx.mark_non_differentiable(output[1])
    ctx.set_materialize_grads(False)


@_differentiated("selecting_pool", _keep_taps)
def _selecting_pool_backward(ctx: Any, dy: Any, _: Any) -> tuple:
    if dy is None:
        return (None,) * 6
    taps, edges = ctx.saved_tensors
    dx = _call("selecting_pool_grad", dy, taps, edges, ctx.call, ctx.sizes, ctx.first)
    return dx, None, None, None, None, None


def _keep_grad(ctx: Any, inputs: tuple, output: Any) -> None:
    _, taps, edges, ctx.call, _, _ = inputs
    ctx.save_for_backward(taps, edges)


@_differentiated("selecting_pool_grad", _keep_grad)
def _selecting_pool_grad_backward(ctx: Any, ddx: Any) -> tuple:
    # dx is linear in dy: what comes back to dy is the tap that won.
    taps, edges = ctx.saved_tensors
    ddy = _call("selecting_pool_pick", ddx, taps, edges, ctx.call)
    return ddy, None, None, None, None, None


def _keep_pick(ctx: Any, inputs: tuple, output: Any) -> None:
    x, taps, edges, ctx.call = inputs
    ctx.sizes = _spatial(x, _is_first(ctx.call))
    ctx.first = _order(x, ctx.call)
    ctx.save_for_backward(taps, edges)


@_differentiated("selecting_pool_pick", _keep_pick)
def _selecting_pool_pick_backward(ctx: Any, dy: Any) -> tuple:
    taps, edges = ctx.saved_tensors
    dx = _call("selecting_pool_grad", dy, taps, edges, ctx.call, ctx.sizes, ctx.first)
    return dx, None, None, None


# Both are linear, and each is the other's transpose.


def _keep_unpool(ctx: Any, inputs: tuple, output: Any) -> None:
    _, indices, ctx.call, _ = inputs
    ctx.save_for_backward(indices)


@_differentiated("max_unpool", _keep_unpool)
def _max_unpool_backward(ctx: Any, dx: Any) -> tuple:
    (indices,) = ctx.saved_tensors
    return _call("max_unpool_grad", dx, indices, ctx.call), None, None, None


def _keep_unpool_grad(ctx: Any, inputs: tuple, output: Any) -> None:
    dx, indices, ctx.call = inputs
    ctx.sizes = _spatial(dx, _is_first(ctx.call))
    ctx.save_for_backward(indices)


@_differentiated("max_unpool_grad", _keep_unpool_grad)
def _max_unpool_grad_backward(ctx: Any, ddy: Any) -> tuple:
    (indices,) = ctx.saved_tensors
    return _call("max_unpool", ddy, indices, ctx.call, ctx.sizes), None, None


def _keep_blend(ctx: Any, inputs: tuple, output: Any) -> None:
    x, parameter, edges, ctx.call, ctx.windows = inputs
    ctx.sizes = _spatial(x, _is_first(ctx.call))
    ctx.first = _order(x, ctx.call)
    kept = [*saved(_reduction(ctx.call), x, output), None, None][:2]
    ctx.save_for_backward(*kept, parameter, edges)


@_differentiated("blending_pool", _keep_blend)
def _blending_pool_backward(ctx: Any, dy: Any) -> tuple:
    x, y, parameter, edges = ctx.saved_tensors
    dx = through = None
    if _reduction(ctx.call) == "expectation":
        dx = _composed_gradient(ctx.call, x, dy)
    elif ctx.needs_input_grad[0]:
        kept = (x, y, parameter, edges)
        dx = _call("blending_pool_grad", dy, *kept, ctx.call, ctx.sizes, ctx.first)
    if ctx.needs_input_grad[1]:
        kept = (x, parameter, ctx.call, ctx.windows)
        slopes = _call("blending_pool_parameter_grad", *kept)
        through = _summed_like(parameter, dy.to(slopes.dtype) * slopes, ctx.call)
    return dx, through, None, None, None


def _summed_like(parameter: torch.Tensor, products: torch.Tensor, text: str) -> Any:
    """The gradient of a parameter: one number, or one for each channel."""
    axes = list(range(products.ndim))
    if parameter.numel() != 1:
        axes.pop(1 if _is_first(text) else -1)
    return products.sum(axes).reshape(parameter.shape)


def _keep_blend_grad(ctx: Any, inputs: tuple, output: Any) -> None:
    dy, x, _, parameter, edges, ctx.call, _, _ = inputs
    ctx.save_for_backward(*((None, None) if x is None else (dy, x)), parameter, edges)
    ctx.windows = _spatial(dy, _is_first(ctx.call))


@_differentiated("blending_pool_grad", _keep_blend_grad)
def _blending_pool_grad_backward(ctx: Any, ddx: Any) -> tuple:
    dy, x, parameter, edges = ctx.saved_tensors
    nothing = (None,) * 4
    if x is None:
        # dx is linear in dy, and its adjoint is the average itself.
        ddy = _call("blending_pool", ddx, None, edges, ctx.call, ctx.windows)
        return ddy, None, None, None, *nothing
    # By way of x and the parameter, y has its share in what comes back to them.
    with torch.enable_grad():
        inputs = [_tracked(tensor) for tensor in (dy, x, *_given(parameter))]
        dx = _composed_gradient(ctx.call, inputs[1], inputs[0], *inputs[2:])
        ddy, *through = torch.autograd.grad(
            dx, inputs, ddx, create_graph=True, allow_unused=True
        )
    through_x, through_parameter = [*through, None][:2]
    return ddy, through_x, None, through_parameter, *nothing


def _keep_slopes(ctx: Any, inputs: tuple, output: Any) -> None:
    x, parameter, ctx.call, _ = inputs
    ctx.save_for_backward(x, parameter)


@_differentiated("blending_pool_parameter_grad", _keep_slopes)
def _blending_pool_parameter_grad_backward(ctx: Any, dslopes: Any) -> tuple:
    with torch.enable_grad():
        x, parameter = map(_tracked, ctx.saved_tensors)
        attributes = _attributes_in(ctx.call)
        numbers = for_each_output(attributes, x, parameter)
        y = composed(attributes, x, numbers)
        slopes = torch.autograd.grad(y.sum(), numbers, create_graph=True)[0]
        through = torch.autograd.grad(
            slopes, (x, parameter), dslopes, create_graph=True, allow_unused=True
        )
    return *through, None, None


def _tracked(x: torch.Tensor) -> torch.Tensor:
    """The tensor as a gradient is asked for: not by way of what else was made of it."""
    return x.view_as(x) if x.requires_grad else x.detach().requires_grad_()


def _composed_gradient(text: str, x: Any, dy: Any, *parameter: Any) -> Any:
    """The gradient of a blending op by the portable path."""
    further = torch.is_grad_enabled()
    with torch.enable_grad():
        x = _tracked(x)
        y = composed(_attributes_in(text), x, *parameter)
        return torch.autograd.grad(y, x, dy, create_graph=further)[0]


pooling = Torch()
