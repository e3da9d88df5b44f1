"""Long values are laid out over several lines that mean the same."""

import ast
import textwrap

import pytest

from layergen.emission.text import WIDTH
from layergen.emission.values import code, laid_out
from layergen.plan import operations as ops

SHORT = ops.Sum((ops.Variable("a"), ops.Variable("b")))
SUMMANDS = [f"summand_{number}_{'x' * 40}" for number in range(4)]


def test_short_values_stay_on_one_line():
    assert laid_out("y = ", SHORT) == ["        y = a + b"]


def test_the_summands_of_a_long_sum_stand_one_a_line():
    head, first, *others, tail = laid_out("y = ", ops.Sum(tuple(map(ops.Variable, SUMMANDS))))
    assert (head.strip(), tail.strip()) == ("y = (", ")")
    assert [line.strip() for line in (first, *others)] == [SUMMANDS[0], *(f"+ {name}" for name in SUMMANDS[1:])]


@pytest.mark.parametrize(
    "value",
    [
        ops.Sum(tuple(map(ops.Variable, SUMMANDS))),
        ops.Concatenate(tuple(map(ops.Variable, SUMMANDS)), -1),
        ops.Add(ops.Variable(SUMMANDS[0]), ops.Variable(SUMMANDS[1]), SUMMANDS[2]),
        ops.View(ops.Concatenate(tuple(map(ops.Variable, SUMMANDS)), 2), "flatten", (1, 2)),
        ops.View(ops.View(ops.Variable(SUMMANDS[0] + "x" * 30), "flatten", (1, 2)), "permute", (0, 2, 1)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_lines_keep_within_the_width_and_join_to_the_value_on_one_line(value):
    lines = laid_out("y = ", value)
    assert len(lines) > 1
    assert max(map(len, lines)) <= WIDTH
    text = textwrap.dedent("\n".join(lines))
    assert ast.unparse(ast.parse(text)) == ast.unparse(ast.parse(f"y = {code(value)}"))
