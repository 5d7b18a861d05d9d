"""What the site is made of beside its pages: drawings, a plot, a part of README."""

from __future__ import annotations

import posixpath
import re
import sys
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File

sys.path.insert(0, str(Path(__file__).parent))
import drawings
from formulas import with_formulas

REPOSITORY = Path(__file__).parents[2]
PLOT = REPOSITORY / "benchmarks/results/amd-epyc-avx512-2cpu-2026-11-28.png"


def on_files(files: Any, *, config: Any) -> Any:
    """Adds the drawings, made now, and the benchmark's plot."""
    for name, svg in drawings.all_drawings().items():
        files.append(File.generated(config, f"images/{name}.svg", content=svg))
    plot = File.generated(config, "images/benchmark.png", content=PLOT.read_bytes())
    files.append(plot)
    return files


def on_page_markdown(markdown: str, *, page: Any, **kwargs: Any) -> str:
    """Fills in sections of README; links that leave the site become their text."""
    markdown = re.sub(r"<!-- README: (.*?) -->", lambda m: _of_readme(m[1]), markdown)
    folder = posixpath.dirname(page.file.src_uri)

    def link(found: re.Match) -> str:
        target = posixpath.normpath(posixpath.join("docs", folder, found[2]))
        inside = target.startswith("docs/") or re.match(r"\w+:|#", found[2])
        return found[0] if inside else found[1]

    markdown = re.sub(r"(?<!!)\[([^\]]+)\]\(([^)\s]+)\)", link, markdown)
    return markdown if page.file.src_uri.startswith("api/") else with_formulas(markdown)


def _of_readme(title: str) -> str:
    """A section of README without its title; its links to files become their text."""
    text = (REPOSITORY / "README.md").read_text()
    (section,) = re.findall(rf"^## {title}\n\n(.*?)(?=^## )", text, re.DOTALL | re.M)
    return re.sub(r"(?<!!)\[([^\]]+)\]\((?!\w+:)[^)\s]+\)", r"\1", section)
