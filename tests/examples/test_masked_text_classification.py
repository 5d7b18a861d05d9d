"""The example of masks in time, with one network of each kind."""

from pathlib import Path

import pytest
from processes import run_python

EXAMPLE = str(Path(__file__).parents[2] / "examples" / "masked_text_classification.py")
NAMES = ["with masks", "without"]


def numbers(output, row):
    (line,) = (line for line in output.splitlines() if line.startswith(row))
    return [float(word) for word in line.split()[-4:]]


@pytest.mark.parametrize("backend", ["tensorflow", "jax", "torch"])
def test_only_with_masks_padding_changes_nothing(backend, tmp_path):
    done = run_python(
        *(EXAMPLE, "--quick", "--output-dir", str(tmp_path)), KERAS_BACKEND=backend
    )
    output = done.stdout
    assert f"on {backend}." in output
    right = {name: numbers(output, f"{name}, right") for name in NAMES}
    change = {name: numbers(output, f"{name}, change") for name in NAMES}
    # Answers are of one pass over as many words: only the order of sums may differ.
    assert max(change["with masks"]) <= 1e-5 < 0.1 < change["without"][-1]
    assert max(right["with masks"]) - min(right["with masks"]) <= 0.2  # one text
    assert right["with masks"][0] > 80
    assert right["with masks"][-1] - right["without"][-1] > 10
    assert output.splitlines()[-1].startswith("Held-out accuracy: ")
    assert f"{right['with masks'][-1]:.1f}% with masks" in output.splitlines()[-1]
    assert [path.name for path in tmp_path.iterdir()] == [
        "masked_text_classification.png"
    ]
