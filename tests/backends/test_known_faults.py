"""Calls that crashed other frameworks, or our own ops, made by functions and layers.

Each has its reference in its id: a CVE, or an issue of a framework. `docs/hardening.md`
lists them; `tests/test_hardening.py` sees to it that the list and the tests agree.
"""

import keras
import numpy as np
import pytest
import reference
from hosts import BACKEND, array, compiled, value_and_gradient
from refused import PLANE, REFUSED

import keras_pooling as kp


def known_as(*references):
    """Puts the references of a fault into the test's id."""
    return pytest.mark.parametrize("references", ["+".join(references)])


by_fault = pytest.mark.parametrize("fault", REFUSED, ids=lambda fault: fault.id)


def assert_named(caught, fault, name):
    message = str(caught.value)
    if "incompatible with the layer" in message:
        return  # Keras counts the axes before us, and names what it found
    missing = [word for word in (name, *fault.words) if word not in message]
    assert not missing, f"no {missing} in: {message}"


@by_fault
def test_what_once_crashed_elsewhere_is_named(fault):
    x = np.zeros(fault.shape, "float32")
    function = getattr(kp.ops, fault.function)
    with pytest.raises(ValueError) as caught:
        function(x, **fault.arguments)
    assert_named(caught, fault, fault.function)
    # PyTorch's compiler wraps what it meets in errors of its own.
    if BACKEND != "torch":
        with pytest.raises(ValueError) as caught:
            compiled(lambda x: function(x, **fault.arguments))(x)
        assert_named(caught, fault, fault.function)
    arguments = {k: v for k, v in fault.arguments.items() if k != "regions"}
    if arguments == fault.arguments:
        for given in (x, keras.KerasTensor(fault.shape, "float32")):
            with pytest.raises(ValueError) as caught:
                fault.layer(**arguments)(given)
            assert_named(caught, fault, fault.layer.__name__)
    # Life goes on.
    assert array(kp.MaxPool(2)(np.ones(PLANE, "float32"))).shape == (1, 2, 2, 1)


# What once gave a wrong result instead.


@known_as("pytorch#45357", "pytorch#36977")
@pytest.mark.parametrize(
    ("size", "pool_size", "strides", "padding"),
    [(4, 2, 3, 0), (2, 1, 3, 0), (3, 1, 2, 0), (5, 2, 4, 1), (7, 3, 5, 1)],
)
@pytest.mark.parametrize("function", ["max_pool", "avg_pool"])
def test_a_last_window_outside_the_input_is_none(
    function, size, pool_size, strides, padding, references
):
    x = np.arange(1.0, 1 + 2 * size, dtype="float32").reshape(1, size, 2)
    windows = reference.sliding((size,), pool_size, strides, padding, ceil_mode=True)
    exact = getattr(reference, function)(x, windows, "channels_last")
    exact = exact[0] if function == "max_pool" else exact
    y = getattr(kp.ops, function)(x, pool_size, strides, padding, ceil_mode=True)
    np.testing.assert_allclose(array(y), exact, rtol=1e-6)
    assert np.isfinite(array(y)).all()


@pytest.mark.skipif(
    BACKEND == "tensorflow" and not kp.build_info()["compiled"],
    reason="TensorFlow's own pool, which loses some NaNs, serves",
)
@known_as("tensorflow#125965")
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize("channels", [1, 8, 19])
def test_nan_wins_wherever_its_channel_is(channels, data_format, references):
    x = np.zeros((channels, 4, 4, channels), "float32")
    for channel in range(channels):
        x[channel, 3, 0, channel] = np.nan
    x = reference.from_channels_last(x, data_format)
    y = array(kp.ops.max_pool(x, 3, 1, data_format=data_format))
    found = np.argwhere(np.isnan(reference.to_channels_last(y, data_format))).tolist()
    assert found == [[channel, 1, 0, channel] for channel in range(channels)]


@known_as("tensorflow#62435", "tensorflow#4886")
def test_of_equal_maxima_the_first_has_the_gradient(references):
    x, dy = np.ones((1, 3, 3, 2), "float32"), np.ones((1, 2, 2, 2), "float32")
    _, dx = value_and_gradient(lambda x: kp.ops.max_pool(x, 2, 1), x, dy)
    np.testing.assert_array_equal(dx[0, :, :, 0], [[1, 1, 0], [1, 1, 0], [0, 0, 0]])


@known_as("keras#18152")
def test_an_average_of_masked_steps_alone_is_0(references):
    x, mask = np.ones((2, 4, 3), "float32"), np.array([[0] * 4, [1, 0, 0, 1]])
    y = array(kp.GlobalAveragePooling1D()(x, mask=mask))
    np.testing.assert_array_equal(y, [[0] * 3, [1] * 3])
    y = array(kp.AveragePooling1D(2)(x, mask=mask))
    np.testing.assert_array_equal(y[:, :, 0], [[0, 0], [1, 1]])
