"""The example that measures what texts say of pooling, on few layers and epochs."""

import json
from pathlib import Path

import pytest
from processes import run_python

EXAMPLE = str(Path(__file__).parents[2] / "examples" / "compare_pooling.py")
KEPT = {  # as if from a run that was cut off: figures that no network would show
    **{"parameters": 12345, "seconds": 0.5, "training": 11.5, "held-out": 22.5},
    **{"changed": 33.5, "decoder": 44.5, "noise": [55.5] * 4},
    **{"shift": [66.5] * 4, "rotation": [77.5] * 6},
}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    output = tmp_path_factory.mktemp("output")
    results = output / "compare_pooling" / "3-epochs-500-images"
    results.mkdir(parents=True)
    (results / "average, seed 0.json").write_text(json.dumps(KEPT))
    done = run_python(EXAMPLE, "--quick", "--output-dir", str(output))
    return done.stdout, output, results


def rows(text, name):
    lines = [line for line in text.splitlines() if line.startswith(f"{name} ")]
    words = [line.removeprefix(name).replace("±", " ").split() for line in lines]
    return [[float(word.replace(",", "")) for word in line] for line in words]


@pytest.mark.parametrize("kind", ["max", "strided convolution"])
def test_a_network_learns_and_its_figures_are_in_the_tables(kind, run):
    text, _, results = run
    found = json.loads((results / f"{kind}, seed 0.json").read_text())
    # Guessing errs in 90 %, and a decoder that says the mean image by 26 % of white.
    assert found["training"] < 50 and found["held-out"] < 50
    assert found["decoder"] < 20
    assert found["shift"] == sorted(found["shift"])
    first, second = rows(text, kind)
    names = ("training", "held-out", "changed", "decoder")
    assert first[0] == found["parameters"]
    assert first[2::2] == [round(found[name], 1) for name in names]
    assert second[-2] == round(found["noise"][-1], 1)


def test_what_was_measured_before_is_not_measured_again(run):
    text, _, results = run
    assert len(list(results.iterdir())) == 3
    first, second = rows(text, "average")
    assert first == [12345, 0.5, 11.5, 0, 22.5, 0, 33.5, 0, 44.5, 0]
    assert second == [66.5, 0, 66.5, 0, 77.5, 0, 77.5, 0, 55.5, 0, 55.5, 0]


@pytest.mark.parametrize("name", ["compare_pooling", "compare_pooling_curves"])
def test_pictures_are_drawn(name, run):
    import matplotlib.image

    assert matplotlib.image.imread(run[1] / f"{name}.png").std() > 0
