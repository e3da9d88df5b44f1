"""`SpecificationError`, the error class of the package: it shows the input, the location of the fault, and a remedy."""

from __future__ import annotations

__all__ = ["SpecificationError"]


class SpecificationError(ValueError):
    """A specification, or an argument, that cannot be used. The message shows the fault, its location, and a remedy.

    Parameters
    ----------
    fault
        What is wrong, with the offending value.
    place, part
        The file that the fault is in, and the tensor or the section.
    text
        The line that the fault is in; the message shows it with carets under the offending token.
    start, end
        Offsets of the token in the line, in characters.
    remedy
        A correct value, or how to get one.

    Examples
    --------
    >>> print(SpecificationError("'h3' is not declared", part='tensor "2.weight"', text="h3 h1", start=0, end=2,
    ...                          remedy="declare it: [sets] h3 = 32"))
    tensor "2.weight": 'h3' is not declared
        h3 h1
        ^^
    declare it: [sets] h3 = 32
    """

    def __init__(
        self,
        fault: str,
        *,
        place: str | None = None,
        part: str | None = None,
        text: str | None = None,
        start: int = 0,
        end: int | None = None,
        remedy: str | None = None,
    ) -> None:
        self.fault, self.place, self.part, self.remedy = fault, place, part, remedy
        self.text, self.start, self.end = text, start, end
        super().__init__(fault)

    def __str__(self) -> str:
        head = ": ".join(part for part in (self.place, self.part, self.fault) if part)
        lines = [head]
        if self.text is not None:
            width = max(1, (self.end if self.end is not None else self.start + 1) - self.start)
            lines += ["    " + self.text.replace("\t", " "), "    " + " " * self.start + "^" * width]
        if self.remedy:
            lines.append(self.remedy)
        return "\n".join(lines)

    def located(self, *, place: str | None = None, part: str | None = None) -> SpecificationError:
        """The same error with its location filled in where it has none yet.

        Parameters
        ----------
        place, part
            The file that the fault is in, and the tensor or the section.

        Returns
        -------
        SpecificationError
            A copy; a `place` or `part` that the error already has is kept.
        """
        return SpecificationError(
            self.fault,
            place=self.place or place,
            part=self.part or part,
            text=self.text,
            start=self.start,
            end=self.end,
            remedy=self.remedy,
        )
