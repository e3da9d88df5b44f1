"""Metanetworks over representation indices, judged through the functions of the networks that they read."""

from pathlib import Path

import pytest

pytest.importorskip("escnn.group", exc_type=ImportError)
pytest.importorskip("sklearn")

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import papers.rotations
from layergen.nn import Metanet
from layergen.testing import assert_function_preserved, assert_invariant
from papers.rotations import images, kernels
from papers.rotations.batches import run, weights_of
from papers.rotations.images import inr_space, render, siren, turning_error
from papers.rotations.kernels import averaged, cnn, cnn_space, logits_error
from papers.rotations.turning import MIRRORS, ROTATIONS, largest_change, outputs, turned, turned_image
from symmetry import EquivariantMaps
from symmetry.strategies import group_elements

PAGE = (Path(papers.rotations.__file__).parent / "README.md").read_text().splitlines()
SPACES = {"images": inr_space, "kernels": cnn_space}


def networks(make, space, count=3, seed=0, dtype=torch.float64):
    """Features of fresh networks, biases moved off their small initial values."""
    torch.manual_seed(seed)
    states = [make().to(dtype).state_dict() for _ in range(count)]
    return {name: torch.stack([s[name] + 0.1 * torch.randn_like(s[name]) for s in states]) for name in space.names}


def inrs(space, **options):
    return {name: value.unsqueeze(-1) for name, value in networks(siren, space, **options).items()}


def cnns(space, **options):
    found = networks(cnn, space, **options)
    return {t.name: found[t.name].reshape(len(found[t.name]), *t.shape, 1) for t in space}


FEATURES = {"images": inrs, "kernels": cnns}
PICTURES = torch.rand(5, 1, 8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def metanet(space, seed=0):
    torch.manual_seed(seed)
    return Metanet(space, out_features=3, hidden=4).double().eval()


@pytest.mark.parametrize(
    ("use", "group", "dimension"),
    [
        ("images", None, 75),
        ("images", "C4", 43),
        ("images", "D4", 41),
        ("kernels", None, 1422),
        ("kernels", "C4", 498),
        ("kernels", "D4", 438),
    ],
)
def test_dimensions_are_those_of_the_page(use, group, dimension):
    space = SPACES[use](group)
    assert EquivariantMaps(space).dimension == dimension
    assert any(f"| {dimension:,} |" in line and (group or "free") in line.split("|")[1] for line in PAGE if "|" in line)


def test_turned_images():
    image = torch.arange(4).reshape(2, 2)
    assert turned_image(image, 1).tolist() == [[1, 3], [0, 2]]
    assert turned_image(image, 4).tolist() == [[2, 3], [0, 1]]
    assert turned_image(image, 5).tolist() == [[3, 1], [2, 0]]
    assert len({tuple(turned_image(image, number).ravel().tolist()) for number in range(8)}) == 8


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.float64, 1e-9)])
@pytest.mark.parametrize("group", ["C4", "D4"])
def test_turned_weights_render_the_turned_image(group, dtype, tolerance):
    space = inr_space(group)
    x = inrs(space, dtype=dtype)
    moved = turned(x, space, 1)
    assert turning_error(x, space) < tolerance
    assert [name for name in space.names if not torch.equal(moved[name], x[name])] == ["0.weight"]
    assert float((render(moved, space) - render(x, space)).abs().max()) > 0.05


@settings(max_examples=30)
@given(data=st.data())
def test_images_turn_whatever_else_moves(data):
    space = inr_space(data.draw(st.sampled_from(["C4", "D4"])))
    g = data.draw(group_elements(space))
    x = inrs(space, seed=data.draw(st.integers(0, 100)))
    expected = turned_image(render(x, space), g.described.get(*space.groups, 0))
    assert torch.allclose(render(g.act(x, channels=True), space), expected, rtol=0, atol=1e-9)


@pytest.mark.parametrize(
    "wrong",
    ["irrep(2) + irrep(2)", "trivial + irrep(2)", [[[0.0, 1.0], [-1.0, 0.0]]]],
    ids=["twice as fast", "mirrored", "clockwise"],
)
def test_another_representation_does_not_turn_the_image(wrong):
    space = inr_space("C4", representation=wrong)
    assert turning_error(inrs(space), space) > 0.05


def test_the_grid_of_coordinates_has_to_be_centred(monkeypatch):
    points = images.coordinates()
    monkeypatch.setattr(images, "coordinates", lambda: points + 0.1)
    assert turning_error(inrs(inr_space("C4")), inr_space("C4")) > 0.01


@pytest.mark.parametrize("group", ["C4", "D4"])
def test_turned_kernels_on_turned_images_give_the_same_logits(group):
    space = cnn_space(group)
    x = cnns(space)
    assert logits_error(x, space, PICTURES) < 1e-9
    assert logits_error(x, space, PICTURES, image_turned=False) > 1e-3


@settings(max_examples=30)
@given(data=st.data())
def test_logits_stay_whatever_else_moves(data):
    space = cnn_space(data.draw(st.sampled_from(["C4", "D4"])))
    g = data.draw(group_elements(space))
    x = cnns(space, seed=data.draw(st.integers(0, 100)))
    pictures = turned_image(PICTURES, g.described.get(*space.groups, 0))
    expected = run(cnn(), weights_of(x, space), PICTURES)
    assert torch.allclose(run(cnn(), weights_of(g.act(x, channels=True), space), pictures), expected, atol=1e-9)


def test_the_average_over_turned_images_is_preserved_and_one_image_is_not():
    space = cnn_space("D4")
    network = averaged(cnns(space, dtype=torch.float32), space, 0)
    assert_function_preserved(network, space, [PICTURES], turns=True)
    with pytest.raises(AssertionError, match="the function is not preserved"):
        assert_function_preserved(torch.nn.Sequential(*network), space, [PICTURES], turns=True)


def change_of_logits(x, moved, number):
    """How far moved kernels on turned images are from the kernels on the images."""
    space = cnn_space("C4")
    after = run(cnn(), weights_of(moved, space), turned_image(PICTURES, number))
    return float((after - run(cnn(), weights_of(x, space), PICTURES)).abs().max())


def by_columns(x):
    """The features with the positions of the kernels column by column."""
    names = "0.weight", "2.weight"
    return x | {name: x[name].unflatten(3, (3, 3)).transpose(3, 4).flatten(3, 4) for name in names}


def test_a_transposed_grid_turns_the_other_way():
    space = cnn_space("C4")
    x = cnns(space)
    moved = by_columns(turned(by_columns(x), space, 1))
    assert change_of_logits(x, moved, 1) > 1e-3
    assert change_of_logits(x, moved, 3) < 1e-9


def test_another_representation_of_the_same_permutations_does_not_turn_kernels():
    x, wrong = cnns(cnn_space("C4")), cnn_space("C4", representation="regular + regular + trivial")
    moved = turned(x, wrong, 1)
    assert all(change_of_logits(x, moved, number) > 1e-3 for number in range(4))


@pytest.mark.parametrize("use", SPACES)
@pytest.mark.parametrize("group", ["C4", "D4"])
def test_metanetworks_say_the_same_of_turned_networks(use, group):
    space = SPACES[use](group, 4)
    x = FEATURES[use](SPACES[use](group), count=6)
    judge = metanet(SPACES[use](group))
    found = outputs(judge, x, SPACES[use]("D4"))
    assert largest_change(found, ROTATIONS) < 1e-12
    assert (largest_change(found, MIRRORS) < 1e-12) == (group == "D4")
    assert float(found[0].std(0).min()) > 1e-3
    assert_invariant(metanet(space), space, examples=10)


@pytest.mark.parametrize("use", SPACES)
def test_a_metanetwork_without_the_group_changes(use):
    x = FEATURES[use](SPACES[use]("D4"), count=6)
    found = outputs(metanet(SPACES[use](None)), x, SPACES[use]("D4"))
    assert min(largest_change(found, (number,)) for number in (*ROTATIONS, *MIRRORS)) > 1e-3
    space = SPACES[use](None, 4)
    assert_invariant(metanet(space), space, examples=10)
    with pytest.raises(AssertionError, match="not invariant"):
        assert_invariant(metanet(space), SPACES[use]("D4", 4), examples=10)


@pytest.mark.parametrize(
    "lines", [lambda: images.report(count=120, epochs=4), lambda: kernels.report(count=48, epochs=4)], ids=SPACES
)
def test_reports(lines):
    printed = "\n".join(lines()).splitlines()
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in printed if line.startswith("| ")]
    assert len({len(row) for row in rows}) == 1
    changes = [place for place, title in enumerate(rows[0]) if title == "largest change"]
    assert [[float(row[place]) < 1e-12 for place in changes] for row in rows[-2:]] == [[True, False], [True, True]]
    assert all(float(row[place]) > 1e-3 for row in rows[1:-2] for place in changes)
