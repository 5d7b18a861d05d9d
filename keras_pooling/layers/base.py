"""What pooling layers share: arguments, config, shapes, seeds. Knows no reduction."""

from __future__ import annotations

from typing import Any, ClassVar

import keras
import numpy as np

from keras_pooling import arguments
from keras_pooling.ops import dispatch, masks, ragged, seeds
from keras_pooling.windows import AdaptiveWindows

_SEED_STATE = "seed_state"  # its name in a file of weights


class BasePooling(keras.layers.Layer):
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
    rank: ClassVar[int | None] = None

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
                **self._options,
                **more,
            )

    def compute_output_spec(self, inputs: Any, **kwargs: Any) -> Any:
        """Returns shape and dtype of the outputs, as `KerasTensor`s."""
        dtype = keras.backend.standardize_dtype(inputs.dtype)
        if self.autocast and "float" in dtype:
            dtype = self.compute_dtype
        x = keras.KerasTensor(inputs.shape, dtype=dtype)
        return self.pool(x, mask=kwargs.get("mask"))

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Returns which windows have an unmasked step, for each output."""
        if ragged.is_ragged(inputs):
            mask = ragged.mask_of(inputs)
        if mask is None:
            return None
        mask = masks.pooled_mask(self._windows, mask)
        return [mask, mask] if self._options.get("return_indices") else mask

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        """Returns the output's shape, or one for each output."""
        inputs = keras.KerasTensor(input_shape, dtype=self.compute_dtype)
        outputs = self.compute_output_spec(inputs)
        if isinstance(outputs, tuple):
            return tuple(output.shape for output in outputs)
        return outputs.shape

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

    def call(self, inputs: Any, mask: Any = None, training: bool | None = None) -> Any:
        """Pools a tensor; draws if the layer draws in such a call."""
        draws = self.draws(training)
        seed = seeds.next_words(self.seed_generator) if draws else None
        return self.pool(inputs, mask=mask, seed=seed)

    def draws(self, training: bool | None) -> bool:
        """Whether such a call draws."""
        return bool(training)

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
