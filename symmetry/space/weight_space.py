"""A weight space: a named family of tensors over indices, the value from which everything is derived."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from symmetry.kinds.index import Index
from symmetry.kinds.registry import KINDS
from symmetry.language.axes import print_axes
from symmetry.language.errors import SpecificationError
from symmetry.space.declarations import Tensor, check_distinct, check_tensors, check_used, declared_indices, make_tensor
from symmetry.space.layout import Piece
from symmetry.space.markup import space_table
from symmetry.space.reading import check_observed, observed_sizes
from symmetry.space.showing import drawing

__all__ = ["SCALAR", "Tensor", "WeightSpace", "joint_space"]


@dataclass(frozen=True, slots=True, init=False, repr=False)
class WeightSpace:
    """The weights of an architecture, with the symmetry of its neurons.

    A frozen value: equal spaces have equal specifications, and `parse(str(space)) == space`. Iterating gives the
    tensors, `space[name]` gives one.

    Parameters
    ----------
    tensors
        The axes of each tensor by its `state_dict` key, in the language of `symmetry.language.axes`. A key with the
        name of an index in it, `"blocks.{layer}.weight"`, stands for a family: one tensor for each value of the index,
        stacked along a first axis (`symmetry.language.families`).
    sets
        Sizes of the indices that are permuted; of a nested set `{"size": 4, "within": "head"}`, of neurons that may
        be multiplied `{"size": 4, "scaled": "sign"}` or `"positive"`.
    free
        Sizes of the indices on which no group acts.
    positional
        Sizes of the indices whose values share parameters and are told apart by a learned embedding; of one whose
        values have neighbours, such as layers, `{"size": 12, "ordered": True}`.
    representations
        For indices on which a group acts by matrices `{"group": "C4", "representation": "regular"}`.
    vectors
        For indices on which O(n) or GL(n) acts `{"size": 8, "group": "GL"}`.
    **sections
        Declarations of other kinds of index, by the section of the specification in which each kind is declared.

    Raises
    ------
    SpecificationError
        If anything is malformed, undeclared or unused.

    Examples
    --------
    >>> space = WeightSpace(
    ...     {"q.weight": "(head dk) d", "o.weight": "d (head dk)"},
    ...     sets={"d": 8, "head": 2, "dk": {"size": 4, "within": "head"}},
    ... )
    >>> space["q.weight"].shape
    (8, 8)
    >>> from symmetry import parse
    >>> parse(str(space)) == space
    True
    >>> deep = WeightSpace(
    ...     {"blocks.{layer}.weight": "h d", "out.weight": "y d"},
    ...     sets={"d": 8, "h": {"size": 32, "within": "layer"}}, positional={"layer": 12}, free={"y": 2},
    ... )
    >>> deep.shapes, deep["blocks.{layer}.weight"].members[:2]
    ({'blocks.{layer}.weight': (12, 32, 8), 'out.weight': (2, 8)}, ('blocks.0.weight', 'blocks.1.weight'))
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
        positional: Mapping[str, Any] | None = None,
        representations: Mapping[str, Any] | None = None,
        vectors: Mapping[str, Any] | None = None,
        **sections: Mapping[str, Any] | None,
    ) -> None:
        sections |= {"sets": sets, "free": free, "positional": positional}
        sections |= {"representations": representations, "vectors": vectors}
        indices = declared_indices(sections)
        built = tuple(make_tensor(name, axes, indices) for name, axes in check_tensors(tensors).items())
        check_used(indices, built)
        check_distinct(built)
        object.__setattr__(self, "indices", tuple(indices.values()))
        object.__setattr__(self, "tensors", built)

    def __getitem__(self, name: str) -> Tensor:
        """The tensor with a name. Raises `SpecificationError`, with a list of the names, if there is none."""
        for tensor in self.tensors:
            if tensor.name == name:
                return tensor
        raise SpecificationError(f"there is no tensor {name!r}", remedy=f"tensors: {', '.join(self.names)}")

    def __repr__(self) -> str:
        return f"parse({str(self)!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        """A pickle holds the declarations, since escnn's groups and representations cannot be pickled."""
        tensors, sections = self.declarations({})
        return remade, (tensors, {section: declared for section, declared in sections.items() if declared})

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """The representation for IPython and hypothesis, which would print a dataclass field by field."""
        printer.text(repr(self))

    def _repr_html_(self) -> str:
        """The tensors as a table, for notebooks: indices on which a group acts are coloured."""
        return space_table(self)

    def draw(self) -> Any:
        """Draw which axes permute together, as `layergen.drawing.architecture` does.

        Returns
        -------
        matplotlib.figure.Figure
            The picture, for `layergen.drawing.picture` to make a file of.
        """
        return drawing().architecture(self)

    def __iter__(self) -> Iterator[Tensor]:
        return iter(self.tensors)

    def __len__(self) -> int:
        return len(self.tensors)

    def __str__(self) -> str:
        """The canonical specification, as TOML."""
        lines = []
        for kind in KINDS.values():
            declared = [index for index in self.indices if index.section == kind.section]
            if declared:
                lines.append(f"[{kind.section}]")
                lines += [f"{toml_key(index.name)} = {index.declaration()}" for index in declared]
        lines.append("[tensors]")
        lines += [f'{toml_string(tensor.name)} = "{print_axes(tensor.own_axes)}"' for tensor in self.tensors]
        return "\n".join(lines) + "\n"

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the tensors, in the specification's order."""
        return tuple(tensor.name for tensor in self.tensors)

    @property
    def pieces(self) -> tuple[Piece, ...]:
        """The pieces of all tensors, in the specification's order."""
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
        """The index with a name.

        Parameters
        ----------
        name
            Name of a declared index.

        Returns
        -------
        Index
            The index.

        Raises
        ------
        SpecificationError
            If there is no such index; the message lists the indices.
        """
        for index in self.indices:
            if index.name == name:
                return index
        known = ", ".join(index.name for index in self.indices) or "none"
        raise SpecificationError(f"there is no index {name!r}", remedy=f"indices: {known}")

    def lineage(self, index: Index) -> tuple[Index, ...]:
        """The sets that an index is nested in, outermost first, followed by the index.

        Parameters
        ----------
        index
            An index of the space.

        Returns
        -------
        tuple[Index, ...]
            At least the index.

        Examples
        --------
        >>> space = WeightSpace({"w": "(head dk)"}, sets={"head": 2, "dk": {"size": 4, "within": "head"}})
        >>> [ancestor.name for ancestor in space.lineage(space.index("dk"))]
        ['head', 'dk']
        """
        return (index,) if index.parent is None else (*self.lineage(self.index(index.parent)), index)

    def copies(self, index: Index) -> tuple[int, ...]:
        """The sizes of the sets that an index is nested in, outermost first.

        Parameters
        ----------
        index
            An index of the space.

        Returns
        -------
        tuple[int, ...]
            Sizes, whose product is the number of copies of the index; empty for an index that is not nested.

        Examples
        --------
        >>> space = WeightSpace({"w": "(head dk)"}, sets={"head": 2, "dk": {"size": 4, "within": "head"}})
        >>> space.copies(space.index("dk")), space.copies(space.index("head"))
        ((2,), ())
        """
        return tuple(ancestor.size for ancestor in self.lineage(index)[:-1])

    def observed(self, shapes: Mapping[str, Sequence[int]]) -> WeightSpace:
        """The space at the sizes that the shapes of arrays show.

        Parameters
        ----------
        shapes
            The lengths of the axes of each tensor, by its name.

        Returns
        -------
        WeightSpace
            The space at these widths. A set stays at its declared size where a map from the space to itself cannot read
            the size: the set is smaller than its order, or the axes leave it open.

        Raises
        ------
        SpecificationError
            If no widths give the shapes; the message says which sets stay, and why.

        Examples
        --------
        >>> space = WeightSpace({"w": "h x", "b": "h"}, sets={"h": 32}, free={"x": 2})
        >>> space.observed({"w": (64, 2), "b": (64,)}).sizes
        {'h': 64, 'x': 2}
        """
        if missing := [tensor.name for tensor in self if tensor.name not in shapes]:
            raise SpecificationError(f"there are no arrays for the tensors {missing}")
        if all(tuple(shapes[tensor.name]) == tensor.shape for tensor in self):
            return self
        seen = resized(self, tuple(observed_sizes(self, shapes).items()))
        check_observed(self, seen, shapes)
        return seen

    def resized(self, sizes: Mapping[str, int]) -> WeightSpace:
        """The same space with other sizes for some of its indices.

        Parameters
        ----------
        sizes
            New sizes by the name of the index.

        Returns
        -------
        WeightSpace
            The space at the new sizes.

        Raises
        ------
        SpecificationError
            For an unknown index, and for a size that the index cannot have.

        Examples
        --------
        >>> WeightSpace({"b": "h"}, sets={"h": 8}).resized({"h": 3})["b"].shape
        (3,)
        """
        for name in sizes:
            self.index(name)
        return remade(*self.declarations(sizes))

    def only(self, names: Collection[str]) -> WeightSpace:
        r"""The space of some of the tensors, over the indices that they use.

        Parameters
        ----------
        names
            Names of tensors, in any order.

        Returns
        -------
        WeightSpace
            The tensors in the specification's order.

        Examples
        --------
        >>> WeightSpace({"w": "h x", "b": "h"}, sets={"h": 8}, free={"x": 2}).only({"b"})
        parse('[sets]\nh = 8\n[tensors]\n"b" = "h"\n')
        """
        if set(names) == set(self.names):
            return self
        tensors, sections = self.declarations({})
        used = {p.index.name for piece in self.pieces if piece.tensor in names for p in piece.positions}
        kept = {name: axes for name, axes in tensors.items() if name in names}
        return remade(kept, {key: {n: d for n, d in table.items() if n in used} for key, table in sections.items()})

    def declarations(self, sizes: Mapping[str, int]) -> tuple[dict[str, str], dict[str, dict[str, Any]]]:
        """The arguments from which `WeightSpace` makes this space, some of the indices at other sizes.

        Parameters
        ----------
        sizes
            New sizes by the name of the index.

        Returns
        -------
        tuple[dict[str, str], dict[str, dict[str, Any]]]
            The axes of each tensor, and the declarations of the indices by section.

        Examples
        --------
        >>> WeightSpace({"b": "h"}, sets={"h": 8}).declarations({"h": 3})[1]["sets"]
        {'h': 3}
        """
        sections: dict[str, dict[str, Any]] = {section: {} for section in KINDS}
        for index in self.indices:
            sections[index.section][index.name] = index.of_size(sizes.get(index.name, index.size))
        return {tensor.name: print_axes(tensor.own_axes) for tensor in self.tensors}, sections


@lru_cache(maxsize=256)
def resized(space: WeightSpace, sizes: tuple[tuple[str, int], ...]) -> WeightSpace:
    """`space.resized(dict(sizes))`, cached."""
    return space.resized(dict(sizes))


def remade(tensors: Mapping[str, str], sections: Mapping[str, Mapping[str, Any]]) -> WeightSpace:
    """The weight space with some declarations; pickles call it."""
    return WeightSpace(tensors, **sections)


def joint_space(source: WeightSpace, target: WeightSpace) -> WeightSpace:
    """The tensors of two spaces in one, whose group acts on both: indices of one name are one index.

    Parameters
    ----------
    source, target
        Spaces in which indices of one name are declared alike.

    Returns
    -------
    WeightSpace
        `source` where the two are equal; else a space over tensors called `source: …` and `target: …`.

    Examples
    --------
    >>> joint_space(WeightSpace({"w": "h"}, sets={"h": 2}), WeightSpace({"w": "h k"}, sets={"h": 2, "k": 3})).names
    ('source: w', 'target: w')
    """
    if source == target:
        return source
    (ours, sections), (theirs, more) = source.declarations({}), target.declarations({})
    tensors = {f"source: {name}": axes for name, axes in ours.items()}
    tensors |= {f"target: {name}": axes for name, axes in theirs.items()}
    return WeightSpace(tensors, **{section: declared | more[section] for section, declared in sections.items()})


def toml_key(name: str) -> str:
    """A TOML key: bare where TOML allows it, else quoted."""
    return name if name.isascii() else toml_string(name)


def toml_string(text: str) -> str:
    """A printable text as a TOML basic string."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


SCALAR = WeightSpace({"invariant": ""})
"""The weight space of one scalar: maps to it are invariants, maps from it equivariant biases."""
