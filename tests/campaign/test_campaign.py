"""The campaign runs, counts what it tries, and stops at a wrong answer with the command that shows it again."""

import numpy as np
import pytest

from symmetry import EquivariantMaps, WeightSpace, dumps
from symmetry.maps.equivariant_maps import Block
from tests.campaign import __main__ as campaign
from tests.campaign import groups
from tests.campaign.groups import counted
from tests.campaign.matrices import random_matrices
from tests.campaign.orbits import entries_of, orbit_counts


@pytest.mark.parametrize("group", groups.GROUPS)
def test_each_group_tries_something(group, monkeypatch, capsys):
    monkeypatch.setattr(campaign, "BATCH", 4)
    assert campaign.main(["--minutes", "0.01", "--group", group, "--batches", "1"]) == 0
    (row,) = [line for line in capsys.readouterr().out.splitlines() if f"│ {group} " in line]
    assert int(row.split("│")[2]) > 0 or group == "representations", row


def test_a_wrong_answer_ends_it(monkeypatch, capsys):
    monkeypatch.setattr(Block, "dimension", property(lambda block: 1))
    assert campaign.main(["--minutes", "1", "--group", "counts", "--batches", "3", "--seed", "5"]) == 1
    out = capsys.readouterr().out
    assert "counts: a wrong answer" in out
    assert "[tensors]" in out
    assert "python -m tests.campaign --group 'counts' --seed " in out


def test_entries_are_read_from_axis_strings():
    sizes = {"h": 2, "x": 3}
    assert len(entries_of("h x 2", sizes)) == 12
    assert len(entries_of("((h x) + h + ()) x", sizes)) == 9 * 3
    assert entries_of("h", sizes) == [(("h", 0),), (("h", 1),)]
    assert len(set(entries_of("(h + h) (h + h)", sizes))) == 16


def test_orbits_of_a_perceptron():
    space = WeightSpace({"w": "h x", "b": "h", "s": "h h"}, sets={"h": 4}, free={"x": 2})
    pairs, entries = orbit_counts(dumps(space))
    maps = EquivariantMaps(space)
    assert sum(pairs.values()) == maps.dimension
    assert entries == {"w": 2, "b": 1, "s": 2}


@pytest.mark.parametrize(
    ("declared", "expected"),
    [
        ({"sets": {"r": {"size": 3, "scaled": "sign"}}}, (4, 0)),
        ({"sets": {"r": {"size": 3, "scaled": "positive"}}}, (2, 0)),
        ({"vectors": {"r": {"size": 3, "group": "O"}}}, (4, 0)),
        ({"vectors": {"r": {"size": 3, "group": "GL"}}}, (2, 0)),
        ({"sets": {"r": 3}}, None),
    ],
)
def test_matrices_are_made_from_the_text_alone(declared, expected):
    axes = {"a": "r", "b": "r^-1"} if expected else {"a": "r", "b": "r"}
    space = WeightSpace(axes, **declared)
    found = counted(list(random_matrices(dumps(space), np.random.default_rng(0), 24)))
    assert found == (expected or (8, 2))
    assert found == (EquivariantMaps(space).dimension, EquivariantMaps(space).bias_dimension)


def test_matrices_of_nested_indices_have_a_part_for_each_copy():
    space = WeightSpace(
        {"q": "(head dk)", "k": "(head dk^-1)"},
        sets={"head": 2},
        vectors={"dk": {"size": 2, "group": "GL", "within": "head"}},
    )
    assert counted(list(random_matrices(dumps(space), np.random.default_rng(0), 24))) == (2, 0)
