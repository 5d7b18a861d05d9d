"""What the command lines of all examples have in common."""

import json
from pathlib import Path

import pytest
from processes import run_python

FOLDER = Path(__file__).parents[2] / "examples"
SHARED = ("common", "digits")  # no examples, but what they import
SOURCES = {p.stem: p.read_text() for p in sorted(FOLDER.glob("*.py"))}
NAMES = [name for name in SOURCES if name not in SHARED]
WRITE_NOTHING = ("accelerate_applications", "export_everywhere")
# Of all in one process, which imports Keras once.
PRINTS_HELP = """
import contextlib, io, json, runpy, sys
folder, *names = sys.argv[1:]
sys.path.insert(0, folder)
texts = {}
for name in names:
    sys.argv[:] = [name, "--help"]
    with contextlib.redirect_stdout(io.StringIO()) as text:
        try:
            runpy.run_path(f"{folder}/{name}.py", run_name="__main__")
        except SystemExit as end:
            assert end.code == 0
    texts[name] = " ".join(text.getvalue().split())
print(json.dumps(texts))
"""


@pytest.fixture(scope="module")
def helps():
    done = run_python("-c", PRINTS_HELP, str(FOLDER), *NAMES, COLUMNS="1000")
    return json.loads(done.stdout)


@pytest.mark.parametrize("name", NAMES)
def test_help_says_what_it_shows_and_names_the_common_options(name, helps):
    first = SOURCES[name].removeprefix('"""').split('"""')[0].split("\n\n")[0]
    assert " ".join(first.split()) in helps[name]
    options = {
        "--output-dir OUTPUT_DIR": name not in WRITE_NOTHING,
        "--quick": name != "see_pooling",  # which takes seconds
        "--epochs EPOCHS": ".fit(" in SOURCES[name] or "train_and" in SOURCES[name],
    }
    assert {option: option in helps[name] for option in options} == options


@pytest.mark.parametrize("name", NAMES)
def test_readme_names_it(name):
    assert f"(examples/{name}.py)" in (FOLDER.parent / "README.md").read_text()
