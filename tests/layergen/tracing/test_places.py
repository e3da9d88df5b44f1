"""Where the places along an axis count, the axis is frozen by the operator's rule alone, without the proof."""

import pytest
import torch
from torch import nn

from layergen import trace


class Between(nn.Module):
    """Two dense layers, and something done to the hidden values."""

    def __init__(self, function):
        super().__init__()
        self.first, self.second, self.function = nn.Linear(3, 5), nn.Linear(5, 2), function

    def forward(self, x):
        return self.second(self.function(self.first(x)))


COUNTS = {
    "cumsum": lambda x: x.cumsum(1),
    "cumsum by name": lambda x: x.cumsum(dim=-1),
    "cumprod": lambda x: x.cumprod(1),
    "logcumsumexp": lambda x: x.logcumsumexp(1),
    "cummax": lambda x: x.cummax(1)[0],
    "flip": lambda x: x.flip(1),
    "roll": lambda x: x.roll(1, 1),
    "argsort": lambda x: x.argsort(1).float(),
    "the places of a sort": lambda x: x.sort(1)[1].float(),
    "the places of topk": lambda x: x + x.topk(2, 1)[1].sum(1, keepdim=True),
    "the place of a median": lambda x: x + x.median(1, keepdim=True)[1],
    "the place of the largest": lambda x: x + x.argmax(1, keepdim=True),
    "the place of the largest, beside it": lambda x: x + x.max(1, keepdim=True)[1],
    "a triangle": lambda x: x * x.new_ones(5, 5).tril().sum(0) + x.tril(),
}
DOES_NOT = {
    "the largest": lambda x: x + x.max(1, keepdim=True)[0],
    "the median": lambda x: x + x.median(1, keepdim=True)[0],
    "cumsum over the batch": lambda x: x.cumsum(0),
}


def sets(function):
    space = trace(Between(function), [torch.randn(4, 3)], prove=False).space
    return sum(index.joined for index in space.indices)


@pytest.mark.parametrize("name", COUNTS)
def test_places_that_count_are_frozen_by_the_rule_alone(name):
    assert sets(COUNTS[name]) == 0


@pytest.mark.parametrize("name", DOES_NOT)
def test_places_that_do_not_count_stay_free(name):
    assert sets(DOES_NOT[name]) == 1


def test_sorting_leaves_what_is_sorted_free_and_freezes_the_ranks():
    space = trace(Between(lambda x: x.sort(1)[0]), [torch.randn(4, 3)], prove=False).space
    rows = {
        tensor.name: [index.name for index in space.indices if index.joined and index.name in str(tensor.axes)]
        for tensor in space
    }
    assert (len(rows["first.weight"]), len(rows["second.weight"])) == (1, 0)
