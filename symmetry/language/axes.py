"""Axis strings: `"(gate h) x"`, `"((head dk) + (head dv)) d"`, `"c_out c_in 3 3"`, parsed into expressions.

    axes    := axis*                    "" is a scalar tensor
    axis    := NAME | INTEGER | "(" sum ")"
    sum     := product ("+" product)*   concatenation along the axis
    product := item*                    a flattened product, row-major
    item    := NAME | INTEGER | "(" sum ")"

An expression is a tree of products and concatenations over leaves: here names and sizes, in `layergen.tracing`
indices that are not known yet. `product` and `concatenation` make such trees in a normal form (no product directly
in a product, no concatenation directly in a concatenation, no brackets around one item), so that equal meanings
written with other brackets compare and print alike. Whatever is computed from an expression is a `fold` over it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Generic, TypeAlias, TypeVar

from symmetry.language.errors import SpecificationError
from symmetry.language.names import check_name

__all__ = [
    "Atom",
    "Expression",
    "Product",
    "Sum",
    "Tree",
    "atoms",
    "concatenation",
    "factors",
    "fold",
    "multiplied",
    "parse_axes",
    "print_axes",
    "product",
    "substitute",
    "terms",
]

TOKEN = re.compile(r"[()+]|[^\s()+]+")
DEEPEST = 50  # brackets within brackets; nobody writes more, and the recursion below stays shallow

Leaf = TypeVar("Leaf")
Other = TypeVar("Other")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Atom:
    """A name, or the size of an anonymous free index. `start` is its offset in the text it was read from.

    `charge` is the exponent with which an action enters at this occurrence; no kind of index reads it yet.
    """

    name: str
    size: int = 0
    start: int = field(default=0, compare=False, repr=False)
    charge: int = 1

    def __str__(self) -> str:
        return self.name or str(self.size)


@dataclass(frozen=True, slots=True)
class Product(Generic[Leaf]):
    """A flattened product, row-major. The empty product has size 1."""

    items: tuple[Tree[Leaf], ...]

    def __str__(self) -> str:
        return "(" + " ".join(map(str, self.items)) + ")"


@dataclass(frozen=True, slots=True)
class Sum(Generic[Leaf]):
    """A concatenation of two or more terms; without any, an axis of size 0."""

    terms: tuple[Tree[Leaf], ...]

    def __str__(self) -> str:
        return "(" + " + ".join(map(str, self.terms)) + ")"


Tree: TypeAlias = Product[Leaf] | Sum[Leaf] | Leaf
"""A leaf, a product of trees or a concatenation of trees."""
Expression: TypeAlias = Tree[Atom]
"""An axis of a specification."""


def fold(
    tree: Tree[Leaf],
    *,
    leaf: Callable[[Leaf], Result],
    product: Callable[[list[Result]], Result],
    concatenation: Callable[[list[Result]], Result],
) -> Result:
    """What a tree comes to from the leaves up, each part from the results of its own parts, which are taken in order.

    Parameters
    ----------
    tree
        An expression over leaves of any type.
    leaf
        The result for a leaf.
    product, concatenation
        The result for a product, or a concatenation, from the list of the results for what it is made of.

    Returns
    -------
    Result
        The result for the whole tree.

    Examples
    --------
    >>> import math
    >>> sizes = {"gate": 4, "h": 32}
    >>> (axis,) = parse_axes("((gate h) + 2)")
    >>> fold(axis, leaf=lambda atom: sizes.get(atom.name, atom.size), product=math.prod, concatenation=sum)
    130
    """
    match tree:
        case Product():
            return product([fold(one, leaf=leaf, product=product, concatenation=concatenation) for one in tree.items])
        case Sum():
            parts = [fold(one, leaf=leaf, product=product, concatenation=concatenation) for one in tree.terms]
            return concatenation(parts)
        case _:
            return leaf(tree)


def factors(tree: Tree[Leaf]) -> tuple[Tree[Leaf], ...]:
    """What a tree is the product of: the items of a product, else the tree itself."""
    return tree.items if isinstance(tree, Product) else (tree,)


def terms(tree: Tree[Leaf]) -> tuple[Tree[Leaf], ...]:
    """What a tree is the concatenation of: the terms of a concatenation, else the tree itself."""
    return tree.terms if isinstance(tree, Sum) else (tree,)


def product(items: Iterable[Tree[Leaf]]) -> Tree[Leaf]:
    """The product of `items` in normal form."""
    flat = tuple(factor for item in items for factor in factors(item))
    return flat[0] if len(flat) == 1 else Product(flat)


def concatenation(parts: Iterable[Tree[Leaf]]) -> Tree[Leaf]:
    """The concatenation of `parts` in normal form."""
    flat = tuple(term for part in parts for term in terms(part))
    return flat[0] if len(flat) == 1 else Sum(flat)


def substitute(tree: Tree[Leaf], leaf: Callable[[Leaf], Tree[Other]]) -> Tree[Other]:
    """The tree with another in the place of each leaf, in normal form.

    >>> print_axes([substitute(parse_axes("(a b)")[0], lambda atom: Atom("c") if atom.name == "a" else atom)])
    '(c b)'
    """
    return fold(tree, leaf=leaf, product=product, concatenation=concatenation)  # type: ignore[misc]


def atoms(*trees: Tree[Leaf]) -> Iterator[Leaf]:
    """The leaves of some trees, from left to right.

    >>> [str(atom) for atom in atoms(*parse_axes("(gate h) ((x 3) + h)"))]
    ['gate', 'h', 'x', '3', 'h']
    """
    for tree in trees:
        match tree:
            case Product():
                yield from atoms(*tree.items)
            case Sum():
                yield from atoms(*tree.terms)
            case _:
                yield tree


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
        parts: list[list[Expression]] = [[]]
        while (token := self.peek()) != ")":
            if not token:
                raise self.fault("'(' is not closed", "(", start, "close it with ')'")
            if token == "+":
                self.check_term(parts[-1])
                parts.append([])
                self.next()
            else:
                parts[-1].append(self.item(depth))
        if len(parts) > 1:
            self.check_term(parts[-1])
        self.next()
        return concatenation(map(product, parts))

    def check_term(self, items: list[Expression]) -> None:
        """Raise `SpecificationError`, at the token that ends it, for a term of a sum with nothing in it."""
        if not items:
            token, start = self.tokens[self.place]
            raise self.fault("an empty term", token, start, "take the '+' out, or write an axis of size 1 as ()")


def parse_axes(text: Any) -> tuple[Expression, ...]:
    """The expressions of an axis string, one for each axis.

    Raises
    ------
    SpecificationError
        With a caret under the offending token.

    Examples
    --------
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


def multiplied(items: Iterable[Expression]) -> list[Expression]:
    """The items of a product, sizes that follow each other multiplied into one.

    >>> print_axes(multiplied(parse_axes("2 3 h 5")))
    '6 h 5'
    """
    found: list[Expression] = []
    for item in items:
        last = found[-1] if found else None
        if isinstance(last, Atom) and isinstance(item, Atom) and not last.name and not item.name:
            found[-1] = Atom("", last.size * item.size)
        else:
            found.append(item)
    return found


def print_axes(axes: Iterable[Expression]) -> str:
    """The axis string of `axes`, in normal form."""
    return " ".join(map(str, axes))
