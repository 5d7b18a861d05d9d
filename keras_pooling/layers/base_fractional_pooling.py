"""What fractional pooling layers share: regions, draws. Knows no reduction."""

from __future__ import annotations

from typing import Any

from keras_pooling import arguments
from keras_pooling.layers.base_pooling import BaseRandomPooling
from keras_pooling.ops import random_pooling


class BaseFractionalPooling(BaseRandomPooling):
    """A layer that cuts each axis into regions, drawn anew for each training step.

    Args:
        pooling_ratio: number >= 1, one per axis, or None.
        output_size: int, one per axis, or None.
        pseudo_random: bool.
        overlapping: bool.
        regions_per: `"batch"`, `"sample"` or `"channel"`.
        inference: `"central"` or `"random"`.
        seed: int, `keras.random.SeedGenerator` or None.
        data_format: `"channels_last"`, `"channels_first"` or None.
        **kwargs: arguments of `keras.layers.Layer`.
    """

    def __init__(
        self,
        pooling_ratio: float | tuple | None,
        output_size: int | tuple | None,
        pseudo_random: bool,
        overlapping: bool,
        regions_per: str,
        inference: str,
        seed: Any,
        data_format: str | None,
        **kwargs: Any,
    ):
        rank = self.rank or arguments.known_rank(pooling_ratio, output_size)
        if rank not in (None, 1, 2, 3):
            raise ValueError(
                f"{self._call()}: there are 1, 2 or 3 spatial axes. Received "
                f"pooling_ratio={pooling_ratio}, output_size={output_size}. Batch and "
                "channels are never pooled: give one number, or one per spatial axis."
            )
        super().__init__(rank, data_format, seed=seed, **kwargs)
        windows = arguments.fractional_windows(
            self._call(),
            rank or 1,
            pooling_ratio,
            output_size,
            pseudo_random,
            overlapping,
            regions_per,
        )
        self._known_windows = windows if rank else None
        self.pooling_ratio = windows.pooling_ratio
        self.output_size = windows.output_size
        if rank is None:  # one number stands for every axis
            self.pooling_ratio = windows.pooling_ratio and windows.pooling_ratio[0]
            self.output_size = windows.output_size and windows.output_size[0]
        self.pseudo_random = windows.pseudo_random
        self.overlapping = windows.overlapping
        self.regions_per = windows.regions_per
        self.inference = arguments.choice(
            self._call(), "inference", inference, ("central", "random")
        )

    def windows(self, rank: int) -> arguments.FractionalWindows:
        """How many regions an input with `rank` spatial axes is cut into."""
        return self._known_windows or arguments.fractional_windows(
            self._call(),
            rank,
            self.pooling_ratio,
            self.output_size,
            self.pseudo_random,
            self.overlapping,
            self.regions_per,
        )

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Pools a tensor."""
        draws = training or self.inference == "random"
        rank = arguments.check_rank(self._call(), inputs.shape)
        return random_pooling.run_fractional(
            self._call(),
            self.function,
            inputs,
            self.windows(rank),
            self.data_format,
            self.next_seed() if draws else None,
            **self.options(),
        )

    def get_config(self) -> dict[str, Any]:
        """Returns what `from_config` needs."""
        return {
            **super().get_config(),
            "pooling_ratio": self.pooling_ratio,
            "output_size": self.output_size,
            "pseudo_random": self.pseudo_random,
            "overlapping": self.overlapping,
            "regions_per": self.regions_per,
            "inference": self.inference,
        }
