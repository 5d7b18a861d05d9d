"""Docstrings in the form that the site's generator reads, with formulas."""

from __future__ import annotations

import re
import sys
import textwrap
from pathlib import Path
from typing import Any

import griffe

sys.path.insert(0, str(Path(__file__).parent))
from formulas import with_formulas


class Docstrings(griffe.Extension):
    """Rewrites each docstring before it is parsed."""

    def on_object(self, *, obj: griffe.Object, **kwargs: Any) -> None:
        """Rewrites one docstring."""
        if obj.docstring:
            obj.docstring.value = rewritten(obj.docstring.value)


def rewritten(text: str) -> str:
    """A docstring whose example is a section, and whose formulas are HTML."""
    text, _, example = text.partition("\nExample:\n")
    text = with_formulas(text)
    # A paragraph that begins with its formula shows it on a line of its own.
    own = r'\n\n<span class="formula">(.*?)</span>([,.:]?)'
    text = re.sub(own, r'\n\n<span class="formula own">\1\2</span>', text)
    text = re.sub(r"(?<=\nCall arguments:\n)(    .*\n)+", _as_list, text)
    if example:
        example = textwrap.indent(example.strip(), "    ")
        text += f"\nExamples:\n{example}\n"
    return text


def _as_list(section: re.Match) -> str:
    """A section of arguments, each of which becomes an entry of a list."""
    return re.sub(r"^    (\w+): ", r"    - `\1`: ", section[0], flags=re.M)
