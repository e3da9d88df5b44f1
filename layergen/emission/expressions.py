"""Small pieces of Python text: sizes, tuples, statements that fit the page."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from itertools import groupby

from symmetry.language.axes import Atom, Expression, Product, Sum

__all__ = ["WIDTH", "bracketed", "channels", "counted", "listed", "literal", "size_code", "statement", "tuple_code"]

WIDTH = 110
"""Lines of emitted code are broken beyond this."""
MANY = 12
"""Longer lists are filled, not listed one item a line."""


def size_code(expression: Expression, sizes: Mapping[str, str], *, inner: bool = False) -> str:
    """The length of an axis in the variables that hold the sizes."""
    match expression:
        case Atom():
            return sizes[expression.name] if expression.name else str(expression.size)
        case Product():
            return " * ".join(size_code(item, sizes, inner=True) for item in expression.items) or "1"
        case Sum():
            text = " + ".join(counted([size_code(term, sizes) for term in expression.terms]))
            return f"({text})" if inner else text


def counted(summands: Sequence[str]) -> list[str]:
    """Equal neighbours of a sum as one product."""
    runs = [(text, len(list(group))) for text, group in groupby(summands)]
    return [text if times == 1 else f"{times} * {text}" for text, times in runs]


def literal(text: str) -> str:
    """A string literal: what `ascii` gives, in double quotes where that changes nothing else.

    >>> print(literal("0.weight"), literal('a"b'))
    "0.weight" 'a"b'
    """
    quoted = ascii(text)
    return quoted if '"' in quoted or "\\" in quoted else f'"{quoted[1:-1]}"'


def tuple_code(items: Sequence[str]) -> str:
    """A tuple literal."""
    return f"({items[0]},)" if len(items) == 1 else f"({', '.join(items)})"


def bracketed(head: str, items: Sequence[str], tail: str, indent: str = "") -> list[str]:
    """`head item, item tail` on one line where it fits, else the items on lines of their own."""
    line = f"{indent}{head}{', '.join(items)}{tail}"
    if len(line) <= WIDTH:
        return [line]
    return [f"{indent}{head}", *listed(items, indent + "    "), f"{indent}{tail}"]


def listed(items: Sequence[str], indent: str) -> list[str]:
    """Items one a line, each with its comma; where they are many, as many a line as fit."""
    if len(items) <= MANY:
        return [f"{indent}{item}," for item in items]
    lines = [indent]
    for item in items:
        if len(lines[-1]) + len(item) + 2 > WIDTH and lines[-1].strip():
            lines.append(indent)
        lines[-1] += ("" if lines[-1] == indent else " ") + item + ","
    return lines


def channels(free: int, symbol: str) -> str:
    """`free` times the channels, as code; the factor is left out where it is one."""
    return symbol if free == 1 else f"{free} * {symbol}"


def statement(name: str, summands: Sequence[str], comment: str, indent: str) -> list[str]:
    """`name = a + b  # comment`; the comment goes above where the line is too long, summands on lines of their own."""
    code = f"{indent}{name} = {' + '.join(summands)}"
    if not comment:
        note = []
    elif len(f"{code}  # {comment}") <= WIDTH:
        return [f"{code}  # {comment}"]
    else:
        note = [f"{indent}# {line}" for line in textwrap.wrap(comment, WIDTH - len(indent) - 2)]
    if len(code) <= WIDTH:
        return [*note, code]
    if len(summands) == 1:
        return [*note, *chained(f"{indent}{name} = ", summands[0], indent)]
    first, *others = summands
    inner = indent + "    "
    return [*note, f"{indent}{name} = (", f"{inner}{first}", *(f"{inner}+ {other}" for other in others), f"{indent})"]


def chained(head: str, expression: str, indent: str) -> list[str]:
    """A chain of calls, broken before a call where the line is full."""
    lines = [f"{head}(", f"{indent}    "]
    for call in expression.replace(").", ")\n.").split("\n"):
        if len(lines[-1]) + len(call) > WIDTH and lines[-1].strip():
            lines.append(f"{indent}    ")
        lines[-1] += call
    return [*lines, f"{indent})"]
