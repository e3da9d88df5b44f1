"""Axis strings, such as `"(gate h) x"` and `"((head dk) + (head dv)) d"`: their grammar, parser and printer.

    axes    := axis*                    "" is a scalar tensor
    axis    := name | INTEGER | "(" sum ")"
    sum     := product ("+" product)*   concatenation along the axis
    product := item*                    a flattened product, row-major
    item    := name | INTEGER | "(" sum ")"
    name    := NAME [ "^" ["-"] DIGITS ]   with the charge of a scaled set or of a vector index, as in h^-1

An axis is parsed into an expression: a tree of products and concatenations whose leaves are names and sizes
(`layergen.tracing` makes trees whose leaves are indices that are not known yet). `product` and `concatenation` build
trees in a normal form: no product directly in a product, no concatenation directly in a concatenation, no brackets
around one item. Expressions that differ in brackets only are therefore equal and print alike. A value that depends on
an expression is computed by `fold`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Generic, TypeAlias, TypeGuard, TypeVar

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
    "is_size",
    "multiplied",
    "parse_axes",
    "print_axes",
    "product",
    "substitute",
    "terms",
]

TOKEN = re.compile(r"[()+]|[^\s()+]+")
CHARGE = re.compile(r"-?[0-9]{1,3}")
DEEPEST = 50  # brackets within brackets; nobody writes more, and the recursion below stays shallow

Leaf = TypeVar("Leaf")
Other = TypeVar("Other")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Atom:
    """A leaf of an expression: the name of an index, or the size of an anonymous free index.

    Parameters
    ----------
    name
        Name of the index, "" for an anonymous one.
    size
        Size of an anonymous index, 0 for a named one.
    start
        Offset of the leaf, in characters, in the text that it was read from.
    charge
        Exponent with which the group acts at this occurrence of the index.
    """

    name: str
    size: int = 0
    start: int = field(default=0, compare=False, repr=False)
    charge: int = 1

    def __str__(self) -> str:
        charge = "" if self.charge == 1 else f"^{self.charge}"
        return f"{self.name}{charge}" if self.name else str(self.size)


@dataclass(frozen=True, slots=True)
class Product(Generic[Leaf]):
    """A flattened product of axes, row-major. The empty product, `()`, has size 1."""

    items: tuple[Tree[Leaf], ...]

    def __str__(self) -> str:
        return "(" + " ".join(map(str, self.items)) + ")"


@dataclass(frozen=True, slots=True)
class Sum(Generic[Leaf]):
    """A concatenation of axes. The parser makes concatenations of two or more summands; one without any has size 0."""

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
    """Combine the leaves of an expression, from the leaves up, into one result.

    Parameters
    ----------
    tree
        An expression over leaves of any type.
    leaf
        Gives the result for a leaf.
    product, concatenation
        Give the result for a product, or a concatenation, from the list of the results for its items, in order.

    Returns
    -------
    Result
        The result for the whole expression.

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
    """The factors of an expression: the items of a product; of anything else, the expression itself."""
    return tree.items if isinstance(tree, Product) else (tree,)


def terms(tree: Tree[Leaf]) -> tuple[Tree[Leaf], ...]:
    """The summands of an expression: those of a concatenation; of anything else, the expression itself."""
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
    """The expression in which each leaf is replaced by `leaf(leaf)`, in normal form.

    >>> print_axes([substitute(parse_axes("(a b)")[0], lambda atom: Atom("c") if atom.name == "a" else atom)])
    '(c b)'
    """
    return fold(tree, leaf=leaf, product=product, concatenation=concatenation)  # type: ignore[misc]


def atoms(*trees: Tree[Leaf]) -> Iterator[Leaf]:
    """The leaves of several expressions, from left to right.

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
    """A recursive-descent parser of one axis string; each method reads one rule of the grammar above."""

    text: str
    tokens: list[tuple[str, int]]
    place: int = 0

    def fault(self, message: str, token: str, start: int, remedy: str) -> SpecificationError:
        """The error for a token, with the offset at which the token starts."""
        return SpecificationError(message, text=self.text, start=start, end=start + len(token), remedy=remedy)

    def peek(self) -> str:
        """The next token, which stays to be read; "" at the end."""
        return self.tokens[self.place][0] if self.place < len(self.tokens) else ""

    def next(self) -> tuple[str, int]:
        """Read the next token: its text, and its offset in the axis string."""
        self.place += 1
        return self.tokens[self.place - 1]

    def axes(self) -> tuple[Expression, ...]:
        """Read the whole axis string."""
        found = []
        while self.place < len(self.tokens):
            found.append(self.item(depth=0))
        return tuple(found)

    def item(self, depth: int) -> Expression:
        """Read a name, a size or a bracket."""
        token, start = self.next()
        if token == "(":
            return self.bracket(start, depth + 1)
        if token == ")":
            raise self.fault("')' closes nothing", token, start, "take it out, or open it with '('")
        if token == "+":
            raise self.fault("'+' stands outside brackets", token, start, "write a concatenated axis as '(a + b)'")
        return self.atom(token, start)

    def atom(self, token: str, start: int) -> Atom:
        """Check a name or a size that has been read."""
        if token.isascii() and token.isdigit():
            if len(token) > 18 or int(token) < 1:
                raise self.fault(f"the size {token} is out of range", token, start, "sizes are integers of at least 1")
            return Atom("", int(token), start)
        name, caret, exponent = token.partition("^")
        if caret and not CHARGE.fullmatch(exponent):
            digits = "a charge is an integer of at most three digits, as in h^-1"
            raise self.fault(f"the charge {exponent!r} is no integer", token, start, digits)
        try:
            return Atom(check_name(name), 0, start, int(exponent or 1))
        except SpecificationError as error:
            remedy = "separate indices by spaces" if "," in token else error.remedy
            raise self.fault(error.fault, token, start, remedy or "") from None

    def bracket(self, start: int, depth: int) -> Expression:
        """Read the rest of a bracket, up to and with its `)`."""
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
        """Raise `SpecificationError`, at the token that ends it, for an empty summand."""
        if not items:
            token, start = self.tokens[self.place]
            raise self.fault("an empty term", token, start, "take the '+' out, or write an axis of size 1 as ()")


def parse_axes(text: Any) -> tuple[Expression, ...]:
    """Parse an axis string into expressions, one an axis.

    Parameters
    ----------
    text
        The axes of a tensor, as a specification declares them.

    Returns
    -------
    tuple[Expression, ...]
        The axes, in order.

    Raises
    ------
    SpecificationError
        If the text breaks the grammar, with carets under the offending token.

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


def is_size(expression: Expression) -> TypeGuard[Atom]:
    """Whether an expression is the size of an anonymous index."""
    return isinstance(expression, Atom) and not expression.name


def multiplied(items: Iterable[Expression]) -> list[Expression]:
    """The items of a product, with adjacent sizes multiplied into one.

    >>> print_axes(multiplied(parse_axes("2 3 h 5")))
    '6 h 5'
    """
    found: list[Expression] = []
    for item in items:
        if found and is_size(last := found[-1]) and is_size(item):
            found[-1] = Atom("", last.size * item.size)
        else:
            found.append(item)
    return found


def print_axes(axes: Iterable[Expression]) -> str:
    """The axis string of `axes`, in normal form."""
    return " ".join(map(str, axes))
