"""The public code of DWSNets, judged."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import nn

from layergen import EquivariantLinear
from layergen.testing import coverage
from papers.chains import Chain, inputs_first
from papers.copying import copied
from papers.dwsnets.layer import DWSLayer
from papers.page import Setting, attempted, both, further, holds, missing, reached
from papers.published import Published

__all__ = ["COLUMNS", "COPIED", "NONLINEAR", "REPOSITORY", "copies", "dws_layer", "linear", "nonlinear"]

REPOSITORY = "AvivNavon/DWSNets"
PERCEPTRONS = tuple(map(Chain, ((2, 3, 4, 1), (2, 3, 4, 2), (2, 3, 4, 3, 2), (2, 3, 3, 4, 4, 3))))
COLUMNS = ("layer", "widths", "equivariant", "further symmetry", "maps: reached / all", "parameters", "missing", "tied")
NONLINEAR = ("layer", "widths", "equivariant", "further symmetry")
COPIED = ("widths", "ours", "parameters a channel pair", "largest difference on new inputs")


def dws_layer(published: Published, chain: Chain, channels: int = 1, **options: Any) -> nn.Module:
    """`DWSLayer` of the public code; linear, with sums over sets, unless options say something else."""
    with published.importing(REPOSITORY) as module:
        made = module("nn.layers").DWSLayer
    weights, biases = tuple(zip(chain.widths, chain.widths[1:], strict=False)), tuple((n,) for n in chain.widths[1:])
    with torch.random.fork_rng():
        torch.manual_seed(0)
        layer: nn.Module = made(
            weights, biases, channels, channels, **{"reduction": "sum", "set_layer": "ds"} | options
        )
    return layer.eval()


def linear(setting: Setting) -> Iterator[tuple[str, ...]]:
    """The linear layer, for perceptrons with one output and with more."""
    for chain in PERCEPTRONS if setting.full else PERCEPTRONS[:3]:
        space, layer = inputs_first(chain), dws_layer(setting.published, chain)
        equivariance, more = both(layer, space, "pairs", 1)
        found = coverage(layer, space, form="pairs", channels=1)
        yield (
            "`DWSLayer`, sums",
            str(chain),
            holds(equivariance),
            further(more),
            reached(found),
            str(found.linear.parameters),
            missing(found),
            str(len(found.linear.tied)),
        )


def nonlinear(setting: Setting) -> Iterator[tuple[str, ...]]:
    """The other settings of the layer, and the batch norm that the models put between layers."""
    chain = PERCEPTRONS[1]
    space = inputs_first(chain)
    cases: dict[str, dict[str, Any]] = {
        "`DWSLayer`, maxima": {"reduction": "max"},
        "`DWSLayer`, attention": {"set_layer": "sab", "num_heads": 2},
        "`DWSLayer`, attention weights": {"reduction": "attn"},
        "`DWSLayer`, `diagonal=True`": {"diagonal": True},
    }
    for name, options in cases.items():

        def judge(options: dict[str, Any] = options) -> tuple[str, ...]:
            layer = dws_layer(setting.published, chain, 4, **options)
            return tuple(f(v) for f, v in zip((holds, further), both(layer, space, "pairs", 4), strict=True))

        yield name, str(chain), *attempted(judge)


def copies(setting: Setting) -> Iterator[tuple[str, ...]]:
    """Ours with the weights of the published layer: all maps, and the restriction that has as many as it."""
    for chain in PERCEPTRONS[:2]:
        space = inputs_first(chain)
        layers = {
            "`EquivariantLinear`": EquivariantLinear(space, 2, 2),
            "`papers.dwsnets.layer.DWSLayer`": DWSLayer(chain, 2, 2),
        }
        for name, ours in layers.items():
            parameters = sum(p.numel() for n, p in ours.named_parameters() if not n.endswith("bias")) // 4
            made = copied(ours, dws_layer(setting.published, chain, 2), space, form="pairs", channels=2)
            yield str(chain), name, str(parameters), f"{made.error:.0e}"
