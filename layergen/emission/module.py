"""Putting an emitted module together: header, constants, functions, class."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction

from layergen.emission.bases import print_basis
from layergen.emission.header import print_header
from layergen.emission.prelude import functions_of
from layergen.emission.statements import print_forward
from layergen.emission.text import INDENT, WIDTH, bracketed, literal, size_code, tuple_code
from layergen.plan import operations as ops
from symmetry.language.axes import Atom, print_axes
from symmetry.space.weight_space import SCALAR, Tensor

__all__ = ["print_module"]


def print_module(program: ops.Program, name: str) -> str:
    """The source of a module with the layer of a program as the class `name`."""
    functions = "\n".join(functions_of(program)).splitlines()
    constants = [line for basis in program.bases for line in print_basis(basis)]
    lines = [
        print_header(program, name),
        *constants,
        *functions,
        "",
        "",
        *class_head(program, name),
        "",
        *constructor(program),
        "",
        *reset(program),
        "",
        "    def extra_repr(self) -> str:",
        '        return f"{self.in_channels}, {self.out_channels}, bias={self.bias is not None}"',
        "",
        *print_forward(program),
    ]
    return "\n".join(lines) + "\n"


def class_head(program: ops.Program, name: str) -> list[str]:
    """Class line, docstring and constants."""
    maps = program.plan.maps
    other = "features of the same tensors" if maps.target == maps.source else "features of the target"
    gives = "`(batch, out_channels)`" if maps.target == SCALAR else other
    axes = [f"{literal(tensor.name)}: {axes_code(tensor)}" for tensor in maps.source]
    return [
        f"class {name}(nn.Module):",
        f'    """Takes features `{{tensor: (batch, *axes, in_channels)}}`, gives {gives}."""',
        "",
        f"    DIMENSION = {program.plan.dimension}",
        f"    BIAS_DIMENSION = {program.plan.bias_dimension}",
        *bracketed("AXES: ClassVar[dict[str, tuple[str, ...]]] = {", axes, "}", "    "),
    ]


def axes_code(tensor: Tensor) -> str:
    """Each axis as it is written, for messages about shapes."""
    names = [axis.name or str(axis.size) if isinstance(axis, Atom) else print_axes((axis,)) for axis in tensor.axes]
    return tuple_code(list(map(literal, names))) if names else "()"


def constructor(program: ops.Program) -> Iterator[str]:
    """`__init__`: the parameters."""
    yield "    def __init__(self, in_channels: int, out_channels: int, bias: bool = True, *, device=None, dtype=None):"
    yield "        super().__init__()"
    yield "        self.in_channels, self.out_channels = in_channels, out_channels"
    yield '        options = {"device": device, "dtype": dtype}'
    for rank in program.ranks:
        most = ", ".join((str(rank.most), *map(size_code, rank.shape)))
        yield f"        {rank.variable.name} = min({most})"
    for one in program.parameters:
        shape = ", ".join(map(size_code, one.shape))
        yield f"        self.{one.name} = nn.Parameter(torch.empty({shape}, **options))"
    # A parameter without entries would never have a gradient.
    size = size_code(program.bias)
    bias = f"nn.Parameter(torch.empty({size}, **options)) if bias else None" if program.plan.bias_dimension else "None"
    yield f'        self.register_parameter("bias", {bias})'
    yield "        self.reset_parameters()"


RESET = '''    def reset_parameters(self) -> None:
        """Weights with which independent inputs of unit variance give outputs of unit variance; no bias.

        A pool is a mean, over p entries at the declared sizes: it has variance 1/p, its weights have variance
        p / fan_in. The fan-in of a target is the number of weights that feed one of its entries: the rows of
        each core that reaches it, times how often it does (65 / 64: each entry once, and one in 64 again).
        """'''


def reset(program: ops.Program) -> Iterator[str]:
    """`reset_parameters`: the variances of `layergen.plan.scaling`."""
    yield from RESET.splitlines()
    if program.parameters:
        yield from scale_names(program)
    for one in program.parameters:
        yield from initialise_call(one, program.fan_in)
    if program.plan.bias_dimension:
        yield "        if self.bias is not None:"
        yield "            nn.init.zeros_(self.bias)"


def scale_names(program: ops.Program) -> Iterator[str]:
    """Names for what initial values are made from: the channels, declared sizes, the targets' fan-ins."""
    read = {one.name for one in ops.parts(program.parameters) if isinstance(one, Atom)}
    sizes = [(atom.name, str(size)) for atom, size in program.declared if atom.name in read]
    incoming, outgoing = (atom.name for atom in program.counts[1:])
    yield f"{INDENT}{incoming}, {outgoing} = self.in_channels, self.out_channels"
    yield from (f"{INDENT}{rank.variable.name} = self.{rank.factor}.shape[1]" for rank in program.ranks)
    line = f"{INDENT}{', '.join(name for name, _ in sizes)} = {', '.join(size for _, size in sizes)}"
    yield from [line] if sizes and len(line) <= WIDTH else [f"{INDENT}{name} = {size}" for name, size in sizes]
    yield f"{INDENT}{program.fan_in} = {{"
    yield from (f"{INDENT}    {literal(label)}: {fan_in_code(terms, incoming)}," for label, terms in program.fan_ins)
    yield f"{INDENT}}}"


def initialise_call(one: ops.Parameter, fan_in: str) -> list[str]:
    """What rows and columns have in common, the averages of pools and the fan-ins of targets."""
    rows, columns = ([scale_code(scale, fan_in) for scale in scales] for scales in (one.averaged, one.fan_in))
    line = f"{INDENT}_initialise(self.{one.name}, [{', '.join(rows)}], [{', '.join(columns)}])"
    if len(line) <= WIDTH:
        return [line]
    inner = INDENT + "    "
    lists = (*bracketed("[", rows, "],", inner), *bracketed("[", columns, "],", inner))
    return [f"{INDENT}_initialise(", f"{inner}self.{one.name},", *lists, f"{INDENT})"]


def fan_in_code(terms: Sequence[tuple[int, Fraction]], channels: str) -> str:
    """Rows times how often they reach an entry, summed, an input channel."""
    ratios = [(rows, *reach.as_integer_ratio()) for rows, reach in terms]
    codes = [f"{n}{f' * {p}' if p > 1 else ''}{f' / {q}' if q > 1 else ''}" for n, p, q in ratios]
    total = codes[0] if len(codes) == 1 else f"({' + '.join(codes)})"
    return f"{total} * {channels}"


def scale_code(scale: ops.Scale, fan_in: str) -> str:
    """What rows or columns have in common, as a pair."""
    value = f"{fan_in}[{literal(scale.value)}]" if isinstance(scale.value, str) else size_code(scale.value)
    return f"({size_code(scale.count)}, {value}{f' / {size_code(scale.divisor)}' if scale.divisor else ''})"
