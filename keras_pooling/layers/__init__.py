"""The layers, and the one table of their names."""

import keras

from keras_pooling.layers.adaptive_pooling import (
    AdaptiveAveragePooling1D,
    AdaptiveAveragePooling2D,
    AdaptiveAveragePooling3D,
    AdaptiveAvgPool,
    AdaptiveMaxPool,
    AdaptiveMaxPooling1D,
    AdaptiveMaxPooling2D,
    AdaptiveMaxPooling3D,
)
from keras_pooling.layers.average_pooling import (
    AveragePooling1D,
    AveragePooling2D,
    AveragePooling3D,
    AvgPool,
)
from keras_pooling.layers.blur_pooling import BlurPool2D, MaxBlurPool2D
from keras_pooling.layers.fractional_pooling import (
    FractionalAvgPool,
    FractionalAvgPool1D,
    FractionalAvgPool2D,
    FractionalAvgPool3D,
    FractionalMaxPool,
    FractionalMaxPool1D,
    FractionalMaxPool2D,
    FractionalMaxPool3D,
)
from keras_pooling.layers.gem_pooling import (
    GeMPool,
    GeMPool1D,
    GeMPool2D,
    GeMPool3D,
    GlobalGeMPool,
    GlobalGeMPool1D,
    GlobalGeMPool2D,
    GlobalGeMPool3D,
)
from keras_pooling.layers.global_pooling import (
    GlobalAveragePooling1D,
    GlobalAveragePooling2D,
    GlobalAveragePooling3D,
    GlobalAvgPool,
    GlobalLpPool,
    GlobalLpPool1D,
    GlobalLpPool2D,
    GlobalLpPool3D,
    GlobalMaxPool,
    GlobalMaxPooling1D,
    GlobalMaxPooling2D,
    GlobalMaxPooling3D,
)
from keras_pooling.layers.k_max_pooling import KMaxPool1D
from keras_pooling.layers.lp_pooling import LpPool, LpPool1D, LpPool2D, LpPool3D
from keras_pooling.layers.max_pooling import (
    MaxPool,
    MaxPooling1D,
    MaxPooling2D,
    MaxPooling3D,
)
from keras_pooling.layers.max_unpooling import (
    MaxUnpool,
    MaxUnpool1D,
    MaxUnpool2D,
    MaxUnpool3D,
)
from keras_pooling.layers.maxout import Maxout
from keras_pooling.layers.median_pooling import (
    MedianPool,
    MedianPool1D,
    MedianPool2D,
    MedianPool3D,
)
from keras_pooling.layers.min_pooling import MinPool, MinPool1D, MinPool2D, MinPool3D
from keras_pooling.layers.mixed_pooling import (
    MixedPool,
    MixedPool1D,
    MixedPool2D,
    MixedPool3D,
)
from keras_pooling.layers.soft_pooling import (
    SoftPool,
    SoftPool1D,
    SoftPool2D,
    SoftPool3D,
)
from keras_pooling.layers.spatial_pyramid_pooling import SpatialPyramidPool2D
from keras_pooling.layers.stochastic_pooling import (
    StochasticPool,
    StochasticPool1D,
    StochasticPool2D,
    StochasticPool3D,
)

# The second names. Where Keras has the layer, its long name is the class, so that names
# in summaries and of get_layer() stay as they were after a swap; else the short one is.
AdaptiveAvgPool1D = AdaptiveAveragePooling1D
AdaptiveAvgPool2D = AdaptiveAveragePooling2D
AdaptiveAvgPool3D = AdaptiveAveragePooling3D
AdaptiveMaxPool1D = AdaptiveMaxPooling1D
AdaptiveMaxPool2D = AdaptiveMaxPooling2D
AdaptiveMaxPool3D = AdaptiveMaxPooling3D
AvgPool1D = AveragePooling1D
AvgPool2D = AveragePooling2D
AvgPool3D = AveragePooling3D
BlurPooling2D = BlurPool2D
FractionalAveragePooling1D = FractionalAvgPool1D
FractionalAveragePooling2D = FractionalAvgPool2D
FractionalAveragePooling3D = FractionalAvgPool3D
FractionalMaxPooling1D = FractionalMaxPool1D
FractionalMaxPooling2D = FractionalMaxPool2D
FractionalMaxPooling3D = FractionalMaxPool3D
GeMPooling1D = GeMPool1D
GeMPooling2D = GeMPool2D
GeMPooling3D = GeMPool3D
GlobalAvgPool1D = GlobalAveragePooling1D
GlobalAvgPool2D = GlobalAveragePooling2D
GlobalAvgPool3D = GlobalAveragePooling3D
GlobalGeMPooling1D = GlobalGeMPool1D
GlobalGeMPooling2D = GlobalGeMPool2D
GlobalGeMPooling3D = GlobalGeMPool3D
GlobalLpPooling1D = GlobalLpPool1D
GlobalLpPooling2D = GlobalLpPool2D
GlobalLpPooling3D = GlobalLpPool3D
GlobalMaxPool1D = GlobalMaxPooling1D
GlobalMaxPool2D = GlobalMaxPooling2D
GlobalMaxPool3D = GlobalMaxPooling3D
KMaxPooling1D = KMaxPool1D
LpPooling1D = LpPool1D
LpPooling2D = LpPool2D
LpPooling3D = LpPool3D
MaxBlurPooling2D = MaxBlurPool2D
MaxPool1D = MaxPooling1D
MaxPool2D = MaxPooling2D
MaxPool3D = MaxPooling3D
MaxUnpooling1D = MaxUnpool1D
MaxUnpooling2D = MaxUnpool2D
MaxUnpooling3D = MaxUnpool3D
MedianPooling1D = MedianPool1D
MedianPooling2D = MedianPool2D
MedianPooling3D = MedianPool3D
MinPooling1D = MinPool1D
MinPooling2D = MinPool2D
MinPooling3D = MinPool3D
MixedPooling1D = MixedPool1D
MixedPooling2D = MixedPool2D
MixedPooling3D = MixedPool3D
SpatialPyramidPooling2D = SpatialPyramidPool2D
SoftPooling1D = SoftPool1D
SoftPooling2D = SoftPool2D
SoftPooling3D = SoftPool3D
StochasticPooling1D = StochasticPool1D
StochasticPooling2D = StochasticPool2D
StochasticPooling3D = StochasticPool3D

__all__ = [
    "AdaptiveAveragePooling1D",
    "AdaptiveAveragePooling2D",
    "AdaptiveAveragePooling3D",
    "AdaptiveAvgPool",
    "AdaptiveAvgPool1D",
    "AdaptiveAvgPool2D",
    "AdaptiveAvgPool3D",
    "AdaptiveMaxPool",
    "AdaptiveMaxPool1D",
    "AdaptiveMaxPool2D",
    "AdaptiveMaxPool3D",
    "AdaptiveMaxPooling1D",
    "AdaptiveMaxPooling2D",
    "AdaptiveMaxPooling3D",
    "AveragePooling1D",
    "AveragePooling2D",
    "AveragePooling3D",
    "AvgPool",
    "AvgPool1D",
    "AvgPool2D",
    "AvgPool3D",
    "BlurPool2D",
    "BlurPooling2D",
    "FractionalAveragePooling1D",
    "FractionalAveragePooling2D",
    "FractionalAveragePooling3D",
    "FractionalAvgPool",
    "FractionalAvgPool1D",
    "FractionalAvgPool2D",
    "FractionalAvgPool3D",
    "FractionalMaxPool",
    "FractionalMaxPool1D",
    "FractionalMaxPool2D",
    "FractionalMaxPool3D",
    "FractionalMaxPooling1D",
    "FractionalMaxPooling2D",
    "FractionalMaxPooling3D",
    "GeMPool",
    "GeMPool1D",
    "GeMPool2D",
    "GeMPool3D",
    "GeMPooling1D",
    "GeMPooling2D",
    "GeMPooling3D",
    "GlobalAveragePooling1D",
    "GlobalAveragePooling2D",
    "GlobalAveragePooling3D",
    "GlobalAvgPool",
    "GlobalAvgPool1D",
    "GlobalAvgPool2D",
    "GlobalAvgPool3D",
    "GlobalGeMPool",
    "GlobalGeMPool1D",
    "GlobalGeMPool2D",
    "GlobalGeMPool3D",
    "GlobalGeMPooling1D",
    "GlobalGeMPooling2D",
    "GlobalGeMPooling3D",
    "GlobalLpPool",
    "GlobalLpPool1D",
    "GlobalLpPool2D",
    "GlobalLpPool3D",
    "GlobalLpPooling1D",
    "GlobalLpPooling2D",
    "GlobalLpPooling3D",
    "GlobalMaxPool",
    "GlobalMaxPool1D",
    "GlobalMaxPool2D",
    "GlobalMaxPool3D",
    "GlobalMaxPooling1D",
    "GlobalMaxPooling2D",
    "GlobalMaxPooling3D",
    "KMaxPool1D",
    "KMaxPooling1D",
    "LpPool",
    "LpPool1D",
    "LpPool2D",
    "LpPool3D",
    "LpPooling1D",
    "LpPooling2D",
    "LpPooling3D",
    "MaxBlurPool2D",
    "MaxBlurPooling2D",
    "MaxPool",
    "MaxPool1D",
    "MaxPool2D",
    "MaxPool3D",
    "MaxPooling1D",
    "MaxPooling2D",
    "MaxPooling3D",
    "MaxUnpool",
    "MaxUnpool1D",
    "MaxUnpool2D",
    "MaxUnpool3D",
    "MaxUnpooling1D",
    "MaxUnpooling2D",
    "MaxUnpooling3D",
    "Maxout",
    "MedianPool",
    "MedianPool1D",
    "MedianPool2D",
    "MedianPool3D",
    "MedianPooling1D",
    "MedianPooling2D",
    "MedianPooling3D",
    "MinPool",
    "MinPool1D",
    "MinPool2D",
    "MinPool3D",
    "MinPooling1D",
    "MinPooling2D",
    "MinPooling3D",
    "MixedPool",
    "MixedPool1D",
    "MixedPool2D",
    "MixedPool3D",
    "MixedPooling1D",
    "MixedPooling2D",
    "MixedPooling3D",
    "SoftPool",
    "SoftPool1D",
    "SoftPool2D",
    "SoftPool3D",
    "SoftPooling1D",
    "SoftPooling2D",
    "SoftPooling3D",
    "SpatialPyramidPool2D",
    "SpatialPyramidPooling2D",
    "StochasticPool",
    "StochasticPool1D",
    "StochasticPool2D",
    "StochasticPool3D",
    "StochasticPooling1D",
    "StochasticPooling2D",
    "StochasticPooling3D",
]

# Files may hold either name: version 0.1.0 wrote the short ones. What is registered
# last is what is written.
_CLASSES = [globals()[_name] for _name in __all__]
for _name, _class in zip(__all__, _CLASSES, strict=True):
    keras.saving.register_keras_serializable("keras_pooling", _name)(_class)
for _class in _CLASSES:
    keras.saving.register_keras_serializable("keras_pooling")(_class)


def __dir__() -> list[str]:
    return __all__
