"""Each specification is the network's symmetry: its permutations leave the function as it is, others do not."""

import numpy as np
import pytest
import torch

from symmetry import WeightSpace, random_element
from tests.generated.architectures import ARCHITECTURES, random_network, specification, with_weights_moved
from tests.generated.mistakes import TOKEN, declared_axes, declared_sections, moving_only, occurrences, taken_out

MOVED = ("sets", "vectors")
"""The sections of the indices on which the groups of the networks' own weights act."""


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_tensors_are_those_of_the_network(name):
    """Same names in the same order, same shapes; batch normalisation's counters are no weights."""
    space = specification(name)
    state = random_network(name, space).state_dict()
    shapes = {key: tuple(value.shape) for key, value in state.items() if not key.endswith("num_batches_tracked")}
    assert shapes == space.shapes
    assert list(shapes) == list(space.names)


@pytest.mark.parametrize("small", [True, False], ids=["small", "declared"])
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_moving_the_weights_leaves_the_function(name, small):
    space = specification(name, small=small)
    g = element_that_moves_all(space)
    before, after = with_weights_moved(name, space, g)
    torch.testing.assert_close(after, before, rtol=1e-9, atol=1e-9)


def element_that_moves_all(space):
    """A random element, drawn again while it leaves some set as it is."""
    rng, names = (
        np.random.default_rng(1),
        {index.name for index in space.indices if index.section in ("sets", "vectors")},
    )
    while set((g := random_element(space, rng)).moved) != names:
        pass
    return g


OCCURRENCES = [
    pytest.param(name, occurrence, id=f"{name}: {occurrence}")
    for name in ARCHITECTURES
    for occurrence in occurrences(specification(name, small=True))
]

UNSEEN = {"self_attn.in_proj_bias head'", "self_attn.in_proj_bias dk'"}
"""The key's bias, which nothing ties: it adds the same to all scores of a query, and softmax does not see that."""


@pytest.mark.parametrize(("name", "occurrence"), OCCURRENCES)
def test_every_index_of_every_axis_is_what_it_is_declared(name, occurrence):
    """Moving one occurrence of a set without the others, or of a free or positional index, changes the function."""
    space = specification(name, small=True)
    wrong = taken_out(space, occurrence)
    before, after = with_weights_moved(name, space, moving_only(wrong, "other"))
    if str(occurrence) in UNSEEN:
        torch.testing.assert_close(after, before, rtol=1e-9, atol=1e-9)
    else:
        assert_different(after, before)


def assert_different(after, before):
    assert (after - before).abs().max() > 1e-3 * before.abs().max()


LOOSE = [
    pytest.param(name, index.name, id=f"{name}: {index.section} {index.name}")
    for name in ARCHITECTURES
    for index in specification(name, small=True).indices
    if index.section not in MOVED and index.size > 1
]


@pytest.mark.parametrize(("name", "index"), LOOSE)
def test_what_is_no_set_is_none(name, index):
    """Moving a free or a positional index everywhere at once changes the function too."""
    space = specification(name, small=True)
    sections = declared_sections(space)
    sections["sets"][index] = sections[space.index(index).section].pop(index)
    wrong = WeightSpace(declared_axes(space), **sections)
    before, after = with_weights_moved(name, space, moving_only(wrong, index))
    assert_different(after, before)


ORDERS = [
    ("lstm", "(gate h1)", "(h1 gate)"),
    ("lstm", "(gate h2)", "(h2 gate)"),
    ("cnn_flatten", "(c2 row column)", "(row column c2)"),
    ("transformer_block", "(head dk)", "(dk head)"),
    ("transformer_block", "(head dv)", "(dv head)"),
]


@pytest.mark.parametrize(("name", "right", "wrong"), ORDERS)
def test_the_order_in_a_flattened_axis_matters(name, right, wrong):
    space = specification(name, small=True)
    axes = {tensor: text.replace(right, wrong) for tensor, text in declared_axes(space).items()}
    swapped = WeightSpace(axes, **declared_sections(space))
    assert swapped != space
    for moved in [word for word in TOKEN.findall(right) if space.index(word).section == "sets"]:
        before, after = with_weights_moved(name, space, moving_only(swapped, moved))
        assert_different(after, before)
