"""A layer of ours with the weights of a published one: its parameters are those that compute the same maps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from layergen import Features
from layergen.testing import FORMS, random_features
from layergen.testing.forms import Form
from symmetry import WeightSpace

__all__ = ["Copied", "copied"]


@dataclass(frozen=True, slots=True)
class Copied:
    """What came of copying.

    Parameters
    ----------
    error
        The largest difference of the two layers' outputs on new inputs, over the largest output; rounding where our
        layer contains the published one.
    parameters
        How many parameters our layer has.
    """

    error: float
    parameters: int


def copied(
    ours: nn.Module,
    published: Callable[[Any], Any],
    space: WeightSpace,
    *,
    form: str | Form = "features",
    channels: int = 1,
    networks: int = 128,
) -> Copied:
    """Give our layer the weights of a published one.

    A layer is linear in its parameters, so the parameters that reproduce the published layer on some random inputs
    solve linear equations; on other inputs the two then agree if, and only if, our layer contains the published one.

    Parameters
    ----------
    ours
        A layer that takes and gives features of the space, linear in its parameters; they are replaced, in float64.
    published
        A linear layer in the given form.
    space
        The weight space of both.
    form
        What the published layer takes and returns, as in `layergen.testing.check`.
    channels
        The channels of its input.
    networks
        How many random inputs the equations come from: more than the layer has parameters for an entry of its output.

    Returns
    -------
    Copied
        How well the two agree on other inputs.
    """
    how = form if isinstance(form, Form) else FORMS[form]
    ours.double()
    if isinstance(published, nn.Module):
        published.double()

    def target(x: Features) -> Tensor:
        with torch.no_grad():
            return flat(how.unpack(published(how.pack(x, space)), space))

    given, new = (
        random_features(space, batch=networks, channels=channels, dtype=torch.float64, seed=n) for n in (0, 1)
    )
    parameters = {name: torch.zeros_like(value) for name, value in ours.named_parameters()}
    columns = torch.func.jacfwd(lambda p: flat(torch.func.functional_call(ours, p, (given,))))(parameters)
    matrix = torch.cat([column.flatten(1) for column in columns.values()], dim=1)
    found = torch.linalg.lstsq(matrix, target(given)[:, None], driver="gelsd").solution[:, 0]
    sizes = [value.numel() for value in parameters.values()]
    with torch.no_grad():
        for value, part in zip(ours.parameters(), found.split(sizes), strict=True):
            value.copy_(part.reshape(value.shape))
        difference = flat(ours(new)) - target(new)
    return Copied(float(difference.abs().max() / target(new).abs().max()), len(found))


def flat(x: Features) -> Tensor:
    """All numbers of features in one row."""
    return torch.cat([x[name].flatten() for name in sorted(x)])
