"""Results as tables: Markdown, terminal, and beside a baseline. Measures nothing."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from peers import COPY, HOSTS, OURS, PEERS
from rich.table import Table
from row import CLASSES

TITLES = {peer.name: peer.title for peer in PEERS}
SMALL_BYTES = 1 << 20  # LiteRT's bar holds for rows that move more than this
CLOSE = ["tf", "torch-nhwc", "openvino", "litert"]  # those that come close to us
NO_BAR = ("jax", COPY, OURS, *HOSTS)
INTRODUCTION = (
    "Written by `make bench`, not edited by hand. Medians in ms of one pool (MB where",
    "a row says memory; of a model, of one batch), all peers in turn in one run. The",
    "ratio is the best peer's time over ours. *copy* is the time of a plain copy that",
    "moves as many bytes as the row must at least, *share* how much of its bandwidth",
    "we reach. ≠ marks a peer whose result is not ours, – one that has no such pool.",
)

Record = dict[str, Any]


def median(record: Record, peer: str) -> float | None:
    """Returns the row's median of a peer, or None where it has none."""
    times = record["times"].get(peer)
    return times["median"] if times else None


def rivals(record: Record) -> dict[str, float]:
    """Returns the medians of all who are compared with us."""
    times = record["times"].items()
    return {name: t["median"] for name, t in times if name not in (OURS, COPY, *HOSTS)}


def best_peer(record: Record) -> tuple[str, float] | None:
    """Returns the fastest peer and how many times longer than us it takes."""
    ours, others = median(record, OURS), rivals(record)
    if ours is None or not others:
        return None
    name = min(others, key=others.__getitem__)
    return name, others[name] / ours


def copy_share(record: Record) -> float | None:
    """Returns which part of a copy's bandwidth we reach."""
    ours, copy = median(record, OURS), median(record, COPY)
    return None if ours is None or copy is None else copy / ours


def ratio(record: Record, name: str, own: str = OURS) -> float | None:
    """Returns a peer's time over ours; None where it has none, or another result."""
    theirs, ours = median(record, name), median(record, own)
    if theirs is None or ours is None or name in record["differs"]:
        return None
    return theirs / ours


def ratios(records: list[Record], name: str, mode: str, own: str = OURS) -> list[float]:
    """Returns a peer's times over ours in one mode, in the rows that it has."""
    found = (ratio(record, name, own) for record in records if record["mode"] == mode)
    return [value for value in found if value is not None]


def missed_bars(record: Record) -> list[str]:
    """Returns what the row falls short of: peer, reached, asked."""
    ours, missed = median(record, OURS), []
    for name, time in rivals(record).items() if ours else ():
        if name in NO_BAR:
            continue
        if name == "litert" and record["bytes"] <= SMALL_BYTES:
            continue
        bar = record["bars"].get(name, 1.0)
        if time / ours < bar:
            missed.append(f"{TITLES[name]} {time / ours:.2f} of {bar:g}")
    return missed


def markdown(results: dict[str, Any]) -> str:
    """Returns the whole report."""
    measured = [r for r in results["rows"] if median(r, OURS) is not None]
    lines = head(results, "", INTRODUCTION) + _summary(measured)
    lines += _class_summary(measured)
    for mode in ("forward", "training"):
        records = [r for r in measured if r["mode"] == mode]
        if records:
            lines += [f"## {mode.capitalize()}", "", *_table(results, records), ""]
    return "\n".join(lines + _twins(measured) + _short(measured) + left_out(results))


def head(results: dict[str, Any], title: str, introduction: tuple[str, ...]) -> list:
    """Returns how a report begins: machine, date, versions."""
    about = results["machine"]
    return [
        f"# {title}{about['cpu']}, {about['cpus']} CPUs, {results['date'][:10]}",
        "",
        *introduction,
        "",
        ", ".join(f"{key}: {value}" for key, value in about.items()),
        "",
        _versions(results),
        "",
    ]


def by_class(
    records: list[Record], names: list[str], average: Callable[[list[float]], float]
) -> list[str]:
    """Returns a table of the average ratio to each of these peers in each class of
    shape; in brackets how many rows it is of.
    """
    pairs = [(name, mode) for mode in ("forward", "training") for name in names]
    pairs = [pair for pair in pairs if ratios(records, *pair)]
    heads = ["class of shape", *(f"{TITLES[name]}, {mode}" for name, mode in pairs)]
    lines = ["| " + " | ".join(heads) + " |", "|---|" + "--:|" * len(pairs)]
    for key, classes in CLASSES.items():
        for name in classes:
            members = [r for r in records if r.get("classes", {}).get(key) == name]
            found = [ratios(members, *pair) for pair in pairs]
            cells = [f"{average(v):.2f} ({len(v)})" if v else "–" for v in found]
            if any(found):
                lines.append("| " + " | ".join([f"{key}: {name}", *cells]) + " |")
    return [*lines, ""]


def geometric_mean(values: list[float]) -> float:
    """Returns the geometric mean."""
    return math.exp(sum(map(math.log, values)) / len(values))


def console_table(results: dict[str, Any]) -> Table:
    """Returns us, TensorFlow and the best peer, for a terminal; the file has all."""
    heads = ("row", "ours", "TF", "best peer", "its", "ratio", "of copy")
    table = Table()
    for head in heads:
        table.add_column(
            head, justify="left" if head in ("row", "best peer") else "right"
        )
    for record in results["rows"]:
        best, ours = best_peer(record), median(record, OURS)
        if best:
            colour = "green" if best[1] >= 1 else "red"
            cells = [record["key"], number(ours), number(median(record, "tf"))]
            cells += [TITLES[best[0]], number(best[1] * ours)]
            cells += [f"[{colour}]{best[1]:.2f}[/]", share_text(record)]
            table.add_row(*cells)
    return table


def shortfalls(results: dict[str, Any]) -> str:
    """Returns the bars not reached and the rows left out, for a terminal."""
    measured = [r for r in results["rows"] if median(r, OURS) is not None]
    return "\n".join(_short(measured) + left_out(results))


def against_baseline(results: dict[str, Any], baseline: dict[str, Any]) -> Table:
    """Returns our times before and after.

    Machines drift, so the last columns divide by TensorFlow's time of the same run.
    """
    old = {record["key"]: record for record in baseline["rows"]}
    table = Table(title=f"before: {baseline['date']} {baseline['machine']['commit']}")
    heads = ("row", "before", "after", "faster", "TF/ours before", "after", "best")
    for head in heads:
        table.add_column(head, justify="left" if head == "row" else "right")
    for record in results["rows"]:
        before = old.get(record["key"])
        times = [median(r, OURS) if r else None for r in (before, record)]
        if None in times:
            continue
        of_tf = [_over(median(r, "tf"), median(r, OURS)) for r in (before, record)]
        best = best_peer(record)
        table.add_row(
            record["key"],
            *(number(time) for time in times),
            f"{times[0] / times[1]:.2f}",
            *of_tf,
            f"{best[1]:.2f}" if best else "–",
        )
    return table


def fallen(results: dict[str, Any], baseline: dict[str, Any]) -> list[str]:
    """Returns the rows whose ratio to their best peer then has fallen since, and how.

    Half of all calls lie between `low` and `high`: a row has fallen if not even the
    peer's high over our low reaches the recorded ratio.
    """
    old = {record["key"]: record for record in baseline["rows"]}
    found = []
    for record in results["rows"]:
        best = best_peer(old[record["key"]]) if record["key"] in old else None
        ours = record["times"].get(OURS)
        theirs = record["times"].get(best[0]) if best else None
        if ours and theirs and theirs["high"] / ours["low"] < best[1]:
            ratio = theirs["median"] / ours["median"]
            found.append(
                f"{record['key']}: {TITLES[best[0]]} {ratio:.2f}, {best[1]:.2f} then"
            )
    return found


def input_text(record: Record) -> str:
    """Returns what the row pools, as a person writes it."""
    parts = [record["kind"].replace("_", " "), "×".join(map(str, record["shape"]))]
    if record["dtype"] != "float32":
        parts.append(record["dtype"])
    if record["layout"] != "channels_last":
        parts.append(record["layout"])
    if record["calls"] > 1:
        parts.append(f"({record['calls']} in one call)")
    if record["threads"] != 2:
        parts.append(f"{record['threads']} thread")
    return " ".join(parts)


def number(value: float | None) -> str:
    """Returns three digits, and never fewer than those before the point."""
    if value is None:
        return "–"
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def share_text(record: Record) -> str:
    """Returns which part of a copy's bandwidth we reach, in percent."""
    share = copy_share(record)
    return "–" if share is None else f"{share:.0%}"


def left_out(results: dict[str, Any], most: int = 4) -> list[str]:
    """Returns who did not run what, and why; more rows than `most` are only counted."""
    reasons: dict[tuple[str, str], list[str]] = {}
    for record in results["rows"]:
        for name, reason in record["unsupported"].items():
            if name != COPY:
                reasons.setdefault((name, reason), []).append(record["key"])
    lines = [f"- {TITLES[name]}: {text}" for name, text in results["failed"].items()]
    for (name, reason), keys in sorted(reasons.items()):
        where = ", ".join(keys) if len(keys) <= most else f"{len(keys)} rows"
        lines.append(f"- {TITLES[name]}: {reason} ({where})")
    return ["## Not measured", "", *(lines or ["Nothing."]), ""]


def _table(results: dict[str, Any], records: list[Record]) -> list[str]:
    names = [
        name for name in results["peers"] if any(r["times"].get(name) for r in records)
    ]
    shown = [name for name in names if name != COPY]
    heads = ["row", "input", "window", *(TITLES[name] for name in shown)]
    heads += ["ratio", "best peer", "copy", "share"]
    lines = ["| " + " | ".join(heads) + " |"]
    lines.append("|---|---|---|" + "--:|" * (len(heads) - 3))
    for record in records:
        best = best_peer(record)
        copy = median(record, COPY)
        cells = [record["key"].split("/")[0], input_text(record), record["window"]]
        cells += [_cell(record, name) for name in shown]
        cells += [f"**{best[1]:.2f}**", TITLES[best[0]]] if best else ["–", "–"]
        cells += [number(copy), share_text(record)]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def _summary(records: list[Record]) -> list[str]:
    """Geometric means over the rows that a peer and we have."""
    lines = ["| against | forward | rows | training | rows |", "|---|--:|--:|--:|--:|"]
    for name, title in TITLES.items():
        cells = []
        for mode in ("forward", "training"):
            pairs = [
                (median(r, name), median(r, OURS))
                for r in records
                if r["mode"] == mode and r["unit"] == "ms" and median(r, name)
            ]
            found = [theirs / ours for theirs, ours in pairs]
            mean = f"{geometric_mean(found):.2f}" if found else "–"
            cells += [mean, str(len(found))]
        if name not in (OURS, COPY) and cells != ["–", "0", "–", "0"]:
            lines.append(f"| {title} | " + " | ".join(cells) + " |")
    title = (
        "Geometric means of the peer's time over ours, over the rows that both have:"
    )
    return [title, "", *lines, ""] if len(lines) > 2 else []


def _class_summary(records: list[Record]) -> list[str]:
    lines = by_class(records, CLOSE, geometric_mean)
    title = "The same by class of shape, of float32 maxima and averages (rows):"
    return [title, "", *lines] if len(lines) > 3 else []


def _twins(records: list[Record]) -> list[str]:
    """Rows over the row they are a variant of: threads, layouts, window sizes."""
    by_key = {record["key"]: record for record in records}
    lines = ["## Variants", "", "A row's time over that of the row it varies.", ""]
    lines += ["| row | over | keras_pooling | TF |", "|---|---|--:|--:|"]
    start = len(lines)
    for record in records:
        other = by_key.get(record["against"])
        if other:
            cells = [_over(median(record, p), median(other, p)) for p in (OURS, "tf")]
            names = [record["key"], other["key"].split("/")[0]]
            lines.append("| " + " | ".join(names + cells) + " |")
    return [*lines, ""] if len(lines) > start else []


def _short(records: list[Record]) -> list[str]:
    lines = [
        f"- {record['key']}: " + "; ".join(missed)
        for record in records
        if (missed := missed_bars(record))
    ]
    lines = lines or ["None."]
    head = "Times faster than a peer, reached and asked for."
    return ["## Rows that fall short", "", head, "", *lines, ""]


def _versions(results: dict[str, Any]) -> str:
    versions: dict[str, str] = {}
    for found in results["versions"].values():
        versions |= found
    return ", ".join(f"{name} {version}" for name, version in versions.items())


def _cell(record: Record, name: str) -> str:
    mark = " ≠" if name in record["differs"] else ""
    return number(median(record, name)) + mark


def _over(a: float | None, b: float | None) -> str:
    return f"{a / b:.2f}" if a and b else "–"
