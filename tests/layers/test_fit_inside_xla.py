"""Whole models in `compile(jit_compile=True)`, trained and run, also in halves."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_pooling as kp

IMAGES, BATCH = 22, 8  # the last batch has six images


@pytest.fixture
def restore_policy():
    policy = keras.config.dtype_policy()
    yield
    keras.config.set_dtype_policy(policy)


def make_model() -> keras.Model:
    """A small network with every kind of pooling layer that has a gradient."""
    keras.utils.set_random_seed(1)
    return keras.Sequential(
        [
            keras.Input((12, 12, 3)),
            keras.layers.Conv2D(8, 3, padding="same", activation="relu"),
            kp.MaxPooling2D(2),
            keras.layers.Conv2D(8, 3, padding="same", activation="relu"),
            kp.AveragePooling2D(3, 2, "same"),
            kp.MaxPooling2D(2, 1, padding="same"),
            kp.GlobalAveragePooling2D(),
            keras.layers.Dense(4, dtype="float32"),
        ]
    )


def train(model: keras.Model, jit_compile: bool) -> dict:
    rng = np.random.default_rng(3)
    x = rng.standard_normal((IMAGES, 12, 12, 3)).astype("float32")
    y = rng.integers(0, 4, IMAGES)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("sgd", loss, metrics=["accuracy"], jit_compile=jit_compile)
    history = model.fit(x, y, batch_size=BATCH, epochs=3, shuffle=False, verbose=0)
    return {
        "history": history.history["loss"],
        "evaluation": model.evaluate(x, y, batch_size=BATCH, verbose=0),
        "prediction": model.predict(x, batch_size=BATCH, verbose=0),
    }


@pytest.mark.parametrize(
    "policy, tolerance", [("float32", 1e-4), ("mixed_bfloat16", 0.05)]
)
def test_training_inside_xla_is_training_outside(policy, tolerance, restore_policy):
    keras.config.set_dtype_policy(policy)
    inside = train(make_model(), jit_compile=True)
    outside = train(make_model(), jit_compile=False)
    # The convolutions are XLA's own, and round differently.
    for name, value in inside.items():
        np.testing.assert_allclose(
            value, outside[name], rtol=tolerance, atol=tolerance, err_msg=name
        )
    assert inside["history"][-1] < inside["history"][0]


def test_mixed_float16(restore_policy):
    keras.config.set_dtype_policy("mixed_float16")
    assert np.isfinite(train(make_model(), jit_compile=True)["history"]).all()


def test_the_training_step_calls_our_kernels():
    model = make_model()
    x, y = tf.zeros((BATCH, 12, 12, 3)), tf.zeros(BATCH)

    @tf.function(jit_compile=True)
    def step(x, y):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((model(x, training=True)[:, 0] - y) ** 2)
        return tape.gradient(loss, model.trainable_variables)

    hlo = step.experimental_get_compiler_ir(x, y)(stage="optimized_hlo")
    counts = {
        op: hlo.count(f'op = "{op}"')
        for op in (
            "SelectingPool",
            "SelectingPoolGrad",
            "BlendingPool",
            "BlendingPoolGrad",
        )
    }
    assert set(counts.values()) == {2}
    assert "reduce-window" not in hlo
    assert "select-and-scatter" not in hlo
