"""How many orbits a group has on entries and on pairs of entries, counted from a printed specification alone.

Only the text is read: axis strings are parsed here, the group is given by a few generators, and orbits are merged one
image at a time. Over an ordered index, on which no group acts, pairs are merged whose values are apart alike.
"""

import re
import tomllib
from itertools import product

TOKEN = re.compile(r"[()+]|\w+")
FAMILY = re.compile(r"\{([^{}]*)\}")


def axes_of(name, axes):
    """The axes of a tensor, first the one that is in the name of a family."""
    return " ".join([*FAMILY.findall(name), axes]).strip()


def orbit_counts(text):
    """The number of orbits on pairs of entries by (target, source), and on entries by tensor."""
    declared = tomllib.loads(text)
    sets = {**declared.get("sets", {}), **declared.get("positional", {})}
    sizes = {name: one["size"] if isinstance(one, dict) else one for name, one in sets.items()}
    parents = {name: one["within"] for name, one in sets.items() if isinstance(one, dict) and "within" in one}
    every = {**sizes, **declared.get("free", {})}
    tensors = {name: entries_of(axes_of(name, axes), every) for name, axes in declared["tensors"].items()}
    whole = [(name, entry) for name, entries in tensors.items() for entry in entries]
    number = {entry: place for place, entry in enumerate(whole)}
    ordered = [name for name, one in sets.items() if isinstance(one, dict) and one.get("ordered")]
    copies = [dict(zip(ordered, one, strict=True)) for one in product(*(range(sizes[name]) for name in ordered))]
    images = [
        [number[name, image(entry, moved, values, parents, copy)] for name, entry in whole]
        for moved, size in sizes.items()
        if moved not in ordered
        for copy in copies
        for values in generators(size)
    ]
    count = len(whole)
    moves = [[g[a] * count + g[b] for a in range(count) for b in range(count)] for g in images]
    for name in ordered:
        alike = [(likened(a, b, name, far=2), likened(b, a, name, far=0)) for a in whole for b in whole]
        moves.append([number[a] * count + number[b] for a, b in alike])
        images.append([number[likened(a, ("", ()), name, far=2)] for a in whole])
    pairs = merged(count * count, moves)
    names = [name for name, _ in whole]
    return tally((names[one // count], names[one % count]) for one in pairs), tally(
        names[e] for e in merged(count, images)
    )


def generators(size):
    """Two permutations that generate all: the exchange of the first two values, and a cycle."""
    if size > 1:
        yield [1, 0, *range(2, size)]
        yield [*range(1, size), 0]


def image(entry, moved, values, parents, copy):
    """An entry after a permutation of one set: of a nested one within the first copy of its parents only.

    Of ordered parents, which nothing moves, it is within the copy given.
    """
    found = list(entry)
    for place, (name, value) in enumerate(entry):
        above = (entry[one] for one in ancestors(entry, place, parents))
        if name == moved and all(number == copy.get(parent, 0) for parent, number in above):
            found[place] = name, values[value]
    return tuple(found)


def likened(entry, beside, ordered, *, far):
    """An entry of a tensor with the first value of an ordered index that stands alike to that of the entry beside it.

    With `far` on the one side and 0 on the other two values are no neighbours. Where only one of the two entries has
    the index, all values are alike.
    """
    values = [next((value for name, value in one[1] if name == ordered), None) for one in (entry, beside)]
    value = {-1: 0, 0: 0, 1: 1}.get(0 if None in values else values[0] - values[1], far)
    return entry[0], tuple((name, value if name == ordered else number) for name, number in entry[1])


def ancestors(entry, place, parents):
    """The places that a nested index belongs to: of each parent the last one before it, or else the first."""
    while (parent := parents.get(entry[place][0])) is not None:
        where = [number for number, (name, _) in enumerate(entry) if name == parent]
        place = max((number for number in where if number < place), default=where[0])
        yield place


def entries_of(axes, sizes):
    """The entries of a tensor as tuples of (index, value), numbers and the terms of sums being indices too."""
    tokens = TOKEN.findall(axes)
    found = product_of(tokens, sizes)
    assert not tokens
    return found


def product_of(tokens, sizes):
    """The entries of a product, up to a plus or a closing bracket; reads the tokens."""
    factors = []
    while tokens and tokens[0] not in "+)":
        token = tokens.pop(0)
        if token == "(":
            factors.append(sum_of(tokens, sizes))
        else:
            name, size = (("#", len(tokens)), int(token)) if token.isdigit() else (token, sizes[token])
            factors.append([((name, value),) for value in range(size)])
    return [sum(parts, ()) for parts in product(*factors)]


def sum_of(tokens, sizes):
    """The entries of a sum up to its closing bracket, marked by their terms."""
    terms = [product_of(tokens, sizes)]
    mark = len(tokens)
    while tokens.pop(0) == "+":
        terms.append(product_of(tokens, sizes))
    return [((("+", mark), number), *entry) for number, term in enumerate(terms) for entry in term]


def merged(count, images):
    """One entry of each orbit, by union-find."""
    root = list(range(count))

    def find(one):
        while root[one] != one:
            root[one] = one = root[root[one]]
        return one

    for moved in images:
        for one, other in enumerate(moved):
            root[find(one)] = find(other)
    return [one for one in range(count) if root[one] == one]


def tally(things):
    """How often each thing is there."""
    found = {}
    for one in things:
        found[one] = found.get(one, 0) + 1
    return found
