"""What may name an index, and what may be its size."""

from __future__ import annotations

import keyword
import unicodedata
from collections.abc import Container
from itertools import count
from typing import Any

from symmetry.language.errors import SpecificationError

__all__ = ["check_name", "check_size", "fresh_name"]


def check_name(name: Any) -> str:
    """Return `name` if it may name an index: an identifier in NFKC that Python does not reserve.

    Raises
    ------
    SpecificationError
        If it may not.

    Examples
    --------
    >>> check_name("h1")
    'h1'
    """
    if not isinstance(name, str) or not name.isidentifier():
        raise SpecificationError(
            f"{name!r} is not a name", remedy="an index is named by a Python identifier, such as h1 or c_out"
        )
    if keyword.iskeyword(name) or name.startswith("__"):
        raise SpecificationError(
            f"{name!r} is reserved in Python", remedy=f"choose another name, such as {name.strip('_')}_ or h1"
        )
    if unicodedata.normalize("NFKC", name) != name:
        raise SpecificationError(
            f"{name!r} is not in the normal form (NFKC) in which Python reads identifiers",
            remedy=f"write {unicodedata.normalize('NFKC', name)!r}",
        )
    return name


def check_size(name: str, size: Any) -> int:
    """Return `size` if it is an integer of at least 1.

    Raises
    ------
    SpecificationError
        If it is not; `name` is whose size it is, for the message.

    Examples
    --------
    >>> check_size("h1", 32)
    32
    """
    if isinstance(size, bool) or not isinstance(size, int):
        raise SpecificationError(
            f"the size of {name!r} is {size!r}, which is not an integer", remedy=f"write {name} = 32"
        )
    if size < 1:
        raise SpecificationError(f"the size of {name!r} is {size}", remedy="sizes are integers of at least 1")
    return size


def fresh_name(wish: str, taken: Container[str]) -> str:
    """`wish` if it may be a name and is not taken, else the first of `wish_2`, `wish_3`, … that is not.

    >>> fresh_name("h", {"h", "h_2"}), fresh_name("class", ())
    ('h_3', 'class_2')
    """
    names = (wish if number == 1 else f"{wish}_{number}" for number in count(1))
    return next(name for name in names if name not in taken and not keyword.iskeyword(name))
