"""Ratios of random shapes: quantiles, bars, the worst tenth; measures nothing."""

from __future__ import annotations

import math
import statistics
from typing import Any

import report
from peers import CORE, OURS
from report import TITLES, Record
from rich.table import Table

MODES = ("forward", "training")
# Which share of the shapes may be worse: a name for each place in the distribution.
PLACES = {"worst 5 %": 0.05, "worst tenth": 0.1, "median": 0.5, "best tenth": 0.9}
# How many times faster than a peer we must be at a place.
BARS = (
    ("tf", "forward", "median", 1.15),
    ("tf", "forward", "worst 5 %", 0.95),
    ("tf", "training", "median", 1.6),
    ("tf", "training", "worst 5 %", 0.95),
    ("litert", "forward", "median", 1.0),
    ("openvino", "forward", "median", 1.0),
)
RUNTIMES = ("openvino", "litert")  # called without a framework, as the core is
WORST = 0.1  # the share of the shapes that is listed
INTRODUCTION = (
    "Written by `make bench SHAPES=…`, not edited by hand: pools of published networks",
    "at sizes drawn at random (`shapes.py`), half of them one pool a call, all peers",
    "in turn in one run. A ratio is the peer's time over ours. *Worst 5 %* is what 95",
    "% of the shapes reach. A peer without such a pool, or with another result, has no",
    "ratio there. Times are medians of one pool in ms, *share* is that of a copy's",
    "bandwidth. TensorFlow calls our op, and it takes about 0.12 ms to call a graph of",
    "one; the runtimes are called without it, and so is *ours, C entry*: the same core",
    "on arrays that are there already.",
)


def quantile(values: list[float], share: float) -> float:
    """Returns what a share of the values lies below, between neighbours by line."""
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    low, high = math.floor(place), math.ceil(place)
    return ordered[low] + (place - low) * (ordered[high] - ordered[low])


def rivals(results: dict[str, Any]) -> list[str]:
    """Returns the peers that have ratios, in the order of the list."""
    seen = {name for record in results["rows"] for name in report.rivals(record)}
    return [name for name in TITLES if name in seen]


def bars(results: dict[str, Any]) -> list[tuple[str, float, float]]:
    """Returns of every bar what it is of, what was asked, and what was reached."""
    found = []
    for name, mode, place, asked in BARS:
        values = report.ratios(results["rows"], name, mode)
        if values:
            what = f"{TITLES[name]}, {mode}, {place}"
            found.append((what, asked, quantile(values, PLACES[place])))
    return found


def markdown(results: dict[str, Any]) -> str:
    """Returns the whole report."""
    rows, names = results["rows"], rivals(results)
    drawn = results["drawn"]
    title = f"{drawn['count']} random shapes (seed {drawn['seed']}): "
    lines = report.head(results, title, INTRODUCTION)
    heads = ["against", "shapes", *PLACES, "geometric mean", "faster in"]
    lines += ["| " + " | ".join(heads) + " |", "|---|" + "--:|" * (len(heads) - 1)]
    lines += ["| " + " | ".join(cells) + " |" for cells in _summary(results)]
    lines += ["", "| bar | asked | reached | |", "|---|--:|--:|---|"]
    lines += ["| " + " | ".join(cells) + " |" for cells in _bars(results)]
    lines += ["", "## By class of shape", "", "Medians; in brackets of how many.", ""]
    lines += report.by_class(rows, names, statistics.median)
    for mode in MODES:
        for name in names:
            lines += _worst(rows, name, mode)
    lines += _differing(rows) + report.left_out(results, most=len(rows) // 4)
    return "\n".join(lines)


def console_table(results: dict[str, Any]) -> Table:
    """Returns the distribution, for a terminal; the file has all."""
    table = Table(
        "time over ours", title=f"{len(results['rows'])} rows of random shapes"
    )
    for head in ("shapes", *PLACES):
        table.add_column(head, justify="right")
    for cells in _summary(results):
        table.add_row(*cells[: len(table.columns)])
    return table


def shortfalls(results: dict[str, Any]) -> str:
    """Returns the bars and the shapes left out, for a terminal."""
    lines = (f"{w}: {r} of {a}, {word}" for w, a, r, word in _bars(results))
    return "\n".join(["Bars:", *lines, "", *report.left_out(results)])


def _summary(results: dict[str, Any]) -> list[list[str]]:
    rows, lines = results["rows"], []
    for mode in MODES:
        pairs = [(name, OURS) for name in rivals(results)]
        pairs += [(name, CORE) for name in RUNTIMES]
        for name, own in pairs:
            values = report.ratios(rows, name, mode, own)
            if not values:
                continue
            cells = [f"{quantile(values, share):.2f}" for share in PLACES.values()]
            mean = f"{report.geometric_mean(values):.2f}"
            faster = f"{sum(value >= 1 for value in values) / len(values):.0%}"
            what = f"{TITLES[name]}, {mode}"
            what += f", over {TITLES[own]}" if own != OURS else ""
            lines.append([what, str(len(values)), *cells, mean, faster])
    return lines


def _bars(results: dict[str, Any]) -> list[list[str]]:
    return [
        [what, f"{asked:g}", f"{value:.2f}", "reached" if value >= asked else "missed"]
        for what, asked, value in bars(results)
    ]


def _worst(records: list[Record], name: str, mode: str) -> list[str]:
    """The shapes of the lowest ratios, the lowest first."""
    found = [r for r in records if r["mode"] == mode and report.ratio(r, name)]
    if not found:
        return []
    found.sort(key=lambda record: report.ratio(record, name))
    lines = [f"## Worst tenth: {TITLES[name]}, {mode}", ""]
    lines += [f"| shape | input | window | ratio | ours | {TITLES[name]} | share |"]
    lines += ["|---|---|---|--:|--:|--:|--:|"]
    for record in found[: math.ceil(WORST * len(found))]:
        times = [report.number(report.median(record, peer)) for peer in (OURS, name)]
        cells = [record["key"].split("/")[0], report.input_text(record)]
        cells += [record["window"], f"**{report.ratio(record, name):.2f}**", *times]
        lines.append("| " + " | ".join([*cells, report.share_text(record)]) + " |")
    return [*lines, ""]


def _differing(records: list[Record]) -> list[str]:
    lines = [
        f"- {', '.join(TITLES[name] for name in record['differs'])}: {record['key']}"
        for record in records
        if record["differs"]
    ]
    return ["## Another result than ours", "", *lines, ""] if lines else []
