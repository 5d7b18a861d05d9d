"""Pooling layers for Keras 3. What is public stands here; nothing is computed here."""

from keras_pooling import layers, ops
from keras_pooling._library import (
    build_info,
    force_portable,
    package_version,
    register,
)
from keras_pooling.averaging import predict_averaged
from keras_pooling.convert import accelerate, to_keras
from keras_pooling.export import export
from keras_pooling.layers import *  # noqa: F403

__version__ = package_version()

__all__ = [
    "accelerate",
    "build_info",
    "export",
    "force_portable",
    "layers",
    "ops",
    "predict_averaged",
    "to_keras",
    *layers.__all__,
]

register()  # a SavedModel that holds the compiled ops loads after this


def __dir__() -> list[str]:
    return ["__version__", *__all__]
