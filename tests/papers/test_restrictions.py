"""Published layers as compositions of ours, and ours with another layer's weights."""

import pytest
import torch

from layergen import EquivariantLinear
from layergen.testing import assert_equivariant, coverage
from papers.chains import Chain, hidden_only, inputs_first
from papers.copying import copied
from papers.dwsnets.blocks import block_formula
from papers.dwsnets.layer import DWSLayer
from papers.nfn.layer import HNPLayer
from papers.scalegmn.spaces import dimension_by_formula, scaled
from papers.unf.specification import weight_space
from symmetry import EquivariantMaps
from symmetry.language.errors import SpecificationError

CHAINS = [Chain(widths) for widths in ((2, 3, 4, 1), (2, 3, 4, 2), (2, 3, 4, 3, 2))]


@pytest.mark.parametrize("chain", CHAINS, ids=str)
def test_dwsnets_layer_lacks_maps_for_several_outputs(chain):
    space, count = inputs_first(chain), len(chain.widths) - 1
    layer = DWSLayer(chain, 1, 1)
    assert_equivariant(layer, space, channels=1)
    found = coverage(layer, space, channels=1).linear
    assert found.dimension - found.rank == count * (chain.widths[-1] - 1)
    assert found.parameters == found.rank


@pytest.mark.parametrize("chain", CHAINS[:2], ids=str)
def test_hnp_layer_lacks_one_map_for_each_output(chain):
    space = hidden_only(chain)
    layer = HNPLayer(chain, 1, 1)
    assert_equivariant(layer, space, channels=1)
    found = coverage(layer, space, channels=1).linear
    missing = [str(diagram) for diagram in found.missing]
    assert missing == [f"2.weight[{output} h2] <- 1.bias[h2]" for output in range(chain.widths[-1])]
    assert found.parameters == found.rank == found.dimension - chain.widths[-1]


def test_ours_takes_over_the_weights_of_a_layer_that_it_contains():
    space = inputs_first(CHAINS[1])
    torch.manual_seed(0)
    theirs = DWSLayer(CHAINS[1], 2, 2)
    ours = EquivariantLinear(space, 2, 2)
    assert copied(ours, theirs, space, channels=2).error < 1e-12
    own = DWSLayer(CHAINS[1], 2, 2)
    assert copied(own, theirs, space, channels=2).error < 1e-12
    for name, value in own.state_dict().items():
        assert torch.allclose(value, theirs.state_dict()[name]), name


def test_ours_does_not_take_over_what_it_does_not_contain():
    space = inputs_first(CHAINS[1])
    torch.manual_seed(0)
    theirs = EquivariantLinear(space, 2, 2)
    assert copied(DWSLayer(CHAINS[1], 2, 2), theirs, space, channels=2).error > 1e-2

    def other(x):
        return {**x, "0.bias": x["0.bias"].cumsum(1)}

    assert copied(EquivariantLinear(space, 1, 1), other, space).error > 1e-2


@pytest.mark.parametrize("widths", [(2, 3, 4, 2), (3, 2, 3, 4, 3, 2), (1, 5, 4, 3, 4, 5, 4)])
def test_every_block_has_the_dimension_of_its_formula(widths):
    chain = Chain(widths)
    for block in EquivariantMaps(inputs_first(chain)).blocks:
        formula = block_formula(block.target.name, block.source.name, len(widths) - 1)
        assert formula.value(chain) == block.dimension, f"{block}: {formula}"


@pytest.mark.parametrize("widths", [(2, 3, 4, 2), (3, 4, 4, 4, 2), (1, 2, 3, 2, 3, 4)])
@pytest.mark.parametrize("kind", ["sign", "positive"])
def test_dimensions_with_scales_have_a_closed_form(widths, kind):
    chain = Chain(widths)
    assert EquivariantMaps(scaled(chain, kind)).dimension == dimension_by_formula(chain, kind)


def test_a_permutation_specification_is_read():
    space = weight_space({"cell": {"w": (1, 1), "b": (1,)}}, {"cell": {"w": (5, 5), "b": (5,)}})
    assert {t.name: " ".join(map(str, t.axes)) for t in space} == {"cell.w": "p1 p1", "cell.b": "p1"}
    tensors = {"w": torch.zeros(4, 4)}
    assert EquivariantMaps(weight_space({"w": (0, 0)}, tensors)).dimension == 15


@pytest.mark.parametrize(
    ("specification", "shapes", "told"),
    [
        ({"a": (0,)}, {"b": (3,)}, "a, b in one only"),
        ({"a": (0, 1)}, {"a": (3,)}, r"a has shape \(3,\), and the specification \(0, 1\)"),
        ({"a": (0,), "b": (0,)}, {"a": (3,), "b": (4,)}, "permutation 0 acts on 3 entries elsewhere, and on 4 in b"),
    ],
)
def test_a_wrong_permutation_specification_is_an_error(specification, shapes, told):
    with pytest.raises(SpecificationError, match=told):
        weight_space(specification, shapes)
