"""The benchmark's table is well-formed, and a quick row runs; no time is judged."""

import dataclasses
import json
import sys
from pathlib import Path

import pytest
from processes import run_python

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
sys.path.append(str(BENCHMARKS))

import machine  # noqa: E402
import peers as peer_list  # noqa: E402
import report  # noqa: E402
import row as row_module  # noqa: E402
import rows as row_list  # noqa: E402

NAMES = {peer.name for peer in peer_list.PEERS}
POOLS = (
    *row_module.FRAMEWORK_POOLS,
    *row_module.RANDOM_POOLS,
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
        if row.kind in row_module.MODELS:
            continue
        forward_bytes = dataclasses.replace(row, mode="forward").bytes_moved
        assert row.calls >= row_module.MOST_CALLS or forward_bytes >= row_module.MOVED


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
