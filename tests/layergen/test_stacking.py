"""Networks as features: what is taken, what is left out, and one message for all that does not fit."""

import io

import numpy as np
import pytest
import torch
from torch import nn

import layergen
from symmetry import WeightSpace

SPACE = WeightSpace({"w": "h x", "b": "h"}, sets={"h": 3}, free={"x": 2})
SQUARE = WeightSpace({"w": "h h"}, sets={"h": 3})


def network(**others):
    return {"w": torch.randn(3, 2), "b": torch.randn(3), **others}


def test_what_may_be_iterated_is_taken():
    states = [network() for _ in range(4)]
    expected = layergen.stack(states, SPACE)
    for given in ((state for state in states), tuple(states), dict(enumerate(states)).values(), iter(states)):
        found = layergen.stack(given, SPACE)
        assert all(torch.equal(found[name], value) for name, value in expected.items())
    with pytest.raises(ValueError, match="no networks"):
        layergen.stack(iter(()), SPACE)
    for wrong in (5, None, "networks", network(), iter([nn.Linear(2, 3)])):
        with pytest.raises(TypeError, match="list of state_dicts"):
            layergen.stack(wrong, SPACE)


SPARE = {"none": None, "text": "text", "a dictionary": {}, "bytes": b"", "number": 1.5, "array": np.zeros(3)}


@pytest.mark.parametrize("value", SPARE.values(), ids=SPARE)
def test_values_that_are_no_tensors(value):
    states = [network(**{"head._extra_state": value, "other": value}), network()]
    assert set(layergen.stack(states, SPACE)) == {"w", "b"}
    kind = type(value).__name__
    with pytest.raises(ValueError, match=f"network 0: 'w' is no dense tensor but {kind}") as caught:
        layergen.stack([network(w=value), network(), network(b=torch.zeros(2))], SPACE)
    assert "network 2: 'b' has shape (2,)" in str(caught.value)
    with pytest.raises(ValueError, match=f"network 1: 'w' is no dense tensor but {kind}"):
        layergen.stack([network(), network(w=value)], SPACE)


def test_extra_state_is_left_out_whatever_it_is():
    class Kept(nn.Linear):
        def get_extra_state(self):
            return torch.ones(5)

        def set_extra_state(self, state):
            pass

    space = WeightSpace({"weight": "h x", "bias": "h"}, sets={"h": 3}, free={"x": 2})
    state = Kept(2, 3).state_dict()
    assert "_extra_state" in state
    assert set(layergen.stack([state], space)) == {"weight", "bias"}
    with pytest.raises(ValueError, match="'my_extra_state' is not declared"):
        layergen.stack([network(my_extra_state=torch.ones(5))], SPACE)


def test_sparse_tensors_are_named():
    with pytest.raises(ValueError, match=r"'w' is no dense tensor but torch.sparse_coo(?s:.*)'more' is not declared"):
        layergen.stack([network(w=torch.ones(3, 2).to_sparse(), more=torch.ones(3, 2).to_sparse())], SPACE)


def test_devices_that_differ_are_named():
    meta = {name: value.to("meta") for name, value in network().items()}
    with pytest.raises(ValueError, match="network 1: 'w' is on meta, in network 0 it is on cpu") as caught:
        layergen.stack([network(), meta, network()], SPACE)
    assert "network 1: 'b' is on meta" in str(caught.value)
    with pytest.raises(ValueError, match="networks 1, 2: 'b' is on cpu, in network 0 it is on meta"):
        layergen.stack([meta, network(w=meta["w"]), network(w=meta["w"])], SPACE)
    assert all(value.is_meta for value in layergen.stack([meta, meta], SPACE).values())


@pytest.mark.parametrize("ignore", ["head.*", ["head.*"], ("head.?",), {"head.*", "*.nothing"}, iter(["head.*"])])
def test_ignored_names(ignore):
    states = [network(**{"head.w": torch.zeros(5)}) for _ in range(3)]
    assert set(layergen.stack(states, SPACE, ignore=ignore)) == {"w", "b"}


def test_one_pattern_as_a_string_ignores_what_it_matches_only():
    with pytest.raises(ValueError, match="'tail' is not declared"):
        layergen.stack([network(tail=torch.zeros(5))], SPACE, ignore="head.*")
    with pytest.raises(ValueError, match="'b' is missing"):
        layergen.stack([network()], SPACE, ignore="b")


def tied(device=None):
    """A network one of whose tensors has two names."""
    module = nn.Module()
    module.w = module.again = nn.Parameter(torch.randn(3, 3, device=device))
    return module.state_dict()


@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_tied_tensors_are_left_out(device):
    assert set(layergen.stack([tied(device)], SQUARE)) == {"w"}


def test_tied_tensors_of_a_file_are_left_out():
    saved = io.BytesIO()
    torch.save(tied(), saved)
    saved.seek(0)
    assert set(layergen.stack([torch.load(saved)], SQUARE)) == {"w"}


@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_memory_read_in_another_way_is_not_tied(device):
    memory = torch.randn(6, 3, device=device)
    weight, others = memory[:3], {"after": memory[3:], "transposed": memory[:3].t(), "flat": memory[:3].reshape(9)}
    others |= {"apart": torch.randn(3, 3, device=device)}
    for name, value in others.items():
        with pytest.raises(ValueError, match=f"'{name}' is not declared"):
            layergen.stack([{"w": weight, name: value}], SQUARE)
    assert set(layergen.stack([{"w": weight, "same": memory[:3]}], SQUARE)) == {"w"}


def test_one_array_by_two_names_is_tied():
    array = np.zeros((3, 3))
    assert set(layergen.stack([{"w": torch.from_numpy(array), "v": torch.from_numpy(array)}], SQUARE)) == {"w"}


def test_networks_that_do_not_fit_are_counted():
    """All of them, a few by their numbers, and the rest as a number."""
    short = {"w": torch.zeros(3, 2)}
    for wrong, others, words in [
        ([0], 0, "network 0: 'b' is missing"),
        ([0, 1], 0, "every network: 'b' is missing"),
        ([1], 1, "network 1: 'b' is missing"),
        ([1, 2], 1, "networks 1, 2: 'b' is missing"),
        ([1, 2, 3, 4, 5], 1, "networks 1, 2, 3, 4, 5: 'b' is missing"),
        ([1, 2, 3, 4, 5, 6, 7], 1, "networks 1, 2, 3, 4, 5 and 2 more: 'b' is missing"),
    ]:
        states = [network() for _ in range(others)] + [short for _ in wrong]
        with pytest.raises(ValueError, match=f"\n  {words}$"):
            layergen.stack(states, SPACE)


@pytest.mark.parametrize(
    ("name", "words"),
    [("head.w", r"'head.w' is not declared \(there is 'w'\)"), ("forward", r"'forward' is not declared$")],
)
def test_a_name_with_another_prefix_is_recognised(name, words):
    with pytest.raises(ValueError, match=words):
        layergen.stack([network(**{name: torch.zeros(3, 2)})], SPACE)
    prefixed = WeightSpace({"body.w": "h x"}, sets={"h": 3}, free={"x": 2})
    with pytest.raises(ValueError, match=r"'w' is not declared \(there is 'body.w'\)"):
        layergen.stack([{"body.w": torch.zeros(3, 2), "w": torch.zeros(3, 2)}], prefixed)


def test_networks_come_back():
    states = [network() for _ in range(4)]
    back = layergen.unstack(layergen.stack(states, SPACE), SPACE)
    assert [list(state) for state in back] == [["w", "b"]] * 4
    assert all(torch.equal(one[name], other[name]) for one, other in zip(states, back, strict=True) for name in one)


def test_features_that_do_not_fit_are_named_together():
    features = layergen.stack([network() for _ in range(4)], SPACE)
    with pytest.raises(ValueError, match="do not fit the specification") as caught:
        layergen.unstack({"w": features["w"].expand(4, 3, 2, 5), "other": features["b"]}, SPACE)
    assert str(caught.value).splitlines()[1:] == [
        "  'b' is missing",
        "  'w' has shape (4, 3, 2, 5), expected ('networks', 3, 2, 1), one channel",
        "  'other' is not declared",
    ]
    with pytest.raises(ValueError, match=r"'b' has shape \(3, 3, 1\)"):
        layergen.unstack(features | {"b": features["b"][:3]}, SPACE)
    with pytest.raises(ValueError, match=r"'b' has shape \(\)"):
        layergen.unstack(features | {"b": torch.tensor(1.0)}, SPACE)
