"""Specifications in TOML: reading and writing them. Reading a specification never executes anything."""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import Path
from typing import Any

from symmetry.language.errors import SpecificationError
from symmetry.space.weight_space import WeightSpace

__all__ = ["dumps", "load", "parse"]


def parse(text: str) -> WeightSpace:
    """The weight space that a TOML text declares; the inverse of `str`.

    Parameters
    ----------
    text
        A specification: a section for each kind of index, and `[tensors]`.

    Returns
    -------
    WeightSpace
        The space.

    Raises
    ------
    SpecificationError
        If the text is not TOML or breaks a rule of the language; the message shows the location.

    Examples
    --------
    >>> space = parse('''
    ... [sets]
    ... h1 = 32
    ... [free]
    ... x = 2
    ... [tensors]
    ... "0.weight" = "h1 x"
    ... "0.bias" = "h1"
    ... ''')
    >>> space.shapes
    {'0.weight': (32, 2), '0.bias': (32,)}
    """
    sections = read_toml(text)
    if "tensors" not in sections:
        raise SpecificationError(
            "there is no [tensors] section", remedy='add one, with lines such as "0.weight" = "h1 x"'
        )
    return WeightSpace(**sections)


DEEPEST = 50
"""The largest number of dots in a bare key: the TOML parser takes time quadratic in it."""
LONG_KEY = re.compile(
    rf"""
    "(?:\\.|[^"\\\n])*" | '[^'\n]*' | \#[^\n]*     # in text and comments dots are dots
    | (?P<key> (?: [\w-]+ [ \t]* \. [ \t]* ){{{DEEPEST},}} )
    | [\w-]+
    """,
    re.VERBOSE,
)


def check_keys(text: str) -> None:
    """Raise `SpecificationError` for a dotted key that is so long that the TOML parser would take long over it."""
    for match in LONG_KEY.finditer(text):
        if match["key"]:
            line = text.count("\n", 0, match.start()) + 1
            raise SpecificationError(
                f"line {line} has a key of more than {DEEPEST} parts",
                remedy='a key with dots stands in quotes, as in "0.weight" = "h1 x"',
            )


def read_toml(text: str) -> dict[str, Any]:
    """The tables of a TOML text. Raises `SpecificationError`, with carets, for broken syntax."""
    check_keys(text)
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        fault, line, column = str(error), None, 0
        if match := re.search(r"^(.*) \(at line (\d+), column (\d+)\)$", fault, re.DOTALL):
            fault, column = match[1], int(match[3]) - 1
            line = text.splitlines()[int(match[2]) - 1] if int(match[2]) <= len(text.splitlines()) else ""
            fault = f"line {match[2]} is not TOML: {fault[:1].lower()}{fault[1:]}"
        raise SpecificationError(
            fault, text=line, start=column, remedy='a specification has lines such as h1 = 32 and "0.weight" = "h1 x"'
        ) from None
    except (RecursionError, ValueError) as error:  # brackets nested too deep, or an integer of thousands of digits
        raise SpecificationError(f"this TOML cannot be read: {error}", remedy="sections are flat tables") from None


def load(path: str | os.PathLike[str]) -> WeightSpace:
    """The weight space declared in a TOML file.

    Parameters
    ----------
    path
        The file, in UTF-8.

    Returns
    -------
    WeightSpace
        The space.

    Raises
    ------
    SpecificationError
        If the file cannot be read, or declares no weight space; the message names the file and the location in it.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder) / "mlp.toml"
    ...     _ = path.write_text(dumps(WeightSpace({"b": "h"}, sets={"h": 3})))
    ...     load(path).shapes
    {'b': (3,)}
    """
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise SpecificationError("not UTF-8 text", place=str(path), remedy="a specification is a TOML file") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise SpecificationError(
            f"cannot be read: {reason}", place=str(path), remedy="give the path of a TOML file"
        ) from None
    try:
        return parse(text)
    except SpecificationError as error:
        raise error.located(place=str(path)) from None


def dumps(space: WeightSpace) -> str:
    """The canonical TOML of a weight space, the same as `str(space)`; `parse` gives the space back.

    Parameters
    ----------
    space
        A weight space.

    Returns
    -------
    str
        A specification.

    Examples
    --------
    >>> print(dumps(WeightSpace({"b": "h"}, sets={"h": 3})), end="")
    [sets]
    h = 3
    [tensors]
    "b" = "h"
    """
    return str(space)
