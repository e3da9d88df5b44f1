"""Outputs that are not finite: NaN is the same as NaN only, an infinity as the same infinity."""

import math

import pytest
import torch

from layergen.preservation.outputs import change

NAN, INF = math.nan, math.inf


@pytest.mark.parametrize("after", [[1.0, NAN, -INF], [1.0, INF, NAN], [1.0, -INF, INF], [1.0, NAN, 2.0]])
def test_other_marks_in_the_same_places_are_a_change(after):
    before = torch.tensor([1.0, NAN, INF], dtype=torch.float64)
    assert change([before], [torch.tensor(after, dtype=torch.float64)]) == INF


def test_the_same_marks_are_none():
    before = torch.tensor([1.0, NAN, INF, -INF], dtype=torch.float64)
    assert change([before], [before.clone()]) == 0
    assert change([before[1:]], [before[1:].clone()]) == 0
