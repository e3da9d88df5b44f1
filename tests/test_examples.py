"""The examples as their readers run them, with less of everything: each method does what the example says it does."""

import pytest
import torch
from torch import nn

from examples import editor, generalisation, learned_optimiser
from layergen.nn import Pointwise
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
        assert wide < narrow < 1.5  # guessing among ten classes has the loss 2.3


class Rate(nn.Module):
    """A rule with one number to learn: a multiple of Adam's step."""

    def __init__(self):
        super().__init__()
        self.factor = nn.Parameter(torch.tensor(0.1))

    def forward(self, x):
        return {name: self.factor * value for name, value in x.items()}


def test_rules_learn_from_what_their_steps_do():
    rate = Rate()
    learned_optimiser.teach(rate, range(1))
    assert rate.factor > 0.105


def test_what_the_rules_read_last_is_the_step_of_adam():
    rule = Pointwise(lambda v: 0.01 * v)
    found = [loss.item() for loss in learned_optimiser.training(rule, range(900), 16, steps=8, seed=5)]
    torch.manual_seed(5)
    networks = [learned_optimiser.perceptron(16) for _ in range(8)]
    optimiser = torch.optim.Adam([value for network in networks for value in network.parameters()], lr=0.01)
    for expected in found:
        rows = torch.randint(900, (64,))
        pixels, classes = learned_optimiser.PIXELS[rows].float() / 16 - 0.3, learned_optimiser.CLASSES[rows]
        loss = sum(nn.functional.cross_entropy(network(pixels), classes) for network in networks)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        assert expected == pytest.approx(loss.item() / 8, rel=1e-4)


def test_accuracies_are_predicted():
    scores = generalisation.main(quick=True)
    assert len(scores) == 4
    for found in scores.values():
        assert found.tau > 0.3
        assert found.r2 > 0.3


@pytest.mark.parametrize("path", sorted((ROOT / "examples").glob("*.py")), ids=lambda path: path.stem)
def test_examples_fit_on_a_screen_or_two(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 80
