"""Sets the process up before Keras and TensorFlow load, and offers each path."""

import os

import pytest

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("MPLBACKEND", "Agg")
# More threads than one on any machine, so that work is really shared out, and no more
# than a few, since pytest-xdist runs several processes at once.
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "4")
os.environ.setdefault("TF_NUM_INTEROP_THREADS", "2")


@pytest.fixture(params=["active", "portable"])
def each_path(request):
    """Takes the path that is in use, and the portable one if that is another."""
    if request.param == "active":
        yield
        return
    import tensorflow as tf

    import keras_pooling as kp
    from keras_pooling import _library as library

    if not library.use_compiled(tf.zeros(())):
        pytest.skip("the portable path is the one in use")
    with kp.force_portable():
        yield


def pytest_ignore_collect(collection_path):
    """Tests of one host run where Keras runs on it: see `make hosts`."""
    import keras

    folder = collection_path.name
    is_of_a_host = collection_path.is_dir() and folder.startswith("on_")
    return True if is_of_a_host and folder != f"on_{keras.config.backend()}" else None
