"""Axis strings: `"(gate h) x"`, `"((head dk) + (head dv)) d"`, `"c_out c_in 3 3"`, parsed into expressions.

    axes    := axis*                    "" is a scalar tensor
    axis    := NAME | INTEGER | "(" sum ")"
    sum     := product ("+" product)*   concatenation along the axis
    product := item*                    a flattened product, row-major
    item    := NAME | INTEGER | "(" sum ")"

Expressions are kept in a normal form (no product directly in a product, no sum directly in a sum, no
brackets around one item), so that equal meanings written with other brackets compare and print alike.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from symmetry.language.errors import SpecificationError
from symmetry.language.names import check_name

__all__ = ["Atom", "Expression", "Product", "Sum", "parse_axes", "print_axes"]

TOKEN = re.compile(r"[()+]|[^\s()+]+")
DEEPEST = 50  # brackets within brackets; nobody writes more, and the recursion below stays shallow


@dataclass(frozen=True, slots=True)
class Atom:
    """A name, or the size of an anonymous free index. `start` is its offset in the text it was read from."""

    name: str
    size: int = 0
    start: int = field(default=0, compare=False, repr=False)

    def __str__(self) -> str:
        return self.name or str(self.size)


@dataclass(frozen=True, slots=True)
class Product:
    """A flattened product, row-major. The empty product has size 1."""

    items: tuple[Atom | Sum, ...]

    def __str__(self) -> str:
        return "(" + " ".join(map(str, self.items)) + ")"


@dataclass(frozen=True, slots=True)
class Sum:
    """A concatenation of two or more terms."""

    terms: tuple[Atom | Product, ...]

    def __str__(self) -> str:
        return "(" + " + ".join(map(str, self.terms)) + ")"


Expression = Atom | Product | Sum


def product(items: list[Expression]) -> Expression:
    """The product of `items` in normal form."""
    flat: list[Atom | Sum] = []
    for item in items:
        flat.extend(item.items if isinstance(item, Product) else [item])
    return flat[0] if len(flat) == 1 else Product(tuple(flat))


def concatenation(terms: list[Expression]) -> Expression:
    """The concatenation of `terms` in normal form."""
    flat: list[Atom | Product] = []
    for term in terms:
        flat.extend(term.terms if isinstance(term, Sum) else [term])
    return flat[0] if len(flat) == 1 else Sum(tuple(flat))


@dataclass(slots=True)
class Parser:
    """A recursive descent over the tokens of one axis string."""

    text: str
    tokens: list[tuple[str, int]]
    place: int = 0

    def fault(self, message: str, token: str, start: int, remedy: str) -> SpecificationError:
        return SpecificationError(message, text=self.text, start=start, end=start + len(token), remedy=remedy)

    def peek(self) -> str:
        return self.tokens[self.place][0] if self.place < len(self.tokens) else ""

    def next(self) -> tuple[str, int]:
        self.place += 1
        return self.tokens[self.place - 1]

    def axes(self) -> tuple[Expression, ...]:
        found = []
        while self.place < len(self.tokens):
            found.append(self.item(depth=0))
        return tuple(found)

    def item(self, depth: int) -> Expression:
        token, start = self.next()
        if token == "(":
            return self.bracket(start, depth + 1)
        if token == ")":
            raise self.fault("')' closes nothing", token, start, "take it out, or open it with '('")
        if token == "+":
            raise self.fault("'+' stands outside brackets", token, start, "write a concatenated axis as '(a + b)'")
        return self.atom(token, start)

    def atom(self, token: str, start: int) -> Atom:
        if token.isascii() and token.isdigit():
            if len(token) > 18 or int(token) < 1:
                raise self.fault(f"the size {token} is out of range", token, start, "sizes are integers of at least 1")
            return Atom("", int(token), start)
        try:
            return Atom(check_name(token), 0, start)
        except SpecificationError as error:
            remedy = "separate indices by spaces" if "," in token else error.remedy
            raise self.fault(error.fault, token, start, remedy or "") from None

    def bracket(self, start: int, depth: int) -> Expression:
        if depth > DEEPEST:
            raise self.fault("brackets are nested too deep", "(", start, f"at most {DEEPEST} levels are read")
        terms: list[Expression] = []
        items: list[Expression] = []
        while (token := self.peek()) != ")":
            if not token:
                raise self.fault("'(' is not closed", "(", start, "close it with ')'")
            if token == "+":
                self.next()
                terms.append(product(items))
                items = []
            else:
                items.append(self.item(depth))
        self.next()
        return concatenation([*terms, product(items)])


def parse_axes(text: Any) -> tuple[Expression, ...]:
    """The expressions of an axis string, one for each axis.

    Raises `SpecificationError` with a caret under the offending token.

    >>> print_axes(parse_axes("((head dk) + (3))  d"))
    '((head dk) + 3) d'
    """
    if not isinstance(text, str):
        quote = "; a key with dots stands in quotes"
        raise SpecificationError(
            f"axes are {text!r}, which is not a string", remedy=f'write "0.weight" = "h2 h1"; "" is a scalar{quote}'
        )
    text = text.replace("\n", " ").replace("\r", " ")
    return Parser(text, [(match.group(), match.start()) for match in TOKEN.finditer(text)]).axes()


def print_axes(axes: tuple[Expression, ...]) -> str:
    """The axis string of `axes`, in normal form."""
    return " ".join(map(str, axes))
