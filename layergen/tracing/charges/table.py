"""The charge table: what each operator demands of the charges of its arguments and of its result.

A rule takes the equations and the step, and adds to the equations. An operator without a rule demands that nothing
acts on what it reads.
"""

from __future__ import annotations

from collections.abc import Callable

from layergen.tracing.charges.equations import Equations
from layergen.tracing.values import Step

__all__ = ["CHARGES", "demand", "rule"]

Rule = Callable[[Equations, Step], None]
CHARGES: dict[str, Rule] = {}


def rule(*names: str) -> Callable[[Rule], Rule]:
    """Enter a rule into the table under the names of operators, and of those that write in place."""

    def enter(function: Rule) -> Rule:
        CHARGES.update(dict.fromkeys([*names, *(f"{name}_" for name in names)], function))
        return function

    return enter


def demand(equations: Equations, step: Step) -> None:
    """Add what one operator demands. What is written into has the charges of what is written.

    Nothing acts on a value that no operator made, but on the tensors of the module. A rule that does not fit demands
    as much as none.
    """
    equations.nought(*(value for value in step.arguments if value not in equations.made))
    try:
        CHARGES[step.name](equations, step)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, RuntimeError):
        equations.nought(*step.arguments, *step.results)
    equations.made.update((*step.arguments, *step.results))
    if step.writes:
        for result in step.results:
            equations.equal(equations.aligned(step.arguments[0]), equations.aligned(result))
