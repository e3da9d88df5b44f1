"""Target tensors in groups, each computed apart from the others, so that little is alive at a time.

The largest values of a layer are the pools, the product and the spreads of its largest cores: together they have the
size of the features several times over. A core is *last* if each of its spreads keeps every index of its piece, so that
nothing but target tensors is made of its product. What is computed from products of last cores falls into groups that
have no value in common; a group puts its pools side by side by itself. All else, the means of the source and the
products over fewer indices, is small, and is computed once before.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace

from layergen.plan import operations as ops
from layergen.plan.parameters import name_weights
from layergen.plan.reading import whole_side
from layergen.plan.steps import unordered
from symmetry.language.names import fresh_name

__all__ = ["grouped"]


@dataclass(frozen=True, slots=True)
class Line:
    """A statement with the headings above it, the names that it reads and those that it gives."""

    statements: tuple[ops.Statement, ...]
    reads: frozenset[str]
    gives: tuple[str, ...]


def grouped(program: ops.Program) -> ops.Program:
    """The program with each group of target tensors computed apart; what it computes is the same."""
    every = list(lines(program.statements))
    taken = {name for line in every for name in line.gives}
    late = descendants(every, last_products(program))
    results = []
    for tensor, value in program.results:
        if names_in(value) & late:
            name = fresh_name("given", taken | late)
            every += lines((ops.Let(name, value),))
            late.add(name)
            value = ops.Variable(name)
        results.append((tensor, value))
    early = [line for line in every if late.isdisjoint(line.gives)]
    groups = connected([line for line in every if not late.isdisjoint(line.gives)], late)
    read = {name for group in groups for line in group for name in line.reads}
    times = Counter(name for line in early for name in line.gives)  # a name may be given anew to what is made of it
    pools = [line for line in early if is_side_by_side(line) and line.gives[0] in read and times[line.gives[0]] == 1]
    statements = list(released_early(early, {line.gives[0] for line in pools}, taken | late))
    wanted = {name for _, value in results for name in names_in(value)}
    for group in groups:
        function = fresh_name("group", taken | late)
        taken.add(function)
        statements.append(apart(function, group, pools, wanted))
    return replace(program, statements=tuple(statements), results=tuple(results))


def released_early(early: list[Line], pools: set[str], taken: set[str]) -> Iterator[ops.Statement]:
    """Statements with the means of some pools moved to where the pools are made, and the pools released after them.

    Not the values alone go early: autograd runs backwards, and so adds up the gradients of the means of one core's
    pools before it comes to those of the next.
    """
    names: dict[ops.Mean, str] = {}
    for line in early:
        for part in ops.parts(line.statements[-1]):
            if isinstance(part, ops.Mean) and names_in(part) & pools and part not in names:
                names[part] = fresh_name(f"mean_of_{min(names_in(part) & pools)}", taken)
                taken.add(names[part])
    variables: dict[ops.Value, ops.Value] = {mean: ops.Variable(name) for mean, name in names.items()}
    moved: list[Line] = []
    for line in early:
        *above, last = line.statements
        moved += lines((*above, ops.replaced(last, variables)))
        given = {name for one in moved for name in one.gives}
        for mean in [mean for mean in names if names_in(mean) <= given]:
            moved += lines((ops.Let(names.pop(mean), mean),))
    for number, line in enumerate(moved):
        yield from line.statements
        below = {name for one in moved[number + 1 :] for name in one.reads}
        if over := tuple(sorted(pools & {*line.gives, *line.reads} - below)):
            yield ops.Release(over)


def apart(function: str, group: list[Line], pools: list[Line], wanted: set[str]) -> ops.Apart:
    """A group as one statement, which makes those of the pools that it reads anew, and gives the values wanted."""
    read = {name for line in group for name in line.reads}
    again = [line for line in pools if line.gives[0] in read]
    gives = tuple(dict.fromkeys(name for line in group for name in line.gives if name in wanted))
    inner = (*(line.statements[-1] for line in again), *(one for line in group for one in line.statements))
    return ops.Apart(function, inner, gives)


def last_products(program: ops.Program) -> set[str]:
    """The parameters of the last cores: those of one index or more all of whose spreads keep every index."""
    return {
        f"self.{weight.factors[-1]}"
        for weight in name_weights(program.plan.mixes)
        if weight.factors and weight.mix.core.sets
        if all(unordered(side) == whole_side(side.piece) for side in weight.mix.spreads)
    }


def descendants(every: list[Line], seeds: set[str]) -> set[str]:
    """The names of the values that are computed from some names, directly or not."""
    found: set[str] = set()
    for line in every:
        if line.reads & (found | seeds):
            found.update(line.gives)
    return found


def connected(late: list[Line], names: set[str]) -> list[list[Line]]:
    """Lines in groups: in one of them are those of which one reads what another gives."""
    shared: list[set[str]] = []
    for line in late:
        own = {*line.gives, *(line.reads & names)}
        joined = [group for group in shared if group & own]
        shared = [*(group for group in shared if not group & own), own.union(*joined)]
    return [[line for line in late if group.intersection(line.gives)] for group in shared]


def is_side_by_side(line: Line) -> bool:
    """Whether a line makes one value of several, such as the pools of a core."""
    *_, last = line.statements
    return isinstance(last, ops.Let) and isinstance(last.value, ops.Concatenate)


def lines(statements: tuple[ops.Statement, ...]) -> Iterator[Line]:
    """Statements one by one, each with the headings above it."""
    above: tuple[ops.Statement, ...] = ()
    for one in statements:
        above += (one,)
        match one:
            case ops.Let(name, value):
                yield Line(above, names_in(value), (name,))
            case ops.Split(names, value):
                yield Line(above, names_in(value), names)
            case ops.AddBias(name, taken):
                yield Line(above, frozenset({name, taken}), (name,))
            case _:
                continue
        above = ()


def names_in(value: ops.Value) -> frozenset[str]:
    """The names of variables, slices and parameters (`self.mix`) that a value is computed from."""
    found = set()
    for part in ops.parts(value):
        match part:
            case ops.Variable(name) | ops.Columns(_, name) | ops.Add(_, _, name):
                found.add(name)
            case ops.Product(_, parameter) | ops.Affine(_, parameter):
                found.add(f"self.{parameter}")
    return frozenset(found)
