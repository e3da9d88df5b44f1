"""Small pieces of Python text: sizes, tuples, calls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from symmetry.axes import Atom, Expression, Product, Sum

__all__ = ["WIDTH", "bracketed", "channels", "literal", "size_code", "tuple_code"]

WIDTH = 110
"""Lines of emitted code are broken beyond this."""


def size_code(expression: Expression, sizes: Mapping[str, str], *, inner: bool = False) -> str:
    """The length of an axis in the variables that hold the sizes."""
    match expression:
        case Atom():
            return sizes[expression.name] if expression.name else str(expression.size)
        case Product():
            return " * ".join(size_code(item, sizes, inner=True) for item in expression.items) or "1"
        case Sum():
            text = " + ".join(size_code(term, sizes) for term in expression.terms)
            return f"({text})" if inner else text


def literal(text: str) -> str:
    """A string literal: what `repr` gives, in double quotes where that changes nothing else.

    >>> print(literal("0.weight"), literal('a"b'))
    "0.weight" 'a"b'
    """
    quoted = ascii(text)
    return quoted if '"' in quoted or "\\" in quoted else f'"{quoted[1:-1]}"'


def tuple_code(items: Sequence[str]) -> str:
    """A tuple literal."""
    return f"({items[0]},)" if len(items) == 1 else f"({', '.join(items)})"


def bracketed(head: str, items: Sequence[str], tail: str, indent: str) -> list[str]:
    """`head item, item tail` on one line where it fits, else one item a line."""
    line = f"{indent}{head}{', '.join(items)}{tail}"
    if len(line) <= WIDTH:
        return [line]
    return [f"{indent}{head}", *(f"{indent}    {item}," for item in items), f"{indent}{tail}"]


def channels(free: int, symbol: str) -> str:
    """`free` times the channels, as code; the factor is left out where it is one."""
    return symbol if free == 1 else f"{free} * {symbol}"
