"""Representation indices: groups, intertwiners, elements and dimensions, against each other and against averages."""

import functools
import math
import os

import numpy as np
import pytest

import symmetry
from symmetry import EquivariantMaps, SpecificationError, WeightSpace, element, generators, identity
from symmetry.groups.groups import find_group
from symmetry.groups.representations import representation
from symmetry.kinds.representation import EXAMPLES
from symmetry.maps.isotypic import decomposition, echelon
from symmetry.verification.null_space import UNKNOWNS

ICOSAHEDRAL = ["standard", "irrep(4)", "irrep(2) + irrep(3)"]

pytest.importorskip("escnn.group", exc_type=ImportError)


thorough = pytest.mark.skipif(
    os.environ.get("HYPOTHESIS_PROFILE") != "thorough",
    reason="slow to build the first time",
)
every_group = pytest.mark.parametrize("name", [*EXAMPLES, pytest.param("icosahedral", marks=thorough)])


@every_group
def test_matrices_multiply_and_are_orthogonal(name):
    group, rng = find_group(name), np.random.default_rng(0)
    for text in EXAMPLES.get(name, ICOSAHEDRAL):
        acting = representation(name, text)
        a, b = group.sample(rng), group.sample(rng)
        np.testing.assert_allclose(acting.matrix(a @ b), acting.matrix(a) @ acting.matrix(b), atol=1e-9)
        np.testing.assert_allclose(acting.matrix(a) @ acting.matrix(a).T, np.eye(acting.size), atol=1e-9)
        np.testing.assert_allclose(acting.matrix(group.provider.identity), np.eye(acting.size), atol=1e-12)


@every_group
def test_decompositions_are_orthonormal_and_take_the_action_apart(name):
    """basisᵀ ρ(g) basis is block-diagonal, with each irreducible representation's own matrices."""
    group, rng = find_group(name), np.random.default_rng(0)
    known = EXAMPLES.get(name, ICOSAHEDRAL)
    texts = [*((text,) for text in known), (known[0], "standard")]
    for factors in texts:
        acting = [representation(name, text) for text in factors]
        found, g = decomposition(tuple(representation(name, given) for given in factors)), group.sample(rng)
        size = math.prod(one.size for one in acting)
        assert found.basis.shape == (size, size)
        np.testing.assert_allclose(found.basis.T @ found.basis, np.eye(size), atol=1e-9)
        matrix = acting[0].matrix(g) if len(acting) == 1 else np.kron(acting[0].matrix(g), acting[1].matrix(g))
        blocks = [
            irrep.matrix(g) for irrep, m in zip(found.irreps, found.multiplicities, strict=True) for _ in range(m)
        ]
        turned, start = found.basis.T @ matrix @ found.basis, 0
        for block in blocks:
            stop = start + len(block)
            np.testing.assert_allclose(turned[start:stop, start:stop], block, atol=1e-9)
            turned[start:stop, start:stop] = 0
            start = stop
        assert np.abs(turned).max() < 1e-9


def test_a_basis_is_the_same_whatever_spans_it():
    """The echelon form forgets which vectors span the space, signs included."""
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(3, 8))
    mixed = rng.normal(size=(3, 3)) @ rows
    np.testing.assert_allclose(echelon(rows), echelon(mixed), atol=1e-9)
    found = decomposition((representation("C4", "regular + standard"),))
    place = [irrep.label for irrep in found.irreps].index("1")
    first = sum(found.multiplicities[:place])
    np.testing.assert_allclose(found.basis[:, first] * math.sqrt(2), [1, 0, -1, 0, 0, 0], atol=1e-12)


def test_known_bases():
    """The pixels of a 2×2 image under quarter turns: the mean, the checkerboard, two differences."""
    found = decomposition((representation("C4", "grid(2)"),))
    labels = dict(zip((irrep.label for irrep in found.irreps), found.multiplicities, strict=True))
    assert labels == {"0": 1, "1": 1, "2": 1}
    np.testing.assert_allclose(found.basis[:, 0] * 2, [1, 1, 1, 1])
    np.testing.assert_allclose(found.basis[:, 3] * 2, [1, -1, -1, 1])


@pytest.mark.parametrize("side", [2, 3, 4])
def test_pixel_grids_turn_as_torch_turns_them(side):
    image = np.arange(side * side, dtype=float)
    for name in ("C4", "D4"):
        turn = representation(name, f"grid({side})").matrix(find_group(name).generators[0])
        np.testing.assert_array_equal((turn @ image).reshape(side, side), np.rot90(image.reshape(side, side)))
    mirror = representation("D4", f"grid({side})").matrix(find_group("D4").generators[1])
    np.testing.assert_array_equal((mirror @ image).reshape(side, side), np.flipud(image.reshape(side, side)))


def test_intertwiners_without_sets_are_orthogonal_of_one_length():
    """Over representation indices alone a block's maps have the Frobenius norm √d, d the size of the irreducible."""
    space = WeightSpace(
        {"a": "r", "b": "g"},
        representations={
            "r": {"group": "D4", "representation": "regular"},
            "g": {"group": "D4", "representation": "grid(3) + standard"},
        },
    )
    for block in EquivariantMaps(space).blocks:
        rows = np.array([diagram.matrix().ravel() for diagram in block])
        gram = rows @ rows.T
        np.testing.assert_allclose(gram, np.diag(np.diag(gram)), atol=1e-9)
        assert {round(length) for length in np.diag(gram)} <= {1, 2}


def test_regular_representations_count_group_elements():
    """Maps of a regular representation to itself are the group's own multiplications: |G| of them."""
    for name, order in [("C4", 4), ("C5", 5), ("D4", 8), ("octahedral", 24)]:
        space = WeightSpace({"w": "r"}, representations={"r": {"group": name, "representation": "regular"}})
        maps = EquivariantMaps(space)
        assert maps.dimension == order
        assert maps.bias_dimension == 1


def test_types_over_the_reals():
    """A plane turned by C4 or SO(2) has two maps to itself (complex type), by D4 or O(2) one (real type)."""
    for name, dimension in [("C4", 2), ("SO(2)", 2), ("D4", 1), ("O(2)", 1), ("C2", 4), ("C1", 4)]:
        space = WeightSpace({"w": "p"}, representations={"p": {"group": name, "representation": "standard"}})
        assert EquivariantMaps(space).dimension == dimension


@pytest.mark.parametrize("size", [2, 3, 4])
def test_symmetric_groups_through_their_namesakes(size):
    """Sets of two, three and four against escnn's C2, D3 and octahedral group; larger and nested sets are left out."""
    space = WeightSpace({"w": "h h", "b": "h", "v": "(h + 2) x"}, sets={"h": size}, free={"x": 2})
    report = symmetry.verify(EquivariantMaps(space))
    assert all(f.found is not None for f in report.findings if f.proof == "irreducibles")
    assert sum(f.found for f in report.findings if f.proof == "irreducibles") == sum(
        b.dimension for b in (*EquivariantMaps(space).blocks, *EquivariantMaps(space).bias_blocks)
    )


def test_what_the_proof_by_irreducibles_leaves_out():
    large = WeightSpace({"w": "h h", "v": "h h"}, sets={"h": 5})
    (one, *_) = [f for f in symmetry.verify(EquivariantMaps(large)).findings if f.proof == "irreducibles"]
    assert (one.found, one.expected, one.note) == (15, 15, "at h=4")
    nested = WeightSpace({"w": "h k"}, sets={"h": 2, "k": {"size": 2, "within": "h"}})
    findings = [f for f in symmetry.verify(EquivariantMaps(nested)).findings if f.proof == "irreducibles"]
    assert {(f.found, f.note) for f in findings} == {(None, "nested sets")}


def test_a_wrong_dimension_is_noticed(monkeypatch):
    """Each proof disagrees with a formula that forgets the complex type."""
    from symmetry.maps import isotypic

    whole = isotypic.decomposition

    def forgetful(factors):
        found = whole(factors)
        real = [type(i)(i.group, i.label, i.size, i.frequency, i.matrix, i.commuting[:1]) for i in found.irreps]
        return isotypic.Decomposition(tuple(real), found.multiplicities, found.basis, found.basis)

    monkeypatch.setattr(isotypic, "decomposition", forgetful)
    monkeypatch.setattr(isotypic, "decomposed", isotypic.decomposed.__wrapped__)
    space = WeightSpace({"w": "p"}, representations={"p": {"group": "C4", "representation": "standard"}})
    maps = EquivariantMaps(space)
    from symmetry.verification.report import PROOFS, VerificationError, verify

    for proof in PROOFS:
        with pytest.raises(VerificationError):
            verify(maps, proofs=[proof])


def test_generators_generate():
    """Elements reached by multiplying generators are all of a finite group."""
    for name, order in [("C6", 6), ("D4", 8), ("octahedral", 24)]:
        space = WeightSpace({"w": "p"}, representations={"p": {"group": name, "representation": "standard"}})
        found = [identity(space)]
        for g in found:
            for s in generators(space):
                if s @ g not in found:
                    found.append(s @ g)
        assert len(found) == order == symmetry.group_order(space)


def test_the_null_space_fits_what_it_is_asked():
    """Representation indices count among the unknowns, and are not cut down."""
    space = WeightSpace({"w": "r r"}, representations={"r": {"group": "octahedral", "representation": "regular"}})
    assert UNKNOWNS < 24**4
    findings = symmetry.verify(EquivariantMaps(space, WeightSpace({"s": ""}))).findings
    assert {f.note for f in findings if f.proof == "null space"} == {"too many unknowns", ""}


def test_declarations_print_and_parse():
    text = """
[sets]
h = 3
[representations]
xy = { group = "SO2", representation = "irrep(1)+  trivial" }
m = { group = "C4", representation = [[[0, -1], [1, 0]]], size = 2 }
[tensors]
w = "h (xy + m)"
"""
    space = symmetry.parse(text)
    assert space.index("xy").group == "SO(2)"
    assert space.index("xy").size == 3
    assert 'xy = { group = "SO(2)", representation = "irrep(1) + trivial" }' in str(space)
    assert symmetry.parse(str(space)) == space
    assert space.resized({"h": 5}).shapes == {"w": (5, 5)}
    assert space.groups == ("SO(2)", "C4")


FAULTS = {
    '{ group = "E8", representation = "regular" }': ("'E8' is not a group", "octahedral, icosahedral"),
    '{ group = "C99", representation = "regular" }': ("more rotations than are supported", "SO(2)"),
    '{ group = "C4", representation = "irrep(3)" }': ("'irrep(3)' is not a representation of C4", "irrep(2)"),
    '{ group = "D4", representation = "irrep(1)" }': ("is not a representation of D4", "irrep(1, 1)"),
    '{ group = "SO(2)", representation = "irrep(99)" }': ("is not a representation of SO(2)", "k up to 12"),
    '{ group = "O(3)", representation = "irrep(0, 9)" }': ("is not a representation of O(3)", "k up to 4"),
    '{ group = "SO(3)", representation = "regular" }': ("is not a representation of SO(3)", "standard"),
    '{ group = "C4", representation = "regular - trivial" }': ("is not a representation of C4", "sums with +"),
    '{ group = "C4", representation = "quotient(3)" }': ("C4 has no subgroup", "quotient(2)"),
    '{ group = "C3", representation = "grid(3)" }': ("C3 does not move pixels to pixels", "C4"),
    '{ group = "C4", representation = "grid(99)" }': ("is not a representation of C4", "grid(side)"),
    '{ group = "C4", representation = [[[2, 0], [0, 2]]] }': ("is not orthogonal", "transpose"),
    '{ group = "C4", representation = [[[0.6, 0.8], [-0.8, 0.6]]] }': ("do not multiply as the elements", "identity"),
    f'{{ group = "C4", representation = [[[{20 / 101}, {99 / 101}], [{-99 / 101}, {20 / 101}]]] }}': (
        "do not multiply as the elements",  # four such turns are an eighth of a turn short of none
        "identity",
    ),
    '{ group = "D4", representation = [[[1]]] }': ("1 matrices are given for D4", "give 2 square matrices"),
    '{ group = "SO(2)", representation = [[[1]]] }': ("matrices are given for SO(2)", "finite groups"),
    '{ group = "C4", representation = [["a"]] }': ("the representation of 'p' is", "give words"),
    '{ group = "C4", representation = [[[1, 0], [0]]] }': ("the representation of 'p' is", "give words"),
    '{ group = "C4", representation = [[[true]]] }': ("the representation of 'p' is", "give words"),
    '{ group = "C4", representation = ["1"] }': ("the representation of 'p' is", "give words"),
    '{ group = "C4", representation = { a = 1 } }': ("the representation of 'p' is", "give words"),
    f'{{ group = "C4", representation = [[[{10**400}]]] }}': ("the representation of 'p' is", "give words"),
    f'{{ group = "C{"9" * 5000}", representation = "trivial" }}': ("is not a group", "groups:"),
    '{ group = "C3", representation = [[[-0.5, -0.8660254], [0.8660254, -0.5]]] }': ("not orthogonal", "16 digits"),
    f'{{ group = "C4", representation = "{" + ".join(["trivial"] * 2000)}" }}': ("2,000 entries", "1,024"),
    '{ group = "octahedral", representation = "grid(3)" }': ("does not move pixels to pixels", "D4"),
    '{ group = "C4", representation = 3 }': ("the representation of 'p' is 3", "give words"),
    '{ group = "C4", representation = "standard", size = 3 }': ("has the size 3, but its representation 2", "leave"),
    '{ group = "C4" }': ("no representation in the declaration", 'group = "C4"'),
    '{ group = "C4", representation = "standard", within = "h" }': ("unknown key 'within'", "group ="),
    "3": ("is declared as 3", "group ="),
}


@pytest.mark.parametrize("declaration", FAULTS)
def test_bad_declarations(declaration):
    fault, remedy = FAULTS[declaration]
    with pytest.raises(SpecificationError) as caught:
        symmetry.parse(f'[representations]\np = {declaration}\n[tensors]\nw = "p"\n')
    assert fault in str(caught.value)
    assert remedy in str(caught.value)
    assert "[representations]" in str(caught.value)


def test_equal_up_to_names():
    first, second = (
        WeightSpace(
            {"b": "h p" if name == "p" else "h q", "a": f"{name} 2"},
            sets={"h": 3},
            representations={name: {"group": "C4", "representation": "regular"}},
        )
        for name in ("p", "q")
    )
    assert first != second
    assert symmetry.canonical(first) == symmetry.canonical(second)


def test_elements_that_do_not_exist():
    plane = {"p": {"group": "C4", "representation": "standard"}}
    space = WeightSpace({"w": "p h"}, sets={"h": 2}, representations=plane)
    for given_, fault in [(4, "4 is no element of C4"), ("a", "'a' is no element"), ([[0, 1]], "is no element")]:
        with pytest.raises(SpecificationError, match=fault):
            element(space, {"C4": given_})
    with pytest.raises(SpecificationError, match="there is no index 'C5'"):
        element(space, {"C5": 1})
    with pytest.raises(SpecificationError, match="the name of a group and of an index"):
        WeightSpace({"w": "p C4"}, sets={"C4": 2}, representations=plane)
    turned = WeightSpace({"w": "p"}, representations={"p": {"group": "SO(2)", "representation": "standard"}})
    with pytest.raises(SpecificationError, match="is no element of SO"):
        element(turned, {"SO(2)": [[1, 0], [0, -1]]})
    quarter = element(turned, {"SO(2)": [[0, -1], [1, 0]]})
    np.testing.assert_allclose(quarter.act({"w": np.array([1.0, 0.0])})["w"], [0, 1], atol=1e-12)


def test_whole_numbers_become_floating_point_ones():
    space = WeightSpace({"w": "p"}, representations={"p": {"group": "C3", "representation": "standard"}})
    turned = element(space, {"C3": 1}).act({"w": np.array([2, 0])})["w"]
    np.testing.assert_allclose(turned, [-1, math.sqrt(3)])


@pytest.mark.parametrize(
    ("group", "text", "tensor", "dimension"),
    [("SO(3)", "irrep(4)", "p p", 9), ("O(3)", "irrep(1, 4)", "p p", 9), ("SO(3)", "standard", "p p p p", 91)],
)
def test_large_products_are_decomposed_in_a_moment(group, text, tensor, dimension):
    """The means over Euler angles are taken one after the other, not over a grid of all three."""
    space = WeightSpace({"w": tensor}, representations={"p": {"group": group, "representation": text}})
    assert EquivariantMaps(space).dimension == dimension


@pytest.mark.parametrize(
    ("group", "text", "tensor"), [("C44", "regular", "p p"), ("SO(2)", "irrep(12)", "p p p p p p p p p p")]
)
def test_products_too_large_are_refused_at_once(group, text, tensor):
    space = WeightSpace({"w": tensor}, representations={"p": {"group": group, "representation": text}})
    with pytest.raises(SpecificationError, match='tensor "w": a tensor product of representations of'):
        _ = EquivariantMaps(space).dimension


def test_proofs_are_held_to_what_the_block_says(monkeypatch):
    """A fault in the block's own count, not in the diagrams', is noticed by every proof."""
    from symmetry.maps import equivariant_maps as module
    from symmetry.verification.report import PROOFS, VerificationError, verify

    space = WeightSpace(
        {"w": "h p"}, sets={"h": 2}, representations={"p": {"group": "C4", "representation": "standard"}}
    )
    right = module.total
    monkeypatch.setattr(module, "total", lambda *tensors, **options: right(*tensors, **options) + 1)
    for proof in PROOFS:
        with pytest.raises(VerificationError):
            verify(EquivariantMaps(space), proofs=[proof])


@pytest.mark.parametrize(
    ("group", "text", "words"),
    [
        ("C4", "irrep(a)", "'irrep(a)' is not a representation of C4\nthere are irrep(0), irrep(1), irrep(2), trivial"),
        ("C4", "irrep(3)", "'irrep(3)' is not a representation of C4"),
        ("D3", "regular(2)", "'regular(2)' is not a representation of D3"),
        ("SO(2)", "regular", "'regular' is not a representation of SO(2)\nthere are irrep(k) for k up to"),
        ("O(3)", "irrep(5)", "'irrep(5)' is not a representation of O(3)\nthere are irrep(parity, k) for k up to"),
        (
            "SO(3)",
            "round",
            "'round' is not a representation of SO(3)\nthere are irrep(k) for k up to 4, trivial, standard,",
        ),
        ("octahedral", "grid(0)", "'grid(0)' is not a representation of octahedral\nthere are irrep("),
    ],
)
def test_words_that_name_no_representation_are_answered_with_those_that_do(group, text, words):
    with pytest.raises(SpecificationError) as caught:
        representation(group, text)
    assert str(caught.value).startswith(words)


@pytest.mark.parametrize("entry", [True, "1", None, 2.5, -2.5, float("nan"), 1j])
def test_entries_of_matrices_are_numbers_that_an_orthogonal_matrix_may_have(entry):
    declared = {"group": "C2", "representation": [[[entry]]]}
    with pytest.raises(SpecificationError, match=r"the representation of 'r' is .*\ngive words"):
        WeightSpace({"w": "r"}, representations={"r": declared})


def test_every_finding_names_its_block():
    """Those too that a proof leaves out."""
    space = WeightSpace({"w": "r r"}, representations={"r": {"group": "octahedral", "representation": "regular"}})
    maps = EquivariantMaps(space, WeightSpace({"s": ""}))
    for finding in symmetry.verify(maps).findings:
        assert finding.block in (*maps.blocks, *maps.bias_blocks)
        assert finding.expected == finding.block.dimension
        assert finding.found in (None, finding.expected)


@pytest.mark.parametrize(
    ("group", "text", "permutes"),
    [
        ("C4", "regular", True),
        ("C4", "regular + trivial", True),
        ("D4", "grid(3)", True),
        ("C4", "quotient(2)", True),
        ("C4", "standard", False),
        ("C2", "irrep(1)", False),
        ("D3", "standard", False),
        ("SO(2)", "standard", False),
    ],
)
def test_permutation_representations_are_recognised(group, text, permutes):
    assert representation(group, text).permutes == permutes


def test_nought_stands_for_the_identity_of_a_group_with_a_continuum_of_elements():
    group = find_group("SO(3)")
    np.testing.assert_allclose(group.coordinates(group.described_by(0)), np.eye(3), atol=1e-12)
    finite = find_group("C4")
    assert [finite.described_by(number) for number in range(4)] == list(finite.elements)
    for wrong in (-1, 4, True, 1.0, "r"):
        with pytest.raises(SpecificationError, match="give its number, from 0 to 3"):
            finite.described_by(wrong)
    for wrong in (1, np.diag([1, 1, -1]), np.eye(2), 2 * np.eye(3)):
        with pytest.raises(SpecificationError, match="give an orthogonal matrix"):
            group.described_by(wrong)


@every_group
def test_means_over_stages_are_the_mean_over_the_group(name):
    """Which keeps constants, and takes every other irreducible representation to nought (Schur)."""
    group = find_group(name)
    stages = group.stages(2)
    for stage in stages:
        assert math.isclose(sum(weight for _, weight in stage), 1)
    for irrep in group.irreps(2):
        means = [sum(weight * irrep.matrix(g) for g, weight in stage) for stage in stages]
        mean = functools.reduce(np.matmul, means)
        np.testing.assert_allclose(mean, np.eye(1) if irrep.trivial else np.zeros_like(mean), atol=1e-9)


def test_irreducible_pieces_are_named_by_the_letters_of_their_group():
    space = WeightSpace({"w": "p"}, representations={"p": {"group": "O(3)", "representation": "standard"}})
    pieces = {piece for block in EquivariantMaps(space).blocks for d in block for piece in (d.target_piece,)}
    assert {position.index.name for piece in pieces for position in piece.positions} == {"O3.1_1"}
