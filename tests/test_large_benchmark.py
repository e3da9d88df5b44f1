"""The benchmark of a large space, on the same space with small widths."""

from math import prod

import pytest

from benchmarks.large import divided, measured
from benchmarks.spaces import gpt2


def test_the_space_is_that_of_gpt2_at_smaller_widths():
    small = divided(96)
    assert small.sizes["d"] == 8
    assert small.sizes["head_3"] == 12
    assert divided(1) == gpt2()
    assert sum(map(prod, small.shapes.values())) < 40_000


@pytest.mark.parametrize("case", ["layer", "metanet, checkpoint"])
def test_cases_are_measured(case):
    found = measured(case, 96)
    assert found["weights"] == sum(map(prod, divided(96).shapes.values()))
    assert found["process_bytes"] > found["backward_bytes"] > 4 * found["weights"]
