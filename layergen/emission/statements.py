"""Statements as lines of `forward`: one function an operation."""

from __future__ import annotations

from collections.abc import Iterator
from functools import singledispatch

from layergen.emission.text import (
    INDENT,
    WIDTH,
    bracketed,
    comment_lines,
    listed,
    literal,
    size_code,
    statement,
    tuple_code,
)
from layergen.emission.values import chain, code, column_range, gathered
from layergen.plan import operations as ops
from symmetry.language.axes import Atom
from symmetry.space.weight_space import SCALAR

__all__ = ["print_forward"]


def print_forward(program: ops.Program) -> list[str]:
    """`forward`: checks, sizes, statements, result."""
    invariant = program.plan.maps.target == SCALAR
    body = (program.statements, program.results, program.shapes, program.sizes)
    read = {part.name for part in ops.parts(body) if isinstance(part, Atom)}
    first = literal(program.plan.maps.source.names[0])
    values = (f"x[{first}].shape[0]", "self.in_channels", "self.out_channels")
    counts = [(atom.name, value) for atom, value in zip(program.counts, values, strict=True) if atom.name in read]
    return [
        f"    def forward(self, x: dict[str, Tensor]) -> {'Tensor' if invariant else 'dict[str, Tensor]'}:",
        f"{INDENT}_check_names(x, self.AXES)",
        f"{INDENT}{', '.join(name for name, _ in counts)} = {', '.join(value for _, value in counts)}",
        *(line for size in program.sizes for line in lines_of(size)),
        *check_shapes(program),
        *(line for one in program.statements for line in lines_of(one)),
        *([f"{INDENT}return {code(program.results[0][1])}"] if invariant else result(program)),
    ]


def check_shapes(program: ops.Program) -> Iterator[str]:
    """The check of the features' shapes against the sizes read."""
    inner = INDENT + "    "
    shapes = [f"{literal(name)}: {tuple_code(list(map(size_code, shape)))}" for name, shape in program.shapes]
    sizes = [one for one in program.sizes if isinstance(one, ops.ReadSize)]
    yield from (f"{INDENT}_check_shapes(", f"{inner}x,")
    yield from bracketed("{", shapes, "},", inner)
    yield from bracketed("{", [f"{literal(one.reading.name)}: {one.variable.name}" for one in sizes], "},", inner)
    yield f"{INDENT})"


def result(program: ops.Program) -> Iterator[str]:
    """The target tensors, a long concatenation over several lines."""
    yield f"{INDENT}return {{"
    for name, value in program.results:
        items, tail = gathered(value)
        if not tail or len(code(value)) + len(INDENT) + 30 <= WIDTH:
            yield f"{INDENT}    {literal(name)}: {code(value)},"
        else:
            yield f"{INDENT}    {literal(name)}: torch.cat(["
            yield from (f"{INDENT}        {code(item)}," for item in items)
            yield f"{INDENT}    {tail},"
    yield f"{INDENT}}}"


@singledispatch
def lines_of(one: object) -> list[str]:
    """The lines of an operation."""
    raise TypeError(f"{one} is no statement")


@lines_of.register
def _(size: ops.Fixed) -> list[str]:
    return [f"{INDENT}{size.variable.name} = {size.size}  # fixed"]


@lines_of.register
def _(size: ops.ReadSize) -> list[str]:
    reading = size.reading
    length = f"x[{literal(reading.tensor)}].shape[{reading.axis + 1}]"
    rest = "".join(f" - {size_code(term, inner=True)}" for term in reading.rest)
    factor = size_code(reading.factor)
    if factor == "1":
        return [f"{INDENT}{size.variable.name} = {length}{rest}"]
    length, factor = f"({length}{rest})" if rest else length, f"({factor})" if " " in factor else factor
    return [f"{INDENT}{size.variable.name} = {length} // {factor}"]


@lines_of.register
def _(heading: ops.Heading) -> list[str]:
    lines = [""]
    for line in heading.lines:
        lines += [f"{INDENT}# {line}"] if isinstance(line, str) else leading(line)
    return lines


def leading(note: ops.Note) -> list[str]:
    """A note above what it is about."""
    written, read = ([f"{one}," for one in ones[:-1]] + [ones[-1]] for ones in (note.written, note.read))
    words = [f"{note.shape}:", *written, "<-", *read]
    return comment_lines(
        [word for one in words for word in ([one] if "[" in one or "(" in one else one.split())], INDENT
    )


@lines_of.register
def _(let: ops.Let) -> list[str]:
    note, (items, tail) = let.note, gathered(let.value)
    above = leading(note) if note and note.leading else []
    if tail:
        return [*above, *bracketed(f"{let.name} = torch.cat([", list(map(code, items)), tail, INDENT)]
    comment = ""
    if note and not note.leading:
        comment = f"{', '.join(note.written)} <- {', '.join(note.read)}" + (f": {note.shape}" if note.shape else "")
    return [*above, *assignment(let.name, let.value, comment)]


def assignment(name: str, value: ops.Value, comment: str = "") -> list[str]:
    """`name = value  # comment`."""
    return statement(name, [chain(one) for one in (value.values if isinstance(value, ops.Sum) else (value,))], comment)


@lines_of.register
def _(split: ops.Split) -> list[str]:
    lengths = list(map(size_code, split.lengths))
    value = code(split.value)
    if split.dim != -1:
        return statement(", ".join(split.names), [[f"{value}.split([{', '.join(lengths)}], dim={split.dim})"]], "")
    sizes = lengths[0] if len(set(lengths)) == 1 else f"[{', '.join(lengths)}]"
    line, ending = f"{INDENT}{', '.join(split.names)}", f" = {value}.split({sizes}, dim=-1)"
    if len(line + ending) <= WIDTH:
        return [line + ending]
    names = [f"{INDENT}(", *listed(split.names, INDENT + "    ")]
    if len(INDENT + ")" + ending) <= WIDTH:
        return [*names, f"{INDENT}){ending}"]
    return [
        *names,
        f"{INDENT}) = {value}.split(",
        *bracketed("[", lengths, "],", INDENT + "    "),
        f"{INDENT}    dim=-1,",
        f"{INDENT})",
    ]


@lines_of.register
def _(one: ops.AddBias) -> list[str]:
    part = "" if one.start is one.stop is None else f"[{column_range(one.start, one.stop)}]"
    return [f"{INDENT}if self.bias is not None:", f"{INDENT}    {one.name} = {one.name} + self.bias{part}"]


@lines_of.register
def _(one: ops.AddInto) -> list[str]:
    return [f"{INDENT}{code(one.into)}.add_({code(one.added)})"]
