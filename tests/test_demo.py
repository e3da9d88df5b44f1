"""The demonstration's parts, on a zoo small enough to train in a second."""

import numpy as np
import pytest
import torch
from rich.progress import Progress
from torch.func import functional_call

import layergen
import symmetry
from demo import zoo as zoo_module
from demo.network import DigitsCNN, batched_logits
from demo.permuting import largest_change, permuted
from demo.predictors import (
    BoostingPredictor,
    Row,
    metanet_predictor,
    perceptron_predictor,
    probed_predictor,
    probes_predictor,
    score,
    take,
)
from demo.report import write_report
from demo.zoo import ZooConfig, digits, load_or_train, train
from layergen.testing import assert_invariant
from tests.test_imports import ROOT

TINY = ZooConfig(networks=10, steps=(3, 6), stack=4)


@pytest.fixture(scope="module")
def zoo():
    return train(TINY, quiet=True)


@pytest.fixture(scope="module")
def space():
    return symmetry.load(ROOT / "demo" / "digits_cnn.toml")


def test_batched_training_computes_the_module(zoo):
    images = digits().test_images[:20]
    logits = batched_logits(zoo.weights, images[:, None].expand(-1, len(zoo), -1, -1))
    for number, state in enumerate(zoo.state_dicts):
        expected = functional_call(DigitsCNN(), state, (images[:, None],))
        torch.testing.assert_close(logits[:, number], expected, rtol=1e-4, atol=1e-4)


def test_accuracies_are_those_of_the_networks(zoo):
    data = digits()
    for state, accuracy in zip(zoo.state_dicts, zoo.test_accuracy, strict=True):
        logits = functional_call(DigitsCNN(), state, (data.test_images[:, None],))
        assert float((logits.argmax(1) == data.test_labels).double().mean()) == pytest.approx(float(accuracy), abs=2e-3)


def test_zoo_is_cached_and_broken_caches_are_made_again(tmp_path, monkeypatch, zoo):
    monkeypatch.setattr(zoo_module, "FOLDER", tmp_path)
    first = load_or_train(TINY, quiet=True)
    TINY.path.write_bytes(TINY.path.read_bytes()[:100])
    second = load_or_train(TINY, quiet=True)
    assert [p.name for p in tmp_path.iterdir()] == [TINY.path.name]
    for name, value in first.weights.items():
        assert torch.equal(value, second.weights[name])


def test_permuted_networks_compute_the_same(zoo, space):
    x = layergen.stack(zoo.state_dicts, space)
    moved = permuted(x, space)
    assert largest_change(x, moved, digits().test_images[:5, None]) < 1e-12
    assert not torch.equal(x["conv3.weight"], moved["conv3.weight"])


def test_predictors_run(zoo, space):
    x = layergen.stack(zoo.state_dicts, space)
    targets = torch.stack([zoo.test_accuracy.float(), zoo.hyperparameters["learning_rate"].float().log()], 1)
    with Progress(disable=True) as bar:
        made = (
            metanet_predictor(space, x),
            perceptron_predictor(x),
            probes_predictor(space, x),
            probed_predictor(space, x),
        )
        assert len({learner.label for learner in made}) == 4
        for learner in made:
            learner.epochs = 1
            learner.fit(x, targets, take(x, slice(5)), targets[:5], bar)
            assert learner.predict(x).shape == (10, 2)
            assert len(learner.history) == 1
    for metanet in (metanet_predictor(space, x), made[2], made[3]):
        assert_invariant(metanet.network.eval(), space, tolerance=1e-4, examples=5)
    boosting = BoostingPredictor()
    boosting.fit(x, targets)
    assert boosting.predict(x).shape == (10, 2)
    assert np.allclose(boosting.predict(x), boosting.predict(permuted(x, space)), atol=1e-6)


def test_scores_by_hand(tmp_path):
    true = np.array([0.1, 0.2, 0.3, 0.4])
    assert score(true, true).tau == score(true, true).r2 == 1
    assert score(true[::-1], true).tau == -1
    assert score(np.full(4, 0.25), true).r2 == pytest.approx(0)
    pairs = np.stack([true, true[::-1]], 1)
    row = Row.of(np.stack([true, true], 1), pairs + np.array([0.1, 0.7]), pairs)
    assert row.change == pytest.approx(0.1)
    assert row.rate.tau == -1
    maps = symmetry.EquivariantMaps(symmetry.WeightSpace({"b": "h"}, sets={"h": 3}))
    write_report(tmp_path / "r.md", maps, symmetry.verify(maps), {"metanet": row}, 0.0, (4, 2), "a machine", 1.0)
    text = (tmp_path / "r.md").read_text()
    assert "| metanet | 1.000 | 1.000 | 1.000 |" in text
    assert "characters, null space" in text
