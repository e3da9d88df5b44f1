"""Declarations that are tables, `{ size = 16, within = "head" }`: their keys checked, and printed."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from symmetry.language.errors import SpecificationError

__all__ = ["check_table", "print_table"]


def check_table(
    name: str, declaration: Any, *, required: Collection[str], optional: Collection[str] = (), remedy: str
) -> Mapping[str, Any]:
    """Return a declaration if it is a table with the keys that it must have, and no others than it may have.

    Parameters
    ----------
    name
        Name of the index that is declared.
    declaration
        Any value.
    required, optional
        The keys that there must be, and those that there may be beside them.
    remedy
        A declaration that would be right, for the message.

    Returns
    -------
    Mapping[str, Any]
        The declaration, unchanged.

    Raises
    ------
    SpecificationError
        If the value is no table, or if a key is missing or unknown.

    Examples
    --------
    >>> check_table("h", {"size": 2}, required=["size"], optional=["within"], remedy="write h = 2")
    {'size': 2}
    """
    if not isinstance(declaration, dict):
        raise SpecificationError(f"{name!r} is declared as {declaration!r}", remedy=remedy)
    if unknown := sorted(set(declaration) - {*required, *optional}, key=str):
        raise SpecificationError(f"unknown key {unknown[0]!r} in the declaration of {name!r}", remedy=remedy)
    if missing := [key for key in required if key not in declaration]:
        raise SpecificationError(f"no {missing[0]} in the declaration of {name!r}", remedy=remedy)
    return declaration


def print_table(keys: Mapping[str, bool | int | str]) -> str:
    """An inline table of TOML, whose strings need no escapes.

    >>> print_table({"size": 16, "within": "head", "ordered": True})
    '{ size = 16, within = "head", ordered = true }'
    """
    values = {key: str(value).lower() if isinstance(value, bool) else value for key, value in keys.items()}
    pairs = (f'{key} = "{values[key]}"' if isinstance(keys[key], str) else f"{key} = {values[key]}" for key in keys)
    return f"{{ {', '.join(pairs)} }}"
