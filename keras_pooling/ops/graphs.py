"""What can be known while a graph is being made. Knows no pooling."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops


def is_compiling() -> bool:
    """Whether PyTorch's compiler follows this call."""
    return False


if keras.config.backend() == "torch":
    import torch

    is_compiling = torch.compiler.is_compiling


def known(numbers: Any) -> np.ndarray | None:
    """The numbers; None where only a graph that is being made will know them."""
    if is_compiling() and ops.is_tensor(numbers):
        return None
    try:
        return np.asarray(numbers)
    except (NotImplementedError, TypeError):
        return None
