"""What a check says: that something holds, or what is wrong, with the smallest example of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from html import escape
from typing import Any

__all__ = ["Fault", "Verdict", "raise_unless", "with_code"]


@dataclass(frozen=True, slots=True, repr=False)
class Verdict:
    """The answer of a check, with the smallest counterexample found where there is one.

    Parameters
    ----------
    passed
        Whether the property holds, as far as was tried.
    message
        The answer in words, for people.
    kind
        The answer in two or three words, such as "equivariant", "not equivariant", "not deterministic", "changes its
        input".
    moved
        The element that fails, as `symmetry.element` takes it.
    tensor, entry
        Where the error is largest: the output tensor, and the index `(network, *axes, channel)` in it.
    error, tolerance
        The error there and the error allowed there, over the root mean square of the output channel.
    batch
        How many networks show the failure.
    findings
        The several things that one verdict may have to say.
    snippet
        Code that shows the failure again, given `f` and `space` (and `target`).

    Examples
    --------
    >>> from layergen.testing import check
    >>> from symmetry import WeightSpace
    >>> verdict = check(lambda x: x["b"][:, 0], WeightSpace({"b": "h"}, sets={"h": 2}), invariant=True)
    >>> verdict.passed, verdict.kind, verdict.moved
    (False, 'not invariant', {'h': [1, 0]})
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

    def __repr__(self) -> str:
        return f"Verdict({self.kind or ('passed' if self.passed else 'not passed')})"

    def __str__(self) -> str:
        """The answer in words."""
        return self.message

    def _repr_html_(self) -> str:
        """The answer in words, for notebooks, with a mark for yes or no."""
        mark, hue = ("✓", 140) if self.passed else ("✗", 10)
        style = f"border-left:4px solid hsl({hue}deg 60% 45%);padding-left:1em"
        return f'<pre style="{style}">{mark} {escape(str(self))}</pre>'

    def to_json(self) -> dict[str, Any]:
        """The fields as plain values.

        Returns
        -------
        dict
            The fields by name.
        """
        return asdict(self)


class Fault(AssertionError):
    """A property that does not hold, with the verdict on it."""

    def __init__(self, verdict: Verdict) -> None:
        super().__init__(verdict.message)
        self.verdict = verdict


def with_code(verdict: Verdict, lines: Sequence[str]) -> Verdict:
    """The verdict with code that shows its failure again, given `f` and `space` (and `target`)."""
    every = ["import layergen, symmetry, torch", *lines]
    text = verdict.message + "\n    to see it again:\n" + "\n".join(f"        {line}" for line in every)
    return replace(verdict, message=text, snippet="\n".join(every))


def raise_unless(verdict: Verdict) -> None:
    """Raise `AssertionError` with the message of a verdict that is not "passed"."""
    __tracebackhide__ = True
    if not verdict.passed:
        raise AssertionError(verdict.message)
