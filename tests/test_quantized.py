"""Models with our layers in integers of eight bits: Keras's, and LiteRT's."""

import keras
import numpy as np
import tensorflow as tf

import keras_pooling as kp

SHAPE = (16, 16, 3)


def network(layers):
    """A network with the pools of a module; the same weights for each."""
    keras.utils.set_random_seed(0)
    return keras.Sequential(
        [
            keras.Input(SHAPE),
            layers.AveragePooling2D(2),
            keras.layers.Conv2D(8, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(3, 2, "same"),
            keras.layers.Conv2D(8, 3, padding="same", activation="relu"),
            layers.GlobalMaxPooling2D(),
            keras.layers.Dense(4),
        ]
    )


def whole_numbers(count):
    # Whose means over four are exact, in any order.
    rng = np.random.default_rng(1)
    return rng.integers(-8, 9, (count, *SHAPE)).astype("float32")


def test_keras_quantizes_a_model_around_our_layers(tmp_path):
    ours, theirs = network(kp), network(keras.layers)
    for model in (ours, theirs):
        model.quantize("int8")
    assert ours.layers[-1].dtype_policy.quantization_mode == "int8"
    x = whole_numbers(5)
    y = ours.predict(x, verbose=0)
    np.testing.assert_array_equal(y, theirs.predict(x, verbose=0))
    ours.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded.predict(x, verbose=0), y)


def quantized(model, path):
    """The model in integers alone, by LiteRT's converter."""
    x = whole_numbers(32)
    kp.export(
        model,
        path,
        "litert",
        verbose=False,
        optimizations=[tf.lite.Optimize.DEFAULT],
        representative_dataset=lambda: ([image[None]] for image in x),
        target_spec={"supported_ops": [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]},
        inference_input_type=tf.int8,
        inference_output_type=tf.int8,
    )
    # So that what each operator read and wrote can be looked at.
    return tf.lite.Interpreter(str(path), experimental_preserve_all_tensors=True)


def test_litert_pools_eight_bits_by_its_own_operators(tmp_path):
    interpreter = quantized(network(kp), tmp_path / "model.tflite")
    interpreter.allocate_tensors()
    (given,) = interpreter.get_input_details()
    x = np.random.default_rng(2).integers(-128, 128, (1, *SHAPE), "int8")
    interpreter.set_tensor(given["index"], x)
    interpreter.invoke()
    dtypes = {detail["dtype"] for detail in interpreter.get_tensor_details()}
    assert np.float32 not in dtypes
    pools = {op["op_name"]: op for op in interpreter._get_ops_details()}
    assert {"AVERAGE_POOL_2D", "MAX_POOL_2D", "REDUCE_MAX"} <= set(pools)

    def ran(name):
        """What an operator read and wrote, which are in the same units."""
        indices = pools[name]["inputs"][0], pools[name]["outputs"][0]
        details = {d["index"]: d for d in interpreter.get_tensor_details()}
        one, other = (details[i]["quantization"] for i in indices)
        assert one == other
        tensors = [interpreter.get_tensor(i) for i in indices]
        assert all(tensor.dtype == np.int8 for tensor in tensors)
        return tensors

    read, wrote = ran("AVERAGE_POOL_2D")
    mean = read.reshape(1, 8, 2, 8, 2, 3).mean((2, 4))
    assert np.abs(wrote - mean).max() <= 1 / 2
    read, wrote = ran("MAX_POOL_2D")
    np.testing.assert_array_equal(wrote, kp.ops.max_pool(read, 3, 2, "same"))
    read, wrote = ran("REDUCE_MAX")
    np.testing.assert_array_equal(wrote, read.max((1, 2), keepdims=True))
