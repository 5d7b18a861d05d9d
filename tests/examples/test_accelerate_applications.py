"""The example that accelerates Keras's applications, on one of them."""

from pathlib import Path

from processes import run_python

EXAMPLE = str(Path(__file__).parents[2] / "examples" / "accelerate_applications.py")


def test_an_application_predicts_the_same_when_it_is_accelerated():
    few = ("--models", "VGG16", "--batch", "2", "--rounds", "1")
    done = run_python(EXAMPLE, *few)
    (line,) = [s for s in done.stdout.splitlines() if s.startswith("│ VGG16")]
    _, pools, difference, *_ = line.strip("│").split("│")
    assert int(pools) == 5
    assert float(difference) == 0
