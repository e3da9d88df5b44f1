"""Packed zoos: the same networks, whatever interrupts the packing."""

import json
import pickle

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch.utils.data import DataLoader

from layergen.data import Zoo, ZooError, packing
from symmetry import SpecificationError
from tests.layergen.data.zoos import SPACE, fill, network

ROW = 17 * 4
"""The bytes of a perceptron 2-4-1."""


def assert_same(packed, loose):
    """Assert that two zoos have the same networks and labels under the same names."""
    assert sorted(packed.names) == sorted(loose.names)
    for number, name in enumerate(packed.names):
        ours, theirs = packed[number], loose[loose.names.index(name)]
        assert ours.labels == pytest.approx(theirs.labels)
        assert ours.state.keys() == theirs.state.keys()
        assert all(torch.equal(value, theirs.state[key]) for key, value in ours.state.items())


@pytest.mark.parametrize("options", [{}, {"space": SPACE}])
@pytest.mark.parametrize("widths", [[4] * 5, [4, 5, 4, 4, 5]])
def test_packed_networks_are_the_same(tmp_path, monkeypatch, widths, options):
    monkeypatch.setattr(packing, "CHUNK", 2 * ROW)
    loose = Zoo(fill(tmp_path / "zoo", widths), **options)
    loose.pack(tmp_path / "packed")
    packed = Zoo(tmp_path / "packed", **options)
    assert_same(packed, loose)
    packed.verify()
    assert not [path for path in tmp_path.rglob("*") if path.name.startswith(".") or path.name == "journal"]
    packed.pack(tmp_path / "again")
    assert_same(Zoo(tmp_path / "again", **options), loose)


def test_batches_of_a_packed_zoo(tmp_path):
    loose = Zoo(fill(tmp_path / "zoo", [4, 5, 4, 4, 5]), space=SPACE)
    loose.pack(tmp_path / "packed")
    packed = Zoo(tmp_path / "packed", space=SPACE)
    loader = DataLoader(packed, batch_sampler=packed.batches(3, shuffle=True), collate_fn=packed.collate)
    for batch in loader:
        for row, number in enumerate(batch.numbers.tolist()):
            state = loose[loose.names.index(packed.names[number])].state
            assert all(torch.equal(batch.features[name][row, ..., 0], value) for name, value in state.items())


def test_a_batch_of_files_and_of_two_matrices(tmp_path):
    loose = Zoo(fill(tmp_path / "zoo", [4] * 9), space=SPACE)
    for part, numbers in (("a", (1, 5, 7)), ("b", (2, 3, 8))):
        (tmp_path / part).mkdir()
        for number in numbers:
            (tmp_path / "zoo" / f"00{number}.safetensors").rename(tmp_path / part / f"00{number}.safetensors")
        Zoo(tmp_path / part, space=SPACE).pack(tmp_path / "zoo" / part)
    zoo = Zoo(tmp_path / "zoo", space=SPACE)
    assert sorted(zoo.names) == sorted(loose.names)
    assert len(zoo.listing.sources) == 3
    for batch in DataLoader(zoo, batch_sampler=zoo.batches(5, shuffle=True, seed=1), collate_fn=zoo.collate):
        for row, number in enumerate(batch.numbers.tolist()):
            expected = network(int(zoo.names[number][:3]))
            assert all(torch.equal(batch.features[name][row, ..., 0], value) for name, value in expected.items())


class Killed(BaseException):
    """The end of a process, as far as its files can tell."""


def interrupted(zoo, out, monkeypatch, after):
    """Pack until `after` chunks have been read; the next one is never written."""
    read = Zoo.read
    reads = []

    def reading(self, numbers):
        reads.append(numbers)
        if len(reads) > after:
            raise Killed
        return read(self, numbers)

    with monkeypatch.context() as patch:
        patch.setattr(Zoo, "read", reading)
        try:
            zoo.pack(out)
        except Killed:
            return reads
    return reads


@pytest.mark.parametrize("widths", [[4] * 7, [4, 5, 4, 4, 5, 5, 4]])
def test_packing_goes_on_where_it_stopped(tmp_path, monkeypatch, widths):
    monkeypatch.setattr(packing, "CHUNK", 2 * ROW)
    zoo = Zoo(fill(tmp_path / "zoo", widths), space=SPACE)
    for _ in range(len(widths)):
        reads = interrupted(zoo, tmp_path / "packed", monkeypatch, after=1)
        if (tmp_path / "packed").exists():
            break
        assert len(reads) == 2
    else:
        pytest.fail("packing never ended: each try read from the beginning")
    assert_same(Zoo(tmp_path / "packed", space=SPACE), zoo)


@pytest.mark.parametrize("spoiled", ["half a row more", "a chunk lost", "another byte", "no journal"])
def test_what_the_journal_does_not_vouch_for_is_written_again(tmp_path, monkeypatch, spoiled):
    monkeypatch.setattr(packing, "CHUNK", 2 * ROW)
    zoo = Zoo(fill(tmp_path / "zoo", [4] * 7), space=SPACE)
    interrupted(zoo, tmp_path / "packed", monkeypatch, after=2)
    matrix = tmp_path / ".packed.packing" / "weights.npy"
    content = bytearray(matrix.read_bytes())
    if spoiled == "another byte":
        content[-1] ^= 1
    if spoiled == "no journal":
        (matrix.parent / "journal").unlink()
    matrix.write_bytes(
        {"half a row more": content + b"\1" * (ROW // 2), "a chunk lost": content[: -2 * ROW]}.get(spoiled, content)
    )
    zoo.pack(tmp_path / "packed")
    assert_same(Zoo(tmp_path / "packed", space=SPACE), zoo)


def test_another_zoo_does_not_go_on(tmp_path, monkeypatch):
    monkeypatch.setattr(packing, "CHUNK", 2 * ROW)
    interrupted(Zoo(fill(tmp_path / "zoo", [4] * 7), space=SPACE), tmp_path / "packed", monkeypatch, after=2)
    save_file(network(99), tmp_path / "zoo" / "000.safetensors")
    zoo = Zoo(tmp_path / "zoo", space=SPACE)
    zoo.pack(tmp_path / "packed")
    assert_same(Zoo(tmp_path / "packed", space=SPACE), zoo)


def test_damage_is_found(tmp_path, monkeypatch):
    monkeypatch.setattr(packing, "CHUNK", 2 * ROW)
    Zoo(fill(tmp_path / "zoo", [4] * 7), space=SPACE).pack(tmp_path / "packed")
    matrix = np.load(tmp_path / "packed" / "weights.npy", mmap_mode="r+")
    matrix[5, 3] += 1
    matrix.flush()
    with pytest.raises(ZooError, match=r"weights.npy: rows 4 to 5 are damaged"):
        Zoo(tmp_path / "packed", space=SPACE).verify()


def test_weights_that_are_not_finite_are_not_packed(tmp_path):
    save_file(network(0) | {"0.bias": torch.full((4,), torch.inf)}, fill(tmp_path / "zoo", [4]) / "bad.safetensors")
    with pytest.raises(ZooError, match=r"bad.safetensors: it has entries that are not finite"):
        Zoo(tmp_path / "zoo", space=SPACE, finite=False).pack(tmp_path / "packed")
    assert not (tmp_path / "packed").exists()
    Zoo(tmp_path / "zoo", space=SPACE, skip_bad=True).pack(tmp_path / "packed")


def test_the_type_of_the_matrix_holds_every_weight(tmp_path):
    for kind, stored in ((torch.float64, "f8"), (torch.float16, "f2"), (torch.bfloat16, "f4")):
        folder = tmp_path / stored
        folder.mkdir()
        save_file(network(0, dtype=kind), folder / "a.safetensors")
        zoo = Zoo(folder)
        zoo.pack(folder / "packed")
        assert np.load(folder / "packed" / "weights.npy").dtype == stored
        state = Zoo(folder / "packed")[0].state
        assert all(torch.equal(value.to(kind), zoo[0].state[name]) for name, value in state.items())


def test_a_folder_that_is_there_is_left_alone(tmp_path):
    zoo = Zoo(fill(tmp_path / "zoo", [4]))
    with pytest.raises(SpecificationError, match="is there already"):
        zoo.pack(tmp_path / "zoo")
    with pytest.raises(SpecificationError, match="there is no folder"):
        zoo.pack(tmp_path / "nowhere" / "packed")


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("layout.csv", "varname,start_idx\nw,0\n", "is no layout"),
        ("layout.csv", 'varname,start_idx,end_idx,size,shape\nw,0,3,3,"(2, 2)"\n', "'w' has columns 0 to 3"),
        ("layout.csv", 'varname,start_idx,end_idx,size,shape\nw,0,99,99,"(99,)"\n', "beyond the 17 columns"),
        ("layout.csv", 'varname,start_idx,end_idx,size,shape\nw,0,3,3,__import__("os")\n', "is no layout"),
        ("weights.npy", "no matrix", "is no matrix"),
        ("metrics.csv", "file,y\na,1\n", "has 1 rows, weights.npy has 2"),
    ],
)
def test_packed_files_that_are_broken(tmp_path, file, text, message):
    Zoo(fill(tmp_path / "zoo", [4, 4])).pack(tmp_path / "packed")
    (tmp_path / "packed" / file).write_text(text)
    with pytest.raises(SpecificationError) as error:
        Zoo(tmp_path / "packed")
    assert message in str(error.value)


def test_a_process_gets_no_copy_of_the_matrix(tmp_path):
    Zoo(fill(tmp_path / "zoo", [4] * 50)).pack(tmp_path / "packed")
    (matrix,) = Zoo(tmp_path / "packed").listing.sources
    assert len(matrix.values) == 50
    assert len(pickle.dumps(matrix)) < matrix.values.nbytes / 2
    assert json.loads((tmp_path / "packed" / "packed.json").read_text())["form"] == packing.FORM
