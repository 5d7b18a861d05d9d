"""Keras's pooling layers in a model become ours, or ours Keras's. Computes nothing.

Layers change their class where they stand, so that everything else in a model stays:
its graph, names, weights, optimizer and how it was compiled.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

import keras

from keras_pooling import layers, ops
from keras_pooling.layers.base import BaseComposedPooling, BasePooling
from keras_pooling.ops.public import StatelessPooling

# Keras's layer and ours, where they bear the same name; and the nodes of keras.ops.
_PAIRS = {
    getattr(keras.layers, name): getattr(layers, name)
    for name in layers.__all__
    if hasattr(keras.layers, name)
}
_BACK = {ours: theirs for theirs, ours in _PAIRS.items()}


def accelerate(model: keras.Model) -> keras.Model:
    """Replaces a model's pooling layers of Keras by ours, in place.

    Works on any model: Sequential, Functional with branches, shared layers, nested
    models and `keras.ops.max_pool` or `average_pool` as nodes, subclassed. What a
    subclassed model calls in its own `call()` without a layer stays as it is, and so
    do subclasses of Keras's layers. `to_keras` is the way back.

    Args:
        model: the model, compiled or not, trained or not.

    Returns:
        The same object: same names, weights, optimizer state and outputs. Functions
        that it had compiled are compiled anew at the next call.

    Raises:
        ValueError: if a layer has an argument that ours refuses; it names the layer,
            and the model is as it was.

    Example:

    >>> model = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.MaxPool2D(2)])
    >>> type(kp.accelerate(model).layers[0]).__module__.split(".")[0]
    'keras_pooling'
    """
    return _convert(model, "accelerate", _ours)


def to_keras(model: keras.Model) -> keras.Model:
    """Replaces our pooling layers in a model by Keras's, in place.

    Args:
        model: the model.

    Returns:
        The same object, as `accelerate` does; saved, it needs this package no more.

    Raises:
        ValueError: if Keras has no such layer, or none with such arguments; it names
            the layer, and the model is as it was.
    """
    return _convert(model, "to_keras", _theirs)


def _convert(model: keras.Model, name: str, new_form: Callable) -> keras.Model:
    inner = layers_of(model, name)
    pairs = []
    for operation in operations(model):
        try:
            new = new_form(operation)
        except ValueError as error:
            raise ValueError(f"{name}: layer {operation.name!r}: {error}") from None
        if new is not None:
            pairs.append((operation, new))
    for operation, new in pairs:
        _become(operation, new)
    for part in (model, *inner):
        for function in ("train_function", "test_function", "predict_function"):
            if getattr(part, function, None) is not None:
                setattr(part, function, None)
    return model


def layers_of(model: keras.Model, name: str) -> list[keras.Layer]:
    """Every layer of a model and of those within it; `name` is what was called."""
    if not isinstance(model, keras.Model):
        raise ValueError(f"{name}: expected a keras.Model. Received: {model!r}.")
    return list(model._flatten_layers(include_self=False))


def operations(model: keras.Model) -> list[keras.Operation]:
    """Every layer, and every node of a graph that is none; each once."""
    found = {id(layer): layer for layer in model._flatten_layers(include_self=False)}
    for part in (model, *found.copy().values()):
        for operation in getattr(part, "operations", ()):
            found[id(operation)] = operation
    return list(found.values())


def _ours(operation: keras.Operation) -> keras.Operation | None:
    """Our form of a layer or node of Keras's; None for anything else."""
    if type(operation) in _PAIRS:
        ours = _PAIRS[type(operation)].from_config(operation.get_config())
        # Keras's layer leaves masks aside, with a warning: so does this one, or the
        # outputs of the model would change.
        ours.supports_masking = operation.supports_masking
        return ours
    if type(operation) not in _node_classes():
        return None
    function = _node_classes()[type(operation)]
    given = {
        name: getattr(operation, name)
        for name in ("pool_size", "strides", "padding", "data_format")
    }
    (given_input,) = operation._inbound_nodes[0].input_tensors
    x = keras.KerasTensor(given_input.shape, dtype=given_input.dtype)
    return getattr(ops, function)(x, **given)._keras_history.operation


def _theirs(operation: keras.Operation) -> keras.Operation | None:
    """Keras's form of a layer or node of ours; None for anything else."""
    if isinstance(operation, StatelessPooling):
        for cls, function in _node_classes().items():
            if function == operation.function:
                return _with_own_arguments(cls, operation.arguments, operation.name)
        raise ValueError(f"Keras has no function {operation.function}.")
    if isinstance(operation, BaseComposedPooling):
        raise ValueError(f"Keras has no {type(operation).__name__}.")
    if not isinstance(operation, BasePooling):
        return None
    cls = type(operation)
    rank = operation._windows.rank
    if cls not in _BACK and cls.rank is None and rank is not None:
        fixed = [sub for sub in cls.__subclasses__() if sub.rank == rank]
        cls = fixed[0] if fixed else cls
    if cls not in _BACK:
        raise ValueError(
            f"Keras has no {cls.__name__}"
            + (" of any rank. Use the class with its rank." if rank is None else ".")
        )
    theirs = _with_own_arguments(_BACK[cls], operation.get_config(), operation.name)
    if _is_masked(operation) and not theirs.supports_masking:
        raise ValueError(
            f"Keras's {cls.__name__} leaves the mask aside that this layer gets."
        )
    return theirs


def _is_masked(layer: BasePooling) -> bool:
    """Whether a layer pools what has a mask, as far as graphs tell."""
    tensors = [x for node in layer._inbound_nodes for x in node.input_tensors]
    masks = [getattr(x, "_keras_mask", None) for x in tensors]
    return layer.supports_masking and any(mask is not None for mask in masks)


def _with_own_arguments(cls: type, config: dict[str, Any], name: str) -> Any:
    """Keras's layer or node of a config of ours, if it can say all that this says."""
    known = inspect.signature(cls.__init__).parameters
    general = keras.layers.Layer().get_config()
    defaults = {
        "dilation_rate": 1,
        "ceil_mode": False,
        "return_indices": False,
        "count_include_pad": False,
        "divisor_override": None,
        "supports_masking": False,
    }
    kept = {}
    for key, value in config.items():
        value = tuple(value) if isinstance(value, list) else value
        if key in known or key in general:
            kept[key] = value
        elif key not in defaults or not _says_only(value, defaults[key]):
            raise ValueError(f"Keras's {cls.__name__} has no argument {key}={value}.")
    if not isinstance(kept.get("padding", ""), str):
        if not _says_only(kept["padding"], 0):
            raise ValueError(
                f"Keras's {cls.__name__} has no padding={kept['padding']}."
            )
        kept["padding"] = "valid"
    kept["name"] = name
    return cls(**kept)


def _says_only(value: Any, default: Any) -> bool:
    """Whether an argument, of one or of all axes, is a default."""
    if isinstance(value, tuple | list):
        return all(_says_only(entry, default) for entry in value)
    return value == default and isinstance(value, bool) == isinstance(default, bool)


def _become(old: keras.Operation, new: keras.Operation) -> None:
    """Makes the old object what the new one is, in its old place in graphs."""
    base = keras.layers.Layer() if isinstance(old, keras.Layer) else keras.Operation()
    # What depends on the class is the new one's.
    own = {"input_spec", "_auto_config", "_supports_masking"}
    general = {name for name in vars(base) if name not in own and "call_" not in name}
    attributes = {k: v for k, v in vars(old).items() if k in general}
    attributes |= {k: v for k, v in vars(new).items() if k not in general}
    # Not by setattr: tracking these again would make them parts of the layer twice.
    vars(old).clear()
    vars(old).update(attributes)
    object.__setattr__(old, "__class__", type(new))


@functools.cache
def _node_classes() -> dict[type, str]:
    """The classes of the nodes that keras.ops makes, and our functions."""
    x = keras.KerasTensor((1, 2, 2, 1))
    nodes = {
        "max_pool": keras.ops.max_pool(x, 2),
        "avg_pool": keras.ops.average_pool(x, 2, 2),
    }
    return {type(y._keras_history.operation): name for name, y in nodes.items()}
