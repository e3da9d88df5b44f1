"""Pages of the site that follow from the code: the gallery of specifications, and the reference of public names."""

from __future__ import annotations

import inspect
from importlib import import_module
from pathlib import Path

from generated.regenerate import LAYERS
from layergen.drawing import architecture, block_matrix, picture
from symmetry import EquivariantMaps, SpecificationError, WeightSpace

__all__ = ["PACKAGES", "write_gallery", "write_reference"]

PACKAGES = (
    "symmetry",
    "symmetry.strategies",
    "layergen",
    "layergen.nn",
    "layergen.testing",
    "layergen.tracing",
    "layergen.data",
    "layergen.training",
    "layergen.graph",
    "layergen.drawing",
    "layergen.steerable",
)
"""What has public names, in `__all__` of each."""
WIDEST = 20
"""The most tensors of which a page shows a table of all blocks."""


def write_gallery(docs: Path) -> None:
    """A page for each specification in `generated/` that maps to itself: picture, dimensions, declaration, code."""
    folder = docs / "gallery"
    folder.mkdir(exist_ok=True)
    for layer in LAYERS:
        if layer.target_space != layer.space:
            continue
        code = docs.parent / "generated" / f"{layer.name}.py"
        (folder / f"{layer.name}.png").write_bytes(drawn(EquivariantMaps(layer.space)))
        text = f"""# {layer.class_name}

![what is shared, or what permutes with what]({layer.name}.png)

{dimension_table(layer.space)}

```{{literalinclude}} ../../generated/{layer.specification}.toml
:language: toml
```

The layer, {len(code.read_text(encoding="utf-8").splitlines()):,} lines: [{layer.name}.py](../../generated/{layer.name}.py)
"""
        replace(folder / f"{layer.name}.md", text)


def drawn(maps: EquivariantMaps) -> bytes:
    """The block matrix, or where entries are too many or do more than permute, the architecture."""
    try:
        figure = block_matrix(maps)
    except SpecificationError:
        figure = architecture(maps.source)
    return picture(figure, "png")


def dimension_table(space: WeightSpace) -> str:
    """The dimensions of all blocks, targets × sources, in Markdown; of a large space the totals alone."""
    maps = EquivariantMaps(space)
    total = f"{maps.dimension:,} maps and {maps.bias_dimension:,} biases a channel pair."
    if len(space) > WIDEST:
        return total
    rows = [["target \\ source", *(f"`{name}`" for name in space.names), "bias"], ["---"] * (len(space) + 2)]
    for bias in maps.bias_blocks:
        blocks = (maps.block(bias.target.name, source.name) for source in space)
        rows.append([f"`{bias.target.name}`", *(f"{block.dimension:,}" for block in blocks), f"{bias.dimension:,}"])
    return "\n".join("| " + " | ".join(row) + " |" for row in rows) + "\n\n" + total


def write_reference(docs: Path) -> None:
    """A page for each package with all of its public names."""
    folder = docs / "reference"
    folder.mkdir(exist_ok=True)
    for name in PACKAGES:
        module = import_module(name)
        names = [public for public in module.__all__ if callable(getattr(module, public))]
        entries = "\n".join(entry(module, public) for public in names)
        listed = "\n".join(f"   {public}" for public in names)
        text = f"{name}\n{'=' * len(name)}\n\n.. automodule:: {name}\n\n.. autosummary::\n\n{listed}\n\n{entries}"
        replace(folder / f"{name}.rst", text)


def entry(module: object, name: str) -> str:
    """The directive that shows a function, or a class with its members."""
    if inspect.isclass(getattr(module, name)):
        return f".. autoclass:: {name}\n   :members:\n"
    return f".. autofunction:: {name}\n"


def replace(path: Path, text: str) -> None:
    """Write a page if it has changed, so that the site is not made anew from pages that are as before."""
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")
