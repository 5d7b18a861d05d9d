"""What pooling layers share: arguments, config, shapes, seeds. Knows no reduction."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import keras
import numpy as np

from keras_pooling import arguments
from keras_pooling.ops import dispatch, masks, ragged, seeds
from keras_pooling.windows import AdaptiveWindows

_SEED_STATE = "seed_state"  # its name in a file of weights


class BaseLayer(keras.layers.Layer):
    """A layer that tells the form of its outputs by pooling a `KerasTensor`."""

    rank: ClassVar[int | None] = None

    def call(self, inputs: Any) -> Any:
        """Pools a tensor."""
        return self.pool(inputs)

    def pool(self, inputs: Any, **more: Any) -> Any:
        """Pools with the layer's arguments, and some of this call."""
        raise NotImplementedError

    def compute_output_spec(self, inputs: Any, **kwargs: Any) -> Any:
        """Returns shape and dtype of the outputs, as `KerasTensor`s."""
        return self.pool(self.autocast_spec(inputs))

    def autocast_spec(self, inputs: Any) -> Any:
        """The `KerasTensor` that `call` gets in place of an input."""
        dtype = keras.backend.standardize_dtype(inputs.dtype)
        if self.autocast and "float" in dtype:
            dtype = self.compute_dtype
        return keras.KerasTensor(inputs.shape, dtype=dtype)

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        """Returns the output's shape, or one for each output."""
        inputs = keras.KerasTensor(input_shape, dtype=self.compute_dtype)
        outputs = self.compute_output_spec(inputs)
        if isinstance(outputs, tuple):
            return tuple(output.shape for output in outputs)
        return outputs.shape


class BasePooling(BaseLayer):
    """A layer that applies one function of every implementation to windows.

    A family says `function`, and in `__init__` its arguments. A class with a fixed rank
    says `rank` and nothing else. Every argument is an attribute, normalised.

    Args:
        windows: where the windows fall. Their fields are arguments of the layer.
        data_format: `"channels_last"`, `"channels_first"` or None.
        keepdims: whether the spatial axes stay where they have length 1.
        options: further arguments of the function.
        **kwargs: arguments of `keras.layers.Layer`.
    """

    function: ClassVar[str]

    def __init__(
        self,
        windows: arguments.Windows,
        data_format: str | None,
        keepdims: bool = True,
        options: dict[str, Any] | None = None,
        **kwargs: Any,
    ):
        with arguments.errors_name(type(self).__name__):
            arguments.refuse_other_names(kwargs)
            super().__init__(**kwargs)
            self.data_format = arguments.data_format_name(data_format)
            self.keepdims = arguments.flag("keepdims", keepdims)
            self._options = arguments.options(**(options or {}))
        self._windows = windows
        self.supports_masking = self._takes_masks
        for name, value in self._own_config().items():
            setattr(self, name, value)
        if windows.rank is None:
            self.input_spec = keras.layers.InputSpec(min_ndim=3, max_ndim=5)
        else:
            self.input_spec = keras.layers.InputSpec(ndim=windows.rank + 2)
        # Without weights there is nothing to build, unless a subclass has something.
        self.built = type(self).build is BasePooling.build

    def build(self, input_shape: tuple) -> None:
        """Raises ValueError if the windows do not fit the shape."""
        self.compute_output_shape(input_shape)

    def channels_of(self, input_shape: tuple) -> int:
        """How many channels there are, for weights of each."""
        channels = input_shape[1 if self.data_format == "channels_first" else -1]
        if channels is not None:
            return channels
        raise ValueError(
            f"{type(self).__name__}: per_channel=True needs the number of channels. "
            f"Received input_shape={tuple(input_shape)}. Give the input's channel axis "
            "a size."
        )

    def call(self, inputs: Any, mask: Any = None) -> Any:
        """Pools a tensor."""
        return self.pool(inputs, mask=mask)

    def pool(self, inputs: Any, mask: Any = None, **more: Any) -> Any:
        """Pools with the layer's arguments, and some of this call."""
        if not self.supports_masking:
            mask = None  # Keras has warned of it
        with arguments.errors_name(type(self).__name__):
            return dispatch.pool(
                self.function,
                inputs,
                self._windows,
                self.data_format,
                self.keepdims,
                mask,
                **{**self._options, **more},
            )

    def compute_output_spec(self, inputs: Any, **kwargs: Any) -> Any:
        """Returns shape and dtype of the outputs, as `KerasTensor`s."""
        return self.pool(self.autocast_spec(inputs), mask=kwargs.get("mask"))

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Returns which windows have an unmasked step, for each output."""
        if ragged.is_ragged(inputs):
            mask = ragged.mask_of(inputs)
        if mask is None:
            return None
        mask = masks.pooled_mask(self._windows, mask)
        return [mask, mask] if self._options.get("return_indices") else mask

    def get_config(self) -> dict[str, Any]:
        """Returns what `from_config` needs."""
        config = {**super().get_config(), "data_format": self.data_format}
        if self.supports_masking != self._takes_masks:
            config["supports_masking"] = self.supports_masking
        return {**config, **self._own_config()}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> BasePooling:
        """Makes the layer of which `get_config` gave this."""
        config = dict(config)
        supports_masking = config.pop("supports_masking", None)
        layer = super().from_config(config)
        if supports_masking is not None:
            layer.supports_masking = supports_masking
        return layer

    @property
    def _takes_masks(self) -> bool:
        """Whether the layer's windows may lie over steps."""
        return self._windows.rank in (None, 1)

    def _own_config(self) -> dict[str, Any]:
        return {**vars(self._windows), **self._options}


class BaseComposedPooling(BaseLayer):
    """A layer that applies one function of `ops` that is composed of others.

    A class says `function`, the `normalised` that makes its arguments, and in
    `__init__` which they are. Every argument is an attribute, normalised.

    Args:
        given: the arguments of `normalised`, by their names.
        **kwargs: arguments of `keras.layers.Layer`.
    """

    function: ClassVar[Callable[..., Any]]
    normalised: ClassVar[Callable[..., dict[str, Any]]]

    def __init__(self, given: dict[str, Any], **kwargs: Any):
        with arguments.errors_name(type(self).__name__):
            arguments.refuse_other_names(kwargs)
            super().__init__(**kwargs)
            self._arguments = type(self).normalised(**given)
        for name, value in self._arguments.items():
            setattr(self, name, value)
        if self.rank is not None:
            self.input_spec = keras.layers.InputSpec(ndim=self.rank + 2)
        self.built = True

    def pool(self, inputs: Any, **more: Any) -> Any:
        """Pools with the layer's arguments, and some of this call."""
        with arguments.errors_name(type(self).__name__):
            return type(self).function(inputs, **self._arguments, **more)

    def get_config(self) -> dict[str, Any]:
        """Returns what `from_config` needs."""
        return {**super().get_config(), **self._arguments}


class BaseSlidingPooling(BasePooling):
    """A layer whose windows have one size and lie at regular steps.

    Without a fixed rank, arguments that are all single ints wait for the input to tell
    the rank; one with an entry per axis fixes it.

    Args:
        pool_size: int or one per axis.
        strides: int, one per axis, or None for `pool_size`.
        padding: `"valid"`, `"same"`, an int, or one int or pair per axis.
        data_format: `"channels_last"`, `"channels_first"` or None.
        dilation_rate: int or one per axis.
        ceil_mode: bool.
        **kwargs: further arguments of the next base class.
    """

    def __init__(
        self,
        pool_size: Any,
        strides: Any,
        padding: Any,
        data_format: str | None,
        dilation_rate: Any,
        ceil_mode: bool,
        **kwargs: Any,
    ):
        with arguments.errors_name(type(self).__name__):
            windows = arguments.sliding_windows(
                self.rank, pool_size, strides, padding, dilation_rate, ceil_mode
            )
        super().__init__(windows, data_format, **kwargs)


class BaseGlobalPooling(BasePooling):
    """A layer with one window per channel: everything.

    Args:
        data_format: `"channels_last"`, `"channels_first"` or None.
        keepdims: whether the spatial axes stay, with length 1.
        **kwargs: further arguments of the next base class.
    """

    def __init__(
        self,
        data_format: arguments.DataFormat | None = None,
        keepdims: bool = False,
        **kwargs: Any,
    ):
        windows = AdaptiveWindows(1)
        super().__init__(
            windows if self.rank is None else windows.of_rank(self.rank),
            data_format,
            keepdims,
            **kwargs,
        )

    def compute_mask(self, inputs: Any, mask: Any = None) -> None:
        """Returns None: no step is left that a mask could speak of."""
        return None

    def _own_config(self) -> dict[str, Any]:
        return {"keepdims": self.keepdims, **self._options}


class BaseLearnedPooling(BasePooling):
    """A layer whose reduction has a parameter: a number, or a weight that is learned.

    Args:
        *args: arguments of the next base class.
        learned: three arguments by name: the parameter, a number where a weight begins;
            `trainable_…`, whether there is a weight; `per_channel`, whether each
            channel has one.
        **kwargs: further arguments of the next base class.
    """

    least: ClassVar[float | None] = None  # what the weight is held to
    parameter: ClassVar[str]

    def __init__(self, *args: Any, learned: dict[str, Any], **kwargs: Any):
        checks = {self.parameter: arguments.PARAMETERS[self.parameter]}
        with arguments.errors_name(type(self).__name__):
            self._learned = {
                name: checks.get(name, arguments.flag)(name, value)
                for name, value in learned.items()
            }
        super().__init__(*args, **kwargs)
        self.built = not self._has_weight

    @property
    def _has_weight(self) -> bool:
        return bool(self._learned[f"trainable_{self.parameter}"])

    def build(self, input_shape: tuple) -> None:
        """Makes the weight; raises ValueError if the windows do not fit the shape."""
        super().build(input_shape)
        if self._has_weight:
            shape = self._parameter_shape(input_shape)
            weight = self.add_weight(
                shape=shape,
                initializer=keras.initializers.Constant(self._learned[self.parameter]),
                constraint=self._held,
                autocast=False,  # small steps are lost in halves
                name=self.parameter,
            )
            setattr(self, self.parameter, weight)

    def _parameter_shape(self, input_shape: tuple) -> tuple[int, ...]:
        if not self._learned["per_channel"]:
            return ()
        return (self.channels_of(input_shape),)

    def _held(self, weight: Any) -> Any:
        return weight if self.least is None else keras.ops.maximum(weight, self.least)

    def pool(self, inputs: Any, mask: Any = None, **more: Any) -> Any:
        """Pools with the layer's arguments and parameter, and some of this call."""
        parameter = {self.parameter: getattr(self, self.parameter)}
        return super().pool(inputs, mask, **parameter, **more)

    def _own_config(self) -> dict[str, Any]:
        return {**super()._own_config(), **self._learned}


class BaseRandomPooling(BasePooling):
    """A layer that draws, and keeps the state of its seed with the model's weights.

    Args:
        *args: arguments of the next base class.
        seed: int, `keras.random.SeedGenerator` or None.
        **kwargs: further arguments of the next base class.
    """

    def __init__(self, *args: Any, seed: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        with arguments.errors_name(type(self).__name__):
            self.seed = seed = seeds.generator_or_int(seed)
        is_generator = isinstance(seed, keras.random.SeedGenerator)
        self.seed_generator = seed if is_generator else keras.random.SeedGenerator(seed)
        self.always_draws = False  # true while `predict_averaged` runs

    def call(self, inputs: Any, mask: Any = None, training: bool | None = None) -> Any:
        """Pools a tensor; draws if the layer draws in such a call."""
        if self.draws(training):
            seed = seeds.next_words(self.seed_generator)
        else:
            seed = self.seed_without_draw()
        return self.pool(inputs, mask=mask, seed=seed)

    def draws(self, training: bool | None) -> bool:
        """Whether such a call draws."""
        return bool(training) or self.always_draws

    def seed_without_draw(self) -> Any:
        """What stands in for a seed in a call that does not draw."""
        return None

    def save_own_variables(self, store: dict) -> None:
        """Saves the state of the seed, which Keras leaves out."""
        super().save_own_variables(store)
        store[_SEED_STATE] = self.seed_generator.state

    def load_own_variables(self, store: dict) -> None:
        """Loads the state of the seed, where the file holds one."""
        if _SEED_STATE in store:
            state = self.seed_generator.state
            state.assign(np.asarray(store[_SEED_STATE]).astype(state.dtype))

    def get_config(self) -> dict[str, Any]:
        """Returns what `from_config` needs."""
        seed = self.seed
        if isinstance(seed, keras.random.SeedGenerator):
            seed = keras.saving.serialize_keras_object(seed)
        return {**super().get_config(), "seed": seed}
