"""What a check says: that something holds, or what is wrong, with the smallest example of it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from symmetry import GroupElement

__all__ = ["Fault", "Verdict", "describe"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer of a check, with the smallest counterexample found where there is one.

    `kind` is what was found in two or three words: "equivariant", "not equivariant", "not deterministic", "changes its
    input", … `findings` are the several things that one verdict may have to say. `snippet` is code that shows a
    counterexample again, given `f` and `space` (and `target`).
    """

    passed: bool
    message: str
    kind: str = ""
    moved: dict[str, Any] | None = None
    tensor: str | None = None
    entry: tuple[int, ...] | None = None
    error: float | None = None
    tolerance: float | None = None
    batch: int | None = None
    findings: tuple[str, ...] = ()
    snippet: str | None = None

    def to_json(self) -> dict[str, Any]:
        """The fields as plain values."""
        return asdict(self)


class Fault(AssertionError):
    """A property that does not hold, with the verdict on it."""

    def __init__(self, verdict: Verdict) -> None:
        super().__init__(verdict.message)
        self.verdict = verdict


def describe(g: GroupElement) -> str:
    """What an element does, in words."""
    return " and ".join(describe_part(g, name) for name in g.moved) or "moving nothing"


def describe_part(g: GroupElement, name: str) -> str:
    """A transposition by its two elements, anything else by the set."""
    if name in g.turns:
        return f"turning by element {g.described[name]} of {name!r}"
    part = g.parts[name]
    places = [tuple(int(i) for i in place) for place in zip(*(part != range(part.shape[-1])).nonzero(), strict=True)]
    if len(places) == 2 and places[0][:-1] == places[1][:-1]:
        within = f" of copy {places[0][:-1]}" if len(places[0]) > 1 else ""
        return f"exchanging elements {places[0][-1]} and {places[1][-1]}{within} of {name!r}"
    return f"permuting {name!r}"
