"""That `docs/hardening.md` and the tests agree on which fault is answered by which."""

import re
from pathlib import Path

import pytest
from forged import FORGED
from refused import REFUSED

TESTS = Path(__file__).parent
REPOSITORY = TESTS.parent
PAGE = (REPOSITORY / "docs" / "hardening.md").read_text()
REFERENCE = r"CVE-\d{4}-\d+|\w+#\d+"
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in PAGE.splitlines()
    if line.startswith("| ") and "---" not in line
]
KNOWN = [row for row in ROWS if re.search(REFERENCE, row[0])]


def references(tests):
    return {reference for test in tests for reference in test.references}


@pytest.mark.parametrize("kind, tests", [("forged", FORGED), ("functions", REFUSED)])
def test_the_page_says_what_each_table_answers(kind, tests):
    listed = [set(re.findall(REFERENCE, row[0])) for row in KNOWN if kind in row[2]]
    answered = {name for name in references(tests) if not name.startswith("own:")}
    assert answered <= set().union(*listed)
    # A row is one fault by several names: some of them may be of the other kind.
    assert [row for row in listed if not row & answered] == []


def test_every_reference_is_answered_and_every_answer_listed():
    named = {}
    for path in TESTS.rglob("test_*.py"):
        if path.name != "test_hardening.py":
            named[path] = set(re.findall(REFERENCE, path.read_text()))
    answers = set().union(references(FORGED), *named.values())
    listed = {name for row in KNOWN for name in re.findall(REFERENCE, row[0])}
    assert listed <= answers
    in_tables = references(FORGED) | references(REFUSED)
    assert {name for name in in_tables if not name.startswith("own:")} <= listed


def test_every_test_that_the_page_names_is_there():
    found = re.findall(r"`((?:tests|custom_ops)/[\w/.]+)(?:::(\w+))?`", PAGE)
    assert found
    for path, name in found:
        text = (REPOSITORY / path).read_text()
        assert not name or re.search(rf"(def|void) {name}\(", text), (
            f"no {name} in {path}"
        )


def test_the_page_lists_no_reference_twice():
    listed = [name for row in KNOWN for name in re.findall(REFERENCE, row[0])]
    assert len(set(listed)) == len(listed)
