"""The benchmark of learning, on networks few and small enough for seconds."""

import json
from dataclasses import replace

import pytest
import torch
from torch import nn

from benchmarks.learning import __main__ as command
from benchmarks.learning.inrs import Siren, fit_inrs, grid, siren_space
from benchmarks.learning.methods import METHODS, FromSummary, Method, metanet, probes_of, summarised
from benchmarks.learning.tasks import ACCURACY, ERROR, Part, inr_task
from benchmarks.learning.training import Outcome, Recipe, fit

WIDTHS = (1, 6, 6, 1)
LINE = torch.linspace(-1, 1, 16)[:, None]


@pytest.fixture(scope="module")
def task():
    """Networks fitted to lines of various slopes; find the slope."""
    torch.manual_seed(0)
    slopes = torch.randn(160, 1)
    features, _ = fit_inrs(LINE, slopes[:, None] * LINE, WIDTHS, steps=60, seed=0)
    return inr_task("slopes", Part(features, slopes), WIDTHS, ERROR, LINE)


def test_networks_are_fitted_and_are_those_of_the_module():
    signals = torch.rand(5, 16, 1)
    features, decibels = fit_inrs(LINE, signals, WIDTHS, steps=150, seed=0, together=2)
    _, worse = fit_inrs(LINE, signals, WIDTHS, steps=2, seed=0, together=2)
    assert decibels > worse + 10
    errors = []
    for number in range(5):
        state = {name: value[number, ..., 0] for name, value in features.items()}
        values = torch.func.functional_call(Siren(WIDTHS), state, (LINE,))
        errors.append((values - signals[number]).square().mean().log10() * -10)
    assert torch.stack(errors).mean() == pytest.approx(decibels, rel=1e-3)


def test_signs_of_neurons_are_a_symmetry():
    from layergen.testing import assert_function_preserved

    for signs in (False, True):
        assert_function_preserved(Siren(WIDTHS).double(), siren_space(WIDTHS, signs=signs), [LINE.double()])


def test_grid_is_the_order_of_flattened_pictures():
    picture = torch.zeros(8, 8)
    picture[2, 5] = 1
    assert grid(8)[picture.flatten().argmax()].tolist() == pytest.approx([2 / 3.5 - 1, 5 / 3.5 - 1])


def test_parts_share_no_network(task):
    rows = [part.features["layers.0.weight"].flatten(1) for part in (task.train, task.validation, task.test)]
    assert [len(part) for part in rows] == [120, 20, 20]
    assert len(torch.cat(rows).unique(dim=0)) == 160


@pytest.mark.parametrize("name", METHODS)
def test_every_method_runs_on_every_configuration(name, task):
    for options in METHODS[name].configurations:
        torch.manual_seed(0)
        outcome = METHODS[name].run(task, 0.3, **options)
        assert 0 < outcome.test < 100
        assert 0 < outcome.validation < 100
        assert outcome.epochs >= 1


def test_metanetworks_learn_from_weights_and_from_outputs(task):
    """The mean squared entry is in the weights, the slope is in the function; the variance of both is about one."""
    torch.manual_seed(0)
    squares = task.train.features["layers.1.weight"].square().mean((1, 2))
    mean, deviation = squares.mean(), squares.std()
    parts = [
        Part(part.features, (part.features["layers.1.weight"].square().mean((1, 2)) - mean) / deviation)
        for part in (task.train, task.validation, task.test)
    ]
    sized = replace(task, **dict(zip(("train", "validation", "test"), parts, strict=True)))
    assert fit(metanet(sized, hidden=8), sized, Recipe(1e-2), 2).test < 0.5
    assert METHODS["probed"].run(task, 3, hidden=8, count=8, rate=1e-3).test < 0.3


def test_training_ends_in_time_and_keeps_the_best_epoch(task):
    class Forgetful(nn.Module):
        """Answers well until it has been asked three times in evaluation, however it is trained."""

        def __init__(self):
            super().__init__()
            self.shift, self.asked = nn.Parameter(torch.zeros(())), 0

        def forward(self, x):
            self.asked += not self.training
            size = len(x["layers.0.bias"])
            return torch.full((size, 1), 0.0 if self.asked < 3 else 9.0) + 0 * self.shift

    outcome = fit(Forgetful(), task, Recipe(1e-3), 0.5)
    assert outcome.test < 9  # the first look at validation and test was the best
    assert outcome.seconds < 2


def test_what_reads_the_summary_may_learn_first_on_rows_made_once(task):
    network = metanet(task, hidden=8, probes=probes_of(task, 4))
    parts = {name: summarised(network, getattr(task, name)) for name in ("train", "validation", "test")}
    before = {name: value.clone() for name, value in network.state_dict().items()}
    fit(FromSummary(network), replace(task, **parts), Recipe(1e-2), 0.3)
    changed = {name for name, value in network.state_dict().items() if not torch.equal(value, before[name])}
    assert changed
    assert all(name.startswith("fused.") for name in changed)
    rows = network.eval().summary(task.test.features)
    torch.testing.assert_close(rows, parts["test"].features["rows"])
    assert network.from_summary(rows).shape == (20, 1)


def test_results_are_kept_and_the_best_configuration_is_run_again(task, tmp_path, monkeypatch):
    ran = []

    def run(_, seconds, *, quality):
        ran.append(quality)
        return Outcome(validation=quality, test=10 * quality + len(ran) / 100, epochs=1, seconds=seconds)

    monkeypatch.setitem(command.METHODS, "made up", Method("", run, ({"quality": 2}, {"quality": 1}, {"quality": 3})))
    kept = command.Results(tmp_path, "these", anew=False)
    found = list(command.runs(task, "Z", "made up", 1, 3, 3, kept))
    assert ran == [2, 1, 3, 1, 1]
    assert [one["test"] for one in found] == [10.02, 10.04, 10.05]
    later = command.Results(tmp_path, "others", anew=False)
    assert list(command.runs(task, "Z", "made up", 1, 3, 3, later)) == found
    assert {one["sources"] for one in found} == {"these"}
    assert len(ran) == 5
    assert json.loads((tmp_path / "Z-made up-1-0-1s.json").read_text())["options"] == {"quality": 1}
    assert not list(tmp_path.glob("*.unfinished"))
    anew = list(command.runs(task, "Z", "made up", 1, 3, 3, replace(later, anew=True)))
    assert {one["sources"] for one in anew} == {"others"}
    assert list(command.runs(task, "Z", "made up", 1, 3, 3, replace(later, anew=True))) == anew
    assert len(ran) == 10


def test_the_command_says_how_many_runs_are_of_other_sources(task, tmp_path, monkeypatch, capsys):
    method = Method("", lambda *_, **options: Outcome(1, 2, 1, 1), ({}, {}, {}), lambda _: True)
    monkeypatch.setattr(command, "METHODS", {"ours": method})
    monkeypatch.setattr(command, "TASKS", {"Z": lambda: task})
    said = []
    for digest, anew in (("these", False), ("others", False), ("others", True)):
        monkeypatch.setattr(command, "sources", lambda digest=digest: digest)
        command.main("Z", "ours", 1, 3, 1, tmp_path, anew)
        said.append("3 of the runs are of other sources" in capsys.readouterr().out)
    assert said == [False, True, False]


def test_the_digest_of_sources_changes_with_them(tmp_path, monkeypatch):
    monkeypatch.setattr(command, "ROOT", tmp_path)
    digests = [command.sources()]
    (tmp_path / "layergen" / "nn").mkdir(parents=True)
    for text in ("x = 1", "x = 2", "x = 2"):
        (tmp_path / "layergen" / "nn" / "layer.py").write_text(text)
        digests.append(command.sources())
    assert len(set(digests)) == 3
    assert digests[2] == digests[3]


def test_tables():
    text = command.markdown({"ours": {"A": [0.5, 0.7], "C": [0.01, 0.01]}}, {"A": "a", "B": "b", "C": "c"})
    assert text.splitlines()[-1] == "| `Metanet`, weights only | 0.600 ± 0.141 | – | 0.0100 ± 0.0000 |"


def test_accuracy_is_of_the_largest_logit():
    assert ACCURACY.of(torch.tensor([[0.0, 1.0], [3.0, 2.0]]), torch.tensor([1, 1])) == 0.5
