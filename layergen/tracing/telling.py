"""A trace in words: for `print`, and as tables for notebooks."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import TYPE_CHECKING

from symmetry.space.markup import space_table, table

if TYPE_CHECKING:
    from layergen.tracing.trace import Trace

__all__ = ["in_one_line", "in_tables", "in_words"]

NAMED = 6
"""The most axes that are frozen for one reason, and the most rearrangements, that are listed."""


def in_one_line(trace: Trace) -> str:
    """How large a trace is, and whether it is proved."""
    proved = "function preserved" if trace.preserved else "not proved"
    frozen = f"{len(trace.frozen)} frozen ax{'i' if len(trace.frozen) == 1 else 'e'}s"
    return f"Trace({len(trace.space)} tensors, {frozen}, {proved})"


def in_words(trace: Trace) -> str:
    """The axes of each tensor, what is frozen and why, what was tried, assumed and not understood."""
    lines = [in_one_line(trace), *(f"  {tensor}" for tensor in trace.space)]
    lines += [f"  frozen: {axes}: {why}" for why, axes in frozen(trace)]
    return "\n".join([*lines, *(f"  {kind}: {text}" for kind, text in remarks(trace))])


def in_tables(trace: Trace) -> str:
    """The weight space, the frozen axes by reason, and remarks, as HTML."""
    reasons = [(escape(axes), escape(why)) for why, axes in frozen(trace)]
    told = [(escape(kind), escape(text)) for kind, text in remarks(trace)]
    return "".join(
        [
            f"<p>{escape(in_one_line(trace))}</p>",
            space_table(trace.space),
            *([table(("frozen axes", "because of"), reasons, "What may not be permuted")] if reasons else []),
            *([table(("what", "which"), told, "What was tried, assumed and not understood")] if told else []),
        ]
    )


def frozen(trace: Trace) -> Iterator[tuple[str, str]]:
    """The reasons for which axes are frozen, each with the axes."""
    by_reason: dict[str, list[str]] = {}
    for one in trace.frozen:
        by_reason.setdefault(one.why, []).append(f"{one.tensor} {one.axis}")
    for why, axes in by_reason.items():
        more = f" and {len(axes) - NAMED} more" if len(axes) > NAMED else ""
        yield why, ", ".join(axes[:NAMED]) + more


def remarks(trace: Trace) -> Iterator[tuple[str, str]]:
    """What else there is to say, by kind."""
    if trace.tried:
        yield "tried", f"{trace.tried} rearrangements outside the group; {len(trace.possible)} change nothing"
    yield from (("possible", text) for text in trace.possible[:NAMED])
    yield from (("more", text) for text in trace.more)
    yield from (("assumed", text) for text in trace.assumed)
    yield from (("warning", text) for text in trace.warnings)
