"""Putting an emitted module together: header, constants, functions, class."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from layergen.emission.bases import print_basis
from layergen.emission.header import print_header
from layergen.emission.prelude import functions_of
from layergen.emission.statements import print_forward
from layergen.emission.text import INDENT, WIDTH, bracketed, literal, size_code, tuple_code
from layergen.plan.operations import Parameter, Program, Scale
from symmetry.language.axes import Atom, print_axes
from symmetry.space.weight_space import SCALAR, Tensor

__all__ = ["print_module"]


def print_module(program: Program, name: str) -> str:
    """The source of a module with the layer of a program as the class `name`."""
    functions = "\n".join(functions_of(program)).splitlines()
    constants = [line for basis in program.bases for line in print_basis(basis)]
    lines = [
        *print_header(program, name),
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


def class_head(program: Program, name: str) -> list[str]:
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


def constructor(program: Program) -> Iterator[str]:
    """`__init__`: the parameters."""
    yield "    def __init__(self, in_channels: int, out_channels: int, bias: bool = True, *, device=None, dtype=None):"
    yield "        super().__init__()"
    yield "        self.in_channels, self.out_channels = in_channels, out_channels"
    yield '        options = {"device": device, "dtype": dtype}'
    for one in program.parameters:
        shape = ", ".join(map(size_code, one.shape))
        yield f"        self.{one.name} = nn.Parameter(torch.empty({shape}, **options))"
    # A parameter without entries would never have a gradient.
    size = size_code(program.bias)
    bias = f"nn.Parameter(torch.empty({size}, **options)) if bias else None" if program.plan.bias_dimension else "None"
    yield f'        self.register_parameter("bias", {bias})'
    yield "        self.reset_parameters()"


def reset(program: Program) -> Iterator[str]:
    """`reset_parameters`: the variances of `layergen.plan.scaling`."""
    yield "    def reset_parameters(self) -> None:"
    yield '        """Weights with which independent inputs of unit variance give outputs of unit variance; no bias.'
    yield ""
    yield "        Pools are means, so a pool of p entries has variance 1/p and its weights have variance p / fan_in."
    yield '        """'
    yield f"        {program.counts[1].name}, {program.counts[2].name} = self.in_channels, self.out_channels"
    for one in program.parameters:
        yield from initialise_call(one)
    if program.plan.bias_dimension:
        yield "        if self.bias is not None:"
        yield "            nn.init.zeros_(self.bias)"


def initialise_call(one: Parameter) -> list[str]:
    rows, columns = (list(map(scale_code, scales)) for scales in (one.averaged, one.fan_in))
    line = f"{INDENT}_initialise(self.{one.name}, [{', '.join(rows)}], [{', '.join(columns)}])"
    if len(line) <= WIDTH:
        return [line]
    inner = INDENT + "    "
    return [
        f"{INDENT}_initialise(",
        f"{inner}self.{one.name},",
        *bracketed("[", rows, "],", inner),
        *bracketed("[", columns, "],", inner),
        f"{INDENT})",
    ]


def scale_code(scale: Scale) -> str:
    """What rows or columns have in common, as a pair."""
    factors = [number(scale.number)] if scale.number is not None else []
    factors += [size_code(scale.factor)] if scale.factor is not None else []
    value = " * ".join(factors) + (f" / {scale.divisor}" if scale.divisor else "")
    return f"({size_code(scale.count)}, {value})"


def number(value: Fraction) -> str:
    """A fraction as the shortest literal that reads back as it."""
    return str(value.numerator) if value.denominator == 1 else repr(float(value))
