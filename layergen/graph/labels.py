"""Labels: what is the same in all networks of one architecture, in numbers that mean the same in every architecture."""

from __future__ import annotations

import re
import zlib
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

__all__ = ["WORDS", "Column", "Kind", "Labels", "natural_order", "rows", "word_numbers"]

Labels = NDArray[np.int64]
"""One label a row, its numbers in the order of `Column`."""
WORDS = 512
"""The number of buckets into which words of tensors' names are hashed; 0 is that of no word."""


class Kind(IntEnum):
    """What a node, an edge or an entry of a parameter graph stands for."""

    SET = 0
    NESTED = 1
    POSITIONAL = 2
    FREE = 3
    ENTRY = 4
    """A node for an entry of a tensor over no index, or over three or more."""
    TENSOR = 5
    """A node for a tensor over one index, joined to the values of the index."""
    HUB = 6
    """A node joined to what no tensor joins to anything."""
    WEIGHT = 7
    """An edge, or an entry, of a tensor over two indices."""
    VECTOR = 8
    """An entry of a tensor over one index, or the edge that stands for it."""
    NESTING = 9
    """An edge from an element of a set to what is nested in it."""
    INCIDENCE = 10
    """An edge from an entry's node to one of its indices."""
    SPOKE = 11
    """An edge from the hub."""


class Column(IntEnum):
    """The numbers of a label; those that do not apply are nought."""

    KIND = 0
    STREAM = 1
    """Of an index: 1 if tensors read it only (an input), 2 if they write it only (an output), 3 both, 0 neither."""
    ROLE = 2
    """The bucket of the last word of the tensor's name, "bias" of "0.bias"."""
    MODULE = 3
    """The bucket of the last word before, "conv" of "conv1.weight"."""
    DEPTH = 4
    """The number of edges of the architecture graph on the longest path to the index, or to the one that is written."""
    HEIGHT = 5
    """The depth of the deepest index, less this one."""
    RANK = 6
    """A number for each tensor's piece, and for each index, in the order of depth: no two labels share all of these."""
    PLACE = 7
    """The value of a free or positional index; of an entry the number of its free values, row-major; of an edge to an
    index of an entry the number of the index."""
    ROW = 8
    """Twice the distance from the middle of the last free axis but one, as of a kernel's rows."""
    COLUMN = 9
    """Twice the distance from the middle of the last free axis."""
    FAN = 10
    """The number of entries that are summed for one written value; 1 for tensors over other than two indices."""


def rows(count: int, **columns: int | NDArray[np.int64]) -> Labels:
    """Some labels; a column is one number for all, or an array with one for each.

    >>> rows(2, kind=Kind.FREE, place=np.arange(2))[:, [Column.KIND, Column.PLACE]].tolist()
    [[3, 0], [3, 1]]
    """
    found = np.zeros((count, len(Column)), dtype=np.int64)
    for name, values in columns.items():
        found[:, Column[name.upper()]] = values
    return found


def word_numbers(name: str) -> tuple[int, int]:
    """The buckets of the last two words of a tensor's name, without the digits in them.

    >>> word_numbers("layers.0.fc.weight") == word_numbers("layers.7.fc2.weight"), word_numbers("weight")[1]
    (True, 0)
    """
    words = [word for part in name.split(".") if (word := re.sub(r"\d+", "", part).strip("_"))]
    role, module = ([0, 0] + [1 + zlib.crc32(word.encode()) % (WORDS - 1) for word in words])[-1:-3:-1]
    return role, module


def natural_order(name: str) -> list[tuple[int, str]]:
    """A key to sort names by, numbers in them as numbers.

    >>> sorted(["layer10.bias", "layer9.bias"], key=natural_order)
    ['layer9.bias', 'layer10.bias']
    """
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name)]
