"""What the kit says of graph networks, and of one with the faults that are known of others."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from layergen.graph import parameter_graphs
from layergen.graph.labels import Column, Kind
from layergen.testing import (
    FORMS,
    Form,
    assert_equivariant,
    assert_invariant,
    assert_no_more_symmetric,
    check,
    sensitivity,
)
from symmetry import WeightSpace
from symmetry.strategies import weight_spaces
from tests.layergen.graph.coloured import ATTENTION, MIXED, PERCEPTRON
from tests.layergen.graph.networks import KINDS, made

SPACES = {"perceptron": PERCEPTRON, "attention": ATTENTION, "mixed": MIXED}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("space", SPACES.values(), ids=SPACES)
def test_equivariance(kind, space):
    invariant, equivariant = made(kind, out_features=2), made(kind, out_channels=1)
    assert_invariant(invariant, space, form="graphs", examples=5)
    assert_equivariant(equivariant, space, form="graphs", examples=5)


@pytest.mark.parametrize("kind", KINDS)
def test_no_more_symmetric(kind):
    small = PERCEPTRON.resized({"h": 3, "k": 2})
    assert_no_more_symmetric(made(kind, out_features=2), small, invariant=True, form="graphs")
    assert_no_more_symmetric(made(kind, out_channels=1), small, form="graphs")


def test_attention_is_no_more_symmetric():
    """Heads and their units are told apart by the edges between them, which four layers hear."""
    assert_no_more_symmetric(made("ng-gnn", out_channels=1), ATTENTION, form="graphs")


@settings(max_examples=15)
@given(weight_spaces(kinds=("free", "positional"), max_tensors=3, max_entries=60), st.sampled_from(KINDS))
def test_any_space(space, kind):
    assert_equivariant(made(kind, out_channels=2, layers=2), space, form="graphs", examples=3)


class PlantedGraphMetanetwork(nn.Module):
    """Attention as the Graph Metanetworks' code has it: the projections are parallel edges with one label."""

    COARSE = WeightSpace(
        {"q.weight": "u d", "k.weight": "u d", "v.weight": "u d", "o.weight": "d u", "o.bias": "d"},
        sets={"u": 4, "d": 3},
    )

    def __init__(self, **options):
        super().__init__()
        self.network = made("gmn", **options)

    def forward(self, networks):
        graphs = parameter_graphs([(self.COARSE, network) for network in networks])
        labels = graphs.label
        weights = (labels[:, Column.KIND] == Kind.WEIGHT).nonzero().squeeze(1)
        into = weights[labels[weights, Column.DEPTH] == labels[weights, Column.DEPTH].max()]
        assert len(into) == 3 * graphs.num_graphs
        labels[into, Column.ROLE :] = 0
        return self.network(graphs)


def as_lists(x, space):
    batch = range(len(next(iter(x.values()))))
    return [{name: value[one, ..., 0] for name, value in x.items()} for one in batch]


PLAIN = Form("state_dicts", as_lists, lambda found, space: FORMS["graphs"].unpack(found, space))


def test_what_graph_metanetworks_do_to_attention_is_seen():
    """Too much symmetry: queries, keys and values may be exchanged. Too little: units of V move with those of QK."""
    planted = PlantedGraphMetanetwork(out_channels=1)
    verdict = sensitivity(planted, ATTENTION, form=PLAIN, dtype=torch.double)
    assert not verdict.passed
    assert any("'k.weight'" in text and "'q.weight'" in text for text in verdict.findings), verdict.findings
    verdict = check(planted, ATTENTION, form=PLAIN, dtype=torch.double)
    assert (verdict.passed, verdict.kind) == (False, "not equivariant")
