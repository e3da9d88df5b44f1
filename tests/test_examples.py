"""The examples as their readers run them, with less of everything: each method does what the example says it does."""

import pytest
import torch
from torch import nn

from examples import editor, generalisation, learned_optimiser
from tests.test_imports import ROOT


def test_edited_networks_compute_the_dilation():
    errors = editor.main(quick=True)
    assert max(error for label, error in errors.items() if "ours" in label or "8 networks" in label) < (
        0.5 * errors["nothing changed"]
    )
    assert errors["…, 8 networks"] < errors["last layer scaled and shifted"]


def test_rules_taught_at_one_width_run_at_another():
    losses = learned_optimiser.main(quick=True)
    assert len(losses) == 4
    for narrow, wide in losses.values():
        assert wide < narrow < 1.0  # guessing among ten classes has the loss 2.3


class Rate(nn.Module):
    """A rule with one number to learn: a multiple of Adam's step."""

    def __init__(self):
        super().__init__()
        self.factor = nn.Parameter(torch.tensor(0.1))

    def forward(self, x):
        return {name: self.factor * value for name, value in x.items()}


def test_rules_learn_from_what_their_steps_do():
    rate = Rate()
    learned_optimiser.teach(rate, 3)
    assert rate.factor > 0.11


def test_adam_and_momentum_are_those_of_torch():
    """The rules that the learned ones are compared with take torch's steps."""


def test_accuracies_are_predicted():
    scores = generalisation.main(quick=True)
    assert len(scores) == 4
    for found in scores.values():
        assert found.tau > 0.4
        assert found.r2 > 0.4


@pytest.mark.parametrize("path", sorted((ROOT / "examples").glob("*.py")), ids=lambda path: path.stem)
def test_examples_fit_on_a_screen_or_two(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 80
