"""Reading a network's test accuracy off its weights, and off what it computes at a few learned images.

`python -m examples.generalisation [--quick]` takes the demonstration's 1,600 small CNNs, trained on digits with random
hyper-parameters (at first use, in about a minute; they are kept in `.cache/zoo`).
"""

import sys
from typing import Any

import torch
from torch import Tensor, nn

import layergen
from demo.baselines import OutputsAlone
from demo.network import DigitsCNN
from demo.predictors import BoostingPredictor, Score, score
from demo.zoo import ZooConfig, digits, load_or_train, train
from layergen import Features
from layergen.nn import Metanet, Probes


def learn(network: nn.Module, x: Features, accuracy: Tensor, epochs: int, rate: float) -> None:
    """Train on squared error, with one cycle of learning rates."""
    optimiser = torch.optim.AdamW(network.parameters(), lr=rate, weight_decay=0.1)
    batches = [rows for _ in range(epochs) for rows in torch.randperm(len(accuracy)).split(32)]
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, total_steps=len(batches))
    for rows in batches:
        found = network({name: value[rows] for name, value in x.items()})[:, 0].sigmoid()
        optimiser.zero_grad()
        (found - accuracy[rows]).square().mean().backward()
        optimiser.step()
        schedule.step()
    network.eval()


def main(quick: bool = False) -> dict[str, Score]:
    """Print and return Kendall's τ and R² of predicted accuracies, for networks held out."""
    torch.manual_seed(0)
    zoo = train(ZooConfig(networks=200, steps=(10, 100)), quiet=True) if quick else load_or_train()
    held, epochs, images = len(zoo) // 5, 6 if quick else 20, digits().train_images[:16, None]
    space = layergen.trace(DigitsCNN(), [images]).space
    x, accuracy = layergen.stack(zoo.state_dicts, space), zoo.test_accuracy.float()
    seen, unseen = ({name: value[rows] for name, value in x.items()} for rows in (slice(held, None), slice(held)))
    options: dict[str, Any] = {"out_features": 1, "hidden": 8, "fourier": 2, "fourier_scale": 0.1, "norm": False}
    probes = [Probes(DigitsCNN(), [images], count=16, space=space) for _ in range(2)]
    boosting = BoostingPredictor()
    boosting.fit(seen, accuracy[held:, None])
    answers = {"statistics + boosting": boosting.predict(unseen)[:, 0]}
    for label, network, longer, rate in [
        ("ours, weights alone", Metanet(space, **options).fit(seen), 1, 1e-2),
        ("outputs at 16 images alone", OutputsAlone(probes[0], seen, 1), 3, 3e-3),
        ("ours with 16 images", Metanet(space, probes=probes[1], **options).fit(seen), 1, 1e-2),
    ]:
        learn(network, seen, accuracy[held:], longer * epochs, rate)
        answers[label] = network(unseen)[:, 0].sigmoid().detach().numpy()
    scores = {label: score(answer, accuracy[:held].double().numpy()) for label, answer in answers.items()}
    print(*(f"{label:<28}τ {found.tau:.3f}   R² {found.r2:.3f}" for label, found in scores.items()), sep="\n")
    return scores


if __name__ == "__main__":
    main(quick="--quick" in sys.argv)
