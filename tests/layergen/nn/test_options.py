"""What the options of a metanetwork reach, and the errors for those that make no sense."""

import pytest
import torch

from layergen.nn import ChannelNorm, InvariantHead, Metanet
from layergen.testing import assert_equivariant, assert_invariant, random_features
from symmetry import SpecificationError, WeightSpace
from tests.layergen.nn.test_nn import SPACE


def not_w(target, source):
    """Leaves out what is read from `w`."""
    return source.name != "w"


def of_itself(target, source):
    """Leaves out what is read from other tensors."""
    return source.name == target.name


def test_terms_and_ranks_reach_the_head():
    network = Metanet(SPACE, out_features=2, hidden=8, terms=not_w, rank=3)
    means = network.head.means.maps
    assert [block.source.name for block in means.blocks] == ["v", "b", "c"]
    assert dict(means.ranks) == {"": 3}
    assert_invariant(network, SPACE)


def test_ranks_of_other_cores_say_nothing_about_the_head():
    network = Metanet(SPACE, out_features=2, hidden=8, rank={"h": 2, "": 5})
    assert dict(network.head.means.maps.ranks) == {"": 5}
    assert dict(network.blocks[0].inner[1].maps.ranks) == {"h": 2, "": 5}
    assert dict(InvariantHead(SPACE, 2, 2, rank={"h": 2}).means.maps.ranks) == {}


def test_ranks_of_cores_that_only_blocks_have():
    """Companions have a core (h) and one of another irreducible part; no map leads from there to `w`."""
    pytest.importorskip("escnn.group", exc_type=ImportError)
    xy = {"group": "C4", "representation": "standard"}
    space = WeightSpace({"w": "h xy", "b": "k"}, sets={"h": 3, "k": 3}, representations={"xy": xy})
    network = Metanet(space, out_channels=2, hidden=8, rank={"h": 2, "k": 1})
    assert dict(network.blocks[0].inner[1].maps.ranks) == {"h": 2, "k": 1}
    assert dict(network.head.maps.ranks) == {"k": 1}
    for layers in (0, 2):
        with pytest.raises(SpecificationError, match=r"there is no core \(x\) to bound the rank of"):
            Metanet(space, out_features=2, hidden=8, rank={"x": 1}, layers=layers)


def test_local_terms_keep_the_means_of_every_tensor():
    """A tensor shares no set with the invariants, and they are few: "local" bounds pairs of tensors."""
    local, whole = (Metanet(SPACE, out_features=2, hidden=8, terms=terms) for terms in ("local", "all"))
    assert local.head.means.DIMENSION == whole.head.means.DIMENSION
    assert local.blocks[0].inner[1].DIMENSION < whole.blocks[0].inner[1].DIMENSION


def test_heads_that_read_some_tensors():
    """With means alone, what leads to no invariant is not computed; outputs still depend on it through the others."""
    pytest.importorskip("escnn.group", exc_type=ImportError)
    xy = {"group": "C4", "representation": "standard"}
    space = WeightSpace({"w": "h xy", "b": "h"}, sets={"h": 3}, representations={"xy": xy})
    network = Metanet(space, out_features=2, hidden=8, maximum=False, dtype=torch.float64)
    assert network.read == ("b", "w regular")
    assert network.blocks[-1].inner[1].target.names == ("b", "w regular")
    assert network.blocks[0].inner[1].target.names == ("w", "b", "w regular")
    assert_invariant(network, space)
    x = random_features(space, 1, dtype=torch.float64)
    assert not torch.allclose(network(x), network({**x, "w": 2 * x["w"]}))
    assert_equivariant(Metanet(space, out_channels=2, hidden=8, terms=of_itself), space)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({}, "give either out_features .* or out_channels"),
        ({"out_features": 1, "out_channels": 1}, "give either out_features .* or out_channels"),
        ({"out_features": 3, "update": True}, "give out_channels, not out_features=3"),
        ({"out_channels": 2, "update": True}, "give the numbers of 2 of the 1 input channels"),
        ({"out_channels": 1, "in_channels": 2, "update": [2]}, "give the numbers of 1 of the 2 input channels"),
        ({"out_channels": 1, "in_channels": 2, "update": [0, 1]}, r"update=\[0, 1\] with out_channels=1"),
        ({"out_features": 0}, "out_features=0: give an integer, at least 1"),
        ({"out_channels": 2.5}, "out_channels=2.5: give an integer"),
        ({"out_features": 1, "hidden": 0}, "hidden=0: .* at least 1"),
        ({"out_features": 1, "in_channels": -1}, "in_channels=-1: .* at least 1"),
        ({"out_features": 1, "layers": -1}, "layers=-1: .* at least 0"),
        ({"out_features": 1, "fourier": -2}, "fourier=-2: .* at least 0"),
        ({"out_features": 1, "dropout": 1.5}, "dropout probability"),
        ({"out_features": 1, "terms": of_itself, "maximum": False}, "the head reads no tensor with terms="),
    ],
)
def test_options_that_make_no_sense(options, says):
    with pytest.raises(ValueError, match=says):
        Metanet(SPACE, **options)


def test_arguments_of_the_wrong_sort():
    with pytest.raises(TypeError, match="Metanet takes a WeightSpace first, not str"):
        Metanet(str(SPACE), out_features=1)
    with pytest.raises(SpecificationError, match="terms are 'nearby'"):
        Metanet(SPACE, out_features=1, terms="nearby", layers=0)
    with pytest.raises(SpecificationError, match="rank 0"):
        Metanet(SPACE, out_features=1, rank=0, layers=0)
    with pytest.raises(SpecificationError, match="more than the limit of 10"):
        Metanet(SPACE, out_features=1, limit=10)


def test_features_with_other_channels_are_refused():
    network = Metanet(SPACE, out_features=1, hidden=4)
    x = random_features(SPACE, 1)
    with pytest.raises(ValueError, match=r"'b': 2.* given, expected .*'b': 1"):
        network({**x, "b": x["b"].repeat_interleave(2, -1)})


@pytest.mark.parametrize("name", ["layers", "dropout", "activation", "norm", "fourier", "fourier_scale"])
def test_options_that_change_the_network(name):
    """Each is heard: from the same seed another output."""
    others = {"layers": 1, "dropout": 0.5, "activation": torch.tanh, "norm": True, "fourier": 4, "fourier_scale": 2.0}
    outputs = []
    given = {"fourier": 2} if name == "fourier_scale" else {}
    for options in (given, given | {name: others[name]}):
        torch.manual_seed(0)
        network = Metanet(SPACE, out_features=2, hidden=4, **options)
        outputs.append(network({t.name: torch.ones(1, *t.shape, 1) for t in SPACE}))
    assert not torch.allclose(*outputs)


def test_norms_are_there_where_they_are_asked_for():
    for norm in (False, True):
        network = Metanet(SPACE, out_channels=1, hidden=4, layers=2, norm=norm)
        assert [isinstance(block.inner[0], ChannelNorm) for block in network.blocks] == [norm, norm]


def test_blocks_before_a_head_of_outputs_give_what_it_makes_use_of():
    """Of a chain a - b - c with an output beside c, two local blocks read c and b, then c; a is not heard."""
    space = WeightSpace(
        {"a": "h", "ab": "k h", "bc": "m k", "c": "y m", "out": "y"}, sets={"h": 2, "k": 3, "m": 2}, free={"y": 2}
    )
    options = {"head": "outputs", "terms": chained, "hidden": 4}
    network = Metanet(space, out_features=1, layers=3, **options)
    assert [block.inner[1].target.names for block in network.blocks] == [("bc", "c", "out"), ("c", "out"), ("out",)]


def chained(target, source):
    """Maps from each tensor to itself and to the next of the chain."""
    order = ["a", "ab", "bc", "c", "out"]
    return target.name not in order or order.index(target.name) - order.index(source.name) in (0, 1)
