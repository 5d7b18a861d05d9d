"""Formulas in plain text, as docstrings write them, become HTML. Knows no page.

`y[o] = (Σ |x[t]|^p)^(1/p)` in backticks is a formula, `padding="same"` is code: what
tells them apart is the signs that only formulas have.
"""

from __future__ import annotations

import html
import re

_FORMULA = re.compile(r"[Σ·αβσε²√∝]|\^|\b[xyw]\[|(floor|ceil)\(|^(w|x|y|extent) = ")
_CODE = re.compile(r"(?<!`)`([^`]+)`(?!`)")
_FENCE = re.compile(r"(^ *```.*?^ *```$)", re.DOTALL | re.M)
_TOKEN = re.compile(
    r"\^\((?P<raised>(?:[^()]|\([^()]*\))*)\)|\^(?P<power>\w+)|\[(?P<index>[^\]]*)\]"
    r"|(?P<name>[A-Za-z_]{2,}\w*)|(?P<letter>[A-Za-zα-ω]\b)|(?P<other>.)",
    re.DOTALL,
)


def with_formulas(markdown: str) -> str:
    """The same text with its formulas as HTML; fenced code stays as it is."""
    parts = _FENCE.split(markdown)
    parts[::2] = [_CODE.sub(_formula_or_code, part) for part in parts[::2]]
    return "".join(parts)


def _formula_or_code(found: re.Match) -> str:
    text = " ".join(found[1].split())
    if not _FORMULA.search(text) or text.startswith(("kp.", "keras.")):
        return found[0]
    return f'<span class="formula">{as_html(text)}</span>'


def as_html(formula: str) -> str:
    """A formula with raised powers, lowered indices and slanted letters."""
    return "".join(_token(token) for token in _TOKEN.finditer(formula))


def _token(token: re.Match) -> str:
    if token["raised"] is not None:
        return f"<sup>{as_html(token['raised'])}</sup>"
    if token["power"]:
        return f"<sup>{as_html(token['power'])}</sup>"
    if token["index"] is not None:
        return f"<sub>{as_html(token['index'])}</sub>"
    if token["letter"]:
        return f"<i>{token['letter']}</i>"
    sign = {"-": "−", "*": "·"}.get(token[0], token[0])
    text = html.escape(sign)
    # Markdown would read these.
    return text.replace("_", "&#95;").replace("|", "&#124;")
