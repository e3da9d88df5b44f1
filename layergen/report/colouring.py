"""Names of indices in text, each in its colour, which is that of the drawings too."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from markupsafe import Markup

from layergen.drawing.colours import core_hues
from symmetry.kinds.index import Index

__all__ = ["Palette"]


@dataclass(frozen=True, slots=True)
class Palette:
    """The numbers and hues of declared indices.

    Parameters
    ----------
    numbers
        By the name of an index its number, of which the classes of a page are made.
    hues
        By the number its hue in OKLCH degrees; indices on which nothing acts have none.
    """

    numbers: Mapping[str, int]
    hues: Mapping[int, float]

    @classmethod
    def of(cls, indices: Iterable[Index]) -> Palette:
        """A number for each index, and a hue for each on which a group acts.

        >>> from symmetry.kinds.free import FreeIndex
        >>> from symmetry.kinds.sets import SetIndex
        >>> palette = Palette.of([FreeIndex("x", 2), SetIndex("h", 3)])
        >>> dict(palette.numbers), list(palette.hues)
        ({'x': 0, 'h': 1}, [1])
        >>> print(palette.coloured("h x <- pools_h[h' h2]"))
        <b class="i i1">h</b> x &lt;- pools_<b class="i i1">h</b>[<b class="i i1">h</b>&#39; h2]
        """
        every = list(indices)
        acted = [index.name for index in every if index.joined]
        numbers = {index.name: number for number, index in enumerate(every)}
        hues = {numbers[core[0]]: hue or 0.0 for core, hue in core_hues([(name,) for name in acted]).items()}
        return cls(numbers, hues)

    def coloured(self, text: str) -> Markup:
        """A text as HTML in which the indices on which a group acts have their colours."""
        return Markup("").join(self.marked(part) for part in self.words.split(text))

    @property
    def words(self) -> re.Pattern[str]:
        """The names that are coloured, whole or between underscores, longest first."""
        names = sorted((name for name, number in self.numbers.items() if number in self.hues), key=len, reverse=True)
        if not names:
            return re.compile(r"(\Z)")
        return re.compile(rf"(?<![^\W_])({'|'.join(map(re.escape, names))})(?![^\W_])")

    def marked(self, part: str) -> Markup:
        """A part of a text: the name of an index in its colour, anything else as it is."""
        number = self.numbers.get(part)
        if number is None or number not in self.hues:
            return Markup.escape(part)
        return Markup('<b class="i i{}">{}</b>').format(number, part)
