"""What the installed package says and holds, and what the compiled library shows."""

import hashlib
import importlib.metadata
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import cmake
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
    groups = table["dependency-groups"]
    lines = [*table["build-system"]["requires"], *groups["build"], *groups["wheel"]]
    # TensorFlow's patch versions have one C++ interface.
    assert all(re.search(r"==|tensorflow~=\d+\.\d+\.0$", line) for line in lines), lines


def configure(tmp_path, *options):
    """Configures a build against a TensorFlow that ships no header at all."""
    (tmp_path / "tensorflow").mkdir()
    (tmp_path / "tensorflow" / "__init__.py").touch()
    information = tmp_path / "tensorflow-9.8.7.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Name: tensorflow\nVersion: 9.8.7\n")
    (information / "top_level.txt").write_text("tensorflow\n")
    result = subprocess.run(
        [
            *(Path(cmake.CMAKE_BIN_DIR) / "cmake", "-Wno-dev", "-S", "custom_ops"),
            *("-B", tmp_path / "build", "-DCMAKE_DISABLE_FIND_PACKAGE_hwy=ON"),
            *(f"-DPython_EXECUTABLE={sys.executable}", *options),
        ],
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    return result.returncode, " ".join((result.stdout + result.stderr).split())


def test_a_build_without_highway_says_what_to_do(tmp_path):
    code, said = configure(tmp_path)
    assert code != 0
    assert "TensorFlow 9.8.7 ships no headers of Highway" in said
    assert "-DKERAS_POOLING_HIGHWAY=FOLDER/tensorflow" in said


@pytest.mark.parametrize("folder", ["com_google_highway", "highway"])  # of 2.21, 2.22
def test_a_build_takes_the_highway_of_another_tensorflow(tmp_path, folder):
    other = tmp_path / "other" / "tensorflow"
    headers = other / "include" / "external" / folder / "hwy"
    headers.mkdir(parents=True)
    (headers / "highway.h").touch()
    code, said = configure(tmp_path, f"-DKERAS_POOLING_HIGHWAY={other}")
    assert code == 0, said
    assert f"Highway in {headers.parent} " in said


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
