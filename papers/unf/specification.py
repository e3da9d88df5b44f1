"""Permutation specifications in UNF's notation, as weight spaces."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from symmetry import WeightSpace
from symmetry.language.errors import SpecificationError

__all__ = ["weight_space"]


def weight_space(perm_spec: Mapping[str, Any], shapes: Mapping[str, Any]) -> WeightSpace:
    """The weight space of a permutation specification.

    Parameters
    ----------
    perm_spec
        A tree of dictionaries, as `flax` has parameters; a leaf is a tuple that gives for each axis of the tensor the
        number of the permutation that acts on it. Numbers may be any hashable values.
    shapes
        The tree of the tensors' shapes, without channels; or of anything that has a `shape`.

    Returns
    -------
    WeightSpace
        One set for each permutation, `p0`, `p1`, … where they are numbers, and one tensor for each leaf, under its keys
        joined by dots. An axis whose permutation acts on nothing else is a set all the same: UNF has no free indices.

    Raises
    ------
    SpecificationError
        If the trees differ, if a tuple has not one entry for each axis, or if one permutation acts on axes of
        different lengths.

    References
    ----------
    Zhou, Finn and Harrison, "Universal neural functionals", 2024; section 2 and the `README.md` of its public code.

    Examples
    --------
    >>> spec = {"Dense_0": {"kernel": (0, 1), "bias": (1,)}, "Dense_1": {"kernel": (1, 2), "bias": (2,)}}
    >>> shapes = {"Dense_0": {"kernel": (3, 4), "bias": (4,)}, "Dense_1": {"kernel": (4, 2), "bias": (2,)}}
    >>> print(str(weight_space(spec, shapes)).strip())
    [sets]
    p0 = 3
    p1 = 4
    p2 = 2
    [tensors]
    "Dense_0.kernel" = "p0 p1"
    "Dense_0.bias" = "p1"
    "Dense_1.kernel" = "p1 p2"
    "Dense_1.bias" = "p2"
    """
    specified, given = dict(leaves(perm_spec)), {name: shape_of(leaf) for name, leaf in leaves(shapes)}
    if specified.keys() != given.keys():
        odd = sorted(specified.keys() ^ given.keys())
        raise SpecificationError(
            f"the specification and the shapes are of different tensors: {', '.join(odd)} in one only",
            remedy="give both trees the same keys",
        )
    sizes: dict[str, int] = {}
    for name, numbers in specified.items():
        if len(numbers) != len(given[name]):
            raise SpecificationError(
                f"{name} has shape {given[name]}, and the specification {tuple(numbers)} for it",
                remedy="give one permutation for each axis, without the channels",
            )
        for number, size in zip(numbers, given[name], strict=True):
            if sizes.setdefault(f"p{number}", size) != size:
                raise SpecificationError(
                    f"permutation {number} acts on {sizes[f'p{number}']} entries elsewhere, and on {size} in {name}",
                    remedy="axes that are permuted together have one length",
                )
    axes = {name: " ".join(f"p{number}" for number in numbers) for name, numbers in specified.items()}
    return WeightSpace(axes, sets=sizes)


def leaves(tree: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """The leaves of a tree of dictionaries, by their keys joined by dots."""
    for key, value in tree.items():
        if isinstance(value, Mapping):
            yield from leaves(value, f"{before}{key}.")
        else:
            yield f"{before}{key}", value


def shape_of(leaf: Any) -> tuple[int, ...]:
    """The shape that a leaf is or has."""
    shape: Sequence[int] = getattr(leaf, "shape", leaf)
    return tuple(shape)
