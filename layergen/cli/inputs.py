"""Example inputs from the command line: `[name=]SHAPE[:DTYPE[:HIGH]]`, as in `2,3,32,32` or `ids=2,7:int64:50`."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

from symmetry.language.errors import SpecificationError

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["read_example", "read_inputs"]

FORM = re.compile(r"(?:(?P<name>[A-Za-z_]\w*)=)?(?P<shape>\d+(?:,\d+)*|)(?::(?P<dtype>\w+)(?::(?P<high>\d+))?)?")
DTYPES = ("float32", "float64", "float16", "bfloat16", "int64", "int32", "bool")
ENTRIES = 10**9
"""The most entries of one input: 4 GB in float32."""
REMEDY = "give [name=]SHAPE[:DTYPE[:HIGH]], as in 2,3,32,32 or ids=2,7:int64:50 or mask=2,7:bool"


def read_example(text: str) -> tuple[list[Any], dict[str, Any]]:
    """A further example: several inputs in one text, with spaces between them. Raises as `read_inputs` does."""
    return read_inputs(text.split() or [text], "--also")


def read_inputs(texts: list[str], option: str = "--input") -> tuple[list[Any], dict[str, Any]]:
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
            raise SpecificationError(f"{text!r} is not an input", part=option, remedy=REMEDY)
        if match["dtype"] and match["dtype"] not in DTYPES:
            fault = f"{match['dtype']!r} is no dtype of an input"
            raise SpecificationError(fault, part=option, remedy=f"one of {', '.join(DTYPES)}")
        value = random_input(match["shape"], match["dtype"] or "float32", match["high"], number, option)
        if name := match["name"]:
            if name in named:
                fault = f"{name!r} is given twice, as {texts_of[name]!r} and as {text!r}"
                raise SpecificationError(fault, part=option, remedy="give each input once")
            named[name], texts_of[name] = value, text
        else:
            positional.append(value)
    return positional, named


def random_input(shape: str, dtype: str, high: str | None, seed: int, option: str) -> Tensor:
    """A random tensor of a shape and dtype as they are written in a description, the same for the same seed."""
    import torch

    kind = getattr(torch, dtype)
    integer = not kind.is_floating_point and kind != torch.bool
    if high and not integer:
        raise SpecificationError(f"HIGH is for integers, not for {dtype}", part=option, remedy=f"leave :{high} out")
    if high and not 1 <= int(high) <= torch.iinfo(kind).max:
        limit = "at least 1" if int(high) < 1 else f"at most {torch.iinfo(kind).max:,} for {dtype}"
        raise SpecificationError(f"HIGH is {limit}, not {high}", part=option, remedy=REMEDY)
    sizes = [int(size) for size in shape.split(",") if size]
    if math.prod(sizes) > ENTRIES:
        fault = f"an input of shape {shape} has more than {ENTRIES:,} entries, more than fit into memory"
        raise SpecificationError(fault, part=option, remedy="give a small example: sizes matter, numbers do not")
    generator = torch.Generator().manual_seed(seed)
    if kind.is_floating_point:
        return torch.randn(sizes, generator=generator).to(kind)
    if kind == torch.bool:
        return torch.ones(sizes, dtype=kind)
    return torch.randint(0, int(high or 2), sizes, generator=generator, dtype=kind)
