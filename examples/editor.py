"""Editing functions through their weights: a metanetwork reads a network, and gives one that computes something else.

`python -m examples.editor [--quick]` fits small networks to random waves f. Edited, a network is to compute the
dilation of f: at each x, the largest value of f nearby. The metanetwork reads weights, and with probes runs them too.
"""

import sys

import torch
from torch import Tensor, nn
from torch.nn.functional import max_pool1d

import layergen
from layergen import Features
from layergen.nn import Metanet, Probes

GRID = torch.linspace(-1, 1, 64)[:, None]


def network() -> nn.Sequential:
    return nn.Sequential(nn.Linear(1, 16), nn.Tanh(), nn.Linear(16, 16), nn.Tanh(), nn.Linear(16, 1))


def run(x: Features) -> Tensor:
    """What networks compute, `(network, point)`: the mean over their channels, each of which is a network."""
    return layergen.functional(network(), x, [GRID], channels=True).mean(-1).squeeze(-1)


def fit(x: Features, functions: Tensor, steps: int) -> Features:
    """Train all networks at once, each on a function of its own."""
    optimiser = torch.optim.Adam([value.requires_grad_() for value in x.values()], lr=1e-2)
    for _ in range(steps):
        optimiser.zero_grad()
        (run(x) - functions).square().mean(1).sum().backward()
        optimiser.step()
    return {name: value.detach() for name, value in x.items()}


def learn(editor: Metanet, x: Features, wanted: Tensor, epochs: int) -> None:
    """Teach a metanetwork to give networks that compute what is wanted."""
    optimiser = torch.optim.AdamW(editor.fit(x).parameters(), lr=1e-2)
    batches = [rows for _ in range(epochs) for rows in torch.randperm(len(wanted)).split(40)]
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 1e-2, total_steps=len(batches))
    for rows in batches:
        optimiser.zero_grad()
        (run(editor({name: value[rows] for name, value in x.items()})) - wanted[rows]).square().mean().backward()
        nn.utils.clip_grad_norm_(editor.parameters(), 1.0)
        optimiser.step()
        schedule.step()


def main(quick: bool = False) -> dict[str, float]:
    """Print and return the mean squared error of each method on functions held out; quick: with less of everything."""
    count, held, steps, epochs = (240, 40, 150, 6) if quick else (1_200, 200, 400, 40)
    torch.manual_seed(0)
    frequency, phase, size = torch.tensor([1.5, 3.0, 4.5]), 6.3 * torch.rand(count, 1, 3), torch.randn(count, 1, 3)
    functions = (size / frequency.sqrt() * torch.sin(GRID * frequency + phase)).sum(-1)
    wanted = max_pool1d(functions, 13, stride=1, padding=6)
    space = layergen.trace(network(), [GRID]).space  # the weights, up to the order of the neurons
    x = layergen.stack([network().state_dict() for _ in functions], space)
    x["0.weight"] *= 4  # or else the networks begin as nearly straight lines
    x = fit(x, functions, steps)
    train, test = ({name: value[rows] for name, value in x.items()} for rows in (slice(held, None), slice(held)))
    line = torch.stack([run(train), torch.ones(count - held, 64)], -1).flatten(0, 1)
    scale, shift = torch.linalg.lstsq(line, wanted[held:].flatten()).solution
    answers = {"nothing changed": run(test), "last layer scaled and shifted": scale * run(test) + shift}
    for label, outputs, probed in [("ours", 1, False), ("ours with probes", 1, True), ("…, 8 networks", 8, True)]:
        probes = Probes(network(), [GRID], count=16, space=space) if probed else None
        editor = Metanet(
            space, out_channels=outputs, update=[0] * outputs, hidden=16, norm=True, fourier=8, probes=probes
        )
        learn(editor, train, wanted[held:], epochs)
        answers[label] = run(editor(test)).detach()
    errors = {label: float((answer - wanted[:held]).square().mean()) for label, answer in answers.items()}
    print(*(f"{label:<32}{error:.4f}" for label, error in errors.items()), sep="\n")
    return errors


if __name__ == "__main__":
    main(quick="--quick" in sys.argv)
