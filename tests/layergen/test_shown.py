"""What objects say of themselves: in one line, in text, and as well-formed tables for notebooks."""

import json
from xml.etree import ElementTree

import pytest
import torch
from torch import nn

import layergen
import symmetry
from layergen.testing import check, coverage
from symmetry import SCALAR, EquivariantMaps, WeightSpace
from tests.layergen.cli.commands import run
from tests.layergen.report.pages import MAPS, load
from tests.test_imports import ROOT

PAIR = WeightSpace({"w<": "h x", "b": "h"}, sets={"h": 4}, free={"x": 2})


def text_of(html):
    return "".join(ElementTree.fromstring(f"<div>{html}</div>").itertext())


@pytest.mark.parametrize("name", MAPS)
def test_the_lines_of_a_layer_sum_to_its_dimension(name):
    maps = MAPS[name]()
    found = layergen.explain(maps)
    assert (found.dimension, found.bias_dimension) == (maps.dimension, maps.bias_dimension)
    assert str(maps) == str(found)
    lines = str(found).splitlines()
    assert len(lines) == len(found.lines) + 2
    assert lines[-1].split() == [f"{maps.dimension:,}", f"{maps.bias_dimension:,}"]
    assert text_of(found._repr_html_()).endswith(f"{maps.dimension:,}{maps.bias_dimension:,}")


def test_maps_of_too_many_diagrams_are_their_sizes():
    maps = EquivariantMaps(WeightSpace({"w": "h h h h h h"}, sets={"h": 99}))
    assert str(maps) == repr(maps) == "EquivariantMaps(1 tensors to 1, dimension 4,213,597)"


def test_a_line_has_the_shape_of_its_matrix():
    maps = EquivariantMaps(load("mlp"), rank={"h1": 3})
    layer = layergen.EquivariantLinear(maps.source, 1, 1, rank={"h1": 3})
    found = {line.core: line for line in layergen.explain(maps).lines}
    assert found["h1"].rank == 3
    assert "4 × 4, rank 3" in str(layergen.explain(maps))
    shapes = {name.rpartition(".")[2]: tuple(value.shape) for name, value in layer.named_parameters()}
    assert shapes["mix"] == (found[""].rows, found[""].columns)
    assert shapes["mix_h1_in"] == (found["h1"].rows, 3)
    assert found["h2"].pools == ("2.weight[h2 h1]", "2.bias[h2]", "4.weight[y h2]")


def test_the_command_prints_the_same(monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    path = ROOT / "generated" / "mlp.toml"
    out = run("explain", path).stdout
    assert "(h1)      3: 0.weight[h1 x], 0.bias[h1], 2.weight[h2 h1]" in out
    assert out.split()[-2:] == ["75", "7"]
    found = json.loads(run("explain", path, "--json").stdout)
    assert sum(core["weights"] for core in found["cores"]) == found["dimension"] == 75
    assert run("explain", path, "--invariant").exit_code == 0
    assert run("explain", path, "--terms", "some").exit_code == 2


def test_every_line_is_one_line(monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    out = run("explain", ROOT / "generated" / "transformer_block.toml").stdout
    assert sum(line.startswith(" (") for line in out.splitlines()) == len(out.split(" × ")) - 1


class Sums(nn.Module):
    def forward(self, x):
        return torch.cumsum(x, -1)


def test_traces_say_what_they_found():
    network = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 3), Sums())
    found = layergen.trace(network, [torch.randn(5, 2)])
    assert repr(found).startswith("Trace(4 tensors, ")
    assert repr(found).endswith("function preserved)")
    for shown in (str(found), text_of(found._repr_html_())):
        for one in found.frozen:
            assert one.why in shown
        assert "may be multiplied by positive numbers" in shown
        assert f"{found.tried} rearrangements outside the group; {len(found.possible)} change nothing" in shown
    assert all(f"  {tensor}\n" in str(found) for tensor in found.space)
    assert repr(layergen.trace(network, [torch.randn(5, 2)], prove=False)).endswith("not proved)")


def test_verdicts_say_their_answer():
    good, bad = check(lambda x: x, PAIR), check(lambda x: {**x, "b": x["b"].cumsum(1)}, PAIR)
    assert (repr(good), repr(bad)) == ("Verdict(equivariant)", "Verdict(not equivariant)")
    assert str(bad) == bad.message
    assert text_of(bad._repr_html_()) == f"✗ {bad.message}"
    assert text_of(good._repr_html_()).startswith("✓ ")


def test_coverages_draw_what_is_missing():
    found = coverage(lambda x: {"w<": x["w<"], "b": 0 * x["b"]}, PAIR)
    assert repr(found) == "Coverage(linear 1 of 18, biases 0 of 3: not passed)"
    html = found._repr_html_()
    assert text_of(html).endswith(str(found))
    lacking = (*found.linear.missing, *found.linear.tied, *found.bias.missing)
    assert html.count("<svg") == min(12, len(lacking))
    assert str(lacking[0]) in text_of(html)
    whole = coverage(layergen.EquivariantLinear(PAIR, 1, 1), PAIR)
    assert repr(whole) == "Coverage(linear 18 of 18, biases 3 of 3: passed)"
    assert "<svg" not in whole._repr_html_()


def test_reports_have_every_finding():
    maps = EquivariantMaps(PAIR, SCALAR)
    report = symmetry.verify(maps, proofs=symmetry.PROOFS[:2])
    assert str(report) == f"{maps!r}\n  characters: 3 blocks proved\n  null space: 3 blocks proved"
    rows = list(ElementTree.fromstring(report._repr_html_()).iter("tr"))
    assert [["".join(cell.itertext()) for cell in row] for row in rows] == [
        ["block", "dimension", "characters", "null space"],
        ["invariant[] <- w<[h x]", "2", "2", "2"],
        ["invariant[] <- b[h]", "1", "1", "1"],
        ["invariant[] <- invariant[]", "1", "1", "1"],
    ]
    huge = symmetry.verify(EquivariantMaps(WeightSpace({"b": "h"}, sets={"h": 10**20})), proofs=symmetry.PROOFS[:1])
    assert str(huge).endswith("characters: 0 blocks proved; does not apply to 2")
    assert "–a set too large for exact characters" in text_of(huge._repr_html_()).replace("– ", "–")


def test_the_report_of_many_blocks_is_a_tally():
    maps = EquivariantMaps(WeightSpace({f"b{number}": "h" for number in range(11)}, sets={"h": 3}))
    report = symmetry.verify(maps, proofs=symmetry.PROOFS[:1])
    assert text_of(report._repr_html_()).endswith("characters132 blocks proved")
