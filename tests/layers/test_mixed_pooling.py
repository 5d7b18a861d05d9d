"""Mixed pooling layers: what they learn, and that files keep it."""

import data
import keras
import numpy as np
import pytest
import reference

import keras_pooling as kp


@pytest.mark.parametrize("alpha", ["trainable", "gated"])
@pytest.mark.parametrize(
    ("per_channel", "data_format"), [(False, "channels_last"), (True, "channels_first")]
)
def test_a_layer_learns_its_share(alpha, per_channel, data_format, tmp_path):
    rng = data.generator("learns", alpha)
    keras.utils.set_random_seed(0)
    layer = kp.MixedPool(
        2, alpha=alpha, per_channel=per_channel, data_format=data_format
    )
    x = rng.standard_normal((64, 4, 4, 2)).astype("float32")
    x = reference.from_channels_last(x, data_format)
    share = {"alpha": 0.9}
    if alpha == "gated":
        share = {"gate": np.array([[3, -3], [-3, 3]], "float32")}
    y = kp.ops.mixed_pool(x, 2, data_format=data_format, **share)
    model = keras.Sequential([keras.Input(x.shape[1:]), layer])
    model.compile(keras.optimizers.Adam(0.1), "mse")
    (weight,) = layer.trainable_weights
    taps, channels = (2, 2) if alpha == "gated" else (), (2,) if per_channel else ()
    assert tuple(weight.shape) == (*taps, *channels)
    before = model.evaluate(x, y, verbose=0)
    model.fit(x, y, epochs=20, verbose=0)
    assert model.evaluate(x, y, verbose=0) < before / 2
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(
        loaded.predict(x, verbose=0), model.predict(x, verbose=0)
    )
