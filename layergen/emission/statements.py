"""Statements as lines of `forward`: one function an operation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import singledispatch

from layergen.emission.text import INDENT, WIDTH, bracketed, comment, literal, size_code, tuple_code
from layergen.emission.values import code, laid_out
from layergen.plan import operations as ops
from symmetry.language.axes import Atom
from symmetry.space.weight_space import SCALAR

__all__ = ["forward_parts", "print_forward"]


def print_forward(program: ops.Program) -> Iterator[str]:
    """`forward`: checks, sizes, statements, result."""
    for _, lines in forward_parts(program):
        yield from lines


def forward_parts(program: ops.Program) -> Iterator[tuple[ops.Statement | str | None, list[str]]]:
    """The lines of `forward`, each part of them with the statement or the name of the result that it prints."""
    yield None, list(opening(program))
    yield from ((one, lines_of(one)) for one in program.statements)
    if program.plan.maps.target == SCALAR:
        ((name, value),) = program.results
        yield name, laid_out("return ", value)
    else:
        yield None, [f"{INDENT}return {{"]
        for name, value in program.results:
            yield name, laid_out(f"{literal(name)}: ", value, ",", INDENT + "    ")
        yield None, [f"{INDENT}}}"]


def opening(program: ops.Program) -> Iterator[str]:
    """The signature, the checks, and the sizes that are read."""
    invariant, x = program.plan.maps.target == SCALAR, program.features
    body = (program.sizes, program.shapes, program.statements, program.results)
    read = {part.name for part in ops.parts(body) if isinstance(part, Atom)}
    first = ops.Feature(x, program.plan.maps.source.names[0])
    values = (f"{code(first)}.shape[0]", "self.in_channels", "self.out_channels")
    counts = [(atom.name, value) for atom, value in zip(program.counts, values, strict=True) if atom.name in read]
    yield f"    def forward(self, {x}: dict[str, Tensor]) -> {'Tensor' if invariant else 'dict[str, Tensor]'}:"
    yield f"{INDENT}_check_names({x}, self.AXES)"
    yield f"{INDENT}{', '.join(name for name, _ in counts)} = {', '.join(value for _, value in counts)}"
    for size in program.sizes:
        yield from lines_of(size)
    yield from check_shapes(program)


def check_shapes(program: ops.Program) -> Iterator[str]:
    """The check of the features' shapes against the sizes read."""
    inner = INDENT + "    "
    shapes = [f"{literal(name)}: {tuple_code(list(map(size_code, shape)))}" for name, shape in program.shapes]
    read = [one for one in program.sizes if isinstance(one, ops.ReadSize)]
    yield from (f"{INDENT}_check_shapes(", f"{inner}{program.features},")
    yield from bracketed("{", shapes, "},", inner)
    yield from bracketed("{", [f"{literal(one.name)}: {one.variable.name}" for one in read], "},", inner)
    if fixed := [one for one in program.sizes if isinstance(one, ops.Fixed)]:
        notes = [literal(f"{one.name} stays {one.size}: {one.why}") for one in fixed]
        yield from (f"{inner}(", *(f"{inner}    {note}," for note in notes), f"{inner}),")
    yield f"{INDENT})"


@singledispatch
def lines_of(one: ops.Statement) -> list[str]:
    """The lines of a statement."""
    raise TypeError(f"{one} is no statement")


@lines_of.register
def _(size: ops.Fixed) -> list[str]:
    return [f"{INDENT}{size.variable.name} = {size.size}  # fixed"]


@lines_of.register
def _(size: ops.ReadSize) -> list[str]:
    rest = "".join(f" - {size_code(term, inner=True)}" for term in size.rest)
    length = f"{code(size.feature)}.shape[{size.axis + 1}]{rest}"
    if size.factor is not None:
        factor = size_code(size.factor)
        length = f"({length})" if size.rest else length
        length += f" // {factor if isinstance(size.factor, Atom) else f'({factor})'}"
    return [f"{INDENT}{size.variable.name} = {length}"]


@lines_of.register
def _(heading: ops.Heading) -> list[str]:
    lines = [""]
    for line in heading.lines:
        lines += [f"{INDENT}# {line}"] if isinstance(line, str) else comment(words(line), INDENT)
    return lines


@lines_of.register
def _(let: ops.Let) -> list[str]:
    lines = laid_out(f"{let.name} = ", let.value)
    if let.note is None:
        return lines
    beside = f"{lines[0]}  # {' '.join(words(let.note))}"
    return [beside] if len(lines) == 1 and len(beside) <= WIDTH else [*comment(words(let.note), INDENT), *lines]


def words(note: ops.Note) -> list[str]:
    """A note in words that stay whole: `written, written <- read, read: shape`."""
    written, read = ([f"{one}," for one in ones[:-1]] + [ones[-1]] for ones in (note.written, note.read))
    return [*written, "<-", *read] if not note.shape else [*written, "<-", *read[:-1], f"{read[-1]}:", note.shape]


@lines_of.register
def _(split: ops.Split) -> list[str]:
    lengths = list(map(size_code, split.lengths))
    # `split` is a function in Python, which costs as much again.
    call = f" = {code(split.value)}.split_with_sizes([{', '.join(lengths)}], dim={split.dim})"
    line = f"{INDENT}{', '.join(split.names)}{call}"
    if len(line) <= WIDTH:
        return [line]
    if len(f"{INDENT}){call}") <= WIDTH:
        return bracketed("(", split.names, f"){call}", INDENT)
    *names, _ = bracketed("(", split.names, f"){call}", INDENT)
    return [*names, *bracketed(f") = {code(split.value)}.split_with_sizes([", lengths, f"], dim={split.dim})", INDENT)]


@lines_of.register
def _(one: ops.AddBias) -> list[str]:
    bias = f"self.bias[{one.taken}]" if one.taken else "self.bias"
    return [f"{INDENT}if self.bias is not None:", f"{INDENT}    {one.name} = {one.name} + {bias}.to({one.name}.dtype)"]


@lines_of.register
def _(group: ops.Apart) -> list[str]:
    inner = [line for one in group.statements for line in lines_of(one)] + listed("return ", group.gives, "")
    body = [f"    {line}" if line else "" for line in (inner if inner[0] else inner[1:])]
    return ["", f"{INDENT}def {group.function}():", *body, "", *listed("", group.gives, f" = _apart({group.function})")]


@lines_of.register
def _(one: ops.Release) -> list[str]:
    return listed("del ", one.names, "")


def listed(head: str, names: Sequence[str], tail: str) -> list[str]:
    """`head names tail`, in brackets where the names do not fit the line."""
    line = f"{INDENT}{head}{', '.join(names)}{tail}"
    return [line] if len(line) <= WIDTH else bracketed(f"{head}(", names, f"){tail}", INDENT)
