"""What a type checker must say of calls. mypy reads this file; nothing runs it.

An `ignore` without an error under it is an error of its own (`warn_unused_ignores`).
"""

import keras

import keras_pooling as kp


def good() -> kp.MaxPooling2D:
    """Calls that are right."""
    kp.MaxPool(2, padding="same", data_format="channels_first")
    kp.AvgPool2D((2, 3), strides=1, padding=((1, 0), 1), divisor_override=3)
    kp.LpPooling3D(2, padding=(1, 0, 1), p=1.5, normalize=True)
    kp.GlobalAvgPool1D("channels_last", keepdims=True, dtype="float16")
    kp.AdaptiveMaxPool2D((7, None), return_indices=True, name="it")
    kp.FractionalMaxPool2D((1.4, 1.7), regions_per="sample", inference="random")
    kp.MaxUnpool2D(3, padding=((1, 0), 1), output_size=(9, 8))
    kp.FractionalAvgPool(1.4, inference="fixed")
    kp.predict_averaged(keras.Sequential(), [[1.0]], passes=3, verbose=0)
    kp.BlurPool2D(5, strides=(2, 1), padding="valid")
    kp.KMaxPool1D(3, layer=1, num_layers=2)
    kp.Maxout(2, axis=1)
    kp.SpatialPyramidPool2D([1, 2], "avg")
    kp.ops.average_pool([[[1.0]]], pool_size=[1], padding="SAME")
    return kp.MaxPool2D(2, "2")  # type: ignore[arg-type]


def wrong() -> None:
    """Calls that are wrong."""
    kp.MaxPooling2D(2, padding="full")  # type: ignore[arg-type]
    kp.AvgPool(2, data_format="NHWC")  # type: ignore[arg-type]
    kp.AdaptiveAvgPool((7, 2.5))  # type: ignore[arg-type]
    kp.BlurPool2D(3, padding=1)  # type: ignore[arg-type]
    kp.SpatialPyramidPool2D(4)  # type: ignore[arg-type]
    kp.FractionalAvgPool(1.4, regions_per="row")  # type: ignore[arg-type]
    kp.FractionalMaxPool(1.4, inference="mean")  # type: ignore[arg-type]
    kp.predict_averaged(keras.Sequential(), [[1.0]], passes=1.5)  # type: ignore[arg-type]
    kp.ops.max_pool([[[1.0]]], 2, padding="full")  # type: ignore[arg-type]
    kp.ops.max_unpool([[[1.0]]])  # type: ignore[call-arg]
    kp.ops.lp_pool([[[1.0]]], 2, norm_type=2)  # type: ignore[call-arg]
