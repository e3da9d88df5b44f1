"""Zoos: networks of every form of file, by name, in batches of one width."""

import json
import pickle
import re
from itertools import chain

import numpy as np
import polars
import pytest
import torch
from safetensors.torch import save_file
from torch.utils.data import DataLoader

import layergen
from layergen.data import Batches, Zoo, ZooError, sizes_of
from layergen.data.matrix import Columns, write_layout
from symmetry import SpecificationError, WeightSpace
from tests.layergen.data.zoos import SPACE, fill, network, write_labels


def batches(zoo, size=4, **options):
    return list(DataLoader(zoo, batch_sampler=zoo.batches(size, **options), collate_fn=zoo.collate))


@pytest.mark.parametrize("suffix", [".safetensors", ".pt", ".pth"])
def test_features_are_those_of_stack(tmp_path, suffix):
    zoo = Zoo(fill(tmp_path, [4, 5, 4, 4, 5], suffix=suffix), space=SPACE)
    assert [bucket.space.sizes["h"] for bucket in zoo.buckets] == [4, 5]
    seen = []
    for batch in batches(zoo, 2):
        widths = [4 if number in (0, 2, 3) else 5 for number in batch.numbers.tolist()]
        states = [network(number, width) for number, width in zip(batch.numbers.tolist(), widths, strict=True)]
        expected = layergen.stack(states, SPACE.resized({"h": widths[0]}))
        assert batch.features.keys() == expected.keys()
        assert all(torch.equal(batch.features[name], expected[name]) for name in expected)
        assert batch.labels["width"].tolist() == widths
        seen += batch.numbers.tolist()
    assert sorted(seen) == list(range(5))


def test_a_network_by_its_number(tmp_path):
    zoo = Zoo(fill(tmp_path, [4, 5]))
    assert zoo[-1].name == "001.safetensors"
    assert zoo[1].labels.keys() == {"score", "kind", "width"}
    assert all(torch.equal(value, network(1, 5)[name]) for name, value in zoo[1].state.items())
    assert torch.equal(zoo.collate([zoo[0]]).numbers, torch.tensor([0])) if zoo.spaces else True
    with pytest.raises(IndexError):
        zoo[2]
    with pytest.raises(ValueError, match="without a weight space has no features"):
        zoo.__getitems__([0])


def test_a_batch_has_one_width(tmp_path):
    zoo = Zoo(fill(tmp_path, [4, 5]), space=SPACE)
    with pytest.raises(ValueError, match=r"several widths in one batch: take batches from zoo.batches"):
        zoo.__getitems__([0, 1])
    assert torch.equal(zoo.collate([zoo[1]]).features["0.bias"][0, :, 0], network(1, 5)["0.bias"])


def test_workers_read_the_same(tmp_path):
    zoo = Zoo(fill(tmp_path, [4, 5, 4, 4, 5]), space=SPACE)
    loader = DataLoader(zoo, batch_sampler=zoo.batches(2), collate_fn=zoo.collate, num_workers=2)
    for ours, theirs in zip(batches(zoo, 2), loader, strict=True):
        assert torch.equal(ours.numbers, theirs.numbers)
        assert torch.equal(ours.features["0.weight"], theirs.features["0.weight"])


def test_checkpoints_hold_more_than_weights(tmp_path):
    """Counters and optimisers are left out, tied weights count once, nested checkpoints are opened."""
    tied = network(0)
    tied |= {"0.tied": tied["0.weight"], "1.num_batches_tracked": torch.tensor(7)}
    torch.save({"model_state_dict": tied, "optimizer": {"lr": 0.1}, "epoch": 3}, tmp_path / "a.pt")
    zoo = Zoo(tmp_path, space=SPACE)
    assert torch.equal(batches(zoo)[0].features["0.weight"][0, ..., 0], tied["0.weight"])


def test_hugging_face_folders(tmp_path):
    state = network(0)
    for name in ("whole", "sharded", "loose"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text("{}")
    save_file(state, tmp_path / "whole" / "model.safetensors")
    files = dict(zip(state, ["1.safetensors", "2.safetensors", "2.safetensors", "1.safetensors"], strict=True))
    for file in set(files.values()):
        save_file({name: state[name] for name in state if files[name] == file}, tmp_path / "sharded" / file)
    (tmp_path / "sharded" / "model.safetensors.index.json").write_text(json.dumps({"weight_map": files}))
    torch.save(state, tmp_path / "loose" / "pytorch_model.bin")
    zoo = Zoo(tmp_path, space=SPACE)
    assert zoo.names == ("loose", "sharded", "whole")
    (batch,) = batches(zoo)
    for value, name in ((batch.features[name][..., 0], name) for name in state):
        assert torch.equal(value, state[name].expand(3, *state[name].shape))


@pytest.mark.parametrize(
    ("index", "reason"),
    [
        ({"weight_map": {"0.bias": "../000.safetensors"}}, "names a file outside the folder: '../000.safetensors'"),
        ({"weight_map": {"9.bias": "1.safetensors"}}, "lists tensors that its files lack: 9.bias"),
        ({"weight_map": {"0.bias": "2.safetensors"}}, "no safetensors file: No such file"),
        ([], "is no index of tensors"),
    ],
)
def test_an_index_of_files_that_is_wrong(tmp_path, index, reason):
    (fill(tmp_path, [4]) / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text("{}")
    (tmp_path / "model" / "model.safetensors.index.json").write_text(json.dumps(index))
    save_file(network(0), tmp_path / "model" / "1.safetensors")
    with pytest.raises(ZooError) as error:
        Zoo(tmp_path)
    (fault,) = error.value.faults
    assert fault.network == "model"
    assert reason in fault.reason


def test_labels_from_names_and_parquet(tmp_path):
    fill(tmp_path, [4, 4])
    zoo = Zoo(tmp_path, labels=re.compile(r"(?P<seed>\d+)\.(?P<form>\w+)"))
    assert zoo.labels.rows() == [("000.safetensors", 0, "safetensors"), ("001.safetensors", 1, "safetensors")]
    polars.DataFrame({"file": ["001.safetensors", "000.safetensors"], "y": [1.5, 2.5]}).write_parquet(
        tmp_path / "more.parquet"
    )
    assert Zoo(tmp_path, labels="more.parquet").labels["y"].to_list() == [2.5, 1.5]
    assert Zoo(tmp_path, labels=tmp_path / "more.parquet", where={"y": 1.5}).names == ("001.safetensors",)


@pytest.mark.parametrize(
    ("name", "before", "between", "after"), [("y.json", "[", ", ", "]"), ("y.jsonl", "", "\n", "")]
)
def test_labels_from_json(tmp_path, name, before, between, after):
    fill(tmp_path, [4, 4])
    rows = between.join(f'{{"file": "00{n}.safetensors", "y": {n}.5}}' for n in (1, 0))
    (tmp_path / name).write_text(f"{before}{rows}{after}")
    assert Zoo(tmp_path, labels=name).labels["y"].to_list() == [0.5, 1.5]
    (tmp_path / name).write_text('{"file": ')
    with pytest.raises(SpecificationError, match="cannot be read: "):
        Zoo(tmp_path, labels=name)


def test_the_form_of_unterthiner(tmp_path):
    """Their names and shapes are declared as they are; labels have a row each and no column of files."""
    layout = (Columns("dense/kernel:0", 0, 8, (2, 4)), Columns("dense/bias:0", 8, 12, (4,)))
    weights = np.random.default_rng(0).normal(size=(6, 12)).astype(np.float32)
    np.save(tmp_path / "weights.npy", weights)
    write_layout(tmp_path / "layout.csv", layout)
    polars.DataFrame({"step": [0, 86] * 3, "test_accuracy": np.linspace(0, 1, 6)}).write_csv(tmp_path / "metrics.csv")
    space = WeightSpace({"dense/kernel:0": "x h", "dense/bias:0": "h"}, sets={"h": 16}, free={"x": 2})
    zoo = Zoo(tmp_path, space=space, where={"step": 86})
    assert zoo.names == ("weights.npy[1]", "weights.npy[3]", "weights.npy[5]")
    (batch,) = batches(zoo)
    np.testing.assert_array_equal(batch.features["dense/kernel:0"][..., 0].flatten(1), weights[1::2, :8])
    assert batch.labels["test_accuracy"].tolist() == pytest.approx([0.2, 0.6, 1.0])


def test_several_architectures_in_one_zoo(tmp_path):
    fill(tmp_path, [4, 5])
    torch.save({"other": torch.ones(3)}, tmp_path / "other.pt")
    zoo = Zoo(tmp_path, space=[SPACE, WeightSpace({"other": "k"}, sets={"k": 2})])
    assert [(batch.space, batch.numbers.tolist()) for batch in batches(zoo)] == [(0, [0]), (0, [1]), (1, [2])]


def test_pixel_grids_are_one_axis(tmp_path):
    space = WeightSpace(
        {"conv": "h (rot)"}, sets={"h": 2}, representations={"rot": {"group": "C4", "representation": "grid(3)"}}
    )
    torch.save({"conv": torch.arange(18.0).reshape(2, 3, 3)}, tmp_path / "a.pt")
    zoo = Zoo(tmp_path, space=space)
    assert batches(zoo)[0].features["conv"].shape == (1, 2, 9, 1)
    assert zoo[0].state["conv"].shape == (2, 3, 3)


def test_sizes_of_a_network():
    assert sizes_of(network(0, 5), SPACE) == {"h": 5, "x": 2, "y": 1}
    with pytest.raises(SpecificationError, match=r"'2.bias' is missing"):
        sizes_of({name: value for name, value in network(0).items() if name != "2.bias"}, SPACE)
    with pytest.raises(SpecificationError, match=r"'0.weight' has axes \(4, 3\), expected \(4, 2\)"):
        sizes_of(network(0) | {"0.weight": torch.ones(4, 3)}, SPACE)


@pytest.mark.parametrize("replicas", [1, 2, 3, 4])
def test_processes_share_batches_as_a_distributed_sampler_does(replicas):
    buckets = [range(7), range(7, 9), range(9, 10)]
    ranks = [Batches(buckets, 4, shuffle=True, replicas=replicas, rank=rank) for rank in range(replicas)]
    alone = [set(batch) for batch in Batches(buckets, 4, shuffle=True)]
    shares = list(zip(*ranks, strict=True))
    assert len(shares) == len(ranks[0]) == 4
    assert [set(chain(*step)) for step in shares] == alone
    for step in shares:
        assert len({len(share) for share in step}) == 1
        assert sum(map(len, step)) - len(set(chain(*step))) < replicas


def test_epochs_differ_and_come_again():
    sampler = Batches([range(20), range(20, 30)], 5, shuffle=True, seed=3)
    first = list(sampler)
    assert list(sampler) == first
    sampler.set_epoch(1)
    assert list(sampler) != first
    assert sorted(chain(*sampler)) == list(range(30))
    sampler.set_epoch(0)
    sampler.start = 2
    assert list(sampler) == first[2:]


class Bomb:
    """What a pickle would call."""

    def __reduce__(self):
        return (print, ("code was run",))


def spoil(folder):
    """Networks that cannot be used, by the fault that is to be listed for each."""
    fill(folder, [4, 4, 4, 5])
    save_file(network(9) | {"0.bias": torch.tensor([0.0, 1.0, torch.nan, 2.0])}, folder / "nan.safetensors")
    save_file(network(9, dtype=torch.float16), folder / "half.safetensors")
    save_file({**network(9), "3.weight": torch.ones(1)}, folder / "more.safetensors")
    save_file({name: value for name, value in network(9).items() if name != "0.bias"}, folder / "less.safetensors")
    save_file(network(9) | {"0.weight": torch.ones(4, 7)}, folder / "wide.safetensors")
    (folder / "cut.safetensors").write_bytes((folder / "000.safetensors").read_bytes()[:-9])
    (folder / "empty.safetensors").write_bytes(b"")
    torch.save(network(9), folder / "whole.pt")
    (folder / "cut.pt").write_bytes((folder / "whole.pt").read_bytes()[:-100])
    (folder / "code.pt").write_bytes(pickle.dumps({"0.weight": Bomb()}))
    torch.save([1, 2], folder / "list.pt")
    return {
        "nan.safetensors": "'0.bias' has entries that are not finite",
        "half.safetensors": "it is float16, most networks are float32",
        "more.safetensors": "'3.weight' is not declared",
        "less.safetensors": "'0.bias' is missing",
        "wide.safetensors": "'0.weight' has axes (4, 7), expected (4, 2)",
        "cut.safetensors": "no safetensors file",
        "empty.safetensors": "no safetensors file",
        "cut.pt": "damaged, or no file of torch.save",
        "code.pt": "it holds objects other than tensors: save the module's state_dict()",
        "list.pt": "it holds a list, not a state_dict",
    }


def test_all_faults_are_listed_and_nothing_is_run(tmp_path, capsys):
    expected = spoil(tmp_path)
    with pytest.raises(ZooError, match="10 of 15 networks cannot be used") as error:
        Zoo(tmp_path, space=SPACE)
    found = {fault.network: fault.reason for fault in error.value.faults}
    assert found.keys() == expected.keys()
    for name, reason in expected.items():
        assert found[name].startswith(reason), found[name]
        assert f"\n  {name}: {reason}" in str(error.value)
    zoo = Zoo(tmp_path, space=SPACE, skip_bad=True)
    assert zoo.names == ("000.safetensors", "001.safetensors", "002.safetensors", "003.safetensors", "whole.pt")
    assert {fault.network for fault in zoo.faults} == expected.keys()
    assert "code was run" not in capsys.readouterr().out


def test_types_are_converted_where_that_is_asked_for(tmp_path):
    save_file(network(0, dtype=torch.float16), tmp_path / "a.safetensors")
    save_file(network(1), tmp_path / "b.safetensors")
    found = batches(Zoo(tmp_path, space=SPACE, dtype=torch.float32))
    assert [tuple(batch.features["0.bias"].shape) for batch in found] == [(1, 4, 1), (1, 4, 1)]
    assert {batch.features["0.bias"].dtype for batch in found} == {torch.float32}


def test_labels_that_are_not_there(tmp_path):
    fill(tmp_path, [4] * 4)
    rows = [{"file": f"00{n}.safetensors", "y": y} for n, y in ((0, 1.0), (1, ""), (2, "nan"), (2, 3.0))]
    write_labels(tmp_path / "y.csv", rows)
    with pytest.raises(ZooError) as error:
        Zoo(tmp_path, labels="y.csv", require=["y"])
    assert sorted(map(str, error.value.faults)) == [
        "001.safetensors: there is no label 'y'",
        "002.safetensors: more than one row of labels",
        "002.safetensors: the label 'y' is nan",
        "003.safetensors: there is no label 'y'",
    ]
    assert Zoo(tmp_path, labels="y.csv", require=["y"], skip_bad=True).names == ("000.safetensors",)


def test_two_networks_with_one_name(tmp_path):
    for folder in ("a", "b"):
        Zoo(fill(tmp_path / "from", [4, 4])).pack(tmp_path / folder)
    (tmp_path / "zoo").mkdir()
    for folder in ("a", "b"):
        (tmp_path / folder).rename(tmp_path / "zoo" / folder)
    with pytest.raises(ZooError, match=r"000.safetensors: 2 networks have this name"):
        Zoo(tmp_path / "zoo", space=SPACE)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"labels": "nowhere.csv"}, "nowhere.csv: cannot be read: No such file"),
        ({"labels": "broken.csv"}, "there is no column 'file', only y"),
        ({"labels": re.compile(".*")}, "has no named groups"),
        ({"require": ["colour"]}, "there are no labels 'colour'\ncolumns: score, kind, width"),
        ({"where": {"kind": "nothing"}}, "no network has {'kind': 'nothing'}"),
    ],
)
def test_bad_options_are_one_clear_error(tmp_path, options, message):
    fill(tmp_path, [4])
    (tmp_path / "broken.csv").write_text("y\n1\n")
    with pytest.raises(SpecificationError) as error:
        Zoo(tmp_path, **options)
    assert message in str(error.value)


def test_folders_without_networks(tmp_path):
    with pytest.raises(SpecificationError, match="there are no networks in this folder"):
        Zoo(tmp_path)
    with pytest.raises(SpecificationError, match="there is no such folder"):
        Zoo(tmp_path / "nowhere")
    fill(tmp_path / "all", [4])
    for skip_bad in (False, True):
        with pytest.raises(ZooError, match=r"1 of 1 network cannot be used:(?s:.*)none is left: is the specification"):
            Zoo(tmp_path / "all", space=WeightSpace({"b": "h"}, sets={"h": 2}), skip_bad=skip_bad)


def test_names_with_something_before_them_are_pointed_at(tmp_path):
    fill(tmp_path, [4])
    inner = WeightSpace(
        {f"net.{name}": "h x" if name == "0.weight" else "h" for name in ("0.weight", "0.bias")},
        sets={"h": 4},
        free={"x": 2},
    )
    with pytest.raises(ZooError, match=r"'net.0.weight' is missing \(there is '0.weight'\)"):
        Zoo(tmp_path, space=inner)


def test_a_file_that_changes_is_noticed(tmp_path):
    zoo = Zoo(fill(tmp_path, [4, 4]), space=SPACE)
    save_file(network(0, 5), tmp_path / "000.safetensors")
    with pytest.raises(ValueError, match=r"a file has changed since the zoo was opened \(000.safetensors"):
        zoo.__getitems__([0, 1])
    (tmp_path / "000.safetensors").write_bytes(b"")
    with pytest.raises(ValueError, match="a file has changed"):
        zoo.__getitems__([0, 1])
