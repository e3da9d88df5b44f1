"""The lines of a block: where its maps run and nowhere else, held against what the emitted layer computes."""

import pytest
import torch

import layergen
from layergen.plan.lowering import lower
from layergen.plan.parameters import name_weights
from layergen.plan.passes import optimised
from layergen.plan.scheduling import schedule
from layergen.plan.terms import terms
from layergen.report.flow import flow
from layergen.testing import random_features
from symmetry import SCALAR, EquivariantMaps
from tests.layergen.report.pages import MAPS, load


def followed(maps):
    plan = optimised(lower(maps))
    return plan, flow(schedule(plan))


@pytest.mark.parametrize("name", MAPS)
def test_every_weight_is_on_the_way_from_its_source_to_its_target(name):
    plan, found = followed(MAPS[name]())
    for term in terms(plan):
        assert found.reads[term.diagram.source.name][term.mix]
        assert found.writes[term.diagram.target.name][term.mix]


@pytest.mark.parametrize("name", ["mlp", "nested", "invariant", "sine"])
def test_a_way_is_listed_exactly_where_the_layer_has_one(name):
    maps = MAPS[name]()
    plan, found = followed(maps)
    make = layergen.InvariantLinear if maps.target == SCALAR else layergen.EquivariantLinear
    layer = make(maps.source, 1, 1)
    parameters = dict(layer.named_parameters())
    x = random_features(maps.source, 1)
    for number, weight in enumerate(name_weights(plan.mixes)):
        with torch.no_grad():
            for parameter in parameters.values():
                parameter.zero_()
            (own,) = [value for key, value in parameters.items() if key.rpartition(".")[2] == weight.name]
            own.normal_()
            for source in maps.source.names:
                alone = {key: value if key == source else torch.zeros_like(value) for key, value in x.items()}
                outputs = layer(alone)
                outputs = outputs if isinstance(outputs, dict) else {maps.target.names[0]: outputs}
                for target, value in outputs.items():
                    ways = number in found.reads.get(source, {}) and number in found.writes.get(target, {})
                    assert ways == bool(value.abs().max() > 0), (weight.name, source, target)


def lines(found, source, target, mix):
    parts = sorted({*found.reads[source][mix], *found.writes[target][mix]})
    return [line.strip() for part in parts for line in found.parts[part] if line.strip()[:1] != "#"]


def test_the_lines_of_one_block():
    _, found = followed(EquivariantMaps(load("mlp")))
    assert list(set(found.reads["4.bias"]) & set(found.writes["0.weight"])) == [0]
    text = lines(found, "4.bias", "0.weight", 0)
    assert text[0] == 'bias_4 = x["4.bias"].squeeze(1)  # 1 <- 4.bias[y]: (batch, in)'
    assert "mixed = nn.functional.linear(pools, self.mix.t(), self.bias)" in text
    assert text[-1] == '"0.weight": to_weight_0_h1.unflatten(-1, (2, c)),'
    for other in ("_product(", "mixed_h2", "weight_2", "from_weight"):
        assert not any(line.startswith(other) or f"= {other}" in line for line in text)
    assert len(lines(found, "2.weight", "2.weight", 3)) == 5


def test_the_parts_are_the_listing():
    maps = EquivariantMaps(load("lstm"))
    _, found = followed(maps)
    text = "".join(f"{line}\n" for lines in found.parts for line in lines)
    assert layergen.generate(maps.source).endswith(text)
    assert text.startswith("    def forward(")


@pytest.mark.parametrize("name", ["mlp", "local", "lstm"])
def test_biases_have_their_lines(name):
    maps = MAPS[name]()
    _, found = followed(maps)
    for target in maps.target.names:
        text = "".join(line for part in found.biases[target] for line in found.parts[part])
        assert "self.bias" in text
        assert f'"{target}":' in text
