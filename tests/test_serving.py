"""The ops in input pipelines, and in SavedModels that are served."""

from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np
import pytest
import tensorflow as tf
from processes import run_python

import keras_pooling as kp

X = np.random.default_rng(0).standard_normal((12, 9, 8, 3)).astype("float32")
MAPPED = {
    "max": lambda x: kp.ops.max_pool(x, 2),
    "Lp": lambda x: kp.ops.lp_pool(x, 3, 1, "same"),
    "fractional max": lambda x: kp.ops.fractional_max_pool(x, 1.4),
    "adaptive average": lambda x: kp.ops.adaptive_avg_pool(x, 3),
    "blur": kp.ops.blur_pool,
}


@pytest.mark.parametrize("pool", MAPPED.values(), ids=MAPPED)
@pytest.mark.parametrize("rows", [4, None])
def test_a_dataset_maps_a_function_over_its_batches(each_path, pool, rows):
    def batches():
        yield from np.split(X, 3)

    spec = tf.TensorSpec((rows, *(None,) * 2, 3))
    dataset = tf.data.Dataset.from_generator(batches, output_signature=spec)
    mapped = dataset.map(pool, num_parallel_calls=2)
    for y, x in zip(mapped, np.split(X, 3), strict=True):
        # The portable path is one program here, and op by op there.
        np.testing.assert_allclose(y, pool(x), rtol=1e-6, atol=1e-6)


def test_a_dataset_draws_by_the_number_of_each_element():
    def draw(number, x):
        seed = tf.stack([number, tf.constant(7, tf.int64)])
        return kp.ops.stochastic_pool(x[None], 2, seed=seed)[0]

    dataset = tf.data.Dataset.from_tensor_slices(X).enumerate()
    one = list(dataset.map(draw, num_parallel_calls=2).as_numpy_iterator())
    other = list(dataset.map(draw).as_numpy_iterator())
    np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(
        one[3], kp.ops.stochastic_pool(X[3:4], 2, seed=(3, 7))[0]
    )


def served_model(folder):
    layers = [kp.MaxPooling2D(2), kp.LpPool2D(2, 1), kp.FractionalAvgPool2D(1.3)]
    model = keras.Sequential([keras.Input((None, None, 3)), *layers])
    model.export(str(folder / "served"), verbose=False)
    return model, str(folder / "served")


def test_a_saved_model_with_our_ops_answers_many_threads_at_once(tmp_path):
    model, path = served_model(tmp_path)
    serve = tf.saved_model.load(path).signatures["serving_default"]
    (name,) = serve.structured_input_signature[1]
    requests = [tf.constant(X[: 1 + i % 5, : 7 + i % 3] + i) for i in range(96)]
    expected = [model(x) for x in requests]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda x: serve(**{name: x}), requests))
    for answer, y in zip(answers, expected, strict=True):
        (served,) = answer.values()
        np.testing.assert_array_equal(served, y)


LOADS = """
import sys
import tensorflow as tf
tf.saved_model.load(sys.argv[1])
"""


def test_where_the_package_is_not_imported_the_error_bears_its_name(tmp_path):
    if not kp.build_info()["compiled"]:
        return
    _, path = served_model(tmp_path)
    done = run_python("-c", LOADS, path, fails=True)
    assert "'KerasPooling>" in done.stderr.splitlines()[-1], done.stderr
    run_python("-c", f"import keras_pooling\n{LOADS}", path)
