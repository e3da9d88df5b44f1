"""The kit's numbers: how far apart outputs are, how far they may be, and where."""

from dataclasses import replace

import pytest
import torch

from layergen.testing import check, random_features
from layergen.testing.inputs import channels_of, like_parameters
from layergen.testing.rounding import (
    DROWNED,
    NOTHING,
    ROUNDING,
    TOLERANCES,
    allowance,
    difference,
    is_nothing,
    measured_noise,
    scales,
)
from layergen.testing.subject import OUTPUT, as_numbers, make_subject
from symmetry import SpecificationError, WeightSpace

SPACE = WeightSpace({"b": "h"}, sets={"h": 3})


def subject(function, dtype=torch.float32):
    """A function from features of `SPACE`, one channel, to features of it."""
    return make_subject(function, SPACE, SPACE, "features", 1, dtype, 0)


def identity(x):
    return x


def test_errors_are_relative_to_the_root_mean_square_of_their_channel():
    expected = torch.tensor([[[3.0, 100.0], [4.0, 100.0]]], dtype=torch.float64)
    assert torch.allclose(scales(expected), torch.tensor([12.5**0.5, 100.0], dtype=torch.float64))
    found = expected.clone()
    found[0, 1, 0] += 0.5
    found[0, 0, 1] += 1.0
    error, allowed, entry = difference(subject(identity), "b", expected, found, None)
    assert (error, allowed, entry) == (pytest.approx(0.5 / 12.5**0.5), pytest.approx(1e-10), (0, 1, 0))
    assert difference(subject(identity), "b", expected, found, 0.25)[1] == 0.25
    error, _, _ = difference(subject(identity), "b", expected, found, None, torch.tensor([1.0, 10.0]))
    assert error == pytest.approx(0.5)


def test_what_is_not_a_number_is_the_largest_error():
    expected = torch.ones(1, 3, 1)
    found = torch.tensor([[[2.0], [float("nan")], [1.0]]])
    assert difference(subject(identity), "b", expected, found, None)[2] == (0, 1, 0)


def test_the_tolerance_is_that_of_the_precision():
    for dtype, tolerance in TOLERANCES.items():
        assert allowance(torch.ones(1, dtype=dtype)) == tolerance
    assert TOLERANCES[torch.float64] < TOLERANCES[torch.float32] < 1e-4 < DROWNED
    assert allowance(torch.ones(1, dtype=torch.int64)) == 1e-4


def test_rounding_that_a_function_magnifies_is_measured_and_allowed():
    """Subtracting a large number and adding it again loses digits: as many as are then allowed."""
    steep = subject(lambda x: {"b": 1e4 * x["b"] - 1e4 * x["b"].round()})
    output = steep.output(steep.features)
    noise = measured_noise(steep, output)["b"]
    eps = torch.finfo(torch.float32).eps
    assert noise.shape == (1,)
    assert 1e4 * eps * 0.1 < float(noise) < 1e4 * eps * 10
    plain = difference(steep, "b", output["b"], output["b"], None)[1]
    allowed = difference(replace(steep, noise={"b": noise}), "b", output["b"], output["b"], None)[1]
    assert plain == pytest.approx(TOLERANCES[torch.float32])
    assert allowed == pytest.approx(plain + ROUNDING * float(noise) / float(scales(output["b"])))


def test_outputs_without_entries_or_of_another_shape_have_no_noise():
    first = subject(identity).features["b"]

    def several(x):
        """Nothing; as many columns as the first entries of the networks that are just what they were; entries."""
        kept = int((x["b"] == first)[:, 0].sum())
        return {"none": x["b"].new_ones(4, 0, 2), "columns": x["b"].new_ones(4, 1 + kept), "entries": x["b"]}

    judged = make_subject(several, SPACE, None, "features", 1, torch.float32, 0)
    noise = measured_noise(judged, several(judged.features))
    assert {name: tuple(value.shape) for name, value in noise.items()} == {
        "none": (2,),
        "columns": (5,),
        "entries": (1,),
    }
    assert not noise["columns"].any()
    assert noise["entries"].all()


def test_zero_up_to_rounding_is_nothing():
    judged = subject(identity)
    unit = float(judged.features["b"].abs().max()) * torch.finfo(torch.float32).eps
    assert is_nothing(judged, torch.full((1, 3, 1), 0.9 * NOTHING * unit))
    assert is_nothing(judged, torch.zeros(1, 3, 1))
    assert not is_nothing(judged, torch.full((1, 3, 1), 1.1 * NOTHING * unit))
    assert not is_nothing(judged, torch.zeros(1, 0, 1))
    nothing = torch.full((1, 3, 1), unit)
    assert difference(judged, "b", nothing, nothing, None)[1] == pytest.approx(
        TOLERANCES[torch.float32] + ROUNDING, rel=1e-3
    )


def test_outputs_of_other_types_are_numbers_that_tell_the_same():
    assert as_numbers(torch.tensor([[1 + 2j, 3j]])).tolist() == [[1, 0, 2, 3]]
    assert as_numbers(torch.tensor([1 + 2j])).tolist() == [[1, 2]]
    assert as_numbers(torch.tensor([True, False])).dtype == torch.float64
    assert as_numbers(torch.ones(2, dtype=torch.float16)).dtype == torch.float16


def test_an_invariant_function_has_one_output_or_several_by_name():
    one = make_subject(lambda x: x["b"].sum(1), SPACE, None, "features", 2, None, 0)
    assert {name: value.shape for name, value in one.output(one.features).items()} == {OUTPUT: (4, 2)}
    two = make_subject(lambda x: {"s": x["b"].sum(1), "m": x["b"].amax(1)}, SPACE, None, "features", 2, None, 0)
    assert set(two.output(two.features)) == {"s", "m"}


def test_random_features_are_normal_and_begin_alike():
    wide = WeightSpace({"w": "h k", "b": "h"}, sets={"h": 40, "k": 50})
    x = random_features(wide, 3, batch=2, seed=1)
    assert {name: tuple(value.shape) for name, value in x.items()} == {"w": (2, 40, 50, 3), "b": (2, 40, 3)}
    assert abs(float(x["w"].mean())) < 0.05
    assert 0.95 < float(x["w"].std()) < 1.05
    more = random_features(wide, 3, batch=5, seed=1)
    assert all(torch.equal(more[name][:2], value) for name, value in x.items())
    assert not torch.equal(more["b"][0], more["b"][1])
    other = random_features(wide, 3, batch=2, seed=2, dtype=torch.float64)
    assert other["b"].dtype == torch.float64
    assert not torch.allclose(other["b"].float(), x["b"])


def test_more_features_than_fit_into_a_memory_are_refused():
    with pytest.raises(SpecificationError, match=r"features of 4 networks are 4 × 200,000,000,000 numbers"):
        random_features(WeightSpace({"w": "h k"}, sets={"h": 10**6, "k": 10**5}), 2)


def test_modules_are_tested_in_their_own_precision_and_channels():
    half = torch.nn.Linear(2, 2).half()
    assert like_parameters(half) == {"dtype": torch.float16, "device": torch.device("cpu")}
    assert like_parameters(identity)["dtype"] == torch.float32
    half.in_channels = 7
    assert (channels_of(half, None), channels_of(half, 3), channels_of(identity, None)) == (7, 3, 1)
    half.in_channels = "many"
    assert channels_of(half, None) == 1
    with pytest.raises(ValueError, match="0 channels: there is nothing to test"):
        channels_of(identity, 0)


def test_a_failed_verdict_has_the_error_and_the_error_allowed():
    verdict = check(lambda x: {"b": x["b"].cumsum(1)}, SPACE)
    assert (verdict.passed, verdict.kind, verdict.tensor, verdict.batch) == (False, "not equivariant", "b", 1)
    assert verdict.tolerance == pytest.approx(TOLERANCES[torch.float32], rel=0.1)
    assert verdict.error > 100 * verdict.tolerance


def test_noise_is_drawn_from_a_generator_of_its_own():
    judged = subject(lambda x: {"b": x["b"].square()})
    output, state = judged.output(judged.features), torch.get_rng_state()
    first = measured_noise(judged, output)["b"]
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(1)
    assert torch.equal(measured_noise(judged, output)["b"], first)


@pytest.mark.parametrize(
    ("function", "kind"),
    [
        (lambda x: {"b": 3}, "wrong output"),
        (lambda x: 3, "wrong output"),
        (lambda x: {"b": x["b"][:, :2]}, "wrong shape"),
        (lambda x: {"b": x["b"] / 0}, "not finite"),
    ],
)
def test_verdicts_on_outputs_have_a_kind(function, kind):
    assert check(function, SPACE).kind == kind
