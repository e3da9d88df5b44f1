"""Graph networks for tests, and random networks for these to read."""

import torch
from torch import nn

from layergen.graph import GraphMetanet

__all__ = ["KINDS", "made", "random_networks"]

KINDS = ("gmn", "ng-gnn", "ng-t")


def made(kind, **options):
    """A network in float64 none of whose branches is nought."""
    torch.manual_seed(0)
    network = GraphMetanet(**({"hidden": 16, "layers": 4, "heads": 4, "kind": kind} | options)).double()
    for name, parameter in network.named_parameters():
        if "added" in name or "gamma" in name:
            nn.init.normal_(parameter, std=0.3)
    return network


def random_networks(*spaces):
    return [
        (space, {name: torch.randn(shape, dtype=torch.double) for name, shape in space.shapes.items()})
        for space in spaces
    ]
