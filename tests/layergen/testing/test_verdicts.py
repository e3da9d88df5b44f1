"""What verdicts hold: the tolerance that was asked for decides, kinds and tensors are named, all is plain values."""

import pytest

from layergen import EquivariantLinear
from layergen.testing import check, coverage, random_features, sensitivity
from symmetry import WeightSpace

SPACE = WeightSpace({"b": "h"}, sets={"h": 4})


def tilted(small, large):
    """The first value too large in every network, in the third much more."""
    mark = random_features(SPACE)["b"][2].sum()

    def function(x):
        third = (x["b"].sum((1, 2), keepdim=True) - mark).abs() < 1e-4
        found = x["b"].clone()
        found[:, :1] *= 1 + small + large * third
        return {"b": found}

    return function


def test_the_tolerance_that_is_asked_for_decides():
    assert check(tilted(0.01, 0), SPACE).kind == "not equivariant"
    assert check(tilted(0.01, 0), SPACE, tolerance=0.5).passed
    assert check(tilted(0.01, 20), SPACE).batch == 1
    assert check(tilted(0.01, 20), SPACE, tolerance=0.5).batch == 3


@pytest.mark.parametrize(("invariant", "kind"), [(True, "invariant"), (False, "equivariant")])
def test_what_holds_is_named(invariant, kind):
    verdict = check((lambda x: x["b"].sum(1)) if invariant else (lambda x: x), SPACE, invariant=invariant)
    assert (verdict.passed, verdict.kind) == (True, kind)


def test_the_input_that_is_changed_is_named():
    def function(x):
        x["b"].add_(1)
        return x

    verdict = check(function, SPACE)
    assert (verdict.kind, verdict.tensor) == ("changes its input", "b")


def test_coverage_in_plain_values():
    found = coverage(EquivariantLinear(SPACE, 1, 1), SPACE).to_json()
    assert found["passed"] is True
    assert (found["linear"]["rank"], found["bias"]["rank"]) == (2, 1)


def test_linear_functions_in_other_forms_are_compared_with_linear_layers():
    """What no linear map of this symmetry notices is held against none, in whatever form it is called."""
    verdict = sensitivity(lambda x: 2 * x + x.mean(-1, keepdim=True), SPACE, form="flat")
    assert (verdict.passed, verdict.kind) == (True, "as symmetric")
