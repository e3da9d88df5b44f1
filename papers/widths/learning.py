"""Methods that read a and b off the weights of networks of one width, and are asked about networks of other widths."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

import layergen
from benchmarks.learning.tasks import Part
from benchmarks.learning.training import fit
from layergen.nn import Metanet
from layergen.widening import Summed
from papers.scaling.learning import OPTIONS, RECIPE, Probed, Split, boosted
from papers.scaling.zoo import space_of

__all__ = ["METHODS", "SUMMED", "wider"]

SUMMED = {"2.weight": "h1", "4.weight": "h2"}
"""What the weights of a perceptron are summed over."""

Predictor = Callable[[Part], Tensor]


def wider(zoo: Part, factor: int) -> Part:
    """The same functions in networks that are a number of times as wide."""
    return Part(layergen.widen(zoo.features, space_of(None), SUMMED, factor), zoo.targets)


def by_fan_in(zoo: Part, power: float) -> Part:
    """Networks with their weights multiplied by a power of their fan-in."""
    return Part(layergen.by_fan_in(zoo.features, space_of(None), SUMMED, power), zoo.targets)


def width_of(zoo: Part) -> int:
    """The width of the networks of a zoo."""
    return zoo.features["0.bias"].shape[1]


def trained(network: nn.Module, split: Split, seconds: float) -> Predictor:
    """A network after its training, as a function that predicts targets."""
    fit(network, split, RECIPE, seconds)

    def predict(zoo: Part) -> Tensor:
        with torch.no_grad():
            found: Tensor = network(zoo.features)
        return found

    return predict


def metanet(summed: Summed | None) -> Callable[[Split, float], Predictor]:
    """A metanetwork that takes weights as they are, or by fan-in."""

    def method(split: Split, seconds: float) -> Predictor:
        space = space_of(None, width_of(split.train))
        network = Metanet(space, out_features=2, summed=summed, **OPTIONS)
        return trained(network.fit(split.train.features), split, seconds)

    return method


def standardised_anew(split: Split, seconds: float) -> Predictor:
    """A metanetwork whose inputs are standardised by the networks that it is asked about, without their targets."""
    network = Metanet(space_of(None, width_of(split.train)), out_features=2, **OPTIONS)
    predict = trained(network.fit(split.train.features), split, seconds)

    def of_another_width(zoo: Part) -> Tensor:
        network.fit(zoo.features)
        return predict(zoo)

    return of_another_width


def scaled(method: Callable[[Split, float], Predictor], power: float) -> Callable[[Split, float], Predictor]:
    """A method, on weights multiplied by a power of their fan-in."""

    def on_scaled(split: Split, seconds: float) -> Predictor:
        parts = (by_fan_in(zoo, power) for zoo in (split.train, split.validation, split.test))
        predict = method(Split(*parts), seconds)
        return lambda zoo: predict(by_fan_in(zoo, power))

    return on_scaled


METHODS: dict[str, Callable[[Split, float], Predictor]] = {
    "`Metanet`, weights as they are": metanet(None),
    "… by fan-in (`summed=`)": metanet(SUMMED),
    "… by the root of the fan-in": scaled(metanet(None), 0.5),
    "… standardised anew at each width": standardised_anew,
    "statistics and boosting": lambda split, seconds: boosted(split.train),
    "… by fan-in": scaled(lambda split, seconds: boosted(split.train), 1.0),
    "… by the root of the fan-in ": scaled(lambda split, seconds: boosted(split.train), 0.5),
    "outputs at learned inputs alone": lambda split, seconds: trained(Probed("tanh"), split, seconds),
}
"""Each takes networks to train on and seconds, and gives a function that predicts the targets of networks."""
