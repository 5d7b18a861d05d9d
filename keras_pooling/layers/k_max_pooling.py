"""k-max pooling over time. How the greatest steps are found is not known here."""

from __future__ import annotations

from typing import Any

from keras_pooling import arguments
from keras_pooling.arguments import DataFormat
from keras_pooling.layers.base import BaseComposedPooling
from keras_pooling.ops import k_max


class KMaxPool1D(BaseComposedPooling):
    """The k greatest steps of each channel of a sequence, in their order in time.

    Of equal steps the first are taken; a NaN is greater than any number. The gradient
    goes to the steps that were taken. An input with fewer than k steps gives them all,
    and 0 in the rest of the output, which is masked.

    With `layer` and `num_layers` it is dynamic: layer l of L keeps
    `max(k, ceil((L - l) / L · steps))` steps, so that the last one keeps k of any
    input, and layers before it more of longer ones.

    With a mask only the steps where it is true are counted and taken, in dynamic
    pooling too: a sequence gives the same whatever padding stands behind it. The output
    has the length that a sequence without padding would have; a mask is passed on that
    tells which of its steps are some of the input. Without a mask one is passed on only
    if the input has fewer than k steps, or, in a graph of TensorFlow, might have.

    Args:
        k: int; steps to keep, or the fewest where `layer` is given.
        data_format: `"channels_last"` or `"channels_first"`. None: Keras's default.
        name: str, the layer's name.
        layer: int from 1 to `num_layers`; which of the layers of dynamic pooling it is,
            so that more is kept of longer inputs. None: k steps of any.
        num_layers: int; how many layers there are. None where `layer` is.
        **kwargs: further arguments of `keras.layers.Layer`: `dtype`, `trainable`.

    Call arguments:
        inputs: the tensor.
        mask: tensor of shape `(batch, steps)`, true or 1 where a step counts.

    Input shape:
        `(batch, steps, channels)`, or `(batch, channels, steps)` with
        `data_format="channels_first"`. Each axis may be None.

    Output shape:
        The same with k steps; with dynamic pooling, as many as the formula says, None
        where the input's steps are.

    Raises:
        ValueError: if an argument is not allowed (when the layer is made), or there are
            no steps (when the input's shape is known).

    References:
        Kalchbrenner et al., A Convolutional Neural Network for Modelling Sentences,
        2014.

    Example:

    >>> x = np.array([1., 5., 2., 3., 4., 0.]).reshape(1, 6, 1)
    >>> keras.ops.convert_to_numpy(kp.KMaxPool1D(3)(x))[0, :, 0]
    array([5., 3., 4.], dtype=float32)
    >>> first = kp.KMaxPool1D(3, layer=1, num_layers=3)  # of three: keeps two thirds
    >>> keras.ops.convert_to_numpy(first(x))[0, :, 0]
    array([5., 2., 3., 4.], dtype=float32)
    """

    rank = 1
    function = staticmethod(k_max.greatest_steps)
    normalised = staticmethod(k_max.normalised)

    def __init__(
        self,
        k: int,
        data_format: DataFormat | None = None,
        name: str | None = None,
        *,
        layer: int | None = None,
        num_layers: int | None = None,
        **kwargs: Any,
    ):
        given = {
            "k": k,
            "data_format": data_format,
            "layer": layer,
            "num_layers": num_layers,
        }
        super().__init__(given, name=name, **kwargs)
        self.supports_masking = True

    def call(self, inputs: Any, mask: Any = None) -> Any:
        """Pools a tensor."""
        return self.pool(inputs, mask=mask)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Returns which steps of the output are some of the input; None if all are."""
        with arguments.errors_name(type(self).__name__):
            return k_max.mask_of_kept(inputs, **self._arguments, mask=mask)
