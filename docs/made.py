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
    "layergen.report",
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
        lines = len(code.read_text(encoding="utf-8").splitlines())
        (folder / f"{layer.name}.png").write_bytes(drawn(EquivariantMaps(layer.space)))
        text = f"""# {layer.class_name}

![what is shared, or what permutes with what]({layer.name}.png)

{dimension_table(layer.space)}

```{{literalinclude}} ../../generated/{layer.specification}.toml
:language: toml
```

The layer, {lines:,} lines: [{layer.name}.py](../../generated/{layer.name}.py)
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
    """A page for each package with all of its public names; what two packages share is on the first one's page."""
    folder = docs / "reference"
    folder.mkdir(exist_ok=True)
    described: set[int] = set()
    for name in PACKAGES:
        module = import_module(name)
        found = {key: getattr(module, key) for key in module.__all__}
        public = {key: value for key, value in found.items() if not inspect.ismodule(value)}
        documented = [key for key, value in public.items() if inspect.isclass(value) or inspect.isfunction(value)]
        listed = "\n".join(f"   {key}" for key in documented)
        entries = [entry(key, value) for key, value in public.items() if id(value) not in described]
        described |= {id(value) for value in public.values()}
        text = f"{name}\n{'=' * len(name)}\n\n.. automodule:: {name}\n\n.. autosummary::\n\n{listed}\n\n"
        replace(folder / f"{name}.rst", text + "\n".join(entries))


def entry(name: str, value: object) -> str:
    """The directive that shows a function, a class with its members, or what a name stands for."""
    if inspect.isclass(value):
        return f".. autoclass:: {name}\n   :members:\n"
    if inspect.isfunction(value):
        return f".. autofunction:: {name}\n"
    shown = str(value) if "\n" not in str(value) else f"a value of the class {type(value).__name__}"
    return f".. py:data:: {name}\n\n   ``{shown}``\n"


def replace(path: Path, text: str) -> None:
    """Write a page if it has changed, so that the site is not made anew from pages that are as before."""
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")
