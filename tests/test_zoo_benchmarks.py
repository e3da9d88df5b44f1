"""The measurements of zoos run, and measure what they say."""

import pytest

from benchmarks.zoos import BATCH, MEASUREMENTS, SPACE


def test_zoos_are_measured(tmp_path):
    folder, count = tmp_path / "zoo", 2 * BATCH
    folder.mkdir()
    found = {name: measure(folder, count) for name, measure in MEASUREMENTS.items()}
    assert sum(4 * value for value in (64, 32, 1024, 32, 32, 1)) * count < found["write"]["bytes"]
    assert len((folder / "labels.csv").read_text().splitlines()) == count + 1
    assert found["pack"]["imports_mib"] <= found["pack"]["opened_mib"] <= found["pack"]["packed_mib"]
    for place in ("packed", "files"):
        reading, computing, share = (found["step"][f"{place}_{key}"] for key in ("read_ms", "compute_ms", "share"))
        assert share == pytest.approx(reading / (reading + computing))
    assert SPACE.sizes["h1"] == 32
