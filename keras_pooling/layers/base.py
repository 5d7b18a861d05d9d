"""What pooling layers share: arguments, config, shapes. Knows no reduction."""

from __future__ import annotations

from typing import Any, ClassVar

import keras
import numpy as np

from keras_pooling import arguments
from keras_pooling.ops import pooling, seeds

_SEED_STATE = "seed_state"  # its name in a file of weights


class BasePooling(keras.layers.Layer):
    """A layer that applies one function of `keras_pooling.ops` to windows.

    A family says `function` and the two methods `windows` and `options`; a class with a
    fixed rank says `rank`.

    Args:
        rank: number of spatial axes if the arguments tell, else None.
        data_format: `"channels_last"`, `"channels_first"` or None.
        **kwargs: arguments of `keras.layers.Layer`.
    """

    function: ClassVar[str]
    rank: ClassVar[int | None] = None
    keepdims = True

    def __init__(self, rank: int | None, data_format: str | None, **kwargs: Any):
        super().__init__(**kwargs)
        self.data_format = arguments.data_format_name(
            self._call(), data_format, keras.config.image_data_format()
        )
        if rank is None:
            self.input_spec = keras.layers.InputSpec(min_ndim=3, max_ndim=5)
        else:
            self.input_spec = keras.layers.InputSpec(ndim=rank + 2)
        # Without weights there is nothing to build, unless a subclass has something.
        self.built = type(self).build is BasePooling.build

    def windows(self, rank: int) -> Any:
        """Where the windows fall on an input with `rank` spatial axes."""
        raise NotImplementedError

    def options(self) -> dict[str, Any]:
        """Further arguments of the function."""
        return {}

    def build(self, input_shape: tuple) -> None:
        """Raises ValueError if the windows do not fit the shape."""
        self.compute_output_shape(input_shape)

    def call(self, inputs: Any) -> Any:
        """Pools a tensor."""
        return self.pool(inputs)

    def pool(self, inputs: Any, **more: Any) -> Any:
        """Runs the function with the layer's arguments, and some of this call."""
        rank = arguments.check_rank(self._call(), inputs.shape)
        return pooling.run(
            self._call(),
            self.function,
            inputs,
            self.windows(rank),
            self.data_format,
            self.keepdims,
            **self.options(),
            **more,
        )

    def compute_output_spec(self, inputs: Any, **kwargs: Any) -> Any:
        """Returns shape and dtype of the outputs, as `KerasTensor`s."""
        dtype = keras.backend.standardize_dtype(inputs.dtype)
        if self.autocast and "float" in dtype:
            dtype = self.compute_dtype
        return BasePooling.pool(self, keras.KerasTensor(inputs.shape, dtype=dtype))

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        """Returns the output's shape, or one for each output."""
        inputs = keras.KerasTensor(input_shape, dtype=self.compute_dtype)
        outputs = self.compute_output_spec(inputs)
        if isinstance(outputs, tuple):
            return tuple(output.shape for output in outputs)
        return outputs.shape

    def get_config(self) -> dict[str, Any]:
        """Returns what `from_config` needs."""
        return {**super().get_config(), "data_format": self.data_format}

    def _call(self) -> str:
        return type(self).__name__


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
        **kwargs: arguments of `keras.layers.Layer`.
    """

    def __init__(
        self,
        pool_size: int | tuple,
        strides: int | tuple | None,
        padding: str | int | tuple,
        data_format: str | None,
        dilation_rate: int | tuple,
        ceil_mode: bool,
        **kwargs: Any,
    ):
        given = (pool_size, strides, padding, dilation_rate)
        rank = self.rank or arguments.known_rank(*given)
        if rank not in (None, 1, 2, 3):
            raise ValueError(
                f"{self._call()}: there are 1, 2 or 3 spatial axes. Received "
                f"pool_size={pool_size}, strides={strides}, padding={padding}, "
                f"dilation_rate={dilation_rate}. Give one int, or one per axis."
            )
        super().__init__(rank, data_format, **kwargs)
        windows = arguments.sliding_windows(self._call(), rank or 1, *given, ceil_mode)
        self._known_windows = windows if rank else None
        self.pool_size = windows.pool_size
        self.strides = windows.strides
        self.padding = windows.padding
        self.dilation_rate = windows.dilation_rate
        self.ceil_mode = windows.ceil_mode
        if rank is None:  # one number stands for every axis
            (self.pool_size,) = windows.pool_size
            (self.strides,) = windows.strides
            (self.dilation_rate,) = windows.dilation_rate
            if not isinstance(padding, str):
                ((self.padding, _),) = windows.padding

    def windows(self, rank: int) -> arguments.SlidingWindows:
        """Where the windows fall on an input with `rank` spatial axes."""
        return self._known_windows or arguments.sliding_windows(
            self._call(),
            rank,
            self.pool_size,
            self.strides,
            self.padding,
            self.dilation_rate,
            self.ceil_mode,
        )

    def get_config(self) -> dict[str, Any]:
        """Returns what `from_config` needs."""
        return {
            **super().get_config(),
            "pool_size": self.pool_size,
            "strides": self.strides,
            "padding": self.padding,
            "dilation_rate": self.dilation_rate,
            "ceil_mode": self.ceil_mode,
        }


class BaseRandomPooling(BasePooling):
    """A layer that draws, and keeps the state of its seed with the model's weights.

    Args:
        *args: arguments of the next base class.
        seed: int, `keras.random.SeedGenerator` or None.
        **kwargs: further arguments of the next base class.
    """

    def __init__(self, *args: Any, seed: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.seed = seed = seeds.generator_or_int(self._call(), seed)
        is_generator = isinstance(seed, keras.random.SeedGenerator)
        self.seed_generator = seed if is_generator else keras.random.SeedGenerator(seed)

    def next_seed(self) -> Any:
        """The two words of one draw; the next are others."""
        return seeds.next_words(self._call(), self.seed_generator)

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


class BaseGlobalPooling(BasePooling):
    """A layer with one window per channel: everything.

    Args:
        data_format: `"channels_last"`, `"channels_first"` or None.
        keepdims: whether the spatial axes stay, with length 1.
        **kwargs: arguments of `keras.layers.Layer`.
    """

    def __init__(
        self, data_format: str | None = None, keepdims: bool = False, **kwargs: Any
    ):
        super().__init__(self.rank, data_format, **kwargs)
        self.keepdims = arguments.flag(self._call(), "keepdims", keepdims)

    def windows(self, rank: int) -> arguments.AdaptiveWindows:
        """One window per axis."""
        return arguments.AdaptiveWindows((1,) * rank)

    def get_config(self) -> dict[str, Any]:
        """Returns what `from_config` needs."""
        return {**super().get_config(), "keepdims": self.keepdims}
