"""More than permutations: signs, positive scales and matrices that are found by rules, and proved."""

import re

import numpy as np
import pytest
import torch
from torch import nn

import layergen
import symmetry
from layergen.testing import assert_function_preserved
from layergen.tracing.charges import CHARGES
from layergen.tracing.trace import in_general_position
from tests.layergen.tracing.charged import CHARGED
from tests.layergen.tracing.networks import NETWORKS, made

NAME = re.compile(r"[a-z_]\w*")


def network(name):
    """A network of the table and example inputs for it."""
    make, shapes, *expected = CHARGED[name]
    torch.manual_seed(0)
    inputs = [torch.randn(shape) for shape in shapes]
    module = make().eval()
    module(*inputs)
    return module, inputs, *expected


def spelled_alike(space, expected):
    """Assert that tensors have some axes, up to the names of indices; the name of each index by the expected one."""
    names = {}
    for tensor, axes in expected.items():
        found = str(space[tensor])[len(tensor) + 1 : -1]
        assert NAME.sub("?", found) == NAME.sub("?", axes), (tensor, found)
        for own, wanted in zip(NAME.findall(found), NAME.findall(axes), strict=True):
            assert names.setdefault(wanted, own) == own
    assert len(set(names.values())) == len(names)
    return names


def acting(index):
    """What acts on an index beside permutations."""
    return getattr(index, "group", getattr(index, "scaled", None))


@pytest.mark.parametrize("name", CHARGED)
def test_the_rules_find_what_acts_on_each_index(name):
    module, inputs, group, tensors = network(name)
    found = layergen.trace(module, inputs, symmetries="all", prove=False)
    names = spelled_alike(found.space, tensors)
    if "h" in names:
        assert acting(found.space.index(names["h"])) == group
    assert_function_preserved(in_general_position(module), found.space, inputs, examples=3)


@pytest.mark.parametrize("name", CHARGED)
def test_the_proof_takes_nothing_back(name):
    module, inputs, *_ = network(name)
    found = layergen.trace(module, inputs, symmetries="all", extend=False)
    assert found.preserved
    assert not any("computes" in text for text in found.warnings)
    assert found.space == layergen.trace(module, inputs, symmetries="all", prove=False).space
    assert symmetry.parse(symmetry.dumps(found.space)) == found.space
