"""What the public functions share: names in messages, tensors from anything, nodes.

Knows no function of its own: each is handed to `public`.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, TypeVar

import keras
import numpy as np

from keras_pooling import arguments

_F = TypeVar("_F", bound=Callable[..., Any])
_TENSORS = ("inputs", "indices", "mask")  # what arguments that are tensors are called
_FUNCTIONS: dict[str, Callable[..., Any]] = {}


def public(function: _F) -> _F:
    """Makes a function public, whose first argument is `inputs`.

    Anything that Keras makes a tensor of is accepted, a `KerasTensor` makes a node of a
    functional model, and every error names the function. One with a second tensor looks
    to that itself. Arguments whose names begin with an underscore are for files alone.
    """
    name = function.__name__
    signature = inspect.signature(function)
    _FUNCTIONS[name] = function

    @functools.wraps(function)
    def call(inputs: Any, *args: Any, **kwargs: Any) -> Any:
        with arguments.errors_name(name):
            arguments.refuse_other_names(kwargs)
            if isinstance(inputs, keras.KerasTensor):
                function(inputs, *args, **kwargs)  # raises where it must
                return _node(name, signature.bind(inputs, *args, **kwargs))
            return function(keras.ops.convert_to_tensor(inputs), *args, **kwargs)

    # TensorFlow's AutoGraph calls what has this attribute as it is: there is nothing
    # to convert here, and converting takes seconds.
    call.autograph_info__ = {}  # type: ignore[attr-defined]
    shown = [p for p in signature.parameters.values() if not p.name.startswith("_")]
    call.__signature__ = signature.replace(parameters=shown)  # type: ignore[attr-defined]
    return call  # type: ignore[return-value]


@keras.saving.register_keras_serializable(package="keras_pooling")
class StatelessPooling(keras.Operation):
    """A public function as a node of a functional model.

    Args:
        function: name of the function.
        arguments: its arguments other than tensors, as JSON has them.
        name: name of the node. None: that of the function, made unique.
    """

    def __init__(
        self, function: str, arguments: dict[str, Any], name: str | None = None
    ):
        if name is None:
            number = keras.backend.get_uid(function)  # from 1
            name = function if number == 1 else f"{function}_{number - 1}"
        super().__init__(name=name)
        self.function = function
        self.arguments = arguments

    def call(self, inputs: Any, indices: Any = None, mask: Any = None) -> Any:
        """Applies the function to its tensors."""
        others = {"indices": indices, "mask": mask}
        tensors = {name: x for name, x in others.items() if x is not None}
        with arguments.errors_name(self.function):
            return _FUNCTIONS[self.function](inputs, **tensors, **self.arguments)

    compute_output_spec = call  # the function itself answers a KerasTensor with specs

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> StatelessPooling:
        """The node of a config; what it lacks is as it was in version 0.1.0."""
        function, arguments = config["function"], config["arguments"]
        if "_central" in inspect.signature(_FUNCTIONS[function]).parameters:
            arguments = {"_central": "half", **arguments}
        return cls(**{**config, "arguments": arguments})

    def get_config(self) -> dict[str, Any]:
        """Returns what `from_config` needs."""
        config = {"function": self.function, "arguments": self.arguments}
        return {**config, "name": self.name}


def _node(name: str, given: inspect.BoundArguments) -> Any:
    """What a new node of a functional model gives."""
    given.apply_defaults()
    values = dict(given.arguments)
    tensors = {tensor: values.pop(tensor, None) for tensor in _TENSORS}
    inputs = tensors.pop("inputs")
    if "data_format" in values:
        values["data_format"] = arguments.data_format_name(values["data_format"])
    if "seed" in values:  # a node that would draw has been refused
        values.update(seed=None, training=False)
    node = StatelessPooling(name, {key: _plain(values[key]) for key in values})
    given_tensors = {name: x for name, x in tensors.items() if x is not None}
    return node.symbolic_call(inputs, **given_tensors)


def _plain(value: Any) -> Any:
    """A value that passed the checks, as JSON has it: what a file can hold."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    return np.asarray(value).tolist()
