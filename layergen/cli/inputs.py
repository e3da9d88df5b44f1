"""Example inputs from the command line: `[name=]SHAPE[:DTYPE[:HIGH]]`, as in `2,3,32,32` or `ids=2,7:int64:50`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from symmetry.language.errors import SpecificationError

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["read_inputs"]

FORM = re.compile(r"(?:(?P<name>[A-Za-z_]\w*)=)?(?P<shape>\d+(?:,\d+)*|)(?::(?P<dtype>\w+)(?::(?P<high>\d+))?)?")
DTYPES = ("float32", "float64", "float16", "bfloat16", "int64", "int32", "bool")
REMEDY = "give [name=]SHAPE[:DTYPE[:HIGH]], as in 2,3,32,32 or ids=2,7:int64:50 or mask=2,7:bool"


def read_inputs(texts: list[str]) -> tuple[list[Any], dict[str, Any]]:
    """Random tensors for descriptions of inputs: positional inputs in order, and named inputs by name.

    Floating-point inputs are normal, integers are from 0 to below HIGH (2 if it is not given), and bools are true
    everywhere. Raises `SpecificationError` for a text that describes no input, and for a name that is given twice.
    """
    positional: list[Any] = []
    named: dict[str, Any] = {}
    texts_of: dict[str, str] = {}
    for number, text in enumerate(texts):
        match = FORM.fullmatch(text.strip())
        if match is None or not text.strip():
            raise SpecificationError(f"{text!r} is not an input", part="--input", remedy=REMEDY)
        if match["dtype"] and match["dtype"] not in DTYPES:
            fault = f"{match['dtype']!r} is no dtype of an input"
            raise SpecificationError(fault, part="--input", remedy=f"one of {', '.join(DTYPES)}")
        value = random_input(match["shape"], match["dtype"] or "float32", match["high"], number)
        if name := match["name"]:
            if name in named:
                fault = f"{name!r} is given twice, as {texts_of[name]!r} and as {text!r}"
                raise SpecificationError(fault, part="--input", remedy="give each input once")
            named[name], texts_of[name] = value, text
        else:
            positional.append(value)
    return positional, named


def random_input(shape: str, dtype: str, high: str | None, seed: int) -> Tensor:
    """A random tensor of a shape and dtype as they are written in a description, the same for the same seed."""
    import torch

    generator = torch.Generator().manual_seed(seed)
    sizes = [int(size) for size in shape.split(",") if size]
    kind = getattr(torch, dtype)
    if kind.is_floating_point:
        return torch.randn(sizes, generator=generator).to(kind)
    if kind == torch.bool:
        return torch.ones(sizes, dtype=kind)
    return torch.randint(0, int(high or 2), sizes, generator=generator, dtype=kind)
