"""Small pieces of Python text: sizes, tuples, comments, statements that fit the page."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from itertools import groupby

from symmetry.language.axes import Atom, Expression, Product, Sum

__all__ = ["INDENT", "WIDTH", "bracketed", "comment_lines", "listed", "literal", "size_code", "statement", "tuple_code"]

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


def comment_lines(words: Sequence[str], indent: str = "") -> list[str]:
    """A comment over as many lines as it takes, never broken within a word, whatever blanks are in it."""
    whole = " ".join(word.replace(" ", "\0") for word in words)
    lines = textwrap.wrap(whole, WIDTH - 2 - len(indent), break_long_words=False, break_on_hyphens=False)
    return [f"{indent}# {line}".replace("\0", " ") for line in lines]


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


def statement(name: str, summands: Sequence[Sequence[str]], comment: str) -> list[str]:
    """`name = a + b  # comment`, each summand a chain of calls.

    The comment goes above where the line is too long, summands on lines of their own; one alone is broken before calls.
    """
    codes = ["".join(chain) for chain in summands]
    code = f"{INDENT}{name} = {' + '.join(codes)}"
    if not comment:
        note = []
    elif len(f"{code}  # {comment}") <= WIDTH:
        return [f"{code}  # {comment}"]
    else:
        note = [f"{INDENT}# {line}" for line in textwrap.wrap(comment, WIDTH - len(INDENT) - 2)]
    if len(code) <= WIDTH:
        return [*note, code]
    inner = INDENT + "    "
    if len(summands) == 1:
        lines = [inner]
        for call in summands[0]:
            if len(lines[-1]) + len(call) > WIDTH and lines[-1].strip():
                lines.append(inner)
            lines[-1] += call
    else:
        lines = [f"{inner}{codes[0]}", *(f"{inner}+ {other}" for other in codes[1:])]
    return [*note, f"{INDENT}{name} = (", *lines, f"{INDENT})"]
