"""Values as expressions: one case an operation."""

from __future__ import annotations

from layergen.emission.text import INDENT, WIDTH, bracketed, filled, literal, size_code, tuple_code
from layergen.plan import operations as ops

__all__ = ["called", "code", "laid_out"]


def code(value: ops.Value) -> str:
    """A value as one expression."""
    return "".join(chain(value))


def laid_out(head: str, value: ops.Value, tail: str = "", indent: str = INDENT) -> list[str]:
    """`head value tail` on one line where it fits, else broken: between summands, between items, before calls."""
    line = f"{indent}{head}{code(value)}{tail}"
    if len(line) <= WIDTH:
        return [line]
    base, inner = value, indent + "    "
    while isinstance(base, ops.View):
        base = base.value
    if isinstance(base, ops.Concatenate):
        calls = "".join(chain(value)[1:])
        return bracketed(f"{head}torch.cat([", list(map(code, base.values)), f"], dim={base.dim}){calls}{tail}", indent)
    if call := called(value):
        return bracketed(f"{head}{call[0]}(", call[1], f"){tail}", indent)
    if isinstance(value, ops.Sum):
        lines = [f"{inner}{'+ ' if place else ''}{code(one)}" for place, one in enumerate(value.values)]
    else:
        lines = filled(chain(value), inner)
    return [f"{indent}{head}(", *lines, f"{indent}){tail}"]


def chain(value: ops.Value) -> list[str]:
    """A value as an expression and the calls on it, one by one."""
    match value:
        case ops.View(inner, method, arguments):
            calls = [f".{method}({', '.join(map(argument, arguments))})"]
        case ops.Expand(inner, sizes, dense):
            calls = [f".expand({', '.join((*map(size_code, sizes), '-1'))})", *([".contiguous()"] if dense else [])]
        case _:
            return [plain(value)]
    if isinstance(inner, ops.Variable | ops.Feature):
        return [code(inner) + calls[0], *calls[1:]]
    return [*([f"({code(inner)})"] if isinstance(inner, ops.Sum) else chain(inner)), *calls]


def called(value: ops.Value) -> tuple[str, list[str]] | None:
    """The function of the prelude that computes a value, with its arguments."""
    match value:
        case ops.Product(inner, parameter, swift) if swift:
            return "_product", [code(inner), f"self.{parameter}"]
        case ops.Add(inner, added, taken):
            return "_add", [code(inner), code(added), *([taken] if taken else [])]
        case ops.Mean(inner, dims, sizes):
            over = str(dims[0]) if len(dims) == 1 else str(dims)
            return "_mean", [code(inner), over, " * ".join(map(size_code, sizes))]
        case ops.Diagonal(inner, pairs):
            return "_diagonal", [code(inner), str(list(pairs))]
        case ops.Moved(inner, dim, places):
            return "_moved", [code(inner), str(dim), str(places)]
        case ops.Embed(inner, added, pairs):
            return "_add_on_diagonal", [code(inner), code(added), str(list(pairs))]
        case ops.Zeros(like, sizes):
            return "_zeros", [code(like), *map(size_code, sizes)]
        case ops.ToIrreps(inner, basis, dims):
            return "_to_irreps", [code(inner), basis, str(dims)]
        case ops.FromIrreps(inner, basis, dims, sizes):
            return "_from_irreps", [code(inner), basis, str(dims), str(sizes)]
    return None


def plain(value: ops.Value) -> str:
    """A value that is no chain of calls."""
    if call := called(value):
        return f"{call[0]}({', '.join(call[1])})"
    match value:
        case ops.Variable(name):
            return name
        case ops.Feature(name, tensor):
            return f"{name}[{literal(tensor)}]"
        case ops.Product(inner, parameter):
            return f"{code(inner)} @ self.{parameter}"
        case ops.Affine(inner, parameter):
            return f"nn.functional.linear({code(inner)}, self.{parameter}.t(), self.bias)"
        case ops.Columns(inner, taken):
            return f"{code(inner)}[..., {taken}]"
        case ops.Slice(start, stop):
            return f"slice({size_code(start)}, {size_code(stop)})"
        case ops.Repeat(inner, marks):
            new = [place + 1 for place, new in enumerate(marks) if new]
            if len(new) == 1 and isinstance(inner, ops.Variable):
                return f"{code(inner)}.unsqueeze({new[0]})"
            return f"{code(inner)}[:, {', '.join(map(mark, marks[: new[-1]]))}]"
        case ops.Sum(values):
            return " + ".join(map(code, values))
        case ops.Concatenate(values, dim):
            return f"torch.cat([{', '.join(map(code, values))}], dim={dim})"
    raise TypeError(f"{value} is no operation")


def argument(value: int | tuple[ops.Size, ...]) -> str:
    """An argument of a view."""
    return str(value) if isinstance(value, int) else tuple_code([size_code(size) for size in value])


def mark(new: bool) -> str:
    """The index for one dimension: a new one, or all of one that is there."""
    return "None" if new else ":"
