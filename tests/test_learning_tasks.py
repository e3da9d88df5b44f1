"""The tasks and methods of the benchmark of learning that are beside perceptrons and CNNs: strings, LoRAs, pictures."""

from dataclasses import replace

import pytest
import torch
from torch import nn

import layergen
from benchmarks.learning import clothes, cnns, editing, embedding, kept, loras, recurrent, sines, tasks, transformers
from benchmarks.learning.every import METHODS, TASKS
from benchmarks.learning.graphs import GRAPHS
from benchmarks.learning.inrs import evaluated, fit_inrs, grid
from benchmarks.learning.tasks import ACCURACY, Part, Score, inr_task
from layergen.testing import assert_function_preserved


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setattr(kept, "FITTED", tmp_path)


@pytest.fixture(scope="module")
def pictures():
    """A task on a few INRs of small pictures, and the pictures."""
    generator = torch.Generator().manual_seed(0)
    signals = torch.rand(48, 4, 4, generator=generator)
    features, _ = fit_inrs(grid(4), signals.flatten(1)[..., None], (2, 6, 6, 1), steps=60, seed=0)
    part = Part(features, torch.arange(48) % 10)
    return inr_task("pictures", part, (2, 6, 6, 1), ACCURACY, grid(4)), signals


@pytest.fixture
def edit(pictures, monkeypatch):
    """A task of editing these pictures."""
    task, signals = pictures
    monkeypatch.setattr(editing, "SIDE", 4)
    monkeypatch.setattr(editing, "fashion_inrs", lambda count: task)
    shown = torch.cat([signals, signals[6:12]])
    monkeypatch.setattr(editing, "fashion_part", lambda name, first, count, seed: task.test)
    monkeypatch.setattr(editing, "fashion", lambda first, count: (shown[first : first + count], None))
    return editing.editing("small", editing.contrast, 48, 6)


@pytest.mark.parametrize("signs", [False, True])
def test_the_language_of_recurrent_networks(signs):
    x, classes = recurrent.strings(200, torch.Generator().manual_seed(0))
    for string, found in zip(x.argmax(-1).tolist(), classes.tolist(), strict=True):
        assert found == [letter for letter in string if letter < 2][-1]
    assert 80 < classes.sum() < 120
    space = recurrent.elman_space(signs=signs)
    assert_function_preserved(recurrent.Elman().double(), space, [x[:8].double()])


def test_recurrent_networks_are_those_of_the_module_and_some_learn():
    features, accuracy = recurrent.fit_elmans(24, 120)
    x, classes = recurrent.strings(recurrent.TESTED, torch.Generator().manual_seed(1))
    for number in (0, 7):
        state = {name: value[number, ..., 0] for name, value in features.items()}
        logits = torch.func.functional_call(recurrent.Elman(), state, (x,))
        assert (logits.argmax(1) == classes).double().mean() == pytest.approx(float(accuracy[number]))
    assert accuracy.max() > 0.8 > 0.6 > accuracy.min()


def test_what_is_asked_of_updates_does_not_change_under_their_group():
    for group in (None, "GL", "O"):
        module = loras.Updated().double()
        module.lora_B.data.normal_()
        assert_function_preserved(module, loras.lora_space(group), [torch.randn(5, loras.INPUTS, dtype=torch.float64)])
    features, asked = loras.fit_loras(20, 200)
    product = features["lora_B"][..., 0] @ features["lora_A"][..., 0]
    assert torch.allclose(asked[:, 0].exp(), product.flatten(1).norm(dim=1), rtol=1e-4)
    assert (asked[:, 1] >= 0.99).all()
    assert (asked[:, 1] <= loras.RANK + 0.01).all()
    assert torch.allclose(asked[:, 2], product[:, 0].square().sum(1) / product.square().sum((1, 2)), rtol=1e-4)


@pytest.mark.parametrize("bases", [False, True])
@pytest.mark.parametrize("families", [False, True])
def test_small_transformers_have_their_space(families, bases):
    module = transformers.Reader().double()
    for parameter in module.parameters():
        nn.init.normal_(parameter, std=0.3)
    x, after = transformers.strings(transformers.text(), 3, torch.Generator().manual_seed(0))
    assert torch.equal(x[:, 1:].argmax(-1), after[:, :-1])
    assert_function_preserved(module, transformers.reader_space(families=families, bases=bases), [x.double()])


def test_small_transformers_are_those_of_the_module_and_some_learn():
    features, accuracy = transformers.fit_readers(12, 40)
    letters = transformers.text()
    x, after = transformers.strings(letters[len(letters) * 4 // 5 :], 256, torch.Generator().manual_seed(1))
    for number in (0, 7):
        row = {name: value[number : number + 1] for name, value in features.items()}
        (state,) = layergen.unstack(row, transformers.reader_space())
        found = torch.func.functional_call(transformers.Reader(), state, (x,)).argmax(-1)
        assert (found == after).double().mean() == pytest.approx(float(accuracy[number]), abs=1e-3)
    assert accuracy.max() > 0.15 > 0.1 > accuracy.min()


def test_all_clothes_keep_the_parts_of_their_data_set(monkeypatch):
    pictures, labels = torch.rand(12, 28, 28).mul(255).byte(), torch.arange(12) % 10
    monkeypatch.setattr(clothes, "idx", lambda name: pictures if "images" in name else labels)
    monkeypatch.setattr(clothes, "PARTS", {"train": 12, "t10k": 6})
    for name, number in {"PIECE": 3, "HELD": 3, "STEPS": 5}.items():
        monkeypatch.setattr(clothes, name, number)
    few, all_of_them = clothes.clothes(6), clothes.clothes(12)
    assert [len(part) for task in (few, all_of_them) for part in (task.train, task.validation, task.test)] == [
        *(6, 3, 6),
        *(9, 3, 6),
    ]
    assert all_of_them.validation.targets.tolist() == labels[9:].tolist()
    assert few.validation.targets.tolist() == labels[6:9].tolist()
    weight = "layers.1.weight"
    assert torch.equal(few.train.features[weight], all_of_them.train.features[weight][:6])
    assert not torch.equal(few.train.features[weight][:3], few.test.features[weight][:3])


def test_several_networks_of_a_picture_are_to_train_on_alone(monkeypatch):
    shown, labels = torch.rand(16, 28, 28), torch.arange(16) % 10
    monkeypatch.setattr(tasks, "FITTED", kept.FITTED)
    monkeypatch.setattr(tasks, "fashion", lambda first, count: (shown[first:][:count], labels[first:][:count]))
    monkeypatch.setattr(tasks.fashion_part, "__kwdefaults__", {"steps": 100})
    monkeypatch.setattr(tasks.fashion_inrs, "__defaults__", (16, 100))
    one, several = tasks.fashion_inrs(16), clothes.clothes_in_views(3, 16)
    assert [len(part) for part in (several.train, several.validation, several.test)] == [36, 2, 2]
    assert several.train.targets.tolist() == 3 * labels[4:].tolist()
    weights = several.train.features["layers.1.weight"].chunk(3)
    assert torch.equal(weights[0], one.train.features["layers.1.weight"])
    assert not torch.allclose(weights[1], weights[2], atol=1e-2)
    pictures = [evaluated([v[..., 0] for v in part.values()], several.examples)[..., 0] for part in apart(several, 3)]
    errors = [(found - shown[4:].flatten(1)).square().mean() for found in pictures]
    assert max(errors) < 0.5 * (pictures[0] - shown[4:].flatten(1).roll(1, 0)).square().mean()


def apart(task, views):
    """The features of each view of the networks to train on."""
    return [{name: value.chunk(views)[view] for name, value in task.train.features.items()} for view in range(views)]


def test_cnns_of_clothes_are_trained_on_pictures_made_small(monkeypatch):
    shown = torch.arange(10).repeat(40)
    pictures = torch.zeros(400, 28, 28)
    pictures[torch.arange(400), 2 + 2 * shown, 5] = 255 * 9
    monkeypatch.setattr(cnns, "idx", lambda name: pictures if "images" in name else shown)
    data = cnns.small_clothes(300, 100)
    assert data.train_images.shape == (300, 8, 8)
    assert data.train_images[:10].nonzero()[:, 1:].tolist() == [[2 * row // 3, 1] for row in range(10)]
    assert torch.equal(data.test_labels, shown[300:])
    config = cnns.ZooConfig(networks=24, train_images=300, steps=(60, 400), learning_rate=(5e-3, 2e-2))
    zoo = cnns.clothes_zoo(config, data)
    again = cnns.clothes_zoo(config, replace(data, train_images=torch.zeros(0)))
    assert torch.equal(zoo.test_accuracy, again.test_accuracy)
    assert zoo.test_accuracy.max() > 0.3, "pictures with the bright spot in one of eight rows"
    monkeypatch.setattr(cnns, "HELD", 3)
    monkeypatch.setattr(cnns, "TESTED", 5)
    task = cnns.cnn_task("", cnns.R2, cnns.recipe_of, zoo, data.train_images[:, None])
    assert [len(part) for part in (task.train, task.validation, task.test)] == [16, 3, 5]
    rate = zoo.hyperparameters["learning_rate"][-5:].log()
    found = task.test.targets[:, cnns.HYPERPARAMETERS.index("learning_rate")]
    assert torch.corrcoef(torch.stack([rate, found]))[0, 1] > 0.999
    assert METHODS["ours"].applies(task)
    assert METHODS["hnp"].applies(task)


def test_sines_are_found_by_least_squares():
    line = torch.linspace(-1, 1, 64)
    truth = torch.tensor([[2.0, 3.0], [7.0, 0.5], [0.4, 9.5]])
    values = truth[:, :1] * (truth[:, 1:] * torch.pi * line).sin()
    torch.testing.assert_close(sines.fitted_sine(values, line), truth, atol=0.02, rtol=0.01)


def test_what_was_fitted_is_kept():
    first = kept.kept("some", lambda: {"a": torch.ones(2)})
    assert torch.equal(kept.kept("some", lambda: {"a": torch.zeros(2)})["a"], first["a"])


def test_pictures_are_edited():
    picture = torch.zeros(1, 5, 5)
    picture[0, 2, 3] = 1
    assert editing.dilation(picture)[0, 1:4, 2:5].eq(1).all()
    assert editing.dilation(picture).sum() == 9
    half = torch.tensor([[[0.4, 0.6]]])
    assert torch.allclose(editing.contrast(half), torch.tensor([[[0.3, 0.7]]]))


def test_targets_are_the_edited_pictures_of_the_same_networks(edit, pictures):
    task, signals = pictures
    wanted = editing.contrast(signals)[:, ::2, ::2].flatten(1)
    found = [edit.validation.targets, edit.test.targets, edit.train.targets]
    assert torch.allclose(torch.cat(found), wanted, atol=1e-6)
    shown = editing.Rendered(editing.Kept())(task.train.features)
    assert shown.shape == edit.train.targets.shape
    assert (shown - signals[12:, ::2, ::2].flatten(1)).square().mean() < 0.05


def test_simple_editors_do_what_their_names_say(edit):
    x = edit.test.features
    line = editing.Rescaled()
    with torch.no_grad():
        line.scale.fill_(0.5)
        line.shift.fill_(0.2)
    shown = editing.Rendered(editing.Kept())(x)
    torch.testing.assert_close(editing.Rendered(line)(x), 0.5 * shown + 0.2)
    flat = editing.Unflattened(nn.Identity(), edit.space)
    same = flat(torch.cat([value.flatten(1) for value in x.values()], 1))
    assert all(torch.equal(same[name], value) for name, value in x.items())
    steps = editing.Steps(nn.Identity(), edit)(x)
    for name, value in x.items():
        torch.testing.assert_close(steps[name], (1 + 0.01 * edit.train.features[name].std()) * value)


@pytest.mark.parametrize("name", editing.EDITORS)
def test_every_editor_runs(name, edit):
    torch.manual_seed(0)
    method = METHODS[name]
    assert method.applies(edit)
    outcome = method.run(edit, 0.2, **method.configurations[0])
    assert 0 < outcome.test < 10


@pytest.mark.parametrize("name", GRAPHS)
def test_every_graph_network_runs(name, pictures):
    task, _ = pictures
    torch.manual_seed(0)
    outcome = METHODS[name].run(task, 0.2, **METHODS[name].configurations[0])
    assert 0 <= outcome.test <= 1


def test_which_methods_a_task_is_for(edit, pictures):
    updates, strings = loras.lora_updates(16, 2), recurrent.recurrent(16, 2)
    apply = {
        task.title[0]: {name for name, method in METHODS.items() if method.applies(task)}
        for task in (edit, pictures[0], updates, strings)
    }
    assert apply["s"] == set(editing.EDITORS)
    assert {"hnp", "np", "dws", "signs", "gmn"} <= apply["p"]
    assert {"signs", "product", "ours"} <= apply["G"]
    assert not {"hnp", "np", "dws"} & (apply["G"] | apply["F"])
    assert "product" not in apply["F"]
    assert set(tasks.TASKS) | set(cnns.TASKS) < set(TASKS)
    torch.manual_seed(0)
    for task, name in ((updates, "product"), (updates, "signs"), (strings, "ours"), (strings, "gmn")):
        METHODS[name].run(task, 0.1, **METHODS[name].configurations[0])
    METHODS["signs"].run(updates, 0.1, **METHODS["signs"].configurations[1])  # with statistics, which GL has none of


def test_a_linear_map_is_judged_on_networks_that_it_was_not_fitted_to():
    torch.manual_seed(0)
    true = torch.randn(400, 2)
    assert embedding.linear_r2(true @ torch.randn(2, 16) + 3, true) > 0.99
    assert embedding.linear_r2(torch.randn(400, 16), true) < 0.05
    assert embedding.linear_r2(torch.randn(40, 19), true[:40]) < 0.2, (
        "as many channels as networks: no fit to those held out"
    )


def test_the_loss_of_embeddings_wants_two_views_to_be_nearer_than_others():
    first = torch.eye(8, 16)
    apart = embedding.contrastive(torch.cat([first, first]), torch.zeros(8, 2))
    mixed = embedding.contrastive(torch.cat([first, first.roll(1, 0)]), torch.zeros(8, 2))
    assert apart < 0.01 < 5 < mixed


def test_views_differ_in_training_alone(pictures):
    task, _ = pictures
    views = embedding.Views(nn.Identity(), task.train.features)
    x = task.test.features
    doubled = views(x)
    name = "layers.1.weight"
    first, second = doubled[name].chunk(2)
    assert not torch.allclose(first, second)
    deviation = float((first - x[name]).std() / task.train.features[name].std())
    assert deviation == pytest.approx(embedding.NOISE, rel=0.2)
    assert views.eval()(x) is x


def test_two_views_may_be_two_networks_of_one_signal(monkeypatch):
    monkeypatch.setattr(tasks, "FITTED", kept.FITTED)
    task = embedding.embedded_in_pairs(16, 200)
    x = task.train.features
    assert {value.shape[-1] for value in x.values()} == {2}
    assert task.test.features["layers.0.weight"].shape[-1] == 1
    shown = [evaluated([value[..., view] for value in x.values()], task.examples)[..., 0] for view in (0, 1)]
    assert (shown[0] - shown[1]).abs().mean() < 0.3 * (shown[0] - shown[1].roll(1, 0)).abs().mean()
    assert not torch.allclose(x["layers.1.weight"][..., 0], x["layers.1.weight"][..., 1], atol=1e-2)
    views = embedding.Views(nn.Identity(), x)(x)["layers.1.weight"].chunk(2)
    for view, number in zip(views, (0, 1), strict=True):
        noise = view[..., 0] - x["layers.1.weight"][..., number]
        assert noise.std() < 0.2 * x["layers.1.weight"].std()


def test_networks_to_test_on_are_none_of_the_others(monkeypatch):
    monkeypatch.setattr(tasks, "FITTED", kept.FITTED)
    updates, waves, moved = loras.lora_updates(32, 40, 32), embedding.embedded(16, 200), sines.moved_sines(16, 200)
    for task in (updates, waves, moved):
        assert len(task.test) >= 32
        seen = torch.cat([task.train.targets, task.validation.targets])
        assert torch.cdist(task.test.targets, seen).min() > 1e-4
    for task in (waves, moved):
        assert (task.test.targets.mean(0).abs() < 0.6).all(), "a and b are standardised as those to train on"
        values = evaluated([value[..., 0] for value in task.test.features.values()], task.examples)[..., 0]
        found = sines.fitted_sine(values, task.examples[:, 0])
        given = torch.cat([sines.amplitudes(16, seed=0), found])
        mean, deviation = given[:16].mean(0), given[:16].std(0)
        near = ((found - mean) / deviation - task.test.targets).abs().amax(1)
        assert near.median() < 0.2


def test_principal_components_are_those_of_the_largest_variance(pictures, monkeypatch):
    torch.manual_seed(0)
    signal = torch.randn(400, 1)
    rows = torch.cat([signal + 0.1 * torch.randn(400, 4), torch.randn(400, 8)], 1)
    parts = [Part({"rows": rows[places]}, signal[places]) for places in (slice(200), slice(200, 300), slice(300, 400))]
    monkeypatch.setattr(embedding, "rows_of", lambda task, count: parts)
    task = replace(pictures[0], score=Score("R²", True, embedding.linear_r2))
    assert embedding.components(task, 1, count=0, kept=1).test > 0.9


@pytest.mark.parametrize("name", embedding.VIEWERS)
def test_every_embedding_runs(name, pictures):
    task = replace(pictures[0], outputs=embedding.EMBEDDING, loss=embedding.contrastive)
    targets = (Part(p.features, torch.randn(len(p), 2)) for p in (task.train, task.validation, task.test))
    train, validation, test = targets
    score = Score("R²", True, embedding.linear_r2)
    task = replace(task, train=train, validation=validation, test=test, score=score)
    assert [method.applies(task) for method in METHODS.values()].count(True) == len(embedding.VIEWERS)
    torch.manual_seed(0)
    assert METHODS[name].run(task, 0.2, **METHODS[name].configurations[0]).test < 1


def test_initial_weights_can_be_larger():
    line, signals = torch.linspace(-1, 1, 8)[:, None], torch.zeros(3, 8, 1)
    plain, wide = (fit_inrs(line, signals, (1, 4, 1), steps=0, seed=0, spread=spread)[0] for spread in (1.0, 2.0))
    assert torch.equal(2 * plain["layers.1.weight"], wide["layers.1.weight"])
    assert torch.equal(plain["layers.1.bias"], wide["layers.1.bias"])
