"""Numbers of standard Young tableaux, by which the invariants of the orthogonal and general linear groups are counted.

References
----------
Frame, Robinson and Thrall, "The hook graphs of the symmetric group", Canadian Journal of Mathematics 6, 1954; Rains,
"Increasing subsequences and the classical groups", Electronic Journal of Combinatorics 5, 1998 (means of powers of
traces).
"""

from __future__ import annotations

import math
from collections.abc import Iterator

__all__ = ["mean_trace", "mean_trace_pairs", "shapes", "tableaux"]


def shapes(cells: int, rows: int, longest: int | None = None) -> Iterator[tuple[int, ...]]:
    """The partitions of an integer into at most `rows` summands, largest first.

    >>> list(shapes(4, 2))
    [(4,), (3, 1), (2, 2)]
    """
    if cells == 0:
        yield ()
    elif rows:
        for first in range(min(cells, longest or cells), 0, -1):
            yield from ((first, *rest) for rest in shapes(cells - first, rows - 1, first))


def tableaux(shape: tuple[int, ...]) -> int:
    """The number of standard Young tableaux of a shape, by the hook length formula.

    >>> tableaux((2, 2))
    2
    """
    columns = [sum(row > place for row in shape) for place in range(shape[0] if shape else 0)]
    hooks = (row - j + columns[j] - i - 1 for i, row in enumerate(shape) for j in range(row))
    return math.factorial(sum(shape)) // math.prod(hooks)


def mean_trace(size: int, power: int) -> int:
    """The mean of tr(g)^power over the orthogonal group O(size): tableaux whose rows all have even lengths.

    >>> [mean_trace(2, power) for power in (2, 4, 6, 8)]
    [1, 3, 10, 35]
    """
    if power % 2:
        return 0
    return sum(tableaux(tuple(2 * row for row in half)) for half in shapes(power // 2, size))


def mean_trace_pairs(size: int, power: int, inverse: int) -> int:
    """The mean of tr(g)^power tr(g⁻¹)^inverse over the unitary group U(size): pairs of tableaux of one shape.

    >>> [mean_trace_pairs(2, power, power) for power in (1, 2, 3, 4)]
    [1, 2, 5, 14]
    """
    return sum(tableaux(shape) ** 2 for shape in shapes(power, size)) if power == inverse else 0
