"""The core's C entry, custom_ops/hosts/c/keras_pooling.h, for hosts that are written in
Python. Knows no framework.
"""

from __future__ import annotations

import ctypes
import functools
import weakref
from collections.abc import Sequence
from typing import Any

from keras_pooling import _library

# A tensor's type, as KerasPoolingType numbers them, and its shape.
Kind = tuple[int, Sequence[int]]

_ERRORS = {1: ValueError, 2: MemoryError}


class _Attribute(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_char_p),
        ("text", ctypes.c_char_p),
        ("ints", ctypes.POINTER(ctypes.c_int64)),
        ("count", ctypes.c_int64),
    )


class _Array(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int32),
        ("rank", ctypes.c_int32),
        ("shape", ctypes.POINTER(ctypes.c_int64)),
        ("data", ctypes.c_void_p),
    )


class Op:
    """An op with its attributes: texts, integers, lists of integers.

    Raises:
        ValueError: if there is no such op, or an attribute is not allowed.
    """

    def __init__(self, name: str, attributes: dict[str, Any]):
        items = [_attribute(name, value) for name, value in attributes.items()]
        array, handle = (_Attribute * len(items))(*items), ctypes.c_void_p()
        core, to = _core(), ctypes.byref(handle)
        _check(core.KerasPoolingBind(name.encode(), array, len(items), to))
        self._as_parameter_ = handle  # what ctypes hands on in its place
        release = weakref.finalize(self, core.KerasPoolingRelease, handle)
        release.atexit = False  # a thread may be in a call of it until the very end


class Frame:
    """The arguments of one call, to be filled with addresses. For one thread at a time.

    Args:
        op: what to run.
        inputs: types and shapes.
        outputs: types and shapes.
    """

    def __init__(self, op: Op, inputs: list[Kind], outputs: list[Kind]):
        taken = (_Array * len(inputs))(*map(_array, inputs))
        given = (_Array * len(outputs))(*map(_array, outputs))
        self._slots = [*taken, *given]
        self._call = (op, taken, len(inputs), given, len(outputs), None)

    def run(self, addresses: list[int]) -> None:
        """Runs the op on dense arrays at these addresses, inputs before outputs.

        Raises:
            ValueError: if the core refuses an input or the shape of an output.
            MemoryError: if memory is short.
        """
        for slot, address in zip(self._slots, addresses, strict=True):
            slot.data = address
        _check(_core().KerasPoolingRun(*self._call))


def use_threads(count: int) -> None:
    """Has the core compute on so many threads of its own."""
    _core().KerasPoolingSetThreads(count)


@functools.cache
def _core() -> Any:
    core = _library.core()
    assert core is not None  # or there would be nobody to ask for it
    core.KerasPoolingMessage.restype = ctypes.c_char_p
    core.KerasPoolingRelease.argtypes = (ctypes.c_void_p,)
    core.KerasPoolingRun.argtypes = (
        *(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int32),
        *(ctypes.c_void_p, ctypes.c_int32, ctypes.c_void_p),
    )
    return core


def _attribute(name: str, value: Any) -> _Attribute:
    if isinstance(value, str):
        return _Attribute(name.encode(), value.encode(), None, 0)
    numbers = value if isinstance(value, list) else [value]
    ints = (ctypes.c_int64 * len(numbers))(*numbers)
    return _Attribute(name.encode(), None, ints, len(numbers))


def _array(kind: Kind) -> _Array:
    number, shape = kind
    return _Array(number, len(shape), (ctypes.c_int64 * len(shape))(*shape), None)


def _check(status: int) -> None:
    if status:
        message = _core().KerasPoolingMessage().decode()
        raise _ERRORS.get(status, RuntimeError)(message)
