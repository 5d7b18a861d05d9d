"""What the installed package says and holds, and what the compiled library shows."""

import hashlib
import importlib.metadata
import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import tensorflow as tf

from keras_pooling import _build_info

REPOSITORY = Path(__file__).parents[1]
CORE = Path(_build_info.__file__).with_name("libkeras_pooling.so")
ADAPTERS = [CORE.with_name(f"_keras_pooling_{name}.so") for name in ("ops", "xla")]


def requirement(lines, name):
    return next(line for line in lines if re.match(rf"{name}\b", line))


def test_one_wheel_serves_every_python():
    text = importlib.metadata.distribution("keras_pooling").read_text("WHEEL")
    assert "Root-Is-Purelib: false" in text
    tags = re.findall(r"^Tag: (.*)$", text, re.MULTILINE)
    assert tags
    assert all(re.fullmatch(r"py3-none-\w+", tag) for tag in tags)


def test_built_against_the_tensorflow_that_runs():
    table = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
    build = requirement(table["build-system"]["requires"], "tensorflow")
    assert (
        requirement(
            table["project"]["optional-dependencies"]["tensorflow"], "tensorflow"
        )
        == build
    )
    assert (
        _build_info.TENSORFLOW_VERSION.split(".")[:2] == tf.__version__.split(".")[:2]
    )


@pytest.mark.parametrize("library", [CORE, *ADAPTERS], ids=lambda path: path.name)
def test_a_library_keeps_no_path_of_the_machine_that_built_it(library):
    content = library.read_bytes()
    assert (b"libtensorflow_framework.so" in content) == (library in ADAPTERS)
    for folder in (str(Path(tf.__file__).parent), str(REPOSITORY)):
        assert folder.encode() not in content


def names_shown_by(library):
    listing = subprocess.run(
        ["nm", "--dynamic", "--defined-only", str(library)],
        capture_output=True,
        text=True,
        check=True,
    )
    return {line.split()[-1] for line in listing.stdout.splitlines()}


def test_the_core_shows_what_its_header_documents_and_no_more():
    header = (REPOSITORY / "custom_ops/hosts/c/keras_pooling.h").read_text()
    code = re.sub(r"/\*.*?\*/", "", header, flags=re.DOTALL)
    documented = set(re.findall(r"\b(KerasPooling\w+)\(", code))
    assert "KerasPoolingRun" in documented
    assert names_shown_by(CORE) == {*documented, "KerasPoolingXlaHandler"}


@pytest.mark.parametrize("library", ADAPTERS, ids=lambda path: path.name)
def test_the_adapters_show_nothing(library):
    assert names_shown_by(library) == set()


def test_what_builds_is_pinned():
    table = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
    lines = [*table["build-system"]["requires"], *table["dependency-groups"]["build"]]
    # TensorFlow's patch versions have one C++ interface.
    assert all(re.search(r"==|tensorflow~=\d+\.\d+\.0$", line) for line in lines), lines


def test_the_record_of_the_build_is_of_these_libraries():
    assert set(_build_info.LIBRARIES) == {path.name for path in (CORE, *ADAPTERS)}
    for path in (CORE, *ADAPTERS):
        size, digest = _build_info.LIBRARIES[path.name]
        content = path.read_bytes()
        assert size == len(content)
        assert digest == hashlib.blake2b(content, digest_size=32).hexdigest()


def test_versions_agree():
    table = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
    version = table["project"]["version"]
    assert importlib.metadata.version("keras_pooling") == version
    assert f"## {version}" in (REPOSITORY / "CHANGELOG.md").read_text()


def test_users_get_one_backend_and_the_demo_no_other_and_no_tool():
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    needed = project["dependencies"] + extras["tensorflow"] + extras["examples"]
    names = {re.match(r"[\w-]+", line)[0] for line in needed}
    drawn_with = {"matplotlib", "mlxtend", "rich", "scikit-learn"}
    assert names == {"keras", "numpy", "tensorflow", *drawn_with}
    for backend in ("tensorflow", "jax", "torch"):
        assert [re.match(r"\w+", line)[0] for line in extras[backend]] == [backend]


def test_the_core_loads_where_tensorflow_is_not():
    metadata = importlib.metadata.distribution("keras_pooling").requires
    assert not [
        line for line in metadata if "extra ==" not in line and "tensor" in line
    ]
