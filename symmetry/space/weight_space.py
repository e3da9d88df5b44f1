"""A weight space: a named family of tensors over indices, the one value that everything is derived from."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from symmetry.kinds.indices import KINDS, FreeIndex, Index, PositionalIndex, RepresentationIndex, SetIndex
from symmetry.language.axes import Atom, Expression, Product, parse_axes, print_axes
from symmetry.language.errors import SpecificationError
from symmetry.language.names import check_name
from symmetry.space.layout import Layout, Piece, expression_size, leaves, make_layout

__all__ = ["SCALAR", "Tensor", "WeightSpace", "joint_space"]


@dataclass(frozen=True, slots=True)
class Tensor:
    """A tensor of a weight space: its name, its axes, and the pieces it is made of."""

    name: str
    axes: tuple[Expression, ...]
    shape: tuple[int, ...]
    layout: Layout = field(repr=False)
    pieces: tuple[Piece, ...] = field(repr=False)
    stored: tuple[int, ...] = field(repr=False, compare=False)
    """The shape in a network, where a pixel grid has rows and columns."""

    def __str__(self) -> str:
        return f"{self.name}[{print_axes(self.axes)}]"


@dataclass(frozen=True, slots=True, init=False, repr=False)
class WeightSpace:
    """The weights of an architecture, with the symmetry of its neurons.

    `tensors` maps each `state_dict` key to its axes; `sets`, `free`, `positional` and `representations` declare the
    indices. A nested set is declared by a mapping with `size` and `within`, a representation by one with `group` and
    `representation`. Raises `SpecificationError` when anything
    is malformed, undeclared or unused.

    >>> space = WeightSpace(
    ...     {"q.weight": "(head dk) d", "o.weight": "d (head dk)"},
    ...     sets={"d": 8, "head": 2, "dk": {"size": 4, "within": "head"}},
    ... )
    >>> space["q.weight"].shape
    (8, 8)
    >>> from symmetry import parse
    >>> parse(str(space)) == space
    True
    """

    indices: tuple[Index, ...]
    tensors: tuple[Tensor, ...]

    def __init__(
        self,
        tensors: Mapping[str, str],
        *,
        sets: Mapping[str, Any] | None = None,
        free: Mapping[str, int] | None = None,
        positional: Mapping[str, int] | None = None,
        representations: Mapping[str, Any] | None = None,
    ) -> None:
        sections: dict[type[Index], Mapping[str, Any] | None] = {
            SetIndex: sets,
            FreeIndex: free,
            PositionalIndex: positional,
            RepresentationIndex: representations,
        }
        indices = declared_indices(sections)
        built = tuple(make_tensor(name, axes, indices) for name, axes in check_tensors(tensors).items())
        check_used(indices, built)
        object.__setattr__(self, "indices", tuple(indices.values()))
        object.__setattr__(self, "tensors", built)

    def __getitem__(self, name: str) -> Tensor:
        for tensor in self.tensors:
            if tensor.name == name:
                return tensor
        raise SpecificationError(f"there is no tensor {name!r}", remedy=f"tensors: {', '.join(self.names)}")

    def __repr__(self) -> str:
        return f"parse({str(self)!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        """A pickle holds the declaration: groups and their representations are made anew."""
        return remade, self.declarations({})

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """What IPython and hypothesis print, which go through a dataclass field by field otherwise."""
        printer.text(repr(self))

    def __iter__(self) -> Iterator[Tensor]:
        return iter(self.tensors)

    def __len__(self) -> int:
        return len(self.tensors)

    def __str__(self) -> str:
        """The canonical specification, as TOML."""
        lines = []
        for kind in KINDS:
            declared = [index for index in self.indices if type(index) is kind]
            if declared:
                lines.append(f"[{kind.section}]")
                lines += [f"{toml_key(index.name)} = {index.declaration()}" for index in declared]
        lines.append("[tensors]")
        lines += [f'{toml_string(tensor.name)} = "{print_axes(tensor.axes)}"' for tensor in self.tensors]
        return "\n".join(lines) + "\n"

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the tensors, in the specification's order."""
        return tuple(tensor.name for tensor in self.tensors)

    @property
    def pieces(self) -> tuple[Piece, ...]:
        """Every piece of every tensor."""
        return tuple(piece for tensor in self.tensors for piece in tensor.pieces)

    @property
    def groups(self) -> tuple[str, ...]:
        """Names of the groups that act on representation indices."""
        return tuple(dict.fromkeys(i.group for i in self.indices if isinstance(i, RepresentationIndex)))

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shape of each tensor by name."""
        return {tensor.name: tensor.shape for tensor in self.tensors}

    def index(self, name: str) -> Index:
        """The index of that name."""
        for index in self.indices:
            if index.name == name:
                return index
        known = ", ".join(index.name for index in self.indices) or "none"
        raise SpecificationError(f"there is no index {name!r}", remedy=f"indices: {known}")

    def resized(self, sizes: Mapping[str, int]) -> WeightSpace:
        """The same space with other sizes for some of its indices.

        >>> WeightSpace({"b": "h"}, sets={"h": 8}).resized({"h": 3})["b"].shape
        (3,)
        """
        for name in sizes:
            self.index(name)
        return remade(*self.declarations(sizes))

    def only(self, names: Collection[str]) -> WeightSpace:
        """The space of some of the tensors, in the specification's order, over the indices that they use.

        >>> WeightSpace({"w": "h x", "b": "h"}, sets={"h": 8}, free={"x": 2}).only({"b"})
        parse('[sets]\\nh = 8\\n[tensors]\\n"b" = "h"\\n')
        """
        if set(names) == set(self.names):
            return self
        tensors, sections = self.declarations({})
        used = {p.index.name for piece in self.pieces if piece.tensor in names for p in piece.positions}
        kept = {name: axes for name, axes in tensors.items() if name in names}
        return remade(kept, {key: {n: d for n, d in table.items() if n in used} for key, table in sections.items()})

    def declarations(self, sizes: Mapping[str, int]) -> tuple[dict[str, str], dict[str, dict[str, Any]]]:
        """The tensors' axes and the sections of the indices, some at other sizes, as `WeightSpace` takes them."""
        sections: dict[str, dict[str, Any]] = {kind.section: {} for kind in KINDS}
        for index in self.indices:
            sections[index.section][index.name] = index.of_size(sizes.get(index.name, index.size))
        return {tensor.name: print_axes(tensor.axes) for tensor in self.tensors}, sections


def remade(tensors: Mapping[str, str], sections: Mapping[str, Mapping[str, Any]]) -> WeightSpace:
    """A weight space from its declarations, as they are pickled."""
    return WeightSpace(tensors, **sections)


def joint_space(source: WeightSpace, target: WeightSpace) -> WeightSpace:
    """The tensors of two spaces in one, so that its group is that of both: sets of one name are one set.

    >>> joint_space(WeightSpace({"w": "h"}, sets={"h": 2}), WeightSpace({"w": "h k"}, sets={"h": 2, "k": 3})).names
    ('source: w', 'target: w')
    """
    if source == target:
        return source
    sections: dict[str, dict[str, Any]] = {kind.section: {} for kind in KINDS}
    for index in (*source.indices, *target.indices):
        sections[index.section][index.name] = index.of_size(index.size)
    tensors = {f"source: {tensor.name}": print_axes(tensor.axes) for tensor in source}
    tensors |= {f"target: {tensor.name}": print_axes(tensor.axes) for tensor in target}
    return WeightSpace(tensors, **sections)


def declared_indices(sections: Mapping[type[Index], Mapping[str, Any] | None]) -> dict[str, Index]:
    """Every declared index by name; raises for a bad declaration, a name declared twice, a bad parent."""
    found: dict[str, Index] = {}
    for kind, declarations in sections.items():
        if not isinstance(declarations or {}, Mapping):
            raise SpecificationError(
                f"{declarations!r} is not a table of sizes", part=f"[{kind.section}]", remedy="write name = size"
            )
        for name, declaration in (declarations or {}).items():
            try:
                index = kind.declared(check_name(name), declaration)
            except SpecificationError as error:
                raise error.located(part=f"[{kind.section}]") from None
            if name in found:
                raise SpecificationError(
                    f"{name!r} is already declared in [{found[name].section}]",
                    part=f"[{kind.section}]",
                    remedy="an index is of one kind",
                )
            found[name] = index
    check_parents(found)
    for index in found.values():
        if isinstance(index, RepresentationIndex) and index.group in found:
            raise SpecificationError(
                f"{index.group!r} is the name of a group and of an index", remedy="give the index another name"
            )
    return found


def check_parents(indices: Mapping[str, Index]) -> None:
    """Raise `SpecificationError` unless every nested set leads up to a set that is not nested."""
    for index in indices.values():
        chain = [index.name]
        while (parent := indices[chain[-1]].parent) is not None:
            if not isinstance(indices.get(parent), SetIndex):
                known = ", ".join(name for name, other in indices.items() if isinstance(other, SetIndex))
                raise SpecificationError(
                    f"{chain[-1]!r} is nested within {parent!r}, which is not a set",
                    part="[sets]",
                    remedy=f"sets: {known}",
                )
            if parent in chain:
                raise SpecificationError(
                    f"nested sets form a cycle: {' within '.join([*chain, parent])}",
                    part="[sets]",
                    remedy="a nested set lies, through its parents, within a set that is not nested",
                )
            chain.append(parent)


def check_tensors(tensors: Any) -> Mapping[str, str]:
    """Raise `SpecificationError` unless `tensors` is a non-empty mapping with printable names."""
    remedy = '[tensors] maps state_dict keys to axes, as in "0.weight" = "h1 x"'
    if not isinstance(tensors, Mapping) or not tensors:
        raise SpecificationError("there are no tensors", part="[tensors]", remedy=remedy)
    for name in tensors:
        if not isinstance(name, str) or not name or not name.isprintable():
            raise SpecificationError(
                f"{name!r} is not a tensor name", part="[tensors]", remedy="a name is printable text, not empty"
            )
    return tensors


def make_tensor(name: str, axes_text: str, indices: Mapping[str, Index]) -> Tensor:
    """The tensor that `name = axes_text` declares; every fault in it is shown in its place."""
    try:
        axes = parse_axes(axes_text)
        for atom in atoms(axes):
            if atom.name and atom.name not in indices:
                raise undeclared(atom, indices)
        shape = tuple(expression_size(axis, indices) for axis in axes)
        layout = make_layout(name, axes, indices)
        pieces = tuple(leaves(layout))
    except SpecificationError as error:
        text = error.text if error.end is None else axes_text
        raise SpecificationError(
            error.fault, part=f'tensor "{name}"', text=text, start=error.start, end=error.end, remedy=error.remedy
        ) from None
    stored = tuple(size for axis in axes for size in stored_sizes(axis, indices))
    return Tensor(name, axes, shape, layout, pieces, stored)


def stored_sizes(axis: Expression, indices: Mapping[str, Index]) -> tuple[int, ...]:
    """The sizes that an axis has in a network: two for a pixel grid."""
    index = indices.get(axis.name) if isinstance(axis, Atom) else None
    if isinstance(index, RepresentationIndex) and index.acting.side:
        return index.acting.side, index.acting.side
    return (expression_size(axis, indices),)


def atoms(expressions: Iterable[Expression]) -> Iterator[Atom]:
    """Every atom of some expressions, from left to right."""
    for expression in expressions:
        if isinstance(expression, Atom):
            yield expression
        else:
            yield from atoms(expression.items if isinstance(expression, Product) else expression.terms)


def undeclared(atom: Atom, indices: Mapping[str, Index]) -> SpecificationError:
    declared = ", ".join(indices) or "none"
    return SpecificationError(
        f"{atom.name!r} is not declared",
        start=atom.start,
        end=atom.start + len(atom.name),
        remedy=f"declare it, as in [sets] {atom.name} = 32 (declared: {declared})",
    )


def check_used(indices: Mapping[str, Index], tensors: Iterable[Tensor]) -> None:
    """Raise `SpecificationError` if an index occurs in no tensor."""
    used = {atom.name for tensor in tensors for atom in atoms(tensor.axes)}
    for name, index in indices.items():
        if name not in used:
            raise SpecificationError(
                f"{name!r} is used by no tensor", part=f"[{index.section}]", remedy="use it or take it out"
            )


def toml_key(name: str) -> str:
    """A TOML key: bare where TOML allows it, else quoted."""
    return name if name.isascii() else toml_string(name)


def toml_string(text: str) -> str:
    """A printable text as a TOML basic string."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


SCALAR = WeightSpace({"invariant": ""})
"""The weight space of one scalar: maps to it are the invariants, maps from it the equivariant biases."""
