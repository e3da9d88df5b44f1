"""The property checks: they catch what is wrong, say what it is, and accuse nobody else."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis.vendor.pretty import pretty

import layergen
import symmetry
from layergen.plan.lowering import lower
from layergen.testing import assert_equivariant, assert_invariant, check, random_features
from layergen.verification import by_emitted_rank
from symmetry import EquivariantMaps, WeightSpace
from symmetry.strategies import weight_spaces
from symmetry.verification.report import PROOFS, Finding, VerificationError

SPACE = WeightSpace({"w": "h k", "b": "h"}, sets={"h": 5, "k": 4})


def planted(change):
    """The identity with one fault."""
    return lambda x: change({name: value.clone() for name, value in x.items()})


def scaled(x, factor):
    x["w"][:, 1] *= factor
    return x


FAULTS = {
    "cumulative sum": (
        planted(lambda x: {**x, "w": x["w"].cumsum(1)}),
        "not equivariant: exchanging elements 0 and 1 of 'h'",
    ),
    "first neuron": (planted(lambda x: {**x, "b": x["b"] + x["b"][:, :1]}), "not equivariant"),
    "wrong axis": (planted(lambda x: {**x, "b": x["b"] + x["w"].mean(1)[:, [0, 1, 2, 3, 0]]}), "not equivariant"),
    "one part in 10⁴": (planted(lambda x: scaled(x, 1 + 1e-4)), "relative error"),
    "in place": (lambda x: {**x, "b": x["b"].mul_(2)}, "changes its input 'b' in place"),
    "random": (lambda x: {name: torch.nn.functional.dropout(value) for name, value in x.items()}, "not deterministic"),
    "not a number": (planted(lambda x: {**x, "b": x["b"] / 0}), "output 'b' is not finite"),
    "missing": (planted(lambda x: {"w": x["w"]}), "returned ['w'], not features of ['w', 'b']"),
    "no features": (lambda x: x["w"], "returned Tensor, not features"),
    "not finite when moved": (
        planted(lambda x: {**x, "b": x["b"] / (x["b"][:, :1] > x["b"][:, 1:2])}),
        "not finite",
    ),
    "other networks": (planted(lambda x: {**x, "b": x["b"] - x["b"].mean(0)}), "for one network changes by"),
    "shape": (planted(lambda x: {**x, "b": x["b"][:, 1:]}), "output 'b' has shape (4, 4, 1), not (4, 5, 'channels')"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_faults_are_found_and_named(name):
    function, message = FAULTS[name]
    with pytest.raises(AssertionError) as caught:
        assert_equivariant(function, SPACE)
    assert message in str(caught.value)


class Counting(torch.nn.Module):
    """A module with a memory."""

    def __init__(self):
        super().__init__()
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, x):
        self.calls += 1
        return x


class Wavering:
    """Fails at one permutation only, and at that only once."""

    def __init__(self):
        self.calls = 0

    def __call__(self, x):
        self.calls += 1
        return {**x, "b": x["b"].cumsum(1)} if self.calls == 8 else x


class Normed(torch.nn.Module):
    """Equivariant but for what batch normalisation does while training."""

    def __init__(self):
        super().__init__()
        self.norm = torch.nn.BatchNorm1d(1)

    def forward(self, x):
        return {name: self.norm(value.flatten(1, -2).mT).mT.reshape(value.shape) for name, value in x.items()}


def test_modules_with_a_memory_are_told_so():
    assert check(Counting(), SPACE).kind == "changes its state"
    training = check(Normed().train(), SPACE)
    assert training.kind == "changes its state"
    assert ".eval()" in training.message
    untracked = Normed()
    untracked.norm = torch.nn.BatchNorm1d(1, track_running_stats=False)
    assert check(untracked, SPACE).kind == "depends on the batch"
    assert check(Normed().eval(), SPACE).passed
    assert check(Wavering(), SPACE).kind == "not deterministic"


def test_zero_outputs_are_noted():
    verdict = check(planted(lambda x: {**x, "b": 0 * x["b"]}), SPACE)
    assert verdict.passed
    assert "nothing is known of 'b', zero up to rounding" in verdict.message


@pytest.mark.parametrize(("dtype", "planted_error"), [(torch.float32, 1e-4), (torch.float64, 1e-9)])
@pytest.mark.parametrize("scale", [1e-4, 1.0, 1e6])
@pytest.mark.parametrize("name", ["w", "b"])
def test_tolerances_are_tight(dtype, planted_error, scale, name):
    layer = layergen.EquivariantLinear(SPACE, 2, 3, dtype=dtype)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter *= scale

    def off(x):
        out = layer(x)
        out[name] = torch.cat([out[name][:, :1] * (1 + planted_error), out[name][:, 1:]], dim=1)
        return out

    assert check(layer, SPACE).passed
    verdict = check(off, SPACE, channels=2, dtype=dtype)
    assert verdict.kind == "not equivariant"


def test_float64_is_held_to_more():
    function = planted(lambda x: scaled(x, 1 + 1e-9))
    assert not check(function, SPACE, dtype=torch.float64).passed
    assert check(function, SPACE, dtype=torch.float32).passed


def test_a_function_that_cancels_large_terms_is_not_accused():
    def cancelling(x):
        return {**x, "b": (1e4 * x["b"] + x["b"].mean(1, keepdim=True).sin()) - 1e4 * x["b"]}

    assert check(cancelling, SPACE).passed
    assert not check(lambda x: {**x, "b": cancelling(x)["b"].cumsum(1)}, SPACE).passed


def test_failures_shrink_to_one_transposition_of_the_lowest_elements():
    space = WeightSpace({"w": "h (head dk)"}, sets={"h": 6, "head": 3, "dk": {"size": 4, "within": "head"}})
    verdict = check(planted(lambda x: {"w": x["w"] + x["w"][:, :, -1:]}), space)
    assert verdict.moved == {"head": [2, 1, 0]}
    within_last = check(planted(lambda x: {"w": x["w"] + x["w"][:, :, 11:] - x["w"][:, :, 10:11]}), space)
    assert len(within_last.moved) == 1
    verdict = check(planted(lambda x: {"w": x["w"].cumsum(1)}), space)
    assert verdict.moved == {"h": [1, 0, 2, 3, 4, 5]}


def shown_again(verdict, function, space, capsys, target=None):
    """What the snippet of a verdict prints."""
    exec(verdict.snippet, {"f": function, "space": space, "target": target})
    return [float(word.strip("tensor(),")) for word in capsys.readouterr().out.split() if word.startswith("tensor(")]


def test_the_message_reproduces_the_failure(capsys):
    function = planted(lambda x: {**x, "w": x["w"].cumsum(1)})
    verdict = check(function, SPACE)
    assert (verdict.kind, verdict.moved, verdict.tensor) == ("not equivariant", {"h": [1, 0, 2, 3, 4]}, "w")
    assert verdict.batch == 1
    expected, found = shown_again(verdict, function, SPACE, capsys)
    assert f"expected {expected:.3g}"[:12] in verdict.message
    assert abs(expected - found) > 0.1
    assert verdict.to_json()["moved"] == verdict.moved
    assert "at (batch, h, k, channel) = " in verdict.message
    assert all(line in verdict.message for line in verdict.snippet.splitlines())


def test_snippets_of_invariants_and_of_other_targets(capsys):
    def first(x):
        return x["b"][:, 0]

    expected, found = shown_again(check(first, SPACE, invariant=True), first, SPACE, capsys)
    assert expected != found
    target = WeightSpace({"c": "k"}, sets={"k": 4})

    def ramp(x):
        return {"c": x["w"].mean(1) * torch.arange(4.0)[None, :, None]}

    expected, found = shown_again(check(ramp, SPACE, target=target), ramp, SPACE, capsys, target)
    assert expected != found


def test_the_batch_is_as_small_as_shows_it():
    mark = random_features(SPACE)["b"][2].sum()

    def third(x):
        found = (x["b"].sum((1, 2), keepdim=True) - mark).abs() < 1e-4
        return {**x, "b": torch.where(found, x["b"].cumsum(1), x["b"])}

    verdict = check(third, SPACE)
    assert (verdict.batch, verdict.entry[0]) == (3, 2)


def test_the_order_of_the_networks_is_told_from_their_permutations():
    verdict = check(lambda x: {**x, "b": torch.cat([x["b"][:2], x["b"][2:].cumsum(1)])}, SPACE)
    assert verdict.kind == "depends on the batch"


@pytest.mark.parametrize("size", [64, 200])
def test_failures_in_wide_sets_shrink_too(size):
    space = WeightSpace({"w": "h", "c": "k"}, sets={"h": size, "k": size})
    verdict = check(planted(lambda x: {**x, "c": torch.cat([x["c"][:, :-1], 2 * x["c"][:, -1:]], 1)}), space)
    moved = [place for place, image in enumerate(verdict.moved["k"]) if place != image]
    assert (list(verdict.moved), len(moved), moved[-1]) == (["k"], 2, size - 1)


def cumulated(values):
    return values.cumsum(1)


SMALL_THINGS = {
    "an imaginary part": lambda x: {**x, "b": torch.complex(x["b"], cumulated(x["b"]))},
    "one of two channels, far smaller": lambda x: {**x, "b": torch.cat([1e6 * x["b"], cumulated(x["b"])], -1)},
    "a truth value": lambda x: {**x, "b": cumulated(x["b"]) > 0},
    "a whole number": lambda x: {**x, "b": cumulated(x["b"]).long()},
}


@pytest.mark.parametrize("name", SMALL_THINGS)
def test_nothing_hides_in(name):
    assert check(SMALL_THINGS[name], SPACE).kind == "not equivariant"


def test_what_cannot_be_judged_is_told_so():
    assert check(lambda x: {**x, "b": (1e9 * x["b"]).sin().cumsum(1)}, SPACE).kind == "cannot be judged"
    verdict = check(lambda x: x["b"].sum(), SPACE, invariant=True)
    assert verdict.kind == "wrong shape"
    assert verdict.message == "the output has shape (), not (4, …): one row for each network"


@pytest.mark.parametrize("large", [1e4, 3e5])
def test_large_terms_that_cancel_are_not_held_against_a_function(large):
    def centred(x):
        return {**x, "b": (x["b"] + large) - (x["b"] + large).mean(1, keepdim=True)}

    assert check(centred, SPACE).passed
    assert not check(lambda x: {**x, "b": centred(x)["b"].cumsum(1)}, SPACE).passed


class Hidden(torch.nn.Module):
    """A memory that no state_dict shows, and one that shows late."""

    def __init__(self, late):
        super().__init__()
        self.register_buffer("seen", torch.zeros(()), persistent=False)
        self.late, self.calls = late, 0

    def forward(self, x):
        self.calls += 1
        if not self.late:
            self.seen += 1
        return {name: value * (1 if self.calls < 12 else self.calls) for name, value in x.items()} if self.late else x


def test_hidden_memories_are_found():
    assert check(Hidden(late=False), SPACE).kind == "changes its state"
    assert check(Hidden(late=True), SPACE).kind == "not deterministic"


def test_networks_may_not_look_at_the_first():
    def looking(x):
        return {**x, "b": torch.cat([x["b"][:1], x["b"][1:] + x["b"][:1].mean()])}

    assert check(looking, SPACE).kind == "depends on the batch"


def test_invariance():
    assert_invariant(lambda x: x["w"].amax((1, 2)), SPACE)
    with pytest.raises(AssertionError, match="not invariant"):
        assert_invariant(lambda x: x["b"][:, 0], SPACE)
    with pytest.raises(AssertionError, match="returned list"):
        assert_invariant(lambda x: [1], SPACE)


@given(weight_spaces(max_entries=60, max_diagrams=300, max_size=3))
def test_sound_layers_are_not_accused(space):
    for dtype in (torch.float32, torch.bfloat16, torch.float64):
        assert_equivariant(layergen.EquivariantLinear(space, 2, 3, dtype=dtype), space, examples=5, positional=True)


def test_emitted_rank_agrees_with_the_formula():
    spaces = [
        WeightSpace({"w": "h x", "v": "h h", "b": "h"}, sets={"h": 9}, free={"x": 2}),
        WeightSpace(
            {"q": "((head dk) + 2) d", "o": "d"}, sets={"head": 3, "d": 5, "dk": {"size": 4, "within": "head"}}
        ),
        WeightSpace({"w": "h h"}, sets={"h": 3}),
    ]
    for space in spaces:
        report = symmetry.verify(EquivariantMaps(space), proofs=(*PROOFS, by_emitted_rank))
        assert report.proofs == ("characters", "null space", "irreducibles", "emitted rank")
        assert all(finding.found is not None for finding in report.findings if finding.proof != "irreducibles")


def test_emitted_rank_sees_a_missing_map(monkeypatch):
    """A layer that lacks one pool must not pass for complete."""

    def without_last_pool(maps, *, limit):
        plan = lower(maps, limit=limit)
        mixes = tuple(replace(mix, pools=mix.pools[:-1]) if len(mix.pools) > 1 else mix for mix in plan.mixes)
        return replace(plan, mixes=mixes)

    monkeypatch.setattr("layergen.emission.generate.lower", without_last_pool)
    space = WeightSpace({"wide": "h k", "narrow": "h"}, sets={"h": 7, "k": 6})
    with pytest.raises(VerificationError, match="by emitted rank"):
        symmetry.verify(EquivariantMaps(space), proofs=(by_emitted_rank,))


def test_verification_raises_when_a_proof_disagrees():
    def wrong(maps, blocks):
        return [Finding("guess", block, block.dimension + 1, block.dimension) for block in blocks]

    with pytest.raises(VerificationError, match=r"w\[h k\] <- w\[h k\] has dimension 5 by guess, 4 by the formula"):
        symmetry.verify(EquivariantMaps(SPACE), proofs=(wrong,))


def test_oracle_plan_is_complete():
    plan = lower(EquivariantMaps(SPACE))
    assert plan.dimension == EquivariantMaps(SPACE).dimension
    assert plan.bias_dimension == EquivariantMaps(SPACE).bias_dimension


@pytest.mark.parametrize(
    ("axes", "sets", "wrong"),
    [
        ("k", {"k": 5}, lambda b: b.mean(1, keepdim=True) * torch.arange(5.0)[None, :, None]),
        (
            "h k",
            {"h": 5, "k": {"size": 3, "within": "h"}},
            lambda b: b[:, :, None] * torch.arange(3.0)[None, None, :, None],
        ),
    ],
)
def test_sets_that_only_the_target_has_are_permuted_too(axes, sets, wrong):
    source, target = WeightSpace({"b": "h"}, sets={"h": 5}), WeightSpace({"c": axes}, sets=sets)
    assert not check(lambda x: {"c": wrong(x["b"])}, source, target=target).passed
    assert check(layergen.EquivariantLinear(source, 2, 3, target=target), source, target=target).passed


def test_nothing_to_test_is_no_pass():
    assert "trivially" in check(lambda x: x, WeightSpace({"b": "x"}, free={"x": 3})).message
    with pytest.raises(ValueError, match="nothing to test"):
        check(lambda x: x, SPACE, channels=0)
    assert "no entries" in check(lambda x: x["b"][:0], SPACE, invariant=True).message


def test_rounding_of_what_is_zero_is_not_accused():
    def centred(x):
        return (x["b"] - x["b"].mean(1, keepdim=True)).mean(1)

    assert check(centred, SPACE, invariant=True).passed


def test_wide_layers_with_many_channels_are_not_accused():
    """Channels of one network alone may be small by chance, and products of other sizes round otherwise."""
    tensors = {
        "0.weight": "h1 x",
        "0.bias": "h1",
        "2.weight": "h2 h1",
        "2.bias": "h2",
        "4.weight": "y h2",
        "4.bias": "y",
    }
    space = WeightSpace(tensors, sets={"h1": 32, "h2": 32}, free={"x": 2, "y": 1})
    for seed in range(3):
        torch.manual_seed(seed)
        layer = layergen.EquivariantLinear(space, 64, 64)
        for features in range(3):
            assert_equivariant(layer, space, examples=3, seed=features)
            assert layergen.testing.sensitivity(layer, space, seed=features).passed


def test_failures_on_large_spaces_are_reported_in_few_words():
    """Hypothesis prints what it draws, and a dataclass by its fields: layouts and all, unless told otherwise."""
    space = symmetry.load(Path(__file__).parents[3] / "generated" / "resnet_block.toml")
    name = space.names[0]
    with pytest.raises(AssertionError, match="not invariant"):
        assert_invariant(lambda x: x[name].flatten(1)[:, :5], space)
    assert pretty(element := symmetry.random_element(space, 0)) == repr(element)
    assert pretty(space) == repr(space)


def first_by(factor):
    """The identity with one neuron off by a factor, in float32 only."""
    return lambda x: scaled(x, factor) if x["w"].dtype == torch.float32 else x


@pytest.mark.parametrize("factor", [1.02, 0.995])
def test_what_only_float32_does_is_not_excused(factor):
    verdict = check(planted(first_by(factor)), SPACE)
    assert (verdict.kind, verdict.moved) == ("not equivariant", {"h": [1, 0, 2, 3, 4]})
    assert check(planted(first_by(factor)), SPACE, dtype=torch.float64).passed


def test_rounding_of_many_operations_is_still_excused():
    def deep(x):
        b = x["b"]
        for _ in range(60):
            b = (b - b.mean(1, keepdim=True)) * 1.3 + b.sin().sum(1, keepdim=True) / 7
        return {**x, "b": b / b.square().mean((1, 2), keepdim=True).sqrt()}

    for seed in range(5):
        assert check(deep, SPACE, seed=seed).kind in ("equivariant", "cannot be judged")


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("error", [1e-3, 1e-5, 1.0])
def test_what_happens_only_sometimes_is_not_deterministic(seed, error):
    generator = torch.Generator().manual_seed(seed)

    def sometimes(x):
        return {**x, "b": x["b"] + error * torch.randint(0, 2, (), generator=generator)}

    assert check(sometimes, SPACE).kind == "not deterministic"


@pytest.mark.parametrize("size", [3, 4])
def test_a_function_that_only_even_permutations_leave_alone_is_not_equivariant(size):
    space = WeightSpace({"b": "h"}, sets={"h": size})

    def alternating(x):
        differences = x["b"][:, :, None] - x["b"][:, None, :]
        first, second = torch.triu_indices(size, size, 1)
        return {"b": x["b"] + differences[:, first, second].prod(1, keepdim=True)}

    verdict = check(alternating, space)
    assert (verdict.kind, verdict.moved) == ("not equivariant", {"h": [1, 0, *range(2, size)]})
