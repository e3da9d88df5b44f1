"""The benchmarks' parts: that what is compared computes what it says, and that figures are put together right.

No test here is about how long something takes.
"""

import json
import platform
import random
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from hypothesis import assume, given
from typer.testing import CliRunner

import tests
from benchmarks.__main__ import application
from benchmarks.contenders import FLOOR, LITERAL, OURS, Case, contenders
from benchmarks.floors import FreeMixing
from benchmarks.fresh import derivation
from benchmarks.measuring import all_cases, all_sweeps, measure
from benchmarks.memory import peak, peak_bytes
from benchmarks.nfn_layers import LAYERS, NfnLayer, channels_first, is_chain
from benchmarks.operators import FREE_SWIFT_FLOOR, KINDS, VIEWS, WHOLE, Traffic, measured, operator_cases
from benchmarks.pieces import run
from benchmarks.results import MODES, RATIOS, SWEEP_RATIOS, Ratio
from benchmarks.spaces import cnn, gpt2, perceptron, transformer
from benchmarks.tables import Cell, Grid, case_grids, markdown, number, sweep_grid
from benchmarks.term_by_term import TermByTerm
from benchmarks.timing import Timing, interleaved
from layergen import EquivariantLinear, InvariantLinear
from layergen.nn import PerTensorLinear
from symmetry import WeightSpace
from symmetry.kinds.positional import OrderedIndex
from symmetry.strategies import weight_spaces
from tests.generated.architectures import CNN
from tests.layergen.oracle import features
from tests.test_imports import ROOT

TINY = Case("tiny", "a tiny perceptron", perceptron(2, [3, 4], 1), batch=2, channels=3)
HEADS = WeightSpace(
    {"qkv": "((head dk) + (head dk) + 2) d", "out": "d (head dk)", "pair": "d d", "b": "d"},
    sets={"d": 3, "head": 2, "dk": {"size": 2, "within": "head"}},
)


def assert_same(left, right):
    assert left.keys() == right.keys()
    for name, value in left.items():
        torch.testing.assert_close(value, right[name], rtol=1e-10, atol=1e-10)


def randomised(space, **options):
    """A layer in float64 whose biases are not zero."""
    layer = EquivariantLinear(space, 2, 3, dtype=torch.float64, **options)
    torch.nn.init.normal_(layer.bias)
    return layer


@given(weight_spaces(kinds=("free", "positional"), max_entries=60, max_diagrams=300, max_size=3))
def test_term_by_term_is_the_same_map(space):
    assume(not any(isinstance(index, OrderedIndex) for index in space.indices))  # neighbours are more than a pool
    layer = randomised(space)
    literal, x = TermByTerm.like(layer), features(space, 2, 2)
    assert_same(literal(x), layer(x))
    assert sum(p.numel() for p in literal.parameters()) == sum(p.numel() for p in layer.parameters())


@pytest.mark.parametrize("target", [None, WeightSpace({"v": "d 2", "s": ""}, sets={"d": 3})])
def test_term_by_term_to_other_targets_and_its_gradients(target):
    layer = randomised(HEADS, target=target)
    x = {name: value.requires_grad_() for name, value in features(HEADS, 2, 2).items()}
    outputs = [TermByTerm.like(layer)(x), layer(x)]
    assert_same(*outputs)
    gradients = [torch.autograd.grad(sum(v.square().sum() for v in out.values()), list(x.values())) for out in outputs]
    assert_same(*(dict(zip(x, values, strict=True)) for values in gradients))


def test_term_by_term_to_invariants_and_of_bounded_rank():
    layer, x = InvariantLinear(HEADS, 2, 3, dtype=torch.float64), features(HEADS, 2, 2)
    assert_same(TermByTerm.like(layer)(x), {"invariant": layer(x)})
    with pytest.raises(ValueError, match="not one a mix"):
        TermByTerm.like(EquivariantLinear(HEADS, 2, 3, rank=1))


def test_every_term_counts():
    layer = randomised(HEADS)
    literal, x = TermByTerm.like(layer), features(HEADS, 2, 2)
    for parameter in random.Random(0).sample(list(literal.parameters()), 20):
        with torch.no_grad():
            parameter += 0.1
        with pytest.raises(AssertionError):
            assert_same(literal(x), layer(x))
        with torch.no_grad():
            parameter -= 0.1


def test_free_mixing_by_hand():
    space = WeightSpace({"w": "3 x c", "v": "y c", "b": "c"}, sets={"c": 4}, free={"x": 2, "y": 5})
    floor, x = FreeMixing(space, 2, 3).double(), features(space, 2, 2)
    out, (w, v, b) = floor(x), (weight.detach() for weight in floor.weights)
    assert_same(
        {name: value.detach() for name, value in out.items()},
        {
            "w": torch.einsum("bkxci,kxijyo->bjyco", x["w"], w.unflatten(0, (3, 2, 2)).unflatten(-1, (3, 2, 3))),
            "v": torch.einsum("byci,yizo->bzco", x["v"], v.unflatten(0, (5, 2)).unflatten(-1, (5, 3))),
            "b": x["b"] @ b,
        },
    )
    heads, plain = FreeMixing(HEADS, 2, 3).double(), PerTensorLinear(HEADS, 2, 3).double()
    plain.load_state_dict({"weight": torch.stack(list(heads.weights)), "bias": torch.stack(list(heads.biases))})
    assert_same(heads(features(HEADS, 2, 2)), plain(features(HEADS, 2, 2)))


@pytest.mark.parametrize("kind", LAYERS)
@pytest.mark.parametrize("space", [perceptron(2, [3, 4], 1), perceptron(2, [3] * 5, 2), cnn(batch_norm=False)])
def test_nfn_takes_our_weights(kind, space):
    assert is_chain(space)
    layer = NfnLayer(kind, space, 2, 3)
    out = layer(channels_first(space, 2, 2))
    assert {name: tuple(value.shape) for name, value in out.items()} == {
        tensor.name: (2, 3, *tensor.shape) for tensor in space
    }


def test_nfn_is_not_asked_for_what_it_has_not():
    assert not is_chain(cnn(batch_norm=True))
    assert not is_chain(transformer())
    assert not is_chain(HEADS)
    assert not is_chain(WeightSpace({"w": "h x", "b": "h"}, sets={"h": 3}, free={"x": 2}))
    assert not is_chain(WeightSpace({"w": "h x", "b": "h", "v": "k k", "c": "k"}, sets={"h": 3, "k": 3}, free={"x": 2}))


def test_nfn_brings_a_package_of_tests_that_is_not_ours():
    assert Path(tests.__file__) == ROOT / "tests" / "__init__.py"


def test_spaces_are_those_of_the_networks():
    assert len(gpt2()) == 148
    assert Case("", "", gpt2(), 1, 1).weights == 124_439_808
    encoder = torch.nn.TransformerEncoder(torch.nn.TransformerEncoderLayer(64, 4, 128), 2, enable_nested_tensor=False)
    assert transformer().shapes == {name: tuple(value.shape) for name, value in encoder.state_dict().items()}
    network = CNN({"colour": 3, "c1": 16, "c2": 32, "c3": 32, "y": 10}).state_dict()
    found = {name: tuple(value.shape) for name, value in network.items() if "num_batches" not in name}
    assert cnn(batch_norm=True).shapes == found
    for case in (*all_cases(), *(point for sweep in all_sweeps().values() for point in sweep)):
        assert case.feature_bytes < 2**28


class Machine:
    """A clock that stands still but for actions that take a known time, and a list of what ran."""

    def __init__(self):
        self.now, self.ran = 0.0, []

    def action(self, name, seconds):
        def act():
            self.now += seconds
            self.ran.append(name)

        return act

    def clock(self):
        return self.now


def test_interleaving_shares_time_evenly():
    machine = Machine()
    actions = {"fast": machine.action("fast", 1), "slow": machine.action("slow", 10)}
    timings = interleaved(actions, 100, least=3, warm_up=2, clock=machine.clock)
    assert machine.ran[:4] == ["fast", "fast", "slow", "slow"]
    assert timings["slow"].samples == (10,) * len(timings["slow"].samples)
    counted = machine.ran[4:]
    assert {name: len(timing.samples) for name, timing in timings.items()} == {
        name: counted.count(name) for name in actions
    }
    assert 45 <= counted.count("fast") <= 60
    assert 4 <= counted.count("slow") <= 6
    assert not any(pair == ("slow", "slow") for pair in pairwise(counted))


def test_slow_actions_are_timed_often_enough():
    machine = Machine()
    actions = {"fast": machine.action("fast", 1), "slow": machine.action("slow", 1000)}
    timings = interleaved(actions, 2, least=4, warm_up=0, clock=machine.clock)
    assert len(timings["slow"].samples) == 4
    assert len(timings["fast"].samples) >= 4


def test_timings_by_hand():
    record = Timing((0.003, 0.001, 0.1, 0.002)).record()
    assert record == pytest.approx(
        {"median_ms": 2.5, "lower_ms": 1.25, "upper_ms": 75.75, "fastest_ms": 1, "samples": 4}
    )
    assert Timing((0.5,)).record()["upper_ms"] == 500


def test_peaks_by_hand():
    assert peak([]) == 0
    assert peak([4, 4, -4, 2, -6]) == 8
    before = torch.zeros(1000)
    assert peak_bytes(lambda: before + 1) == pytest.approx(4000, abs=64)
    assert peak_bytes(lambda: (before + 1).sum()) == pytest.approx(4000, abs=64)
    assert peak_bytes(lambda: (before + 1) + 2) == pytest.approx(8000, abs=64)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library")
def test_kept_memory_is_not_fetched_again():
    code = """
import sys, resource
if sys.argv[1] == "keep":
    from benchmarks.allocator import keep_memory
    assert keep_memory()
for _ in range(5):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    b"x" * (20_000_000 * len(sys.argv))
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""
    faults = [int(run(["-c", code, mode])) for mode in ("keep", "default")]
    assert 2 * faults[0] < faults[1]


def test_ratios_by_hand():
    most, least, none = Ratio("r", "a", "b", most=2), Ratio("r", "a", "b", least=5), Ratio("r", "a", "b")
    assert (most.target, least.target, none.target) == ("≤ 2", "≥ 5", "")
    assert (most.met(2.0), most.met(2.1), least.met(5.0), least.met(4.9), none.met(1)) == (
        True,
        False,
        True,
        False,
        None,
    )
    assert [number(value) for value in (None, 123.4, 12.34, 1.234, 0.957, 0.0357)] == [
        "–", "123", "12.3", "1.23", "0.96", "0.036",
    ]  # fmt: skip
    grid = Grid("t", ("", "x"), ((Cell("a"), Cell("1", True)), (Cell("b"), Cell("2", False))))
    assert markdown(grid) == "|  | x |\n| --- | ---: |\n| a | 1 |\n| b | *2* |\n"


def test_contenders_take_gradients_for_everything():
    for name, one in contenders(TINY).items():
        out, gradients = one.forward_backward()
        assert len(out) == len(TINY.space)
        reached = [gradient is not None for gradient in gradients]
        assert all(reached[: len(TINY.space)])
        if name in (FLOOR, OURS, LITERAL):
            assert all(reached)
        assert not any(value.requires_grad for value in one.forward().values())


def test_a_case_is_measured():
    one = measure(TINY, 0.01, 2)
    assert set(one.timings) == set(MODES)
    assert {name for timings in one.timings.values() for name in timings} == set(one.memory) == set(one.parameters)
    floor, ours = (one.milliseconds("forward", name) for name in (FLOOR, OURS))
    assert one.ratio("forward", RATIOS[0]) == pytest.approx(ours / floor)
    assert one.ratio("forward", RATIOS[1]) is None
    assert one.parameters[OURS] == EquivariantLinear(TINY.space, 1, 1).DIMENSION * 9 + 7 * 3
    assert 1 < one.memory[FLOOR] < one.memory[LITERAL]
    forward, both = case_grids([one])
    assert [row[0].text for row in both.rows] == [
        "floor, ms",
        "multiplications / floor's",
        *(ratio.title for ratio in RATIOS),
        "peak memory / features",
    ]
    assert {row[0].text: row[2].text for row in forward.rows}["compiled / floor"] == "–"
    # Cores (), h1, h2 and (h1 h2) of a 2-3-4-1 perceptron, which has 30 weights.
    assert one.work == (7 * 7 + 3 * 4 * 4 + 4 * 3 * 3 + 12) / 30
    assert len(sweep_grid("width", [one, one]).rows) == 2


def test_derivation_is_reported():
    found = derivation(perceptron(2, [3, 4], 1))
    assert (found["dimension"], found["bias_dimension"], found["tensors"]) == (75, 7, 6)
    assert found["lines"] > 100
    assert found["peak_mib"] > 1


def test_from_the_command_line(tmp_path):
    arguments = ["--quick", "--only", "inr,width", "--default-malloc", "--out", str(tmp_path)]
    done = CliRunner().invoke(application, arguments, catch_exceptions=False)
    assert done.exit_code == 0
    assert "ours / floor" in done.output
    record = json.loads((tmp_path / "results.json").read_text())
    assert record.keys() == {"machine", "quick", "seconds", "cases", "sweeps"}
    assert record["machine"].keys() >= {"cpu", "cores", "threads", "torch", "load"}
    (case,) = record["cases"]
    assert case["times"]["forward_backward"]["HNPLinear"]["samples"] >= 2
    assert case["ratios"]["forward"].keys() == {ratio.title for ratio in (*RATIOS, *SWEEP_RATIOS)}
    assert [point["weights"] for point in record["sweeps"]["width"]] == [337, 1185]
    assert (tmp_path / "width.png").read_bytes().startswith(b"\x89PNG")
    assert "| ours / floor | ≤ 2 |" in (tmp_path / "table.md").read_text()


def test_unknown_names_are_refused(tmp_path):
    done = CliRunner().invoke(application, ["--only", "inr,nonsense", "--out", str(tmp_path / "out")])
    assert done.exit_code == 2
    assert "nonsense" in done.output
    assert not (tmp_path / "out").exists()


def test_passes_over_memory_are_those_of_what_is_read_and_written():
    x, row = torch.ones(4, 8), torch.ones(8)
    with Traffic() as traffic:
        x @ torch.ones(8, 8)
        (x + row.expand(4, 8)).sum(0)
        x.t().view(2, 4, 4)
    assert traffic.bytes == {"product": 4 * (32 + 64 + 32), "add": 4 * (32 + 8 + 32), "sum": 4 * (32 + 8)}
    assert (traffic.calls["product"], traffic.calls["add"], traffic.calls["sum"]) == (1, 1, 1)


def test_operators_are_counted_forwards_and_backwards():
    found = measured(TINY, runs=1)
    for one in found.values():
        for shares in one.values():
            assert list(shares) == [*KINDS, VIEWS, WHOLE]
            assert shares[WHOLE].passes == sum(shares[name].passes for name in (*KINDS, VIEWS))
            assert shares["product"].passes > 1
            assert all(
                share.microseconds >= 0 and not (share.calls and share.microseconds == 0)
                for name, share in shares.items()
                if name != WHOLE
            )
    assert FREE_SWIFT_FLOOR in found, "two inputs mix"
    ours = found[OURS]
    assert ours["forward"]["sum"].calls == 4, "two means of the matrix, one of each hidden layer's pools"
    assert ours["backward"]["copy"].passes < ours["forward"]["product"].passes
    assert len({case.name for case in operator_cases()}) == 7
