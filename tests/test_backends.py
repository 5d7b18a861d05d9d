"""The tests that need no certain Keras backend, run on those that are not in use."""

import keras
import pytest
from processes import TESTS, run_python

BACKENDS = ["jax", "tensorflow", "torch"]


@pytest.mark.parametrize(
    "backend", [name for name in BACKENDS if name != keras.config.backend()]
)
def test_every_family_on(backend):
    # PyTorch's compiler reports warnings and much else where something fails.
    done = run_python(
        *("-m", "pytest", "-q", "-x", "--show-capture=no", "-p", "no:cacheprovider"),
        str(TESTS / "backends"),
        *map(str, TESTS.glob(f"on_{backend}")),
        timeout=600,
        KERAS_BACKEND=backend,
    )
    (line,) = [s for s in done.stdout.splitlines() if " passed" in s]
    assert "skipped" not in line and "failed" not in line
