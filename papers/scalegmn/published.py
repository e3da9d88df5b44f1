"""The public code of ScaleGMN as a function that can be judged."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from types import ModuleType
from typing import Any

import torch
from torch import Tensor
from torch_geometric.data import Batch

from papers.chains import Chain
from papers.published import Absent, Published

__all__ = ["REPOSITORY", "VARIANTS", "invariants"]

REPOSITORY = "jkalogero/scalegmn"
HIDDEN = 16
ABSENT = ("rff", "rff.layers", "torchvision", "torchvision.utils", "pandas", "cv2")
"""What the code imports for its data, and this judgement does not call."""

VARIANTS = {
    "forward": ("scalegmn", True),
    "forward, edges without positions": ("scalegmn", False),
    "bidirectional": ("scalegmn_bidir", False),
}
"""A file of configurations, and whether edges have positional encodings; the first and the last are as released."""

Pairs = tuple[tuple[Tensor, ...], tuple[Tensor, ...]]


def stand_ins() -> dict[str, ModuleType]:
    """Modules for what is not installed."""
    return {name: Absent(name) for name in ABSENT}


def configuration(published: Published, chain: Chain, variant: str, symmetry: str) -> dict[str, Any]:
    """The clone's own configuration for INRs, with fewer channels, for another perceptron and symmetry."""
    clone = published.clone(REPOSITORY)
    assert clone is not None
    name, edges = VARIANTS[variant]
    text = (clone / "configs" / "mnist_cls" / f"{name}.yml").read_text().replace("&d_hid 128", f"&d_hid {HIDDEN}")
    found: dict[str, Any] = import_module("yaml").safe_load(text)["scalegmn_args"]
    return found | {"layer_layout": list(chain.widths), "symmetry": symmetry, "edge_pos_embed": edges}


def invariants(published: Published, chain: Chain, variant: str, symmetry: str) -> Callable[[Pairs], Tensor]:
    """The published metanetwork, `(weights, biases) -> (batch, 10)`.

    Parameters
    ----------
    published
        Where the code is.
    chain
        The perceptron that it reads; weights are `(batch, in, out, 1)`.
    variant
        A key of `VARIANTS`; "bidirectional" is ScaleGMN-B.
    symmetry
        "sign", "scale" or "permutation", as the code names them.

    Returns
    -------
    callable
        A function of the form "pairs".
    """
    with published.importing(REPOSITORY, stand_ins()) as module, torch.random.fork_rng():
        torch.manual_seed(0)
        made = module("src.scalegmn.models").ScaleGMN(configuration(published, chain, variant, symmetry))
        graphs = module("src.scalegmn.graph_init").batch_to_graphs
        data = module("src.data.data_utils")
    made.double().eval()
    layout = list(chain.widths)
    edges = data.nn_to_edge_index(layout, "cpu")
    types = data.get_node_types(layout), data.get_edge_types(layout)
    first, last = chain.widths[0], chain.widths[-1]
    number = torch.arange(sum(chain.widths))[:, None]
    hidden, inputs = (number >= first) & (number < len(number) - last), number < first

    def answer(given: Pairs) -> Tensor:
        batch = [
            data.to_pyg_batch(x, e, edges, *types, variant.partition(",")[0], None, hidden, inputs)[0]
            for x, e in zip(*doubled(graphs, given), strict=True)
        ]
        found: Tensor = made(Batch.from_data_list(batch))
        return found

    return answer


def doubled(graphs: Callable[..., Any], given: Pairs) -> tuple[Tensor, Tensor]:
    """The nodes and the edges of a batch of networks, in float64."""
    x, e = graphs(*given)
    return x.double(), e.double()
