"""Learned optimisers in the benchmark of learning: what rates are chosen on, what is taught, what is judged."""

from itertools import count

import pytest
import torch
from torch import nn

from benchmarks.learning import optimisers
from benchmarks.learning.every import METHODS, TASKS
from benchmarks.learning.optimisers import Falling, Optimising, Steered, final_loss, up_to, within
from examples.learned_optimiser import NEW, OLD, teach, training

SHORT = Optimising("short", 16, 12)


def test_rates_fall_as_their_form_says_and_begin_anew_with_each_run():
    ones = {"w": torch.ones(2, 3, 5)}
    for form, shares in {
        "constant": [1, 1, 1, 1],
        "linear": [1, 0.75, 0.5, 0.25],
        "cosine": [1, 0.854, 0.5, 0.146],
    }.items():
        rule = Falling(up_to(3), 0.2, 4, form)
        found = [rule(ones)["w"] for _ in range(8)]
        assert found[0].shape == (2, 3, 4)
        assert [float(step.mean()) / 0.2 for step in found] == pytest.approx(2 * shares, abs=1e-3)


def test_a_rate_is_chosen_on_the_digits_that_others_are_taught_on(monkeypatch):
    asked = []

    def known(task, rule, digits, seed):
        asked.append((digits, rule.rate, seed))
        return abs(rule.rate - (0.06 if digits == OLD else 0.004))

    monkeypatch.setattr(optimisers, "final_loss", known)
    torch.manual_seed(3)
    outcome = METHODS["step-adam"].run(SHORT, 1, form="constant")
    assert asked[-1][:2] == (NEW, pytest.approx(0.06))
    assert {digits for digits, _, _ in asked[:-1]} == {OLD}
    assert {seed for _, _, seed in asked} == {2_000_009}
    assert (outcome.validation, outcome.test) == (pytest.approx(0), pytest.approx(0.056))


def test_numbers_end_with_the_time():
    assert list(within(0, count())) == []
    assert len(list(within(0.05, count()))) > 3


def test_a_factor_for_each_weight_keeps_the_direction_of_adam_and_what_is_added_has_its_size():
    features = {"w": torch.randn(2, 3, 5, dtype=torch.float64)}
    adam = features["w"][..., -1:]
    for factor, bound in ((-100.0, 0.1), (0.0, 1.0), (100.0, 1.9)):
        found = Steered(lambda x, factor=factor: {"w": torch.full_like(adam, factor)})(features)["w"]
        assert torch.allclose(found, bound * adam)
    added = Steered(lambda x: {"w": torch.stack([0 * adam, 1 + 0 * adam], -1)[..., 0, :]})(features)["w"] - adam
    size = adam.square().mean((1, 2)).sqrt()
    assert torch.allclose(added, 0.1 * size[:, None, None].expand_as(added))


def test_a_loss_is_the_mean_of_runs_of_their_own():
    rule = Falling(up_to(4), 0.02, 12, "linear")
    losses = [[loss.item() for loss in training(rule, NEW, 16, 12, seed=seed)][-10:] for seed in (7, 8, 9)]
    assert final_loss(SHORT, rule, NEW, 7) == pytest.approx(sum(map(sum, losses)) / 30)


class Taught(nn.Module):
    """A rule with one number to learn: a multiple of Adam's step."""

    def __init__(self):
        super().__init__()
        self.factor = nn.Parameter(torch.tensor(0.3))

    def forward(self, x):
        return {name: self.factor * value for name, value in x.items()}


def test_rules_are_taught_once_for_all_tasks_and_judged_on_other_digits(monkeypatch):
    made = []
    monkeypatch.setattr(optimisers, "TAUGHT", 20)
    teacher = optimisers.teacher(lambda: made.append(Taught()) or made[-1])
    run, plain = optimisers.learned(teacher), optimisers.learned(teacher, as_taught=True)
    torch.manual_seed(5)
    first = plain(SHORT, 0.2)
    torch.manual_seed(5)
    wide = run(Optimising("wide", 32, 12), 0.2)
    torch.manual_seed(5)
    best = run(SHORT, 0.2)
    assert len(made) == 1
    assert made[0].factor > 0.301
    assert first.epochs == wide.epochs >= 1
    assert wide.test != first.test
    assert best.validation < first.validation
    torch.manual_seed(6)
    run(SHORT, 0.2)
    assert len(made) == 2
    rule = nn.Sequential(*teach(made[0], []))
    falling = nn.Sequential(rule[0], Falling(rule[1], 1.0, 12, "linear"), rule[2])
    assert first.test == pytest.approx(final_loss(SHORT, falling, NEW, 2_000_015))
    assert first.validation == pytest.approx(final_loss(SHORT, falling, OLD, 2_000_015))


@pytest.mark.parametrize("name", ["step-each", "step-ours-taught", "step-adding"])
def test_every_rule_begins_nearly_as_adam(name, monkeypatch):
    monkeypatch.setattr(optimisers, "within", lambda seconds, numbers: iter(()))
    torch.manual_seed(0)
    form = "constant" if name == "step-adding" else "linear"
    for options in METHODS[name].configurations:
        torch.manual_seed(0)
        outcome = METHODS[name].run(SHORT, 0, **options)
        rates = optimisers.FACTORS if name == "step-each" else (1,)
        adam = min(final_loss(SHORT, Falling(up_to(4), 0.02 * rate, 12, form), OLD, 2_000_000) for rate in rates)
        assert outcome.validation == pytest.approx(adam, rel=0.1)


def test_rules_are_for_optimisation_and_nothing_else_is():
    for letter in "QRS":
        task = TASKS[letter]()
        assert {name for name, method in METHODS.items() if method.applies(task)} == set(optimisers.RULES)
        assert not task.score.rises
