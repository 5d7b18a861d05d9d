"""Measures every row with every peer, turn by turn in one run, and writes the results.

`make bench` calls it. Each framework is a process of its own; they take turns, so that
what the machine does meanwhile meets all of them alike. `--help` lists the options.
"""

from __future__ import annotations

import argparse
import datetime
import json
import sys
from pathlib import Path

import distribution
import machine
import measure
import peers as peer_list
import plot
import report
import rows as row_list
import shapes
from rich.console import Console

RESULTS = Path(__file__).with_name("results")


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", default="", help="names, comma-separated; * allowed")
    parser.add_argument("--peers", default="", help="names, comma-separated")
    parser.add_argument(
        "--shapes",
        type=int,
        default=0,
        help="random shapes to measure in place of the table",
    )
    parser.add_argument("--seed", type=int, default=shapes.SEED, help="of the shapes")
    parser.add_argument("--rounds", type=int, default=0, help="turns of each peer")
    parser.add_argument(
        "--patience",
        type=float,
        default=60.0,
        help="seconds a peer may take to prepare a row",
    )
    parser.add_argument("--baseline", type=Path, help="results to compare with")
    parser.add_argument("--output-dir", type=Path, default=RESULTS)
    parser.add_argument("--list", action="store_true", help="list rows and peers")
    return parser.parse_args(arguments)


def main() -> None:
    """Runs the command line."""
    options = parse()
    try:
        drawn = shapes.draw(options.shapes, options.seed)
        rows = row_list.chosen(options.rows, drawn or row_list.ROWS)
        default_peers = shapes.PEERS if drawn else ""
        peers = peer_list.chosen(options.peers or default_peers)
    except ValueError as error:
        sys.exit(str(error))
    if options.list:
        print(*(f"{row.key:24} {row.shape} {row.window}" for row in rows), sep="\n")
        print("\npeers:", ", ".join(peer.name for peer in peers))
        return
    baseline = json.loads(options.baseline.read_text()) if options.baseline else None
    few = 0 < options.shapes < shapes.COUNT
    quick = bool(options.rows or options.peers or few)
    rounds = options.rounds or (shapes.ROUNDS if drawn else 7 if quick else 9)
    results = measure.run(rows, peers, rounds, options.patience)
    if drawn:
        results["drawn"] = {"count": options.shapes, "seed": options.seed}
    date = datetime.date.today().isoformat()
    stem = f"{machine.slug()}-{date}" + ("-quick" if quick else "")
    stem = f"shapes-{stem}" if drawn else stem
    options.output_dir.mkdir(parents=True, exist_ok=True)
    target = options.output_dir / f"{stem}.json"
    target.write_text(json.dumps(results, indent=1) + "\n")
    whole = distribution if drawn else report
    target.with_suffix(".md").write_text(whole.markdown(results))
    draw = plot.draw_distribution if drawn else plot.draw
    draw(results, target.with_suffix(".png"))
    console = Console()
    if baseline:
        console.print(report.against_baseline(results, baseline))
    else:
        console.print(whole.console_table(results))
        console.print(whole.shortfalls(results), markup=False)
    print(f"Written: {target.name}, .md and .png in {options.output_dir}")
    fallen = report.fallen(results, baseline) if baseline else []
    if fallen:
        sys.exit("\n".join(["Rows below their recorded ratio:", *fallen]))


if __name__ == "__main__":
    main()
