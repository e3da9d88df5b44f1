"""The weight spaces that are measured."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from symmetry import WeightSpace

__all__ = ["cnn", "gpt2", "perceptron", "transformer"]


def perceptron(inputs: int, hidden: Sequence[int], outputs: int) -> WeightSpace:
    """A perceptron: each hidden layer is a set, inputs and outputs are free.

    >>> perceptron(2, [32, 32], 1).shapes["1.weight"]
    (32, 32)
    """
    layers = ["x", *(f"h{number}" for number in range(1, len(hidden) + 1)), "y"]
    tensors: dict[str, str] = {}
    for number, (fan_in, fan_out) in enumerate(pairwise(layers)):
        tensors |= {f"{number}.weight": f"{fan_out} {fan_in}", f"{number}.bias": fan_out}
    sets = dict(zip(layers[1:-1], hidden, strict=True))
    return WeightSpace(tensors, sets=sets, free={"x": inputs, "y": outputs})


def cnn(*, batch_norm: bool) -> WeightSpace:
    """Three 3x3 convolutions, 3 → 16 → 32 → 32 channels, a global pool and a linear layer to 10 classes.

    With batch norm the convolutions have no bias of their own, and the running statistics are weights too.
    """
    tensors: dict[str, str] = {}
    for number, (fan_in, fan_out) in enumerate([("x", "c1"), ("c1", "c2"), ("c2", "c3")], start=1):
        tensors[f"conv{number}.weight"] = f"{fan_out} {fan_in} 3 3"
        if batch_norm:
            for kind in ("weight", "bias", "running_mean", "running_var"):
                tensors[f"bn{number}.{kind}"] = fan_out
        else:
            tensors[f"conv{number}.bias"] = fan_out
    tensors |= {"fc.weight": "y c3", "fc.bias": "y"}
    return WeightSpace(tensors, sets={"c1": 16, "c2": 32, "c3": 32}, free={"x": 3, "y": 10})


def transformer(layers: int = 2, *, width: int = 64, heads: int = 4, hidden: int = 128) -> WeightSpace:
    """Encoder layers as of `torch.nn.TransformerEncoderLayer`: one residual stream, exact heads in every layer."""
    sets: dict[str, object] = {"d": width}
    tensors: dict[str, str] = {}
    for i in range(layers):
        inner = {"size": width // heads, "within": f"head{i}"}
        sets |= {f"head{i}": heads, f"dk{i}": inner, f"dv{i}": inner, f"m{i}": hidden}
        projections = f"((head{i} dk{i}) + (head{i} dk{i}) + (head{i} dv{i}))"
        axes = {
            "self_attn.in_proj_weight": f"{projections} d",
            "self_attn.in_proj_bias": projections,
            "self_attn.out_proj.weight": f"d (head{i} dv{i})",
            "self_attn.out_proj.bias": "d",
            "linear1.weight": f"m{i} d",
            "linear1.bias": f"m{i}",
            "linear2.weight": f"d m{i}",
            "linear2.bias": "d",
        } | {f"norm{k}.{kind}": "d" for k in (1, 2) for kind in ("weight", "bias")}
        tensors |= {f"layers.{i}.{name}": text for name, text in axes.items()}
    return WeightSpace(tensors, sets=sets)


def gpt2() -> WeightSpace:
    """GPT-2 small: 148 tensors, vocabulary and positions positional, exact heads in each of the 12 blocks."""
    sets: dict[str, object] = {"d": 768}
    tensors = {"wte.weight": "token d", "wpe.weight": "position d"}
    for i in range(12):
        inner = {"size": 64, "within": f"head_{i}"}
        sets |= {f"head_{i}": 12, f"dk_{i}": inner, f"dv_{i}": inner, f"m_{i}": 3072}
        projections = f"((head_{i} dk_{i}) + (head_{i} dk_{i}) + (head_{i} dv_{i}))"
        axes = {
            "ln_1.weight": "d",
            "ln_1.bias": "d",
            "attn.c_attn.weight": f"d {projections}",
            "attn.c_attn.bias": projections,
            "attn.c_proj.weight": f"(head_{i} dv_{i}) d",
            "attn.c_proj.bias": "d",
            "ln_2.weight": "d",
            "ln_2.bias": "d",
            "mlp.c_fc.weight": f"d m_{i}",
            "mlp.c_fc.bias": f"m_{i}",
            "mlp.c_proj.weight": f"m_{i} d",
            "mlp.c_proj.bias": "d",
        }
        tensors |= {f"h.{i}.{name}": text for name, text in axes.items()}
    tensors |= {"ln_f.weight": "d", "ln_f.bias": "d"}
    return WeightSpace(tensors, sets=sets, positional={"token": 50257, "position": 1024})
