"""Draws ratios: to the best peer of every row, of many shapes; measures nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import distribution
import matplotlib as mpl
import report

mpl.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.ticker import NullLocator

TICKS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200)
LIMITS = (0.08, 12.5)  # of the ratios of a distribution
LABEL = {"fontsize": 7, "verticalalignment": "center"}


def draw(results: dict[str, Any], path: Path) -> None:
    """Writes a picture: one bar per row, grouped by mode, a line at 1.0."""
    groups = {
        mode: [
            (record["key"].split("/")[0], *best)
            for record in results["rows"]
            if record["mode"] == mode and (best := report.best_peer(record))
        ]
        for mode in ("forward", "training")
    }
    groups = {mode: bars for mode, bars in groups.items() if bars}
    if not groups:
        return
    rows = max(len(bars) for bars in groups.values())
    figure, axes = plt.subplots(
        1,
        len(groups),
        figsize=(6.5 * len(groups), 1.4 + 0.24 * rows),
        squeeze=False,
        layout="constrained",
    )
    for axis, (mode, bars) in zip(axes[0], groups.items(), strict=True):
        ratios = [ratio for _, _, ratio in bars]
        colours = ["#2a7f62" if ratio >= 1 else "#c44536" for ratio in ratios]
        # From 1.0 to either side: a bar to the right is how much faster we are.
        lengths = [ratio - 1 for ratio in ratios]
        drawn = axis.barh(range(len(bars)), lengths, 0.7, left=1.0, color=colours)
        labels = [f"{r:.2f}  {report.TITLES[name]}" for _, name, r in bars]
        for bar, label, ratio in zip(drawn, labels, ratios, strict=True):
            place = (max(ratio, 1.0), bar.get_y() + bar.get_height() / 2)
            axis.annotate(label, place, (4, 0), textcoords="offset points", **LABEL)
        axis.axvline(1.0, color="black", linewidth=1)
        axis.set_yticks(range(len(bars)), [row for row, _, _ in bars], fontsize=8)
        axis.set_xscale("log")
        ends = min([0.5, *ratios]) * 0.8, max([2.0, *ratios]) * 2.2
        axis.set_xlim(ends)
        axis.set_xticks([t for t in TICKS if ends[0] < t < ends[1]])
        axis.xaxis.set_major_formatter("{x:g}")
        axis.xaxis.set_minor_locator(NullLocator())
        axis.set_ylim(len(bars) - 0.4, -0.6)
        axis.set_title(f"{mode}: the best peer's time over ours", fontsize=10)
        axis.spines[["top", "right"]].set_visible(False)
    about = results["machine"]
    figure.suptitle(f"{about['cpu']}, {results['date'][:10]}", fontsize=11)
    figure.savefig(path, dpi=130)
    plt.close(figure)


def draw_distribution(results: dict[str, Any], path: Path) -> None:
    """Writes a picture: the sorted ratios to each peer, and the bars, by mode."""
    names = distribution.rivals(results)
    groups = {
        mode: {
            name: sorted(values)
            for name in names
            if (values := report.ratios(results["rows"], name, mode))
        }
        for mode in distribution.MODES
    }
    groups = {mode: lines for mode, lines in groups.items() if lines}
    if not groups:
        return
    figure, axes = plt.subplots(
        1,
        len(groups),
        figsize=(6.5 * len(groups), 4.5),
        squeeze=False,
        sharey=True,
        layout="constrained",
    )
    for axis, (mode, lines) in zip(axes[0], groups.items(), strict=True):
        for name, values in lines.items():
            colour = f"C{names.index(name)}"
            # The quantile of each value, as `distribution.quantile` places it.
            last = max(len(values) - 1, 1)
            shares = [100 * i / last for i in range(len(values))]
            median = distribution.quantile(values, 0.5)
            label = f"{report.TITLES[name]}: median {median:.2f}, {len(values)} shapes"
            axis.plot(shares, values, color=colour, linewidth=1.8, label=label)
        for name, of, place, asked in distribution.BARS:
            if of == mode and name in lines:
                at, i = 100 * distribution.PLACES[place], names.index(name)
                # Of two bars in one place the upper is the shorter.
                dash = {"markersize": max(24 - 7 * i, 4), "markeredgewidth": 3}
                axis.plot(at, asked, "_", color=f"C{i}", zorder=3 + i, **dash)
        axis.axhline(1.0, color="black", linewidth=1)
        axis.set_yscale("log")
        axis.set_ylim(LIMITS)  # what lies beyond leaves the picture: the table has it
        axis.set_yticks([tick for tick in TICKS if LIMITS[0] < tick < LIMITS[1]])
        axis.yaxis.set_major_formatter("{x:g}")
        axis.yaxis.set_minor_locator(NullLocator())
        axis.set_xlabel("% of the shapes, the worst first; a dash is a bar")
        axis.set_title(f"{mode}: a peer's time over ours", fontsize=10)
        axis.grid(alpha=0.3)
        axis.legend(loc="upper left", fontsize=8, frameon=False)
        axis.spines[["top", "right"]].set_visible(False)
    about, drawn = results["machine"], results["drawn"]
    title = f"{drawn['count']} random shapes, {about['cpu']}, {results['date'][:10]}"
    figure.suptitle(title, fontsize=11)
    figure.savefig(path, dpi=130)
    plt.close(figure)
