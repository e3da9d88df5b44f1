"""Defects planted in emitted layers are caught, each by the check that should; sound layers are accused of nothing."""

import os
import re

import pytest
import torch
from torch import nn

from layergen import EquivariantLinear, InvariantLinear
from layergen.nn import Dropout, Pointwise, PositionalEmbedding
from layergen.testing import check, coverage, random_features, sensitivity
from symmetry import SCALAR, EquivariantMaps
from tests.compiler import CAN_BUILD
from tests.layergen.testing.planted import DEFECTS, MLP, PIXELS, PLACES, planted

FINDINGS = {
    "missing": lambda found: [*found.linear.missing, *found.bias.missing],
    "tied": lambda found: [*found.linear.tied, *found.bias.tied],
    "stray": lambda found: [f"{target} <- {source}" for target, source in found.stray],
    "nonlinear": lambda found: [] if found.is_linear else [found.nonlinearity],
    "redundancy": lambda found: [found.linear.redundancy] if found.linear.redundancy else [],
}
"""What coverage finds of each kind, empty in a sound layer."""


KINDS = {name: kind for kind, group in DEFECTS.items() for name in group}
ALL = {name: defect for group in DEFECTS.values() for name, defect in group.items()}


def rows(*kinds):
    """A parameter for each defect of these kinds."""
    return pytest.mark.parametrize("name", [name for name, kind in KINDS.items() if kind in kinds])


def checked(name):
    defect = ALL[name]
    options = defect.place.options | {"positional": defect.positional}
    return check(defect.layer(), defect.place.space, examples=10, **options)


def covered(name):
    return coverage(ALL[name].layer(1, 1), ALL[name].place.space, **ALL[name].place.options)


def felt(name):
    return sensitivity(ALL[name].layer(), ALL[name].place.space, **ALL[name].place.options)


def diagrams(place):
    """Every diagram of a place, in words, and those of its biases."""
    maps = EquivariantMaps(place.space, SCALAR if place.invariant else place.target or place.space)
    return [str(diagram) for block in (*maps.blocks, *maps.bias_blocks) for diagram in block]


@rows(*(kind for kind in DEFECTS if kind not in (*FINDINGS, "more symmetric", "nothing")))
def test_defects_that_permutations_show(name):
    verdict = checked(name)
    assert verdict.kind == KINDS[name], verdict.message
    assert re.search(ALL[name].says, verdict.message), verdict.message


@rows("not equivariant", "not invariant")
def test_projection_shows_them_too(name):
    """Coverage tries no permutation: it projects maps on the diagrams. What is below 1e-8 it takes for rounding."""
    found, slight = covered(name), name == "one part in 10⁹ for one neuron"
    assert bool(found.stray) != slight
    assert found.passed == slight


@rows(*FINDINGS)
def test_defects_that_coverage_shows(name):
    says, kind = ALL[name].says, KINDS[name]
    verdict, found = checked(name), covered(name)
    assert verdict.passed, verdict.message
    seen = list(map(str, FINDINGS[kind](found)))
    assert seen, str(found)
    assert all(re.search(says, one) for one in seen), seen
    if kind in ("missing", "tied"):
        assert sorted(seen) == sorted(one for one in diagrams(ALL[name].place) if re.search(says, one))
    assert found.passed == (name == "an output detached")


@rows("more symmetric")
def test_defects_that_other_rearrangements_show(name):
    verdict = checked(name)
    assert verdict.passed, verdict.message
    verdict = felt(name)
    assert verdict.kind == "more symmetric"
    assert re.search(ALL[name].says, verdict.message), verdict.message


@rows("nothing")
def test_what_only_looks_like_a_defect_is_not_accused(name):
    for verdict in (checked(name), felt(name)):
        assert verdict.passed, verdict.message
    found = covered(name)
    assert found.passed, str(found)
    assert (found.linear.redundancy, found.bias.redundancy) == (0, 0)


def test_a_sum_for_a_mean_shows_at_other_widths_and_at_the_start():
    """No check may accuse it, for it reaches the same maps; but a layer carried to another width is another one."""
    edits = ALL["a sum for a mean"].edits
    sound, summed = (planted(MLP, change)(1, 1, dtype=torch.float64) for change in ((), edits))
    summed.load_state_dict(sound.state_dict())
    with torch.no_grad():
        summed.mix_k[0] /= 4
        summed.mix[3] /= 4
    for width in (4, 8):
        space = MLP.space.resized({"h": width})
        x = random_features(space, dtype=torch.float64)
        assert torch.allclose(sound(x)["c"], summed(x)["c"]) == (width == 4)
        assert check(summed, space).passed
    x = random_features(MLP.space, 64, batch=64)
    deviations = [float(planted(MLP, change)(64, 64)(x)["c"].detach().std()) for change in ((), edits)]
    assert deviations[0] == pytest.approx(1, abs=0.1)
    assert deviations[1] > 1.5


def test_a_defect_of_the_biases_of_a_new_layer_shows_in_coverage_alone():
    """Biases start at zero, where no permutation moves them; coverage tries other values."""
    defect = ALL["a bias that grows along a set"]
    layer = planted(MLP, defect.edits)(1, 1)
    assert check(layer, MLP.space).passed
    assert coverage(layer, MLP.space).stray.keys() == {("b", "")}


def test_an_embedding_of_positions_is_seen_where_positions_are_permuted():
    torch.manual_seed(0)
    told_apart = nn.Sequential(PositionalEmbedding(PIXELS.space, 1), EquivariantLinear(PIXELS.space, 1, 2))
    assert check(told_apart, PIXELS.space).passed
    assert check(EquivariantLinear(PIXELS.space, 1, 2), PIXELS.space, positional=True).passed
    verdict = check(told_apart, PIXELS.space, positional=True)
    assert (verdict.kind, verdict.moved) == ("not equivariant", {"p": [1, 0, 2]})


def one_layer(place, channels=2):
    if place.invariant:
        return InvariantLinear(place.space, channels, 3)
    return EquivariantLinear(place.space, channels, 3, target=place.target)


def stack(place):
    inner = EquivariantLinear(place.space, 1, 4)
    return nn.Sequential(inner, Pointwise(nn.functional.silu), Dropout(), one_layer(place, 4)).eval()


def randomised(make, place, seed, dtype):
    """A layer of a seed, its biases not zero."""
    torch.manual_seed(seed)
    layer = make(place).to(dtype)
    for name, parameter in layer.named_parameters():
        if name.endswith("bias"):
            nn.init.normal_(parameter)
    return layer


DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float64": torch.float64}
MAKERS = {"layer": one_layer, "stack": stack}
THOROUGH = os.environ.get("HYPOTHESIS_PROFILE") == "thorough"
# Of 48 cases: when thorough, a thousand runs.
SEEDS = range(21 if THOROUGH else 1)
# Inductor takes ten seconds to start.
BACKEND = "inductor" if THOROUGH and CAN_BUILD else "aot_eager"


def assert_equivariant_and_no_more(layer, place, dtype, seed, sensitive=True):
    verdict = check(layer, place.space, examples=10, dtype=dtype, seed=seed, **place.options)
    assert verdict.passed, f"seed {seed}: {verdict.message}"
    if sensitive:
        verdict = sensitivity(layer, place.space, dtype=dtype, seed=seed, **place.options)
        assert verdict.passed, f"seed {seed}: {verdict.message}"


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("maker", MAKERS)
@pytest.mark.parametrize("place", PLACES)
def test_no_sound_layer_is_accused(place, maker, dtype):
    sensitive = dtype != "bfloat16"
    for seed in SEEDS:
        layer = randomised(MAKERS[maker], PLACES[place], seed, DTYPES[dtype])
        assert_equivariant_and_no_more(layer, PLACES[place], DTYPES[dtype], seed, sensitive)


def test_no_compiled_layer_is_accused():
    for seed in SEEDS:
        layer = torch.compile(randomised(one_layer, MLP, seed, torch.float32), backend=BACKEND)
        assert_equivariant_and_no_more(layer, MLP, torch.float32, seed)
