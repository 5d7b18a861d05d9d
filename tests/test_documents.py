"""What the documents say: their code runs, their links and commands are there."""

import doctest
import importlib.util
import re
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
DOCUMENTS = sorted([*REPOSITORY.glob("*.md"), *REPOSITORY.glob("docs/**/*.md")])
RESULTS = REPOSITORY / "benchmarks" / "results"


def name_of(path):
    return str(path.relative_to(REPOSITORY))


def blocks(path, language):
    """The code blocks of a document, each with its first line's number."""
    text = path.read_text()
    for found in re.finditer(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.M):
        yield text.count("\n", 0, found.start()) + 1, found[1]


def load(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def without_code(text):
    return re.sub(r"^```.*?^```$|`[^`\n]*`", "", text, flags=re.DOTALL | re.M)


with_code = pytest.mark.parametrize(
    "path", [d for d in DOCUMENTS if any(blocks(d, "py(?:thon|con)"))], ids=name_of
)
of_documents = pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)


@with_code
def test_code_of_a_document_runs_from_top_to_bottom(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {"__name__": "document"}
    runner = doctest.DocTestRunner(verbose=False)
    parser = doctest.DocTestParser()
    found = [*blocks(path, "python"), *blocks(path, "pycon")]
    for line, code in sorted(found):
        if ">>>" in code:
            test = parser.get_doctest(code, names, name_of(path), str(path), line)
            assert runner.run(test, clear_globs=False).failed == 0
            names = test.globs
        else:  # as many empty lines before it as make the numbers of errors right
            exec(compile("\n" * line + code, str(path), "exec"), names)


@of_documents
def test_links_of_a_document_lead_somewhere(path):
    links = re.findall(r"\]\(([^)\s]+)\)", without_code(path.read_text()))
    generated = {"floors.svg", "walks.svg", "taps.svg", "lowering.svg", "benchmark.png"}
    for link in links:
        target = link.partition("#")[0]
        if re.match(r"\w+:", link) or Path(target).name in generated or not target:
            continue
        assert (path.parent / target).exists(), link


@of_documents
def test_commands_of_a_document_are_targets_of_make(path):
    makefile = (REPOSITORY / "Makefile").read_text()
    targets = re.search(r"^\.PHONY: (.*)$", makefile, re.M)[1].split()
    called = re.findall(r"^make (?:\w+=\S+ )*([\w-]+)", path.read_text(), re.M)
    called += re.findall(r"`make ([\w-]+)[^`]*`", path.read_text())
    assert set(called) <= set(targets)


def test_workflows_run_what_a_developer_runs():
    makefile = (REPOSITORY / "Makefile").read_text()
    targets = re.search(r"^\.PHONY: (.*)$", makefile, re.M)[1].split()
    for workflow in (REPOSITORY / ".github" / "workflows").glob("*.yml"):
        commands = re.findall(r"^ +- run: (.*)$", workflow.read_text(), re.M)
        assert commands
        for command in commands:
            name, _, rest = command.partition(" ")
            is_setup = "apt-get install" in command
            assert is_setup or command == "bash .ci/run" or name == "make"
            assert name != "make" or rest.split()[0] in targets


@pytest.mark.parametrize("name", ["README.md", "docs/performance.md"])
def test_figures_of_the_benchmark_are_those_that_were_measured(name):
    results = [path.read_text() for path in RESULTS.glob("*.md")]
    measured = {line for text in results for line in text.splitlines()}
    text = (REPOSITORY / name).read_text()
    _, _, rows = text.partition("| against | forward | rows | training | rows |\n")
    rows = rows.split("\n\n")[0].splitlines()
    assert len(rows) >= 9 and set(rows) <= measured


def test_figures_of_random_shapes_are_those_that_were_measured():
    results = [path.read_text() for path in RESULTS.glob("shapes-*.md")]
    measured = {line for text in results for line in text.splitlines()}
    text = (REPOSITORY / "docs" / "performance.md").read_text()
    _, head, rows = text.partition("| against | shapes |")
    rows = (head + rows).split("\n\n")[0].splitlines()
    assert len(rows) >= 6 and set(rows) <= measured


def test_the_readme_has_a_row_for_every_layer_and_its_function():
    import keras_pooling as kp

    readme = (REPOSITORY / "README.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \|.*\| (`[^|]+`) \|$", readme, re.M)
    layers = {getattr(kp, name) for name in kp.layers.__all__}
    families = {cls for cls in layers if not layers & {*cls.__mro__[1:]}}
    assert {layer for layer, _ in rows} == {cls.__name__ for cls in families}
    functions = [name for _, cell in rows for name in re.findall(r"`(\w+)`", cell)]
    assert sorted(functions) == sorted(kp.ops.__all__)


def test_the_site_has_every_layer_and_function():
    import keras_pooling as kp

    pages = "".join(page.read_text() for page in REPOSITORY.glob("docs/api/*.md"))
    shown = re.findall(r"^::: [\w.]+\.(\w+)$", pages, re.M)
    others = re.findall(r"^Its other name.* is `kp\.(?:ops\.)?(\w+)`\.$", pages, re.M)
    public = {*kp.__all__, *kp.ops.__all__} - {"layers", "ops"}
    assert sorted([*shown, *others]) == sorted(public)


def test_a_formula_is_told_from_code():
    formulas = load(REPOSITORY / "docs" / "tools" / "formulas.py")
    text = '`y[o] = (Σ |x[t]|^p)^(1/p)`, `padding="same"`'
    lp = "<i>y</i><sub><i>o</i></sub> = (Σ &#124;<i>x</i><sub><i>t</i></sub>&#124;"
    lp += "<sup><i>p</i></sup>)<sup>1/<i>p</i></sup>"
    html = formulas.with_formulas(text)
    assert html == f'<span class="formula">{lp}</span>, `padding="same"`'
    fenced = f"```\n{text}\n```"
    assert formulas.with_formulas(fenced) == fenced
