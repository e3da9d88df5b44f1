"""The dimension of each block of a perceptron's maps, by the paper's formulas."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from papers.chains import Chain
from symmetry import EquivariantMaps, WeightSpace

__all__ = ["FORMULAS", "BlockFormula", "block_formula", "rows"]


@dataclass(frozen=True, slots=True)
class BlockFormula:
    """Blocks of one dimension: which ones, the formula in d0 inputs and dM outputs, and its value."""

    blocks: str
    formula: str

    def value(self, chain: Chain) -> int:
        """The dimension that the formula gives for a chain."""
        symbols = {"d0": chain.widths[0], "dM": chain.widths[-1]}
        total = 1
        for factor in self.formula.replace("²", " ²").split("·"):
            name, _, square = factor.partition(" ")
            number = symbols[name] if name in symbols else int(name)
            total *= number**2 if square else number
        return total


FORMULAS = {
    "first": BlockFormula("W1 ↔ W1", "2·d0²"),
    "last": BlockFormula("WM ↔ WM", "2·dM²"),
    "inner": BlockFormula("Wi ↔ Wi between", "4"),
    "first and next": BlockFormula("W1 ↔ W2", "2·d0"),
    "last and next": BlockFormula("W(M−1) ↔ WM", "2·dM"),
    "neighbours": BlockFormula("neighbours between", "2"),
    "first and last": BlockFormula("W1 ↔ WM", "d0·dM"),
    "first and other": BlockFormula("W1 ↔ other W", "d0"),
    "last and other": BlockFormula("WM ↔ other W", "dM"),
    "others": BlockFormula("other W ↔ other W", "1"),
    "first, its bias": BlockFormula("W1 ↔ b1", "2·d0"),
    "inner, its bias": BlockFormula("Wi ↔ bi between", "2"),
    "last, its bias": BlockFormula("WM ↔ bM", "dM²"),
    "inner, bias before": BlockFormula("W(j+1) ↔ bj between", "2"),
    "last, bias before": BlockFormula("WM ↔ b(M−1)", "2·dM"),
    "first, last bias": BlockFormula("W1 ↔ bM", "d0·dM"),
    "first, other bias": BlockFormula("W1 ↔ other b", "d0"),
    "last, other bias": BlockFormula("WM ↔ other b", "dM"),
    "inner, last bias": BlockFormula("Wi ↔ bM", "dM"),
    "inner, other bias": BlockFormula("Wi ↔ other b", "1"),
    "bias": BlockFormula("bi ↔ bi", "2"),
    "last bias": BlockFormula("bM ↔ bM", "dM²"),
    "biases with the last": BlockFormula("bi ↔ bM", "dM"),
    "biases": BlockFormula("bi ↔ other b", "1"),
}
"""By kind of block; Navon et al. 2023, the tables of the appendix, for three matrices or more and hidden sizes ≥ 2."""


def block_formula(one: str, other: str, count: int) -> BlockFormula:
    """The formula of the block between two tensors, `2.weight` and `1.bias`, of a chain of `count` matrices."""
    (i, first), (j, second) = sorted((int(n), kind) for n, _, kind in (one.partition("."), other.partition(".")))
    last = count - 1
    if first == second == "weight":
        return FORMULAS[of_weights(i, j, last)]
    if first == second == "bias":
        own = {True: "last bias", False: "bias"}[i == last]
        return FORMULAS[own if i == j else "biases with the last" if j == last else "biases"]
    weight, bias = (i, j) if first == "weight" else (j, i)
    return FORMULAS[of_weight_and_bias(weight, bias, last)]


def of_weights(i: int, j: int, last: int) -> str:
    """The kind of a block between two weights, i ≤ j."""
    if i == j:
        return {0: "first", last: "last"}.get(i, "inner")
    if j == i + 1:
        return "first and next" if i == 0 else "last and next" if j == last else "neighbours"
    if i == 0:
        return "first and last" if j == last else "first and other"
    return "last and other" if j == last else "others"


def of_weight_and_bias(weight: int, bias: int, last: int) -> str:
    """The kind of a block between a weight and a bias."""
    if weight == bias:
        return f"{ {0: 'first', last: 'last'}.get(weight, 'inner') }, its bias"
    if weight == bias + 1:
        return "last, bias before" if weight == last else "inner, bias before"
    kind = {0: "first", last: "last"}.get(weight, "inner")
    return f"{kind}, last bias" if bias == last else f"{kind}, other bias"


def rows(chain: Chain, space: WeightSpace) -> Iterator[tuple[str, str, str, str, str]]:
    """For each formula the number of blocks, its value, and the dimensions that are derived for these blocks."""
    maps, count = EquivariantMaps(space), len(chain.widths) - 1
    derived: dict[BlockFormula, list[int]] = {}
    for block in maps.blocks:
        derived.setdefault(block_formula(block.target.name, block.source.name, count), []).append(block.dimension)
    for formula, found in derived.items():
        texts = ", ".join(map(str, sorted(set(found))))
        yield formula.blocks, formula.formula, str(len(found)), str(formula.value(chain)), texts
