"""nfn 0.1.2 judged: the exact numbers of the page `papers/nfn/README.md`, and its rows as the command prints them."""

from pathlib import Path

import pytest

pytest.importorskip("nfn.layers")

import papers.nfn
from layergen.testing import check, coverage
from papers.chains import SYMMETRIES, Chain, dimension_by_formula
from papers.nfn.layers import LINEAR, NONLINEAR, POOLS, network_spec, pool
from papers.nfn.measuring import judge, judge_pool, watch
from papers.nfn.tables import further_symmetries, nonlinear_row, other_row, own_row, pool_row, variant_row
from papers.page import line
from symmetry import EquivariantMaps, WeightSpace

PAGE = (Path(papers.nfn.__file__).parent / "README.md").read_text().splitlines()
X, Y = (f"equivariant to permuting the free index {name!r}" for name in "xy")
BASE = Chain((2, 3, 4, 2))
KERNEL = Chain((2, 3, 4, 2), (1, 2))


def texts(diagrams):
    return [str(diagram) for diagram in diagrams]


def redundancy(widths):
    """How many parameters of HNPLinear are too many, as the page says."""
    count, first, last = len(widths) - 1, widths[0], widths[-1]
    return 4 * (first + 1) + 7 * last if count == 2 else 3 * (first + 2 * count + 2 * last - 2)


@pytest.mark.parametrize(
    ("chain", "parameters", "rank", "dimension", "biases", "missing"),
    [
        (Chain((2, 4, 1)), 59, 40, 41, 5, ["1.weight[0 h1] <- 0.bias[h1]"]),
        (Chain((3, 4, 2)), 128, 98, 100, 8, ["1.weight[0 h1] <- 0.bias[h1]", "1.weight[1 h1] <- 0.bias[h1]"]),
        (Chain((2, 3, 4, 1)), 98, 74, 75, 7, ["2.weight[0 h2] <- 1.bias[h2]"]),
        (BASE, 142, 112, 114, 9, ["2.weight[0 h2] <- 1.bias[h2]", "2.weight[1 h2] <- 1.bias[h2]"]),
        (Chain((3, 4, 4, 4, 2)), 233, 194, 196, 12, ["3.weight[0 h3] <- 2.bias[h3]", "3.weight[1 h3] <- 2.bias[h3]"]),
        (Chain((2, 3, 1, 2)), 142, 97, 97, 9, []),
        (KERNEL, 275, 220, 222, 12, ["2.weight[0 h2] <- 1.bias[h2]", "2.weight[1 h2] <- 1.bias[h2]"]),
    ],
    ids=str,
)
def test_hnp_linear_lacks_the_maps_from_the_last_hidden_bias_to_the_last_weight(
    chain, parameters, rank, dimension, biases, missing
):
    one = judge("HNPLinear", "HNP", chain)
    found = one.coverage
    assert one.equivariance.passed
    assert one.further.passed
    assert not found.stray
    assert (found.linear.parameters, found.linear.rank, found.linear.dimension) == (parameters, rank, dimension)
    assert (found.bias.rank, found.bias.dimension) == (biases, biases)
    assert texts(found.linear.missing) == missing
    assert not found.linear.tied
    if dimension_by_formula(chain, "HNP"):
        assert found.linear.redundancy == redundancy(chain.widths)
    assert line(own_row(one)) in PAGE


def test_hnp_linear_lacks_it_at_the_widths_of_an_implicit_neural_representation_too():
    one = judge("HNPLinear", "HNP", Chain((2, 32, 32, 1)), shrink=True)
    found = one.coverage
    assert found.sizes == {"h1": 2, "h2": 2}
    assert line(own_row(one)) in PAGE
    assert (found.linear.rank, found.linear.dimension) == (74, 75)
    assert texts(found.linear.missing) == ["2.weight[0 h2] <- 1.bias[h2]"]


@pytest.mark.parametrize(
    ("chain", "parameters", "dimension", "biases"),
    [
        (Chain((3, 4)), 10, 10, (6, 2)),
        (Chain((2, 4, 1)), 32, 27, (12, 4)),
        (Chain((3, 4, 2)), 32, 32, (12, 4)),
        (BASE, 62, 62, (18, 6)),
        (KERNEL, 122, 122, (26, 8)),
    ],
    ids=str,
)
def test_np_linear_is_complete(chain, parameters, dimension, biases):
    one = judge("NPLinear", "NP", chain)
    assert one.equivariance.passed
    assert one.further.passed
    assert one.coverage.passed
    assert (one.coverage.linear.parameters, one.coverage.linear.dimension) == (parameters, dimension)
    assert (one.coverage.bias.parameters, one.coverage.bias.dimension) == biases
    assert line(own_row(one)) in PAGE


@pytest.mark.parametrize("symmetry", SYMMETRIES)
@pytest.mark.parametrize("widths", [(3, 4, 2), (2, 3, 4, 2), (3, 4, 4, 4, 2), (3, 4, 5, 4, 5, 2)], ids=str)
def test_the_spaces_have_the_dimensions_of_the_formulas(widths, symmetry):
    chain = Chain(widths)
    assert EquivariantMaps(SYMMETRIES[symmetry](chain)).dimension == dimension_by_formula(chain, symmetry)


@pytest.mark.parametrize(("layer", "symmetry"), [("HNPLinear", "HNP"), ("NPLinear", "NP")])
def test_kernel_positions_are_not_permuted(layer, symmetry):
    chain = Chain((2, 3, 4, 2), (2, 2))
    space = SYMMETRIES[symmetry](chain)
    tensors = chain.tensors | {"0.weight": "h1 x k l", "1.weight": "h2 h1 k l"}
    sizes = {index.name: index.size for index in space.indices if index.name}
    permuted = WeightSpace(
        tensors, sets={name: sizes[name] for name in ("h1", "h2")} | {"k": 2, "l": 2}, free={"x": 2, "y": 2}
    )
    verdict = check(LINEAR[layer](space), permuted, form="nfn", channels=1)
    assert verdict.kind == "not equivariant"
    assert set(verdict.moved) <= {"k", "l"}


def test_hnp_linear_is_not_np_equivariant_and_lacks_a_map_of_np_linear():
    one = judge("HNPLinear", "NP", Chain((3, 4, 2)))
    assert one.equivariance.kind == "not equivariant"
    assert set(one.equivariance.moved) <= {"x", "y"}
    assert texts(one.coverage.linear.missing) == ["1.weight[y h1] <- 0.bias[h1]"]
    assert not one.coverage.is_equivariant
    assert line(other_row(one)) in PAGE


@pytest.mark.parametrize(
    ("layer", "widths", "rank", "biases", "more"),
    [
        ("NPLinear", (2, 3, 4, 1), (57, 75), (6, 7), [X]),
        ("NPLinear", (2, 3, 4, 2), (62, 114), (6, 9), [X, Y]),
        ("NPLinear, io_embed", (3, 4, 2), (32, 100), (8, 8), []),
    ],
    ids=str,
)
def test_np_linear_reaches_a_part_of_the_hnp_maps(layer, widths, rank, biases, more):
    one = judge(layer, "HNP", Chain(widths))
    assert one.equivariance.passed
    assert further_symmetries(one.further) == more
    assert (one.coverage.linear.rank, one.coverage.linear.dimension) == rank
    assert (one.coverage.bias.rank, one.coverage.bias.dimension) == biases
    assert not one.coverage.linear.missing
    assert line(other_row(one)) in PAGE


def test_embedded_inputs_and_outputs_break_the_symmetry_in_the_biases_only():
    one = judge("NPLinear, io_embed", "NP", Chain((3, 4, 2)))
    assert one.equivariance.kind == "not equivariant"
    assert set(one.coverage.stray) == {("0.weight", ""), ("1.weight", ""), ("1.bias", "")}
    assert (one.coverage.linear.rank, one.coverage.linear.dimension) == (32, 32)
    assert line(other_row(one)) in PAGE


@pytest.mark.parametrize("layer", ["HNPLinear and the map", "two HNPLinear"])
def test_the_map_completes_the_layer_and_two_layers_span_it(layer):
    one = judge(layer, "HNP", Chain((3, 4, 2)))
    assert one.equivariance.passed
    assert (one.coverage.linear.rank, one.coverage.linear.dimension) == (100, 100)
    assert line(variant_row(one)) in PAGE


@pytest.mark.parametrize(
    ("layer", "symmetry", "chain", "features", "readout", "invariant"),
    [
        ("HNPPool", "HNP", BASE, 9, (9, 9), True),
        ("HNPPool", "HNP", KERNEL, 12, (12, 12), True),
        ("HNPPool", "NP", BASE, 9, (6, 6), False),
        ("NPPool", "NP", BASE, 6, (6, 6), True),
        ("NPPool", "NP", KERNEL, 8, (8, 8), True),
        ("NPPool", "HNP", BASE, 6, (6, 9), True),
    ],
    ids=str,
)
def test_pools_give_every_invariant_map_of_their_own_symmetry(layer, symmetry, chain, features, readout, invariant):
    one = judge_pool(layer, symmetry, chain)
    assert one.features == features == POOLS[layer].get_num_outs(network_spec(SYMMETRIES[symmetry](chain)))
    assert one.invariance.kind == ("invariant" if invariant else "not invariant")
    assert (one.alone.linear.rank, one.alone.linear.dimension) == (1, features * readout[1])
    assert (one.readout.linear.rank, one.readout.linear.dimension) == readout
    assert one.further.passed == ((layer, symmetry) != ("NPPool", "HNP"))
    assert line(pool_row(one)) in PAGE


@pytest.mark.parametrize("widths", [(3, 4), (2, 3, 4, 2)], ids=str)
@pytest.mark.parametrize("layer", [name for name in NONLINEAR if name.startswith("NPAttention")])
def test_attention_is_np_equivariant(layer, widths):
    one = watch(layer, "NP", Chain(widths))
    constant = "its outputs are always invariant to permuting 'x'"
    assert one.equivariance.kind == "equivariant"
    assert one.further.passed == (layer != "NPAttention, ablate_crossterm")
    assert (constant in further_symmetries(one.further)) == (layer == "NPAttention, ablate_crossterm")
    assert line(nonlinear_row(one)) in PAGE


def test_attention_takes_kernels_with_projections_of_their_own_only():
    one = watch("NPAttention, share_projections=False", "NP", KERNEL)
    assert one.equivariance.passed
    assert one.further.passed
    assert line(nonlinear_row(one)) in PAGE
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        watch("NPAttention", "NP", KERNEL)


@pytest.mark.parametrize(
    ("layer", "symmetry", "equivariant", "more"),
    [
        ("NPAttention", "HNP", True, [X, Y]),
        ("NPLinear, ReLU, NPLinear", "HNP", True, [X, Y]),
        ("NPLinear, ReLU, NPLinear", "NP", True, []),
        ("NPLinear, ReLU, NPLinear, io_embed", "HNP", True, []),
        ("NPLinear, ReLU, NPLinear, io_embed", "NP", False, []),
    ],
)
def test_only_embedding_tells_inputs_and_outputs_apart(layer, symmetry, equivariant, more):
    one = watch(layer, symmetry, BASE)
    assert one.equivariance.kind == ("equivariant" if equivariant else "not equivariant")
    assert further_symmetries(one.further) == more
    assert line(nonlinear_row(one)) in PAGE


def test_a_network_of_one_weight_matrix():
    space = SYMMETRIES["HNP"](Chain((3, 4)))
    with pytest.raises(IndexError):
        LINEAR["HNPLinear"](space)
    embedded = LINEAR["NPLinear, io_embed"](space)
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        check(embedded, space, form="nfn", channels=1)
    found = coverage(pool("HNPPool", space), space, invariant=True, form="nfn", channels=1)
    assert (found.channels[1], POOLS["HNPPool"].get_num_outs(network_spec(space))) == (7, 4)
