"""Repeated blocks are folded into families, and families written out: the one undoes the other."""

import pytest
from hypothesis import given, settings

from benchmarks.spaces import gpt2, transformer
from symmetry import EquivariantMaps, SpecificationError, WeightSpace
from symmetry.space.canonical import canonical
from symmetry.space.elements import group_order
from symmetry.space.families import Copy, without_families
from symmetry.space.repetition import in_families
from symmetry.strategies import weight_spaces


def test_transformers_of_any_depth_are_one_family():
    maps = [EquivariantMaps(in_families(transformer(layers))) for layers in (2, 7)]
    assert maps[0].dimension == maps[1].dimension == 911
    assert EquivariantMaps(transformer(7)).dimension == 20_377
    found = in_families(gpt2())
    assert (len(found), found.sizes["h"], EquivariantMaps(found).dimension) == (16, 12, 1_171)
    assert found["h.{h}.attn.c_attn.weight"].shape == (12, 768, 2304)


@pytest.mark.parametrize("space", [transformer(3, width=8, heads=2, hidden=16), gpt2()])
def test_families_written_out_are_what_was_folded(space):
    apart = without_families(in_families(space))
    assert canonical(apart.space) == canonical(space)
    assert group_order(apart.space) == group_order(space) == group_order(in_families(space))


@settings(max_examples=30)
@given(weight_spaces(max_tensors=4))
def test_whatever_is_folded_is_the_same_space(space):
    try:
        apart = without_families(space).space
    except SpecificationError as error:
        assert "is in its name and among its axes" in str(error)
        return
    assert canonical(without_families(in_families(apart)).space) == canonical(apart)
    if all(index.embedded or index.free for tensor in space for index in family_indices(space, tensor)):
        assert group_order(apart) == group_order(space)


def family_indices(space, tensor):
    return [space.index(axis.name) for axis in tensor.family.axes]


def test_copies_are_named_after_their_values():
    space = WeightSpace(
        {"{layer}.{expert}.w": "h d", "{layer}.gate": "expert d", "{(1 + layer)}.norm": "d"},
        sets={"d": 3, "expert": {"size": 2, "within": "layer"}, "h": {"size": 4, "within": "expert"}},
        positional={"layer": 2},
    )
    apart = without_families(space)
    assert {str(tensor) for tensor in apart.space} == {
        *("0.0.w[h_0_0 d]", "0.1.w[h_0_1 d]", "1.0.w[h_1_0 d]", "1.1.w[h_1_1 d]"),
        *("0.gate[expert_0 d]", "1.gate[expert_1 d]", "0.norm[d]", "1.norm[d]", "2.norm[d]"),
    }
    assert apart.copies["h_1_0"] == Copy("h", (("layer", 1), ("expert", 0)))
    assert apart.copies["expert_1"] == Copy("expert", (("layer", 1),))
    assert apart.space.index("h_1_0").parent is None


def layers(count, inner, sets, **more):
    """Tensors `layers.n.…` over sets of their own, each named with its number."""
    tensors = {f"layers.{n}.{name}": axes.replace("@", f"_{n}") for n in range(count) for name, axes in inner.items()}
    own = {f"{name}_{n}": sizes for n in range(count) for name, sizes in sets.items()}
    return WeightSpace({**tensors, "out": "d"}, sets={"d": 3, **own}, **more)


def permuted(space, found):
    """The space with the blocks that were just folded as a set, not a row."""
    tensors, sections = space.declarations({})
    sections["sets"][found.index] = sections["positional"].pop(found.index)
    return WeightSpace(tensors, **sections)


def test_blocks_inside_blocks_are_folded_first():
    inner = {f"experts.{e}.w": f"h_{e}@ d" for e in range(4)}
    apart = layers(3, inner, {f"h_{e}": 5 for e in range(4)})
    found = in_families(apart, lambda space, one: permuted(space, one) if one.index != "layers" else space)
    assert found.names == ("layers.{layers}.experts.{experts}.w", "out")
    assert found.index("h").declaration() == '{ size = 5, within = "experts" }'
    assert found.index("experts").declaration() == '{ size = 4, within = "layers" }'


def test_no_set_is_tied_by_a_fold():
    """Units of experts that stay in order would have to be nested in experts and in layers, and experts cannot be."""
    inner = {f"experts.{e}.w": f"h_{e}@ d" for e in range(4)}
    apart = layers(3, inner, {f"h_{e}": 5 for e in range(4)})
    found = in_families(apart)
    assert [str(tensor.family.texts[0]) for tensor in found] == [
        "layers.0.experts.",
        "layers.1.experts.",
        "layers.2.experts.",
        "out",
    ]
    assert group_order(found) == group_order(apart)


UNLIKE = {
    "a chain": WeightSpace({"0.w": "a x", "1.w": "b a", "2.w": "x b"}, sets={"a": 4, "b": 4}, free={"x": 4}),
    "other widths": WeightSpace({"0.w": "a d", "1.w": "b d", "o": "d"}, sets={"a": 4, "b": 5, "d": 2}),
    "other tensors": WeightSpace({"0.w": "a d", "1.w": "b d", "1.b": "b", "o": "d"}, sets={"a": 4, "b": 4, "d": 2}),
    "other axes": WeightSpace({"0.w": "a d", "1.w": "d b", "o": "d"}, sets={"a": 4, "b": 4, "d": 2}),
    "others between": WeightSpace({"0.w": "d", "1.w": "d d", "2.w": "d"}, sets={"d": 2}),
    "names that end in a number": WeightSpace({"norm1.w": "d", "norm2.w": "d"}, sets={"d": 2}),
    "one block": WeightSpace({"layers.0.w": "d"}, sets={"d": 2}),
    "units within shared heads": WeightSpace(
        {"0.w": "(head a)", "1.w": "(head b)", "o": "head"},
        sets={"head": 2, "a": {"size": 2, "within": "head"}, "b": {"size": 2, "within": "head"}},
    ),
}


@pytest.mark.parametrize("name", UNLIKE)
def test_what_is_not_alike_stays_apart(name):
    assert in_families(UNLIKE[name]) == UNLIKE[name]


def test_runs_of_alike_blocks_are_families_of_their_own():
    tensors = {f"net.{2 * n}.w": f"h{n} d" for n in range(5)} | {"net.4.b": "d", "net.1.w": "d d d"}
    space = WeightSpace(tensors, sets={"d": 2, **{f"h{n}": 3 for n in range(5)}})
    found = in_families(space)
    assert set(found.names) == {"net.0.w", "net.1.w", "net.2.w", "net.4.w", "net.4.b", "net.{2*net+6}.w"}
    assert found["net.{2*net+6}.w"].members == ("net.6.w", "net.8.w")


def test_free_and_positional_axes_of_blocks_are_shared_by_them():
    space = layers(3, {"bias": "p@ x@", "w": "h@ 7"}, {"h": 4}, positional={f"p_{n}": 40 for n in range(3)},
                   free={f"x_{n}": 2 for n in range(3)})  # fmt: skip
    found = in_families(space)
    assert found.names == ("layers.{layers}.bias", "layers.{layers}.w", "out")
    assert (found.sizes, found.index("p").section, found.index("h").parent) == (
        {"d": 3, "h": 4, "x": 2, "p": 40, "layers": 3},
        "positional",
        "layers",
    )
