"""The comparison of permutations, canonical forms and larger groups, in a short mode."""

import pytest
import torch

pytest.importorskip("sklearn")

from benchmarks.learning.tasks import r2
from layergen import augment, canonicalise
from papers.scaling import __main__ as command
from papers.scaling.learning import METHODS, Split
from papers.scaling.zoo import ACTIVATIONS, WIDTH, fit_zoo, space_of


@pytest.fixture(scope="module")
def zoos():
    return {name: fit_zoo(name, 42, steps=300) for name in ACTIVATIONS}


def output(zoo, activation, x):
    act = ACTIVATIONS[activation][1]
    for name in ("0", "2", "4"):
        x = x @ zoo[f"{name}.weight"][..., 0].mT + zoo[f"{name}.bias"][..., 0][:, None]
        x = x if name == "4" else act(x)
    return x


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_networks_fit_and_keep_their_functions(zoos, name):
    zoo, x = zoos[name], torch.linspace(-1, 1, 9)[:, None]
    space = space_of(ACTIVATIONS[name][0])
    assert zoo.error < 0.02
    expected = output(zoo.features, name, x)
    assert expected.std(0).min() > 0.1
    for change in (canonicalise, augment):
        torch.testing.assert_close(output(change(zoo.features, space), name, x), expected, rtol=1e-3, atol=1e-3)


def test_the_parts_of_a_split_share_no_network(zoos):
    split = Split.of(zoos["tanh"], 0)
    rows = [set(map(tuple, part.targets.tolist())) for part in (split.train, split.validation, split.test)]
    assert list(map(len, rows)) == [30, 6, 6]
    assert len(set.union(*rows)) == 42
    assert split.train.features["2.weight"].shape == (30, WIDTH, WIDTH, 1)


def test_the_score_is_one_for_the_truth_and_nought_for_the_mean():
    true = torch.randn(20, 2)
    assert r2(true, true) == 1
    assert r2(true.mean(0).expand_as(true), true) == pytest.approx(0, abs=1e-6)


def test_the_table_has_a_row_for_each_method(capsys):
    command.main(["--networks", "42", "--seconds", "0.2", "--seeds", "1"])
    rows = [line for line in capsys.readouterr().out.splitlines() if line.startswith("| ") and "±" in line]
    assert [row.split(" | ")[0][2:] for row in rows] == [label.strip() for label in METHODS]
