"""Signs, positive scales, O and GL: published dimensions, by-hand elements, faults of the language, proofs."""

import math

import numpy as np
import pytest

from symmetry import (
    SCALAR,
    EquivariantMaps,
    SpecificationError,
    WeightSpace,
    element,
    group_order,
    parse,
    random_element,
    verify,
)
from symmetry.groups.tableaux import mean_trace, shapes, tableaux
from symmetry.space.elements import generators, simple_elements

SIGN, POSITIVE = ({"size": 4, "scaled": scaled} for scaled in ("sign", "positive"))
GL, ORTHOGONAL = ({"size": 4, "group": group} for group in ("GL", "O"))


def perceptron(widths, scaled):
    """Weights and biases of a perceptron; hidden neurons are multiplied where they come in, divided where they go."""
    *hidden, last = range(1, len(widths))
    names = ["x", *(f"h{layer}" for layer in hidden), "y"]
    tensors = {}
    for layer, (above, below) in enumerate(zip(names[1:], names, strict=False)):
        tensors[f"{layer}.weight"] = f"{above} {below if below == 'x' else below + '^-1'}"
        tensors[f"{layer}.bias"] = above
    sets = {f"h{layer}": {"size": widths[layer], "scaled": scaled} for layer in hidden}
    return WeightSpace(tensors, sets=sets, free={"x": widths[0], "y": widths[last]})


@pytest.mark.parametrize(("scaled", "dimension"), [("sign", 23), ("positive", 19)])
def test_a_small_perceptron(scaled, dimension):
    maps = EquivariantMaps(perceptron((2, 3, 4, 2), scaled))
    assert (maps.dimension, maps.bias_dimension) == (dimension, 2)
    report = verify(maps)
    assert all(finding.found is not None for finding in report.findings if finding.proof != "irreducibles")


@pytest.mark.parametrize("matrices", [3, 4, 6])
@pytest.mark.parametrize("ends", [(1, 1), (2, 5)])
def test_perceptrons_of_any_depth(matrices, ends):
    d, e = ends
    widths = (d, *[3] * (matrices - 1), e)
    signs = (d + 1) ** 2 + (matrices - 2) + (matrices - 3) + (e + 1) ** 2 + e**2
    scales = (d + 1) ** 2 + 2 * (matrices - 2) + 2 * e**2
    assert EquivariantMaps(perceptron(widths, "sign")).dimension == signs
    assert EquivariantMaps(perceptron(widths, "positive")).dimension == scales


# Banica and Speicher (2009); Brauer (1937): invariants of 2, 4, 6 and 8 positions.
@pytest.mark.parametrize(
    ("axes", "sections", "dimensions"),
    [
        ("h", {"sets": {"h": SIGN}}, (1, 4, 31, 379)),
        ("h h^-1", {"sets": {"h": POSITIVE}}, (1, 3, 16, 131)),
        ("r", {"vectors": {"r": ORTHOGONAL}}, (1, 3, 15, 105)),
        ("r r^-1", {"vectors": {"r": ORTHOGONAL}}, (1, 3, 15, 105)),
        ("r r^-1", {"vectors": {"r": GL}}, (1, 2, 6, 24)),
        ("r", {"vectors": {"r": GL}}, (0, 0, 0, 0)),
    ],
)
def test_invariants_of_many_positions(axes, sections, dimensions):
    step = len(axes.split())
    for positions, dimension in zip((2, 4, 6, 8), dimensions, strict=True):
        space = WeightSpace({"w": f"{axes} " * (positions // step)}, **sections)
        maps = EquivariantMaps(space, SCALAR)
        assert maps.dimension == dimension
        assert verify(maps).of(next(maps.blocks))["characters"].found == dimension


def test_balanced_partitions_of_positive_scales():
    """Partitions of m ups and m downs into balanced blocks: the sum over permutations and unions, 1, 3, 16, 131."""
    by_hand = {1: 1}
    for m in (2, 3, 4):
        # The block of the first up has j of the other ups and j + 1 downs.
        by_hand[m] = sum(math.comb(m - 1, j) * math.comb(m, j + 1) * by_hand.get(m - 1 - j, 1) for j in range(m))
    assert list(by_hand.values()) == [1, 3, 16, 131]


@pytest.mark.parametrize(("size", "found"), [(1, (1, 1, 1, 1)), (2, (1, 3, 10, 35)), (4, (1, 3, 15, 105))])
def test_means_of_powers_of_traces(size, found):
    assert tuple(mean_trace(size, power) for power in (2, 4, 6, 8)) == found


def test_tableaux_are_counted():
    """Σ over shapes of n cells of tableaux squared is n!, of tableaux the number of involutions."""
    for cells, involutions in ((1, 1), (2, 2), (3, 4), (4, 10), (5, 26), (6, 76)):
        counts = [tableaux(shape) for shape in shapes(cells, cells)]
        assert (sum(n**2 for n in counts), sum(counts)) == (math.factorial(cells), involutions)


def test_a_lora_pair():
    """Only A to A and B to B: each input (output) of one to each of the other, the rank carried across."""
    space = WeightSpace({"A": "r i", "B": "o r^-1"}, vectors={"r": GL}, free={"i": 3, "o": 2})
    maps = EquivariantMaps(space)
    dimensions = {(b.target.name, b.source.name): b.dimension for b in maps.blocks}
    assert dimensions == {("A", "A"): 9, ("A", "B"): 0, ("B", "A"): 0, ("B", "B"): 4}
    assert maps.bias_dimension == EquivariantMaps(space, SCALAR).dimension == 0
    assert str(next(iter(maps.block("A", "A")))) == "A[r 0] <- A[r 0]"


def test_the_parity_of_a_charge_is_all_that_signs_see():
    def dimension(axes):
        return EquivariantMaps(WeightSpace({"w": axes, "v": "h"}, sets={"h": SIGN})).dimension

    assert dimension("h^2") == dimension("h^0") == dimension("h^-4") == 3
    assert dimension("h^3") == dimension("h^-1") == dimension("h") == 4


def test_charges_print_and_are_read_again():
    space = WeightSpace(
        {"w": "(h^-1 + (h^2 k)) r^-1", "v": "h^0 h^12", "u": "head q"},
        sets={"h": POSITIVE, "k": {"size": 2, "within": "h", "scaled": "sign"}, "head": 2},
        vectors={"r": ORTHOGONAL, "q": {"size": 2, "group": "GL", "within": "head"}},
    )
    assert parse(str(space)) == space
    assert [str(tensor) for tensor in space][:2] == ["w[(h^-1 + (h^2 k)) r^-1]", "v[h^0 h^12]"]
    assert str(space).splitlines()[2] == 'k = { size = 2, within = "h", scaled = "sign" }'
    assert space.resized({"h": 3}).index("h").declaration() == '{ size = 3, scaled = "positive" }'
    assert WeightSpace({"w": "h^1"}, sets={"h": SIGN}) == WeightSpace({"w": "h"}, sets={"h": SIGN})


FAULTS = {
    "w = 'k^-1'": ["tensor \"w\": 'k' has no charges", "    k^-1\n    ^^^^"],
    "w = 'x^2'": ["'x' has no charges", "    x^2\n    ^^^"],
    "w = 'x p^-1'": ["'p' has no charges", "    x p^-1\n      ^^^^"],
    "w = 'h^'": ["the charge '' is no integer", "    h^\n    ^^"],
    "w = 'x (h^-1.5 x)'": ["the charge '-1.5' is no integer", "    x (h^-1.5 x)\n       ^^^^^^"],
    "w = 'h^1000'": ["the charge '1000' is no integer", "at most three digits"],
    "w = '2^2'": ["'2' is not a name", "    2^2\n    ^^^"],
    "w = 'x r^2'": ["'r' has the charge 2 here", "    x r^2\n      ^^^", "the charge 1, or -1: r^-1"],
    "w = 'r^0'": ["'r' has the charge 0 here"],
}


@pytest.mark.parametrize("tensor", FAULTS)
def test_faults_of_charges(tensor):
    text = f"""
    [sets]
    h = {{ size = 2, scaled = "sign" }}
    k = 3
    [free]
    x = 2
    [positional]
    p = 2
    [vectors]
    r = {{ size = 2, group = "GL" }}
    [tensors]
    all = 'h k x p r'
    {tensor}
    """
    with pytest.raises(SpecificationError) as caught:
        parse(text)
    for part in FAULTS[tensor]:
        assert part in str(caught.value)


DECLARATIONS = {
    'h = { size = 2, scaled = "signs" }': ("sets", ["'h' is scaled by 'signs'", 'write scaled = "sign" or "positive"']),
    "h = { size = 2, scaled = 2 }": ("sets", ["'h' is scaled by 2"]),
    'h = { scaled = "sign" }': ("sets", ["no size in the declaration of 'h'"]),
    "h = 2": ("vectors", ["'h' is declared as 2", 'write h = { size = 8, group = "GL" }']),
    'h = { size = 2, group = "SO" }': ("vectors", ["the group of 'h' is 'SO'"]),
    'h = { group = "O" }': ("vectors", ["no size in the declaration of 'h'"]),
    'h = { size = 2, group = "O", scaled = "sign" }': ("vectors", ["unknown key 'scaled'"]),
    'h = { size = 0, group = "O" }': ("vectors", ["the size of 'h' is 0"]),
    'h = { size = 2, group = "O", within = "x" }': (
        "vectors",
        ["'h' is nested within 'x', which is neither a set"],
    ),
}


@pytest.mark.parametrize("declaration", DECLARATIONS)
def test_faults_of_declarations(declaration):
    section, parts = DECLARATIONS[declaration]
    with pytest.raises(SpecificationError) as caught:
        parse(f"[{section}]\n{declaration}\n[free]\nx = 2\n[tensors]\nw = 'x h'\n")
    for part in parts:
        assert part in str(caught.value)


def test_keys_that_are_no_words_are_named():
    """They cannot be written in a file, but given to `WeightSpace`."""
    for group in ({"group": "O"}, {"group": "GL"}):
        with pytest.raises(SpecificationError, match="unknown key 7 in the declaration of 'r'"):
            WeightSpace({"w": "r"}, vectors={"r": {"size": 2, **group, "sized": 2, 7: 2}})


def test_a_vector_below_its_order_is_refused():
    """With four positions of a vector of one dimension the three pairings are one map."""
    space = WeightSpace({"w": "r r"}, vectors={"r": {"size": 1, "group": "O"}})
    with pytest.raises(
        SpecificationError, match=r"vector 'r' has the size 1, at which its diagrams are not independent"
    ):
        EquivariantMaps(space)
    assert EquivariantMaps(space, SCALAR).dimension == 1
    assert EquivariantMaps(WeightSpace({"w": "r r"}, vectors={"r": {"size": 2, "group": "O"}})).dimension == 3


def test_factors_and_matrices_by_hand():
    space = WeightSpace(
        {"w": "h x", "v": "y h^-1", "s": "h^2", "n": "h^0"}, sets={"h": POSITIVE}, free={"x": 1, "y": 1}
    )
    g = element(space, {"h": {"images": [1, 0, 2, 3], "factors": [2, 1, 1, 0.5]}})
    moved = g.act({name: np.ones(shape) for name, shape in space.shapes.items()})
    assert {name: value.ravel().tolist() for name, value in moved.items()} == {
        "w": [1, 2, 1, 0.5],
        "v": [1, 0.5, 1, 2],
        "s": [1, 4, 1, 0.25],
        "n": [1, 1, 1, 1],
    }
    space = WeightSpace({"a": "r", "b": "r^-1"}, vectors={"r": {"size": 2, "group": "GL"}})
    g = element(space, {"r": [[2, 1], [0, 1]]})
    moved = g.act({"a": np.array([1.0, 2.0]), "b": np.array([3.0, 5.0])})
    assert (moved["a"].tolist(), moved["b"].tolist()) == ([4, 2], [1.5, 3.5])
    assert moved["a"] @ moved["b"] == 13


def test_units_within_experts_have_signs_of_their_own():
    """The signs of copy 1 act where copy 1 stands before it is moved to 0."""
    sets = {"e": 2, "u": {"size": 2, "within": "e", "scaled": "sign"}}
    g = element(WeightSpace({"w": "e u"}, sets=sets), {"e": [1, 0], "u": {"factors": [[1, 1], [-1, 1]]}})
    assert g.act({"w": np.array([[1, 2], [3, 4]])})["w"].tolist() == [[-3, 4], [1, 2]]


SPACES = {
    "signs": WeightSpace({"w": "h x", "v": "h h^-1"}, sets={"h": SIGN}, free={"x": 2}),
    "scales in copies": WeightSpace(
        {"w": "(e u^-1) e", "v": "e"}, sets={"e": 3, "u": {"size": 2, "within": "e", "scaled": "positive"}}
    ),
    "GL in copies": WeightSpace(
        {"w": "(e u^-1) u", "v": "e"}, sets={"e": 3}, vectors={"u": {"size": 2, "group": "GL", "within": "e"}}
    ),
    "O": WeightSpace({"w": "r r^-1 r"}, vectors={"r": {"size": 3, "group": "O"}}),
}


@pytest.mark.parametrize("name", SPACES)
def test_elements_are_a_group_that_acts(name):
    space, rng = SPACES[name], np.random.default_rng(0)
    x = {key: rng.normal(size=shape) for key, shape in space.shapes.items()}
    g, h = random_element(space, 1), random_element(space, 2)
    for key, value in (g @ h).act(x).items():
        np.testing.assert_allclose(value, g.act(h.act(x))[key], rtol=1e-9)
    for key, value in g.inverse().act(g.act(x)).items():
        np.testing.assert_allclose(value, x[key], rtol=1e-9)
    assert element(space, g.described) == g
    for simple in [*simple_elements(space), *generators(space)]:
        assert simple.moved
        assert any(not np.allclose(value, x[key]) for key, value in simple.act(x).items())


def test_orders_of_groups():
    assert group_order(SPACES["signs"]) == 2**4 * 24
    assert group_order(SPACES["scales in copies"]) == 6
    assert SPACES["scales in copies"].index("u").action.order_symbol == "∞ (R_+ ≀ S_2)"
    vectors = {"r": {"size": 1, "group": "O"}, "s": {"size": 2, "group": "O"}, "t": {"size": 1, "group": "GL"}}
    found = WeightSpace({"w": "r s t"}, vectors=vectors)
    assert [found.index(name).action.order_symbol for name in "rst"] == ["2", "∞ (O(2))", "∞ (GL(1))"]


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        ({"factors": [1, 2, 1, 1]}, "are not all of 1 and -1"),
        ({"factors": [1, -1]}, "are not all of 1 and -1"),
        ({"images": [0, 0, 1, 2]}, "is not a permutation"),
        ({"signs": [1, 1, 1, -1]}, "neither images nor factors"),
        ([1, 0, 2, 3], "neither images nor factors"),
    ],
)
def test_parts_that_are_no_elements(value, fault):
    with pytest.raises(SpecificationError, match=fault):
        element(SPACES["signs"], {"h": value})


@pytest.mark.parametrize("value", [[[1, 0], [0, 1]], np.diag([1.0, 2.0, 1.0]), "turn", np.full((3, 3), np.nan)])
def test_matrices_that_are_no_elements(value):
    with pytest.raises(SpecificationError, match="the part for 'r' is no orthogonal matrix"):
        element(SPACES["O"], {"r": value})
