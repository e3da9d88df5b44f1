"""Names of tensors with numbers in them: `"blocks.{layer}.wq.weight"` names a family of tensors, one for each layer.

    name     := (text | "{" number "}")*
    number   := [STEP "*"] axis ["+" FIRST]     axis as in `symmetry.language.axes`

The tensors of a family are stacked: an axis for each number comes before the axes that each tensor has by itself. The
number in the name of the tensor at place k of that axis is FIRST + STEP · k, by default k. `{layer+1}` therefore counts
from one, `{2*layer}` takes every second module of an `nn.Sequential`, and `{(1 + later)}` keeps the first block apart
from those after it. A brace that is part of a name is doubled, as in Python's format strings.

This module alone knows how members are named: whoever goes from a `state_dict` to stacked tensors, or back, asks it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from itertools import product

from symmetry.language.axes import Expression, parse_axes, print_axes, substitute
from symmetry.language.errors import SpecificationError

__all__ = ["FamilyName", "Number", "literal_name", "parse_name", "shifted"]

PART = re.compile(r"\{\{|\}\}|\{[^{}]*\}|[{}]|[^{}]+")
NUMBER = re.compile(r"\s*(?:(?P<step>[0-9]+)\s*\*)?(?P<axis>.*?)(?:\+\s*(?P<first>[0-9]+)\s*)?", re.DOTALL)
EXAMPLE = 'write "blocks.{layer}.weight", or {layer+1} to count from one, {2*layer} to take every second'
DIGITS = 6
"""The most digits of a first number or a step."""


@dataclass(frozen=True, slots=True)
class Number:
    """One `{…}` of a name.

    Parameters
    ----------
    axis
        The axis that the tensors are stacked along.
    first, step
        The number at place 0, and the difference from each place to the next.

    Examples
    --------
    >>> number = parse_name("net.{2*layer+1}.weight").numbers[0]
    >>> [number.at(place) for place in range(3)], number.place("5"), number.place("4")
    ([1, 3, 5], 2, None)
    """

    axis: Expression
    first: int = 0
    step: int = 1

    def __str__(self) -> str:
        step = "" if self.step == 1 else f"{self.step}*"
        first = f"+{self.first}" if self.first else ""
        return f"{{{step}{print_axes([self.axis])}{first}}}"

    def at(self, place: int) -> int:
        """The number in the name of the tensor at a place of the axis."""
        return self.first + self.step * place

    def place(self, digits: str) -> int | None:
        """The place at which names have these digits; None where there is no such place."""
        place, rest = divmod(int(digits) - self.first, self.step)
        return None if rest or place < 0 or str(int(digits)) != digits else place


@dataclass(frozen=True)
class FamilyName:
    """A tensor's name, taken apart: texts, with a number between each two.

    Parameters
    ----------
    texts
        One more than there are numbers.
    numbers
        What stands between them; a tensor without any is the one member of its family.

    Examples
    --------
    >>> name = parse_name("blocks.{layer}.experts.{expert}.w1")
    >>> list(name.members([1, 2]))
    ['blocks.0.experts.0.w1', 'blocks.0.experts.1.w1']
    >>> name.places("blocks.11.experts.3.w1"), name.places("blocks.11.w1")
    ((11, 3), None)
    """

    texts: tuple[str, ...]
    numbers: tuple[Number, ...]

    def __str__(self) -> str:
        texts = [literal_name(text) for text in self.texts]
        return "".join(f"{text}{number}" for text, number in zip(texts, [*self.numbers, ""], strict=True))

    @property
    def axes(self) -> tuple[Expression, ...]:
        """The axes that the tensors are stacked along."""
        return tuple(number.axis for number in self.numbers)

    def over(self, axes: Iterable[Expression]) -> FamilyName:
        """The name with other axes."""
        numbers = (replace(number, axis=axis) for number, axis in zip(self.numbers, axes, strict=True))
        return FamilyName(self.texts, tuple(numbers))

    def member(self, places: Sequence[int]) -> str:
        """The name of the tensor at a place of each axis."""
        written = [str(number.at(place)) for number, place in zip(self.numbers, places, strict=True)]
        return "".join(f"{text}{digits}" for text, digits in zip(self.texts, [*written, ""], strict=True))

    def members(self, lengths: Sequence[int]) -> Iterator[str]:
        """The names of all tensors, row-major, from the lengths of the axes."""
        return map(self.member, product(*map(range, lengths)))

    def places(self, name: str) -> tuple[int, ...] | None:
        """The place of a tensor on each axis; None for the name of a tensor of another family."""
        match = self._pattern.fullmatch(name)
        if match is None:
            return None
        found = [number.place(digits) for number, digits in zip(self.numbers, match.groups(), strict=True)]
        places = tuple(place for place in found if place is not None)
        return places if len(places) == len(found) else None

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        """The names that the family's tensors may have."""
        return re.compile("([0-9]+)".join(map(re.escape, self.texts)))


@lru_cache(maxsize=4096)
def parse_name(name: str) -> FamilyName:
    """Take the name of a tensor, or of a family of tensors, apart.

    Parameters
    ----------
    name
        The name, as a specification has it.

    Returns
    -------
    FamilyName
        Its texts and numbers.

    Raises
    ------
    SpecificationError
        For braces that are not closed, and for what is no axis between them, with carets under it.

    Examples
    --------
    >>> str(parse_name("blocks.{ layer + 1 }.weight")), parse_name("{{x}}.bias").texts
    ('blocks.{layer+1}.weight', ('{x}.bias',))
    """
    texts, numbers = [""], list[Number]()
    for match in PART.finditer(name):
        part, start = match.group(), match.start()
        if part in ("{{", "}}"):
            texts[-1] += part[0]
        elif part in ("{", "}"):
            raise fault(f"{part!r} has no partner", name, start, part, "a brace that is part of a name is doubled: {{")
        elif part[0] == "{":
            if numbers and not texts[-1]:
                raise fault("two numbers touch", name, start, part, "put a text between them, as in {layer}.{expert}")
            numbers.append(parse_number(part[1:-1], name, start))
            texts.append("")
        else:
            texts[-1] += part
    return FamilyName(tuple(texts), tuple(numbers))


def parse_number(text: str, name: str, start: int) -> Number:
    """What stands between braces; errors show the name, in which the opening brace is at `start`."""
    match = NUMBER.fullmatch(text)
    assert match is not None  # every part of the pattern may be empty
    step, first = match["step"] or "1", match["first"] or "0"
    if len(step) > DIGITS or len(first) > DIGITS or int(step) < 1:
        raise fault("a number is out of range", name, start, f"{{{text}}}", EXAMPLE)
    try:
        axes = parse_axes(match["axis"])
    except SpecificationError as error:
        at = start + 1 + match.start("axis") + error.start
        end = None if error.end is None else at + error.end - error.start
        raise SpecificationError(error.fault, text=name, start=at, end=end, remedy=EXAMPLE) from None
    if len(axes) != 1:
        raise fault(f"{len(axes)} axes stand between braces", name, start, f"{{{text}}}", EXAMPLE)
    return Number(shifted(axes[0], start + 1 + match.start("axis")), int(first), int(step))


def shifted(axis: Expression, by: int) -> Expression:
    """An axis whose leaves say where they start in a longer text, in which the axis starts at `by`."""
    return substitute(axis, lambda atom: replace(atom, start=atom.start + by))


def fault(message: str, name: str, start: int, token: str, remedy: str) -> SpecificationError:
    """The error for a part of a name."""
    return SpecificationError(message, text=name, start=start, end=start + len(token), remedy=remedy)


def literal_name(text: str) -> str:
    """The name that stands for a text as it is, whose braces name no index.

    >>> literal_name("blocks.{layer}"), parse_name(literal_name("blocks.{layer}")).numbers
    ('blocks.{{layer}}', ())
    """
    return text.replace("{", "{{").replace("}", "}}")
