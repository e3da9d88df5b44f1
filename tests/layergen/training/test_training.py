"""Training runs: they learn, they stop and go on, and many processes do what one does."""

import csv
import json
import sys
from dataclasses import replace

import polars
import pytest
import torch

from layergen.data import Zoo, ZooError
from layergen.nn import Probes
from layergen.training import Configuration, Report, Run, predict, train
from layergen.training.tasks import Classification, Ranking, Regression, task_of, task_of_dict
from symmetry import SpecificationError, WeightSpace
from tests.layergen.data.zoos import SPACE, fill
from tests.layergen.training.runs import CONFIGURATION, killed_at, processes, state_of


@pytest.fixture(scope="module")
def zoo(tmp_path_factory):
    """Thirty networks of two widths."""
    return Zoo(fill(tmp_path_factory.mktemp("zoo"), [4, 4, 5] * 10), space=SPACE)


@pytest.fixture(scope="module")
def whole(zoo, tmp_path_factory):
    """A run that nothing stopped."""
    return train(zoo, CONFIGURATION, tmp_path_factory.mktemp("runs") / "whole")


def assert_same(one, other, **tolerance):
    torch.testing.assert_close(one, other, **(tolerance or {"rtol": 0, "atol": 0}))


def relabelled(folder):
    """A folder of networks whose labels are a function of their first bias, and two classes of it."""
    fill(folder, [4, 5] * 100, score=lambda state: float(state["0.bias"].square().mean()))
    labels = polars.read_csv(folder / "labels.csv")
    labels.with_columns(kind=(polars.col("score") > 0.8).cast(polars.String)).write_csv(folder / "labels.csv")
    return Zoo(folder, space=SPACE)


def rows_of(path):
    with path.open() as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize(
    ("target", "task", "score", "least"),
    [("score", "auto", "r2", 0.6), ("kind", "auto", "accuracy", 0.85), ("score", "ranking", "tau", 0.7)],
)
def test_labels_are_learned(tmp_path, target, task, score, least):
    zoo, log, output = relabelled(tmp_path / "zoo"), [], tmp_path / "run"
    options = {"hidden": 8, "layers": 1, "norm": True, "fourier": 8, "fourier_scale": 0.5}
    configuration = Configuration(target, task, epochs=20, learning_rate=1e-2, metanet=options)
    run = train(zoo, configuration, output, report=Report(epoch=log.append))
    assert run.metrics[score] >= least
    losses = [row["validation_loss"] for row in log]
    assert len(losses) == 20
    assert run.metrics["validation_loss"] == min(losses)
    assert [float(row["validation_loss"]) for row in rows_of(output / "log.csv")] == losses
    assert (output / "predictions.png").read_bytes().startswith(b"\x89PNG")
    predicted = dict(zip(zoo.names, predict(run, zoo), strict=True))
    for row in rows_of(output / "predictions.csv"):
        again = str(predicted[row["file"]])
        assert row["predicted"] == again or float(row["predicted"]) == pytest.approx(float(again), rel=1e-4, abs=1e-5)


def test_other_widths_are_predicted(whole, zoo, tmp_path):
    others = Zoo(fill(tmp_path, [7, 4, 9]), space=SPACE)
    assert len(predict(whole.folder, others)) == 3


@pytest.mark.parametrize("count", [1, 5, 16])
def test_a_run_that_is_killed_goes_on_as_if_it_had_not_been(zoo, whole, tmp_path, count):
    """Killed before the first checkpoint, in the middle of an epoch, and where all is done but the last one."""
    assert killed_at(count, zoo.path, CONFIGURATION, tmp_path / "run")
    assert not (tmp_path / "run" / "metrics.json").exists()
    run = train(zoo, CONFIGURATION, tmp_path / "run", resume=True)
    assert_same(state_of(run), state_of(whole))


def test_a_run_that_is_killed_again_and_again(zoo, whole, tmp_path):
    kills = 0
    while killed_at(6, zoo.path, CONFIGURATION, tmp_path / "run"):
        kills += 1
    assert kills >= 2
    assert_same(state_of(Run(tmp_path / "run")), state_of(whole))


def test_seeds_decide(zoo, whole, tmp_path):
    again = train(zoo, CONFIGURATION, tmp_path / "again")
    assert_same(state_of(again), state_of(whole))
    other = train(zoo, replace(CONFIGURATION, seed=1), tmp_path / "other")
    assert other.read("split.csv") != whole.read("split.csv")


def test_training_leaves_the_random_numbers_of_the_process_alone(zoo, tmp_path):
    torch.manual_seed(5)
    before = torch.get_rng_state()
    train(zoo, replace(CONFIGURATION, epochs=1), tmp_path / "run")
    assert torch.equal(torch.get_rng_state(), before)


def test_patience_ends_a_run(zoo, tmp_path):
    configuration = replace(CONFIGURATION, epochs=50, learning_rate=0.0, weight_decay=0.0, patience=2)
    rows = []
    train(zoo, configuration, tmp_path / "run", report=Report(epoch=rows.append))
    assert len(rows) == 3


@pytest.mark.parametrize(
    ("count", "target", "task"), [(2, "score", "auto"), (3, "kind", "auto"), (2, "score", "ranking")]
)
def test_many_processes_train_as_one(zoo, tmp_path, count, target, task):
    """Batches of 5, 4 and 3 networks, so that shares are filled up. Without dropout, which differs by process.

    Ranking does not see what is added to every answer, so that this one number goes where rounding errors push it.
    """
    configuration = replace(CONFIGURATION, target=target, task=task, batch_size=5, metanet={"hidden": 4, "layers": 1})
    alone = train(zoo, configuration, tmp_path / "alone")
    assert processes(count, zoo.path, configuration, tmp_path / "together") == [0] * count
    found, expected = Run(tmp_path / "together").checkpoint, alone.checkpoint
    if task == "ranking":
        found["metanet"]["head.read_out.4.bias"] = expected["metanet"]["head.read_out.4.bias"]
    for name in ("metanet", "optimiser"):
        assert_same(found[name], expected[name], rtol=1e-3, atol=1e-5)
    ours, theirs = found["progress"]["rows"], expected["progress"]["rows"]
    for row, other in zip(ours, theirs, strict=True):
        assert row["training_loss"] == pytest.approx(other["training_loss"], rel=1e-5)
        assert row["validation_loss"] == pytest.approx(other["validation_loss"], rel=1e-5)


def test_a_process_that_dies_ends_the_others_and_the_run_goes_on(zoo, tmp_path):
    configuration = replace(CONFIGURATION, metanet={"hidden": 4, "layers": 1})
    run = tmp_path / "run"
    assert processes(2, zoo.path, configuration, run, dying=9) == [1, 9]
    assert (tmp_path / "run-0.txt").read_text().startswith("process 0 of 2 has lost another one")
    assert 0 < Run(run).checkpoint["progress"]["epoch"] < 4
    assert processes(2, zoo.path, configuration, run) == [0, 0]
    assert processes(2, zoo.path, configuration, tmp_path / "whole") == [0, 0]
    assert_same(state_of(Run(run)), state_of(Run(tmp_path / "whole")))


def test_probes_are_given_again(tmp_path):
    folder = fill(tmp_path / "zoo", [4] * 12)
    module = torch.nn.Sequential(torch.nn.Linear(2, 4), torch.nn.Tanh(), torch.nn.Linear(4, 1))
    space = SPACE.resized({"h": 4})
    networks = Zoo(folder, space=space)

    def probes():
        return Probes(module, [torch.linspace(-1, 1, 8).reshape(4, 2)], count=4, space=space)

    run = train(networks, replace(CONFIGURATION, epochs=2), tmp_path / "run", probes=probes())
    assert len(predict(run, networks, probes=probes())) == 12
    with pytest.raises(ValueError, match="was saved with probes to be given again"):
        predict(run, networks)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"epochs": 9}, "was begun with epochs=4, not 9"),
        ({"metanet": {"hidden": 8}}, "was begun with metanet="),
    ],
)
def test_another_run_does_not_go_on(zoo, whole, change, message):
    before = state_of(whole)
    with pytest.raises(SpecificationError) as error:
        train(zoo, replace(CONFIGURATION, **change), whole.folder, resume=True)
    assert message in str(error.value)
    assert_same(state_of(whole), before)


def test_other_networks_do_not_go_on(whole, tmp_path):
    with pytest.raises(SpecificationError, match="was begun with other networks"):
        train(
            Zoo(fill(tmp_path, [4] * 30), space=SPACE, where={"kind": "small"}),
            CONFIGURATION,
            whole.folder,
            resume=True,
        )


@pytest.mark.parametrize(
    ("configuration", "message"),
    [
        (replace(CONFIGURATION, target="colour"), "there are no labels 'colour'\ncolumns: score, kind, width"),
        (replace(CONFIGURATION, target="kind", task="regression"), "are of type String, no numbers to regression"),
        (replace(CONFIGURATION, metanet={"hiden": 4}), "unexpected keyword argument 'hiden'"),
    ],
)
def test_what_cannot_be_learned_makes_no_folder(zoo, tmp_path, configuration, message):
    with pytest.raises(SpecificationError) as error:
        train(zoo, configuration, tmp_path / "run")
    assert message in str(error.value)
    assert not (tmp_path / "run").exists()


def test_a_missing_package_makes_no_folder(zoo, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy", None)
    with pytest.raises(ImportError, match=r"training needs the packages scipy: pip install 'layergen\[train\]'"):
        train(zoo, CONFIGURATION, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_missing_label_is_named(tmp_path):
    folder = fill(tmp_path / "zoo", [4] * 3)
    (folder / "labels.csv").write_text("file,score\n000.safetensors,1\n002.safetensors,2\n")
    with pytest.raises(ZooError, match=r"001.safetensors: there is no label 'score'"):
        train(Zoo(folder, space=SPACE), CONFIGURATION, tmp_path / "run")


def test_a_loss_that_diverges_is_told(zoo, tmp_path):
    with pytest.raises(FloatingPointError, match=r"the loss is (nan|inf) in epoch \d+: learn slower than"):
        train(zoo, replace(CONFIGURATION, learning_rate=1e30, epochs=20), tmp_path / "run")


def test_two_spaces_are_too_many(tmp_path):
    networks = Zoo(fill(tmp_path / "zoo", [4] * 3), space=[SPACE, WeightSpace({"b": "h"}, sets={"h": 2})])
    with pytest.raises(SpecificationError, match="the zoo has 2 weight spaces"):
        train(networks, CONFIGURATION, tmp_path / "run")


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.1, 0.2, 0.3], Regression),
        ([1, 2, 3, 4], Regression),
        ([0, 1, 0, 1], Classification),
        (["a", "b", "a"], Classification),
        ([True, False, True], Classification),
    ],
)
def test_the_type_of_labels_decides_what_is_learned(values, expected):
    found = task_of("auto", polars.Series("y", values), range(len(values)))
    assert isinstance(found, expected)
    assert task_of_dict(json.loads(json.dumps(found.to_dict()))) == found


def test_losses_and_scores_by_hand():
    outputs, targets = torch.tensor([[1.0], [3.0], [2.0]]), torch.tensor([0.0, 1.0, 2.0])
    regression = Regression(10.0, 2.0)
    assert regression.predicted(outputs).tolist() == [12, 16, 14]
    assert float(regression.loss(outputs, targets)) == pytest.approx(5 / 3)
    assert regression.scores(outputs, targets) == pytest.approx({"r2": 1 - 5 / 2, "tau": 1 / 3})
    pairs = torch.tensor([3.0 - 1, 2.0 - 1, 2.0 - 3])
    assert float(Ranking().loss(outputs, targets)) == pytest.approx(float(torch.log1p((-pairs).exp()).mean()))
    classes = Classification(("a", "b"))
    assert classes.predicted(torch.tensor([[0.0, 1.0], [2.0, 1.0]])).tolist() == ["b", "a"]
    assert classes.scores(torch.tensor([[0.0, 1.0], [2.0, 1.0]]), torch.tensor([1, 1])) == {"accuracy": 0.5}
