"""Table and random shapes are well-formed, and quick rows run; no time is judged."""

import dataclasses
import json
import sys
from pathlib import Path

import pytest
from processes import run_python

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
sys.path.append(str(BENCHMARKS))

import distribution  # noqa: E402
import machine  # noqa: E402
import peers as peer_list  # noqa: E402
import report  # noqa: E402
import row as row_module  # noqa: E402
import rows as row_list  # noqa: E402
import shapes  # noqa: E402

NAMES = {peer.name for peer in peer_list.PEERS}
POOLS = (
    *row_module.FRAMEWORK_POOLS,
    *row_module.RANDOM_POOLS,
    *row_module.COMPOSED_POOLS,
    *row_module.LEARNED_POOLS,
)
KINDS = (*POOLS, *row_module.MODELS)


@pytest.mark.parametrize("row", row_list.ROWS, ids=lambda row: row.key)
def test_row_is_well_formed(row):
    assert row.kind in KINDS
    assert row.dtype in row_module.BYTES
    assert row.padding in ("valid", "same")
    assert row.layout in ("channels_last", "channels_first")
    assert row.mode in ("forward", "training")
    assert {*row.peers, *row.bars} <= NAMES
    assert not row.bars or not row.peers or {*row.bars} <= {*row.peers}
    assert min(row.output_shape) > 0
    assert row.against in {"", *(other.name for other in row_list.ROWS)}


def test_no_two_rows_have_the_same_key():
    keys = [row.key for row in row_list.ROWS]
    assert len(keys) == len(set(keys))


def test_names_and_patterns_choose_rows():
    assert [row.key for row in row_list.chosen("vgg1,lenet/training")] == [
        "vgg1/forward",
        "vgg1/training",
        "lenet/training",
    ]
    assert row_list.chosen("") == list(row_list.ROWS)
    with pytest.raises(ValueError, match="no row is called 'vgg9'"):
        row_list.chosen("vgg9")


def test_names_choose_peers_and_ours_always():
    names = [peer.name for peer in peer_list.chosen("litert,tf")]
    assert names == ["ours", "tf", "litert", "copy"]
    with pytest.raises(ValueError, match="no peer is called 'tensorflow'"):
        peer_list.chosen("tensorflow")


def test_padding_is_where_tensorflow_puts_it():
    (resnet,) = row_list.chosen("resnet/forward")
    assert resnet.output_shape == (32, 56, 56, 64)
    assert resnet.pads == ((0, 1), (0, 1))


def test_bytes_are_those_that_must_move():
    forward, training = row_list.chosen("max112")
    x, y = 4 * 32 * 112 * 112 * 64, 32 * 56 * 56 * 64
    assert forward.bytes_moved == x + 4 * y
    assert training.bytes_moved == 2 * (x + 4 * y) + 2 * y


def test_small_pools_are_called_together():
    for row in row_list.ROWS:
        if row.kind in row_module.MODELS or row.name.endswith("-one"):
            continue
        forward_bytes = dataclasses.replace(row, mode="forward").bytes_moved
        assert row.calls >= row_module.MOST_CALLS or forward_bytes >= row_module.MOVED


def test_a_row_with_one_pool_a_call_has_a_twin_with_several():
    twins = [row for row in row_list.ROWS if row.name.endswith("-one")]
    assert len(twins) >= 10
    for row in twins:
        (several,) = row_list.chosen(f"{row.against}/{row.mode}")
        assert row.calls == 1 < several.calls
        assert dataclasses.replace(row, calls=several.calls) == dataclasses.replace(
            several, name=row.name, against=row.against
        )


def test_every_class_of_shape_has_rows_in_the_table():
    seen = {pair for row in row_list.ROWS for pair in row.classes.items()}
    assert seen == {(k, c) for k, names in row_module.CLASSES.items() for c in names}


def test_classes_are_those_of_the_shape():
    (row,) = row_list.chosen("c80-one/forward")
    assert row.classes == {
        "pool": "average",
        "axes": "2",
        "windows": "overlapping, stride 1",
        "channels": "multiple of 16",
        "batch": "2 to 7",
        "input and output": "4 to 32 MiB",
        "pools in a call": "one",
    }
    for name in (
        "max3-f16",
        "max3-first",
        "max3-1t",
        "max3-xla",
        "soft3",
        "stochastic3",
    ):
        assert row_list.chosen(name)[0].classes == {}


def drawn_shapes(count=shapes.COUNT, seed=shapes.SEED):
    return shapes.draw(count, seed)


def test_same_seed_draws_the_same_shapes():
    drawn = drawn_shapes()
    assert drawn == drawn_shapes()
    assert drawn[:40] == drawn_shapes(count=20)
    assert drawn != drawn_shapes(seed=shapes.SEED + 1)


@pytest.mark.parametrize("seed", range(5))
def test_drawn_shapes_differ_and_are_bounded(seed):
    drawn = drawn_shapes(seed=seed)
    assert len({row.key for row in drawn}) == 2 * shapes.COUNT
    unnamed = {str(dataclasses.replace(row, name="")) for row in drawn}
    assert len(unnamed) == 2 * shapes.COUNT
    for row in drawn:
        test_row_is_well_formed(row)
        forward_bytes = dataclasses.replace(row, mode="forward").bytes_moved
        assert shapes.LEAST_MOVED <= forward_bytes / row.calls <= shapes.MOVED


def test_drawn_shapes_are_of_every_class_and_network():
    drawn = drawn_shapes()
    seen = {pair for row in drawn for pair in row.classes.items()}
    assert seen == {(k, c) for k, names in row_module.CLASSES.items() for c in names}
    networks = [row.name.partition("-")[2] for row in drawn]
    shares = [networks.count(name) for name in shapes.NETWORKS]
    assert sum(shares) == len(drawn) and max(shares) - min(shares) <= 2
    assert {row.shape[0] for row in drawn} == {*shapes.BATCHES}


def test_quantiles_lie_between_neighbours():
    assert distribution.quantile([3.0, 1.0, 2.0], 0.5) == 2.0
    assert distribution.quantile([1.0, 2.0], 0.25) == 1.25
    assert distribution.quantile([7.0], 0.05) == 7.0


def results_of_shapes(tf, litert=(), core=(), differs=()):
    """Results of ten shapes and more, whose times are multiples of ours."""
    peers = {"tf": tf, "litert": litert, "core": core}
    rows = []
    for i in range(len(tf)):
        times = {name: values[i] for name, values in peers.items() if i < len(values)}
        record = {"key": f"{i:03}-a/forward", "mode": "forward", "differs": []}
        record |= {"times": {"ours": {"median": 1.0}}, "classes": {"axes": "2"}}
        record["times"] |= {name: {"median": time} for name, time in times.items()}
        record |= {"kind": "max", "shape": [1, 4, 4, 8], "window": "2/2"}
        record |= {"dtype": "float32", "layout": "channels_last", "calls": 1}
        rows.append(record | {"threads": 2, "unsupported": {}, "bytes": 0})
    for i in differs:
        rows[i]["differs"] = ["litert"]
    about = {"cpu": "a", "cpus": "2"}
    results = {"rows": rows, "machine": about, "date": "2026-01-01", "versions": {}}
    return results | {"failed": {}, "drawn": {"count": len(rows), "seed": 1}}


def test_bars_are_of_the_distribution():
    results = results_of_shapes(tf=[1 + i / 20 for i in range(21)], litert=[0.5, 0.9])
    assert distribution.bars(results) == [
        ("TF, forward, median", 1.15, 1.5),
        ("TF, forward, worst 5 %", 0.95, 1.05),
        ("LiteRT, forward, median", 1.0, 0.7),
    ]
    text = distribution.markdown(results)
    assert "| TF, forward, median | 1.15 | 1.50 | reached |" in text
    assert "| LiteRT, forward, median | 1 | 0.70 | missed |" in text
    assert "| axes: 2 | 1.50 (21) | 0.70 (2) |" in text


def test_the_worst_tenth_is_listed_with_its_shapes():
    text = distribution.markdown(results_of_shapes(tf=[2 - i / 20 for i in range(20)]))
    _, _, worst = text.partition("## Worst tenth: TF, forward\n")
    lines = [line for line in worst.splitlines() if "-a |" in line]
    assert lines == [
        "| 019-a | max 1×4×4×8 | 2/2 | **1.05** | 1 | 1.05 | – |",
        "| 018-a | max 1×4×4×8 | 2/2 | **1.10** | 1 | 1.1 | – |",
    ]


def test_runtimes_are_compared_with_the_core_alone_too():
    text = distribution.markdown(results_of_shapes([1.0], litert=[0.5], core=[0.25]))
    assert "| LiteRT, forward | 1 | 0.50 | 0.50 | 0.50 | 0.50 | 0.50 | 0% |" in text
    over = "LiteRT, forward, over ours, C entry"
    assert f"| {over} | 1 | 2.00 | 2.00 | 2.00 | 2.00 | 2.00 | 100% |" in text
    assert "ours, C entry, forward" not in text  # it is not a rival


def test_a_peer_with_another_result_has_no_ratio_and_is_named():
    results = results_of_shapes(tf=[2.0, 2.0], litert=[9.0, 0.5], differs=[0])
    assert report.ratios(results["rows"], "litert", "forward") == [0.5]
    assert "- LiteRT: 000-a/forward" in distribution.markdown(results)


def test_machine_has_a_file_name():
    assert machine.slug().replace("-", "").isalnum()


def test_a_row_is_measured_and_reported(tmp_path):
    options = ["--rows", "vgg5/training", "--peers", "tf", "--rounds", "1"]
    run_python(str(BENCHMARKS / "run.py"), *options, "--output-dir", str(tmp_path))
    (written,) = tmp_path.glob("*.json")
    results = json.loads(written.read_text())
    (record,) = results["rows"]
    assert set(record["times"]) == {"ours", "tf", "copy"}
    assert record["differs"] == []
    assert "| vgg5 |" in written.with_suffix(".md").read_text()
    assert written.with_suffix(".png").stat().st_size > 1000
    assert report.against_baseline(results, results).row_count == 1


def test_random_shapes_are_measured_and_reported(tmp_path):
    options = ["--shapes", "3", "--rows", "00[12]*", "--rounds", "1"]
    options += ["--peers", "tf,core"]
    run_python(str(BENCHMARKS / "run.py"), *options, "--output-dir", str(tmp_path))
    (written,) = tmp_path.glob("shapes-*-quick.json")
    results = json.loads(written.read_text())
    assert [record["differs"] for record in results["rows"]] == [[]] * 4
    assert sum("core" in record["times"] for record in results["rows"]) == 2
    assert results["drawn"] == {"count": 3, "seed": shapes.SEED}
    text = written.with_suffix(".md").read_text()
    assert "| TF, training | 2 |" in text
    assert "## Worst tenth: TF, forward" in text
    assert written.with_suffix(".png").stat().st_size > 1000


def results_of(ours, tf):
    times = {"ours": ours, "tf": tf}
    times = {
        name: {"low": 0.9 * ms, "median": ms, "high": 1.1 * ms}
        for name, ms in times.items()
    }
    return {"rows": [{"key": "a/forward", "times": times}]}


def test_a_row_that_fell_by_more_than_its_calls_scatter_is_named():
    baseline = results_of(1.0, 2.0)
    assert report.fallen(results_of(1.0, 2.0), baseline) == []
    assert report.fallen(results_of(1.2, 2.0), baseline) == []  # 2.2 / 1.08 > 2
    assert report.fallen(results_of(1.3, 2.0), baseline) == [
        "a/forward: TF 1.54, 2.00 then"
    ]
    assert report.fallen(results_of(1.3, 2.0), {"rows": []}) == []
