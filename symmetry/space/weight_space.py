"""A weight space: a named family of tensors over indices, the one value that everything is derived from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from symmetry.kinds import indices as kinds
from symmetry.kinds.indices import Index
from symmetry.language.axes import Atom, Expression, atoms, parse_axes, print_axes
from symmetry.language.errors import SpecificationError
from symmetry.language.names import check_name
from symmetry.space.layout import Layout, Piece, expression_size, leaves, make_layout
from symmetry.space.reading import observed_sizes

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
        /,
        tensors: Mapping[str, str],
        *,
        sets: Mapping[str, Any] | None = None,
        free: Mapping[str, int] | None = None,
        positional: Mapping[str, int] | None = None,
        representations: Mapping[str, Any] | None = None,
        **sections: Mapping[str, Any] | None,
    ) -> None:
        sections |= {"sets": sets, "free": free, "positional": positional, "representations": representations}
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
        for kind in kinds.KINDS:
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
        """Names of the groups that act on several indices together."""
        return tuple(dict.fromkeys(index.group_name for index in self.indices if index.group_name is not None))

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shape of each tensor by name."""
        return {tensor.name: tensor.shape for tensor in self.tensors}

    @property
    def sizes(self) -> dict[str, int]:
        """Size of each index by name."""
        return {index.name: index.size for index in self.indices}

    def index(self, name: str) -> Index:
        """The index of that name."""
        for index in self.indices:
            if index.name == name:
                return index
        known = ", ".join(index.name for index in self.indices) or "none"
        raise SpecificationError(f"there is no index {name!r}", remedy=f"indices: {known}")

    def lineage(self, index: Index) -> tuple[Index, ...]:
        """An index after the sets that it is nested in, outermost first.

        >>> space = WeightSpace({"w": "(head dk)"}, sets={"head": 2, "dk": {"size": 4, "within": "head"}})
        >>> [ancestor.name for ancestor in space.lineage(space.index("dk"))]
        ['head', 'dk']
        """
        return (index,) if index.parent is None else (*self.lineage(self.index(index.parent)), index)

    def copies(self, index: Index) -> tuple[int, ...]:
        """The sizes of the sets that an index is nested in, outermost first: it has as many copies as their product.

        >>> space = WeightSpace({"w": "(head dk)"}, sets={"head": 2, "dk": {"size": 4, "within": "head"}})
        >>> space.copies(space.index("dk")), space.copies(space.index("head"))
        ((2,), ())
        """
        return tuple(ancestor.size for ancestor in self.lineage(index)[:-1])

    def observed(self, shapes: Mapping[str, Sequence[int]]) -> WeightSpace:
        """The space with the sizes that arrays over its tensors show.

        Parameters
        ----------
        shapes
            The lengths of the axes of each tensor, by its name.

        Returns
        -------
        WeightSpace
            The space at other widths. A set that maps from the space to itself cannot read (it is below its order, or
            the axes leave it open) stays at its declared size.

        Examples
        --------
        >>> space = WeightSpace({"w": "h x", "b": "h"}, sets={"h": 32}, free={"x": 2})
        >>> space.observed({"w": (64, 2), "b": (64,)}).sizes
        {'h': 64, 'x': 2}
        """
        if all(tuple(shapes[tensor.name]) == tensor.shape for tensor in self):
            return self
        return resized(self, tuple(observed_sizes(self, shapes).items()))

    def resized(self, sizes: Mapping[str, int]) -> WeightSpace:
        """The same space with other sizes for some of its indices.

        >>> WeightSpace({"b": "h"}, sets={"h": 8}).resized({"h": 3})["b"].shape
        (3,)
        """
        for name in sizes:
            self.index(name)
        return remade(*self.declarations(sizes))

    def declarations(self, sizes: Mapping[str, int]) -> tuple[dict[str, str], dict[str, dict[str, Any]]]:
        """The tensors' axes and the sections of the indices, some at other sizes, as `WeightSpace` takes them."""
        sections: dict[str, dict[str, Any]] = {kind.section: {} for kind in kinds.KINDS}
        for index in self.indices:
            sections[index.section][index.name] = index.of_size(sizes.get(index.name, index.size))
        return {tensor.name: print_axes(tensor.axes) for tensor in self.tensors}, sections


@lru_cache(maxsize=256)
def resized(space: WeightSpace, sizes: tuple[tuple[str, int], ...]) -> WeightSpace:
    """`space.resized`, remembered."""
    return space.resized(dict(sizes))


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
    sections: dict[str, dict[str, Any]] = {kind.section: {} for kind in kinds.KINDS}
    for index in (*source.indices, *target.indices):
        sections[index.section][index.name] = index.of_size(index.size)
    tensors = {f"source: {tensor.name}": print_axes(tensor.axes) for tensor in source}
    tensors |= {f"target: {tensor.name}": print_axes(tensor.axes) for tensor in target}
    return WeightSpace(tensors, **sections)


def declared_indices(sections: Mapping[str, Mapping[str, Any] | None]) -> dict[str, Index]:
    """Every declared index by name; raises for a bad declaration, a name declared twice, a bad parent."""
    known = [kind.section for kind in kinds.KINDS]
    for section in sections:
        if section not in known:
            names = ", ".join(f"[{name}]" for name in (*known, "tensors"))
            raise SpecificationError(f"unknown section [{section}]", remedy=f"sections: {names}")
    found: dict[str, Index] = {}
    for kind in kinds.KINDS:
        declarations = sections.get(kind.section)
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
        if index.group_name in found:
            raise SpecificationError(
                f"{index.group_name!r} is the name of a group and of an index", remedy="give the index another name"
            )
    return found


def check_parents(declared: Mapping[str, Index]) -> None:
    """Raise `SpecificationError` unless every nested set leads up to a set that is not nested."""
    for index in declared.values():
        part, chain = f"[{index.section}]", [index.name]
        while (parent := declared[chain[-1]].parent) is not None:
            if parent not in declared or not declared[parent].nests:
                known = ", ".join(name for name, other in declared.items() if other.nests)
                raise SpecificationError(
                    f"{chain[-1]!r} is nested within {parent!r}, which is not a set",
                    part=part,
                    remedy=f"sets: {known}",
                )
            if parent in chain:
                raise SpecificationError(
                    f"nested sets form a cycle: {' within '.join([*chain, parent])}",
                    part=part,
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
        for atom in atoms(*axes):
            if atom.name and atom.name not in indices:
                raise undeclared(atom, indices)
        sizes = {atom.name: indices[atom.name].size for atom in atoms(*axes) if atom.name}
        shape = tuple(expression_size(axis, sizes) for axis in axes)
        layout = make_layout(name, axes, indices)
        pieces = tuple(leaves(layout))
    except SpecificationError as error:
        text = error.text if error.end is None else axes_text
        raise SpecificationError(
            error.fault, part=f'tensor "{name}"', text=text, start=error.start, end=error.end, remedy=error.remedy
        ) from None
    whole = (indices.get(axis.name) if isinstance(axis, Atom) else None for axis in axes)
    stored = tuple(
        length for index, size in zip(whole, shape, strict=True) for length in (index.stored if index else (size,))
    )
    return Tensor(name, axes, shape, layout, pieces, stored)


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
    used = {atom.name for tensor in tensors for atom in atoms(*tensor.axes)}
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
