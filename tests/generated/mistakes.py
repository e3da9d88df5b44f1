"""Wrong specifications, each one step from a right one, for tests that must notice.

They are about permutations: sets stand without their scalars, and vectors, whose groups contain permutations, as sets.
"""

import re
from dataclasses import dataclass

import numpy as np

from symmetry import GroupElement, WeightSpace, element
from symmetry.language.axes import print_axes

TOKEN = re.compile(r"[A-Za-z_]\w*|\d+")


@dataclass(frozen=True)
class Occurrence:
    """One index in the axes of one tensor: its number among their indices, and how often it stood there before."""

    tensor: str
    word: str
    place: int
    earlier: int

    def __str__(self) -> str:
        return f"{self.tensor} {self.word}" + "'" * self.earlier


def occurrences(space: WeightSpace) -> list[Occurrence]:
    """Every index of every axis that has more than one value."""
    found = []
    for tensor, axes in declared_axes(space).items():
        words = TOKEN.findall(axes)
        found += [
            Occurrence(tensor, word, place, words[:place].count(word))
            for place, word in enumerate(words)
            if size_of(space, word) > 1
        ]
    return found


def size_of(space: WeightSpace, word: str) -> int:
    return int(word) if word.isdigit() else space.index(word).size


def declared_axes(space: WeightSpace) -> dict[str, str]:
    return {tensor.name: re.sub(r"\^-?\d+", "", print_axes(tensor.axes)) for tensor in space}


def declared_sections(space: WeightSpace) -> dict[str, dict]:
    sections: dict[str, dict] = {"sets": {}, "free": {}, "positional": {}}
    for index in space.indices:
        nested = {"size": index.size, "within": index.parent}
        section = "sets" if index.charged else index.section
        sections[section][index.name] = nested if index.parent else index.size
    return sections


def taken_out(space: WeightSpace, occurrence: Occurrence) -> WeightSpace:
    """`space` with one occurrence of an index made a set of its own, `other`; a set nested in it there follows."""
    axes, sections = declared_axes(space), declared_sections(space)
    text, place = axes[occurrence.tensor], occurrence.place
    tokens = list(TOKEN.finditer(text))
    size = size_of(space, occurrence.word)
    index = None if occurrence.word.isdigit() else space.index(occurrence.word)
    sections["sets"]["other"] = {"size": size, "within": index.parent} if index and index.parent else size
    renamed = [(tokens[place], "other")]
    if any(child.parent == occurrence.word for child in space.indices):
        child = tokens[place + 1]
        sections["sets"]["child"] = {"size": size_of(space, child[0]), "within": "other"}
        renamed.append((child, "child"))
    for token, name in reversed(renamed):
        text = text[: token.start()] + name + text[token.end() :]
    axes[occurrence.tensor] = text
    words = TOKEN.findall(" ".join(axes.values()))
    used = {kind: {name: size for name, size in names.items() if name in words} for kind, names in sections.items()}
    return WeightSpace(axes, **used)


def moving_only(space: WeightSpace, name: str) -> GroupElement:
    """The element that turns one set by one place and leaves all others."""
    shape = element(space, {}).parts[name].shape
    return element(space, {name: np.broadcast_to(np.roll(np.arange(shape[-1]), 1), shape)})
