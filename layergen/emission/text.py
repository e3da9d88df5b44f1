"""Small pieces of Python text: sizes, literals, comments and lists that fit the page."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from itertools import groupby

from symmetry.language.axes import Atom, Expression, Product, Sum

__all__ = ["INDENT", "WIDTH", "bracketed", "comment", "filled", "literal", "size_code", "tuple_code"]

INDENT = " " * 8
WIDTH = 110
"""Lines of emitted code are broken beyond this."""
MANY = 12
"""Longer lists are filled, not listed one item a line."""


def size_code(expression: Expression, *, inner: bool = False) -> str:
    """A size: products and sums of variables and numbers, equal neighbours of a sum as one product."""
    match expression:
        case Atom():
            return str(expression)
        case Product():
            return " * ".join(size_code(item, inner=True) for item in expression.items) or "1"
        case Sum():
            runs = [(code, len(list(group))) for code, group in groupby(map(size_code, expression.terms))]
            text = " + ".join(code if times == 1 else f"{times} * {code}" for code, times in runs)
            return f"({text})" if inner else text


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


def comment(words: Sequence[str], indent: str) -> list[str]:
    """A comment over as many lines as it takes, never broken within a word, whatever blanks are in it."""
    whole = " ".join(word.replace(" ", "\0") for word in words)
    lines = textwrap.wrap(whole, WIDTH - 2 - len(indent), break_long_words=False, break_on_hyphens=False)
    return [f"{indent}# {line}".replace("\0", " ") for line in lines]


def bracketed(head: str, items: Sequence[str], tail: str, indent: str) -> list[str]:
    """`head item, item tail` on one line where it fits, else the items on lines of their own, many on each if many."""
    line = f"{indent}{head}{', '.join(items)}{tail}"
    if len(line) <= WIDTH:
        return [line]
    inner, items = indent + "    ", [f"{item}," for item in items]
    lines = [inner + item for item in items] if len(items) <= MANY else filled(items, inner, " ")
    return [f"{indent}{head}", *lines, f"{indent}{tail}"]


def filled(words: Sequence[str], indent: str, between: str = "") -> list[str]:
    """As many words on each line as fit."""
    lines = [indent + words[0]]
    for word in words[1:]:
        if len(lines[-1] + between + word) <= WIDTH:
            lines[-1] += between + word
        else:
            lines.append(indent + word)
    return lines
