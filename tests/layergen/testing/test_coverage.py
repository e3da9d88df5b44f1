"""Coverage: complete layers are complete, and what is planted in others is counted and named."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from layergen import EquivariantLinear, InvariantLinear
from layergen.drawing import diagram_gallery
from layergen.testing import coverage
from symmetry import EquivariantMaps, SpecificationError, WeightSpace, load
from symmetry.strategies import weight_spaces
from tests.layergen.cli.commands import fill, run

SPACE = WeightSpace({"w": "h x", "b": "h", "s": "h h"}, sets={"h": 4}, free={"x": 2})
DEEP_SETS = WeightSpace({"b": "h"}, sets={"h": 4})


@given(weight_spaces(max_entries=40, max_diagrams=150, max_size=3))
@settings(max_examples=25)
def test_our_layers_reach_everything_once(space):
    found = coverage(EquivariantLinear(space, 1, 1), space)
    maps = EquivariantMaps(space)
    assert found.passed, str(found)
    assert (found.linear.dimension, found.bias.dimension) == (maps.dimension, maps.bias_dimension)
    assert (found.linear.redundancy, found.bias.redundancy) == (0, 0)
    assert found.linear.missing == found.linear.tied == found.bias.missing == ()


def test_channels_invariants_and_other_targets():
    found = coverage(EquivariantLinear(SPACE, 2, 3), SPACE)
    dimension = EquivariantMaps(SPACE).dimension
    assert (found.linear.rank, found.linear.dimension, found.channels) == (6 * dimension, 6 * dimension, (2, 3))
    found = coverage(InvariantLinear(SPACE, 2, 3), SPACE, invariant=True)
    assert (found.linear.rank, found.bias.rank, found.passed) == (6 * 5, 3, True)
    target = WeightSpace({"c": "h", "k": "k"}, sets={"h": 4, "k": 3})
    assert coverage(EquivariantLinear(SPACE, 1, 1, target=target), SPACE, target=target).passed


class DeepSets(nn.Module):
    """x and its mean, each with a weight, and a bias."""

    def __init__(self, tied=False, redundant=False):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(1 if tied else 2))
        self.extra = nn.Parameter(torch.randn(3)) if redundant else torch.zeros(3)
        self.bias = nn.Parameter(torch.randn(()))

    def forward(self, x):
        own, mean = self.weight[0] + self.extra[0], self.weight[-1] + self.extra[1]
        return {"b": own * x["b"] + mean * x["b"].mean(1, keepdim=True) + self.bias + self.extra[2]}


def test_redundant_and_tied_parameters_are_counted():
    assert coverage(DeepSets(), DEEP_SETS).passed
    assert coverage(DeepSets(), DEEP_SETS).linear_in_parameters
    redundant = coverage(DeepSets(redundant=True), DEEP_SETS)
    assert redundant.passed
    assert (redundant.linear.parameters, redundant.linear.redundancy) == (4, 2)
    assert (redundant.bias.parameters, redundant.bias.redundancy) == (2, 1)
    tied = coverage(DeepSets(tied=True), DEEP_SETS)
    assert (tied.linear.rank, tied.linear.dimension, tied.is_complete) == (1, 2, False)
    assert [str(one) for one in tied.linear.tied] == ["b[h] <- b[h]", "b[h] <- b[h']"]
    assert tied.linear.missing == ()


@pytest.mark.parametrize("name", ["mix", "mix_h", "mix_h_h"])
def test_each_zeroed_row_of_a_layer_is_missed(name):
    """Every row of every mix is a pool: without it its diagrams, and no others, are gone."""
    layer = EquivariantLinear(SPACE, 1, 1)
    for row in range(getattr(layer, name).shape[0]):
        found = coverage(Without(layer, name, row), SPACE)
        gone = [str(one) for one in found.linear.missing]
        assert len(gone) == getattr(layer, name).shape[1] == found.linear.dimension - found.linear.rank
        assert len({one.split("<-")[1].split("[")[0] for one in gone}) == 1
        assert found.is_equivariant
        assert found.linear.tied == ()


class Without(nn.Module):
    """A layer with a row of a matrix held at zero."""

    def __init__(self, layer, name, row):
        super().__init__()
        self.layer, self.name, self.row = layer, name, row

    def forward(self, x):
        weights = dict(self.layer.named_parameters())
        mask = torch.ones_like(weights[self.name])
        mask[self.row] = 0
        return torch.func.functional_call(self.layer, weights | {self.name: weights[self.name] * mask}, (x,))


def test_what_is_not_equivariant_is_measured_by_block():
    class Stray(DeepSets):
        def forward(self, x):
            return {"b": super().forward(x)["b"] + torch.tensor([1.0, 0, 0, 0]).double()[:, None] * self.weight[0]}

    found = coverage(Stray(), DEEP_SETS)
    assert found.stray.keys() == {("b", "")}
    assert 0.1 < found.stray["b", ""] < 1
    assert not found.passed

    def first(x):
        return {"b": x["b"][:, :1].expand(-1, 4, -1)}

    found = coverage(first, DEEP_SETS)
    # The map e_i <- x_0 of norm 2 has its mean 1/4 in every entry, of norm 1.
    assert found.stray["b", "b"] == pytest.approx(3**0.5 / 2)
    assert "not equivariant: b <- b, 0.866 of its norm" in str(found)


def test_what_is_not_linear_is_said():
    found = coverage(lambda x: {"b": x["b"].tanh()}, DEEP_SETS)
    assert not found.is_linear
    assert "not linear: off by" in str(found)
    assert not coverage(lambda x: {"b": x["b"].relu()}, DEEP_SETS).is_linear
    with pytest.raises(AssertionError, match="'b' is not finite on an input of zeros"):
        coverage(lambda x: {"b": x["b"] / x["b"].norm(dim=1, keepdim=True)}, DEEP_SETS)
    assert coverage(lambda x: {"b": 3 * x["b"] + 1}, DEEP_SETS).is_linear


def test_a_function_has_one_map():
    found = coverage(lambda x: {"b": x["b"] - x["b"].mean(1, keepdim=True)}, DEEP_SETS)
    assert (found.linear.rank, found.linear.dimension, found.bias.rank, found.parameters) == (1, 2, 0, 0)
    assert [str(one) for one in found.linear.tied] == ["b[h] <- b[h]", "b[h] <- b[h']"]
    assert [str(one) for one in found.bias.missing] == ["b[h] <- invariant[]"]
    assert "missing: b[h] <- (bias)" in str(found)


def test_parameters_may_enter_as_they_like():
    class Low(nn.Module):
        """A product of two matrices of channels: not linear in its parameters, and it spans all the same."""

        def __init__(self):
            super().__init__()
            self.left, self.right = (nn.Parameter(torch.randn(3, 1)) for _ in range(2))

        def forward(self, x):
            matrix = self.left @ self.right.T
            return {"b": x["b"] @ matrix + x["b"].mean(1, keepdim=True) @ matrix.exp()}

    found = coverage(Low(), DEEP_SETS, channels=3)
    assert (found.linear.rank, found.linear.dimension, found.linear_in_parameters) == (18, 18, False)
    assert not found.is_complete


def test_sizes_shrink_and_say_so():
    wide = WeightSpace({"w": "h k", "b": "h"}, sets={"h": 300, "k": 200})
    found = coverage(lambda space: EquivariantLinear(space, 1, 1), wide, shrink=True)
    assert found.sizes == {"h": 2, "k": 2}
    assert found.passed
    target = WeightSpace({"c": "k"}, sets={"k": 200})
    found = coverage(lambda space, into: EquivariantLinear(space, 1, 1, target=into), wide, target=target, shrink=True)
    assert found.passed
    found = coverage(lambda space: InvariantLinear(space, 1, 1), wide, invariant=True, shrink=True)
    assert (found.linear.dimension, found.passed) == (2, True)


def test_what_cannot_be_judged():
    with pytest.raises(AssertionError, match="not deterministic"):
        coverage(lambda x: {"b": torch.rand_like(x["b"])}, DEEP_SETS)
    with pytest.raises(AssertionError, match="not features of"):
        coverage(lambda x: {}, DEEP_SETS)
    large = WeightSpace({"w": "h k x", "v": "k h x"}, sets={"h": 4, "k": 4}, free={"x": 20})
    with pytest.raises(SpecificationError, match="6,400 dimensions, more than the 5,000 that are compared"):
        coverage(lambda x: x, large)


def test_progress_sees_every_map():
    for layer in (DeepSets(), lambda x: x):
        seen, count = watched(layer, DEEP_SETS)
        assert seen == list(range(count))
        assert count == (1 if callable(layer) and not isinstance(layer, nn.Module) else 2 + 8)


def watched(layer, space):
    """The maps that progress saw, and the number of maps that it was told."""
    seen, told = [], []

    def watch(numbers, count):
        told.append(count)
        for number in numbers:
            seen.append(number)
            yield number

    coverage(layer, space, progress=watch)
    return seen, *told


def test_maps_that_share_no_parameter_are_looked_at_one_by_one():
    """The draws are as many as one pair of channels needs, not as 256 pairs together: those took more than a minute."""
    space = WeightSpace({"w": "h x", "b": "h"}, sets={"h": 4}, free={"x": 2})
    seen, count = watched(EquivariantLinear(space, 16, 16), space)
    assert len(seen) == count < 30
    found = coverage(EquivariantLinear(space, 16, 16), space)
    assert (found.linear.rank, found.linear.dimension, found.contracted, found.passed) == (4608, 4608, False, True)


class Combined(nn.Module):
    """Deep sets from two channels to two; each of the eight coefficients is a combination of some parameters.

    Of the combinations `hidden` are such that no gradient shows them.
    """

    in_channels = 2

    def __init__(self, combinations, hidden):
        super().__init__()
        self.register_buffer("combinations", torch.tensor(combinations, dtype=torch.float64))
        self.register_buffer("hidden", torch.tensor(hidden))
        self.parameter = nn.Parameter(torch.randn(self.combinations.shape[1]))

    def forward(self, x):
        values = torch.where(self.hidden, self.parameter.detach(), self.parameter)
        own, mean = (self.combinations * values).sum(1).view(2, 2, 2)
        return {"b": x["b"] @ own + x["b"].mean(1, keepdim=True) @ mean}


def combinations(coefficients, parameters):
    """Matrices of zeros, ones and twos with more zeros, `(coefficients, parameters)`, or flags of the same shape."""
    return st.lists(
        st.lists(st.sampled_from([0, 0, 1, 2]), min_size=parameters, max_size=parameters),
        min_size=coefficients,
        max_size=coefficients,
    )


@given(st.integers(1, 9).flatmap(lambda count: st.tuples(combinations(8, count), combinations(8, count))))
@settings(max_examples=60)
def test_rank_and_ties_are_those_of_the_combinations(drawn):
    matrix, hidden = np.array(drawn[0], dtype=float), np.array(drawn[1]) == 2
    found = coverage(Combined(matrix, hidden), DEEP_SETS)
    assert found.linear.rank == np.linalg.matrix_rank(matrix)
    alone = [np.linalg.matrix_rank(np.c_[matrix, unit]) == np.linalg.matrix_rank(matrix) for unit in np.eye(8)]
    gone = [not rows.any() for rows in matrix.reshape(2, 4, -1)]
    names = ["b[h] <- b[h]", "b[h] <- b[h']"]
    whole = np.reshape(alone, (2, 4)).all(axis=1)
    assert [str(one) for one in found.linear.missing] == [name for name, none in zip(names, gone, strict=True) if none]
    expected = [name for name, none, all_of in zip(names, gone, whole, strict=True) if not none and not all_of]
    assert [str(one) for one in found.linear.tied] == expected


LAYERS = """
import torch
from layergen import EquivariantLinear

def whole(space): return EquivariantLinear(space, 1, 1)
def local(space): return EquivariantLinear(space, 1, 1, terms="local")
def noisy(x): return {name: value + torch.rand(()) for name, value in x.items()}
def identity(x): return x
"""


def test_on_the_command_line(tmp_path, monkeypatch):
    fill(tmp_path, monkeypatch)
    Path("layers.py").write_text(LAYERS)
    result = run("coverage", "layers.py:whole", "mlp.toml", "--shrink")
    assert result.exit_code == 0, result.output
    assert ["linear", "maps", "114", "114", "114", "0"] in [line.split() for line in result.stdout.splitlines()]
    assert "every equivariant linear map, and nothing else" in result.stdout
    result = run("coverage", "layers.py:local", "mlp.toml", "--shrink", "--json", "--draw", "gaps.svg")
    assert result.exit_code == 1
    found = json.loads(result.stdout)
    local = EquivariantMaps(load("mlp.toml"), terms="local")
    reached = found["linear"]["rank"], found["linear"]["dimension"] - len(found["linear"]["missing"])
    assert (found["passed"], found["linear"]["dimension"], *reached) == (False, 114, local.dimension, local.dimension)
    # The picture has a panel for each block that is left out: each has one diagram, its free values left open.
    left_out = [(t.name, s.name) for t in local.target for s in local.source if not local.includes(t, s)]
    assert Path("gaps.svg").read_text().count("missing: ") == len(left_out)
    result = run("coverage", "layers.py:identity", "mlp.toml")
    assert result.exit_code == 1
    assert "incomplete: 122 dimensions short" in result.stdout
    assert "Reached only in combination" in result.stdout
    result = run("coverage", "layers.py:noisy", "mlp.toml")
    assert result.exit_code == 2
    assert "cannot be judged: the function is not deterministic" in result.stderr


def test_check_with_sensitivity_and_forms(tmp_path, monkeypatch):
    fill(tmp_path, monkeypatch)
    Path("layers.py").write_text(LAYERS + "def vector(v): return 2 * v\n")
    result = run("check", "layers.py:identity", "mlp.toml", "--sensitivity")
    assert result.exit_code == 1
    assert "more symmetric than declared: equivariant to permuting the free index 'x'" in result.stdout
    found = json.loads(run("check", "layers.py:identity", "mlp.toml", "--sensitivity", "--json").stdout)
    assert (found["passed"], found["kind"], found["sensitivity"]["kind"]) == (False, "equivariant", "more symmetric")
    assert run("check", "layers.py:vector", "mlp.toml", "--form", "flat").exit_code == 0
    assert run("check", "layers.py:vector", "mlp.toml", "--form", "nonsense").exit_code == 2


def test_a_gallery_of_gaps():
    block = EquivariantMaps(SPACE).block("s", "s")
    figure = diagram_gallery({"missing": list(block)[:2], "only in combination": list(block)[2:3]})
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert "Diagrams: 2 missing, 1 only in combination" in texts
    assert texts.count("missing: s ← s") == 2


def test_many_channels_are_seen_from_one_direction():
    layer = EquivariantLinear(SPACE, 10, 9)
    found = coverage(layer, SPACE)
    dimension = EquivariantMaps(SPACE).dimension
    assert (found.contracted, found.passed) == (True, True)
    assert (found.linear.dimension, found.linear.rank, found.parameters) == (
        dimension,
        dimension,
        5 * 9 + dimension * 90,
    )
    gone = coverage(Without(layer, "mix_h", 0), SPACE, channels=10)
    assert (gone.linear.missing, gone.is_complete) == ((), False), "one input channel of a pool is no diagram"
    gone = coverage(Without(layer, "mix_h", slice(10)), SPACE, channels=10)
    assert gone.linear.dimension - gone.linear.rank == len(gone.linear.missing) == layer.mix_h.shape[1] // 9


class Borrowed(nn.Module):
    """A layer that computes one of its parameters from the others, and has parameters to spare."""

    def __init__(self, channels, name, borrow):
        super().__init__()
        self.in_channels, self.layer = channels, EquivariantLinear(SPACE, channels, channels)
        self.name, self.borrow, self.spare = name, borrow, nn.Parameter(torch.zeros(100))

    def forward(self, x):
        weights = dict(self.layer.named_parameters())
        weights[self.name] = self.borrow(weights)
        out = torch.func.functional_call(self.layer, weights, (x,))
        return {name: value + self.spare.sum() for name, value in out.items()}


BORROWED = {
    "the transpose by the same weights, channels rolled": (
        "mix_h_h",
        lambda own: torch.cat([own["mix_h_h"].chunk(2)[0], own["mix_h_h"].chunk(2)[0].roll(1, 1)]),
    ),
    "one weight for two pairs of channels": (
        "mix_h_h",
        lambda own: torch.cat([own["mix_h_h"].flatten()[:-1], own["mix_h_h"].flatten()[:1]]).view_as(own["mix_h_h"]),
    ),
    "a bias that is a function of the weights": ("bias", lambda own: own["mix"].flatten()[: len(own["bias"])]),
}


@pytest.mark.parametrize("channels", [2, 9])
@pytest.mark.parametrize("name", BORROWED)
def test_incomplete_combinations_are_seen_with_few_channels_and_with_many(name, channels):
    found = coverage(Borrowed(channels, *BORROWED[name]), SPACE)
    assert found.contracted == (channels == 9)
    assert found.linear_in_parameters
    assert found.is_equivariant
    assert not found.passed
    assert found.fits is (False if found.contracted else None)
    assert "incomplete" in str(found) or "only in combination" in str(found)


def test_what_is_not_declared_of_few_channels_is_not_held_against_many():
    for layer, options in (
        (EquivariantLinear(SPACE, 9, 9), {}),
        (InvariantLinear(SPACE, 32, 32), {"invariant": True}),
    ):
        found = coverage(layer, SPACE, **options)
        assert (found.contracted, found.fits, found.passed) == (True, True, True)


def test_biases_and_maps_are_judged_together():
    class Shared(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.randn(2))

        def forward(self, x):
            own, mean = self.weight
            return {"b": own * x["b"] + mean * x["b"].mean(1, keepdim=True) + own}

    found = coverage(Shared(), DEEP_SETS)
    assert (found.linear.rank, found.bias.rank, found.rank, found.passed) == (2, 1, 2, False)
    assert [str(one) for one in (*found.linear.tied, *found.bias.tied)] == ["b[h] <- b[h]", "b[h] <- invariant[]"]
    assert "maps and biases share parameters: 2 dimensions together" in str(found)


def test_a_module_that_takes_any_width_is_shrunk_as_it_is():
    wide = SPACE.resized({"h": 50})
    found = coverage(EquivariantLinear(wide, 1, 1), wide, shrink=True)
    assert (found.passed, found.sizes) == (True, {"h": 4})


def test_memory_is_bounded_by_small_steps(monkeypatch):
    batches = []

    def identity(x):
        batches.append(len(x["b"]))
        return x

    monkeypatch.setattr(sys.modules["layergen.testing.directions"], "AT_ONCE", 100)
    whole = coverage(identity, SPACE)
    assert set(batches) == {1, 2, 3, 4}, "zero, three probes at a time or what is left of them, four networks"
    monkeypatch.undo()
    assert coverage(lambda x: x, SPACE) == whole


class Part(nn.Module):
    """A layer whose output, or whose parameters, are not what they seem."""

    in_channels = 2

    def __init__(self, change):
        super().__init__()
        self.layer, self.change = EquivariantLinear(SPACE, 2, 64), change
        self.unused = nn.Parameter(torch.zeros(20_000))

    def forward(self, x):
        out = self.layer(x)
        return out | {"b": self.change(out["b"])}


def test_no_output_channel_is_out_of_sight():
    def one_wrong(values):
        return torch.cat([values[..., :40], values[..., 40:41].cumsum(1), values[..., 41:]], dim=-1)

    def some_dead(values):
        return torch.cat([values[..., :40], 0 * values[..., 40:]], dim=-1)

    whole = coverage(Part(lambda values: values), SPACE)
    assert (whole.passed, whole.contracted) == (True, True)
    assert not coverage(Part(one_wrong), SPACE).is_equivariant
    assert not coverage(Part(some_dead), SPACE).is_complete, "unused parameters make up for nothing"


def test_what_is_not_trained_reaches_nothing():
    found = coverage(nn.Sequential(EquivariantLinear(SPACE, 1, 1)).requires_grad_(False), SPACE)
    assert (found.linear.rank, found.parameters, found.linear.redundancy) == (1, 0, None)


def test_blocks_of_very_different_size_are_all_seen():
    class Uneven(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = EquivariantLinear(SPACE, 1, 1)

        def forward(self, x):
            out = self.layer(x)
            return out | {"w": 1e-9 * out["w"]}

    assert coverage(Uneven(), SPACE).passed


def test_too_large_a_space_is_refused_at_once():
    wide = WeightSpace({"w": "h k"}, sets={"h": 300, "k": 300})
    with pytest.raises(SpecificationError, match="--shrink"):
        coverage(EquivariantLinear(wide, 1, 1), wide)


def test_three_deep_nesting_is_kept_apart():
    from layergen.testing import sensitivity

    sets = {"a": 3, "b": {"size": 3, "within": "a"}}
    deep = WeightSpace({"t": "a b c"}, sets=sets | {"c": {"size": 4, "within": "b"}})
    flat = WeightSpace({"t": "a bc"}, sets={"a": 3, "bc": {"size": 12, "within": "a"}})
    layer = EquivariantLinear(flat, 1, 1)

    def loose(x):
        return {"t": layer({"t": x["t"].flatten(2, 3)})["t"].relu().unflatten(2, (3, 4))}

    assert "exchanging an element of 'c' in one 'b' for one in another" in sensitivity(loose, deep).message
