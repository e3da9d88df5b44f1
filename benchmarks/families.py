"""Traces of well-known networks at their full size: how much smaller families and positions make a metanetwork.

    python -m benchmarks.families GPT-2 BERT

prints a row of a table for each: tensors, dimension and parameters of a small metanetwork, with every tensor by itself
and every frozen axis free, and as `layergen.trace` declares them. Weights are random, and nothing is proved, which the
tests do at small widths.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Sequence
from typing import Annotated, Any

import torch
import typer
from torch import Tensor, nn

import layergen
from symmetry import EquivariantMaps, WeightSpace

__all__ = ["application"]

application = typer.Typer(add_completion=False)
TOKENS = torch.arange(8)[None]


def gpt2(transformers: Any) -> tuple[nn.Module, Tensor]:
    return transformers.GPT2LMHeadModel(transformers.GPT2Config(use_cache=False)), TOKENS


def bert(transformers: Any) -> tuple[nn.Module, Tensor]:
    return transformers.BertForSequenceClassification(transformers.BertConfig()), TOKENS


def llama(transformers: Any) -> tuple[nn.Module, Tensor]:
    """A Llama of 12 layers of width 768, 134 million weights."""
    sizes = {"hidden_size": 768, "intermediate_size": 2048, "num_hidden_layers": 12, "num_attention_heads": 12}
    return transformers.LlamaForCausalLM(transformers.LlamaConfig(**sizes, use_cache=False)), TOKENS


def vit(transformers: Any) -> tuple[nn.Module, Tensor]:
    return transformers.ViTForImageClassification(transformers.ViTConfig()), torch.zeros(1, 3, 224, 224)


NETWORKS: dict[str, Callable[[Any], tuple[nn.Module, Tensor]]] = {
    "GPT-2": gpt2,
    "BERT": bert,
    "Llama": llama,
    "ViT-B": vit,
}


def parameters(space: WeightSpace, hidden: int) -> int:
    """The number of parameters of a metanetwork of two layers on a space."""
    return sum(p.numel() for p in layergen.nn.Metanet(space, out_features=1, hidden=hidden, layers=2).parameters())


def plain(module: nn.Module, inputs: Sequence[Tensor]) -> WeightSpace:
    """The traced space with every tensor by itself and every frozen axis free."""
    axes = {name: tuple(range(value.ndim)) for name, value in module.state_dict().items() if value.is_floating_point()}
    traced = layergen.trace(module, inputs, prove=False, vary=False, families=False).space
    return layergen.trace(
        module, inputs, prove=False, vary=False, families=False, free={name: axes[name] for name in traced.names}
    ).space


@application.command()
def main(
    names: Annotated[list[str] | None, typer.Argument(help="GPT-2, BERT, Llama or ViT-B; all by default.")] = None,
    hidden: Annotated[int, typer.Option(help="Channels of the metanetwork.")] = 8,
) -> None:
    """Print the table."""
    warnings.simplefilter("ignore")
    import transformers

    print(f"| network | weights | tensors | dimension | parameters of a metanetwork, hidden={hidden} | traced in |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name in names or NETWORKS:
        module, inputs = NETWORKS[name](transformers)
        start = time.perf_counter()
        space = layergen.trace(module.eval(), [inputs], prove=False, vary=False).space
        seconds = time.perf_counter() - start
        before = plain(module, [inputs])
        weights = sum(parameter.numel() for parameter in module.parameters())
        dims = [EquivariantMaps(one).dimension for one in (before, space)]
        print(
            f"| {name} | {weights:,} | {len(before)} → {len(space)} | {dims[0]:,} → {dims[1]:,} | "
            f"at least {2 * dims[0] * hidden**2:.1e} → {parameters(space, hidden):,} | {seconds:.0f} s |",
            flush=True,
        )


if __name__ == "__main__":
    application()
