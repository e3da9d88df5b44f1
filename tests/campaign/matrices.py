"""Matrices of random elements of a group on all entries, from a printed specification alone.

As in `orbits`, only the text is read. The matrix between two entries is a product over their places: a set contributes
the number of its element to the power of the charge where the element goes there, a vector a coefficient of its matrix,
and a free index 1 or 0.
"""

import re
import tomllib

import numpy as np

from tests.campaign.orbits import ancestors, axes_of, entries_of


def random_matrices(text, rng, many):
    """Matrices of random elements of the group that a specification declares."""
    declared = tomllib.loads(text)
    tables = {
        name: one if isinstance(one, dict) else {"size": one}
        for section in ("sets", "positional", "vectors")
        for name, one in declared.get(section, {}).items()
    }
    sizes = {name: table["size"] for name, table in tables.items()} | declared.get("free", {})
    parents = {name: table["within"] for name, table in tables.items() if "within" in table}
    tensors = {}
    for tensor, written in declared["tensors"].items():
        axes = axes_of(tensor, written)
        # An occurrence is named after its charge, so that each entry carries the charges of its places.
        words = set(re.findall(r"[A-Za-z_]\w*(?:\^-?\d+)?", axes))
        renamed = re.sub(r"([A-Za-z_]\w*)(?:\^(-?)(\d+))?", marked, axes)
        known = {marked(re.match(r"(\w+)(?:\^(-?)(\d+))?", word)): sizes[word.partition("^")[0]] for word in words}
        tensors[tensor] = [tuple(map(unmarked, entry)) for entry in entries_of(renamed, known)]
    entries = [(tensor, entry) for tensor, found in tensors.items() for entry in found]
    for _ in range(many):
        parts = Parts(tables, parents, rng)
        yield np.array([[coefficient(parts, to, of) for of in entries] for to in entries])


def marked(found):
    """A word that is a name and tells the charge."""
    name, minus, digits = found.groups()
    return f"{name}__{'m' if minus else 'p'}{digits or '1'}"


def unmarked(place):
    """The name, the value and the charge at a place of an entry."""
    word, value = place
    if not isinstance(word, str) or "__" not in word:
        return word, value, 1
    name, _, charge = word.rpartition("__")
    return name, value, int(charge[1:]) * (-1 if charge[0] == "m" else 1)


class Parts:
    """A random element: for each group and each copy, drawn when it is first asked for, a matrix."""

    def __init__(self, tables, parents, rng):
        self.tables, self.parents, self.rng, self.found = tables, parents, rng, {}

    def matrix(self, name, copy):
        """The matrix of an index in one copy: axes (to, from)."""
        if (name, copy) not in self.found:
            self.found[name, copy] = self.drawn(self.tables[name])
        return self.found[name, copy]

    def drawn(self, table):
        """A random matrix: monomial for a set."""
        size, rng = table["size"], self.rng
        if "group" in table:
            return self.turn(size) * (1.0 if table["group"] == "O" else rng.uniform(0.6, 1.6, size)) @ self.turn(size)
        numbers = {"sign": rng.choice([-1.0, 1.0], size), "positive": rng.uniform(0.6, 1.6, size)}
        return np.eye(size)[:, rng.permutation(size)] * numbers.get(table.get("scaled"), np.ones(size))

    def turn(self, size):
        """A random orthogonal matrix, a rotation or not: those that numpy finds have one determinant."""
        return np.linalg.qr(self.rng.normal(size=(size, size)))[0] * self.rng.choice([-1.0, 1.0], size)


def coefficient(parts, to, of):
    """The coefficient of an entry of the image at an entry of what is moved."""
    (tensor, target), (other, source) = to, of
    places = [[(name, charge) for name, _, charge in entry] for entry in (target, source)]
    if tensor != other or places[0] != places[1]:
        return 0.0
    plain = [(name, value) for name, value, _ in source]
    found = 1.0
    for place, (name, value, charge) in enumerate(source):
        image = target[place][1]
        if name not in parts.tables:
            found *= float(value == image)
            continue
        copy = tuple(plain[above][1] for above in ancestors(plain, place, parts.parents))
        matrix = parts.matrix(name, copy)
        if "group" in parts.tables[name]:
            matrix = matrix if charge == 1 else np.linalg.inv(matrix).T
        else:
            matrix = np.where(matrix != 0, np.where(matrix != 0, matrix, 1.0) ** charge, 0.0)
        found *= matrix[image, value]
        if not found:
            return 0.0
    return found
