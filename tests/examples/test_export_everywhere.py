"""The example that exports one CNN to every format, with few images."""

from pathlib import Path

from processes import run_python

EXAMPLE = str(Path(__file__).parents[2] / "examples" / "export_everywhere.py")
HIDES_A_RUNTIME = """
import importlib.metadata, os.path, runpy, sys
version = importlib.metadata.version
def without(name):
    if name.startswith("openvino"):
        raise importlib.metadata.PackageNotFoundError(name)
    return version(name)
importlib.metadata.version = without
sys.argv[:] = sys.argv[1:]
sys.path.insert(0, os.path.dirname(sys.argv[0]))  # as Python does for a script
runpy.run_path(sys.argv[0], run_name="__main__")
"""
FEW = ("--batch", "2", "--size", "16", "--rounds", "1")


def cells(done, format):
    (line,) = [s for s in done.stdout.splitlines() if s.startswith(f"│ {format} ")]
    return [cell.strip() for cell in line.strip("│").split("│")]


def test_each_runtime_gives_the_same_and_names_its_pooling_operators():
    done = run_python(EXAMPLE, *FEW, timeout=900, COLUMNS="240")
    operators = {
        "tf_saved_model": "1 MaxPool, 1 AvgPool, 1 Max",
        "onnx": "1 MaxPool, 1 AveragePool, 1 GlobalMaxPool",
        "openvino": "1 MaxPool, 1 AvgPool, 1 ReduceMax",
        "litert": "1 MAX_POOL_2D, 1 AVERAGE_POOL_2D, 1 REDUCE_MAX",
    }
    for format, expected in operators.items():
        _, _, found, size, difference, per_image = cells(done, format)
        if format == "tf_saved_model":  # which holds functions that are gradients too
            names = {entry.split()[1] for entry in found.split(", ")}
            assert {entry.split()[1] for entry in expected.split(", ")} <= names
        else:
            assert sorted(found.split(", ")) == sorted(expected.split(", "))
        assert float(size) > 0 and float(per_image) > 0
        assert float(difference) < 1e-6
    assert "Keras on tensorflow" in cells(done, "torch")[2]


def test_a_runtime_that_is_not_installed_is_named():
    arguments = ("-c", HIDES_A_RUNTIME, EXAMPLE, *FEW, "--formats", "openvino")
    assert cells(run_python(*arguments), "openvino")[2] == "openvino is not installed"
