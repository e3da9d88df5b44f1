"""Write every layer of this folder again from its specification, and say how large each is.

    python -m generated.regenerate

A tool beside the layers, not one of them: the layers import torch and the standard library only, this imports
`layergen`.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from pathlib import Path

from layergen.emission.generate import generate
from symmetry import SCALAR, EquivariantMaps, WeightSpace, load

__all__ = ["LAYERS", "Layer", "regenerate"]

HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Layer:
    """One file `<name>.py`: the class in it, the specification it is made from, what it maps to.

    `target` names another specification; with `invariant` the layer maps to one vector a network.
    """

    name: str
    class_name: str
    specification: str
    target: str | None = None
    invariant: bool = False

    @property
    def space(self) -> WeightSpace:
        """The weight space that the layer reads."""
        return load(HERE / f"{self.specification}.toml")

    @property
    def target_space(self) -> WeightSpace:
        """The weight space that the layer writes."""
        if self.invariant:
            return SCALAR
        return self.space if self.target is None else load(HERE / f"{self.target}.toml")

    @property
    def source(self) -> str:
        """The text of the file."""
        return generate(self.space, self.class_name, target=self.target_space)

    def __str__(self) -> str:
        """The layer's row in `README.md`."""
        space, maps = self.space, EquivariantMaps(self.space, self.target_space)
        weights = sum(math.prod(shape) for shape in space.shapes.values())
        numbers = (len(space), weights, maps.dimension, maps.bias_dimension)
        return f"| `{self.class_name}` | " + " | ".join(f"{number:,}" for number in numbers) + " |"


LAYERS = (
    Layer("mlp", "MLPLayer", "mlp"),
    Layer("mlp_invariant", "MLPInvariantLayer", "mlp", invariant=True),
    Layer("mlp_to_neurons", "MLPToNeuronsLayer", "mlp", target="neurons"),
    Layer("deep_mlp", "DeepMLPLayer", "deep_mlp"),
    Layer("cnn", "CNNLayer", "cnn"),
    Layer("cnn_flatten", "CNNFlattenLayer", "cnn_flatten"),
    Layer("lstm", "LSTMLayer", "lstm"),
    Layer("transformer_block", "TransformerBlockLayer", "transformer_block"),
    Layer("resnet_block", "ResNetBlockLayer", "resnet_block"),
    Layer("sine", "SineLayer", "sine"),
    Layer("relu", "ReLULayer", "relu"),
    Layer("lora", "LoRALayer", "lora"),
    Layer("attention", "AttentionLayer", "attention"),
)


def regenerate(folder: Path = HERE) -> list[Path]:
    """Write every layer into `folder`; return the files. Each is replaced whole or left as it was."""
    sources = {folder / f"{layer.name}.py": layer.source for layer in LAYERS}
    for path, source in sources.items():
        replace_text(path, source)
    return list(sources)


def replace_text(path: Path, text: str) -> None:
    """Put `text` into a file under a temporary name beside it, then move that into place."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_text(text, encoding="utf-8", newline="\n")
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


if __name__ == "__main__":
    regenerate()
    print("| class | tensors | entries | dimension | of biases |\n|---|---:|---:|---:|---:|", *LAYERS, sep="\n")
