"""Zoos of networks of several depths: buckets, faults, packing, training at one depth and reading another."""

import pytest
import torch
from safetensors.torch import save_file

import layergen
from layergen.data import Zoo
from layergen.data.faults import ZooError
from layergen.data.fitting import sizes_of
from symmetry import SpecificationError, WeightSpace

SPACE = WeightSpace(
    {"in.weight": "d x", "blocks.{layer}.up": "h d", "blocks.{layer}.down": "d h", "blocks.{later+1}.norm": "d"},
    sets={"d": 4, "h": {"size": 6, "within": "layer"}},
    positional={"layer": 3, "later": 2},
    free={"x": 2},
)


def network(seed, depth, width=4):
    """A network of residual blocks; the first has no norm."""
    generator = torch.Generator().manual_seed(seed)
    shapes = {"in.weight": (width, 2)}
    for layer in range(depth):
        shapes |= {f"blocks.{layer}.up": (6, width), f"blocks.{layer}.down": (width, 6)}
        shapes |= {f"blocks.{layer}.norm": (width,)} if layer else {}
    return {name: torch.randn(shape, generator=generator) for name, shape in shapes.items()}


def fill(folder, depths):
    for number, depth in enumerate(depths):
        save_file(network(number, depth, width=4 + number % 2), folder / f"{number}.safetensors")


def test_networks_of_several_depths_are_sorted_into_buckets(tmp_path):
    fill(tmp_path, [3, 3, 5, 5, 3])
    zoo = Zoo(tmp_path, space=SPACE)
    sizes = [{name: bucket.space.sizes[name] for name in ("layer", "later", "d")} for bucket in zoo.buckets]
    assert sorted(map(str, sizes)) == sorted(
        str({"layer": layer, "later": layer - 1, "d": d}) for layer, d in [(3, 4), (3, 5), (5, 4), (5, 5)]
    )
    metanet = layergen.nn.Metanet(SPACE, out_features=1, hidden=4, layers=1)
    loader = torch.utils.data.DataLoader(zoo, batch_sampler=zoo.batches(2), collate_fn=zoo.collate)
    for batch in loader:
        number = int(batch.numbers[0])
        state = network(number, [3, 3, 5, 5, 3][number], width=4 + number % 2)
        assert torch.equal(batch.features["blocks.{layer}.up"][0, 2, ..., 0], state["blocks.2.up"])
        assert torch.equal(batch.features["blocks.{later+1}.norm"][0, 1, ..., 0], state["blocks.2.norm"])
        assert metanet(batch.features).shape == (len(batch.numbers), 1)
    assert zoo[2].state.keys() == network(2, 5).keys()


def test_packed_networks_are_the_same(tmp_path):
    (tmp_path / "zoo").mkdir()
    fill(tmp_path / "zoo", [3, 3, 5])
    Zoo(tmp_path / "zoo", space=SPACE).pack(tmp_path / "packed")
    packed = Zoo(tmp_path / "packed", space=SPACE)
    assert len(packed.buckets) == 3
    for one in packed:
        expected = network(int(one.name[0]), [3, 3, 5][int(one.name[0])], width=4 + int(one.name[0]) % 2)
        assert all(torch.equal(one.state[name], value) for name, value in expected.items())


def test_missing_members_are_faults_that_name_them(tmp_path):
    fill(tmp_path, [3, 3])
    state = network(7, 4)
    del state["blocks.1.up"]
    state["blocks.2.down"] = torch.zeros(4, 7)
    save_file(state, tmp_path / "bad.safetensors")
    save_file({"in.weight": torch.zeros(4, 2)}, tmp_path / "empty.safetensors")
    with pytest.raises(ZooError) as caught:
        Zoo(tmp_path, space=SPACE)
    text = str(caught.value)
    assert "bad.safetensors: 'blocks.1.up' is missing; 'blocks.2.down' has shape (4, 7), declared (4, 6)" in text
    assert "empty.safetensors: 'blocks.0.up' is missing" in text
    assert "0.safetensors" not in text


def test_sizes_are_read_from_names_and_shapes():
    assert sizes_of(network(0, 9), SPACE) == {"d": 4, "h": 6, "layer": 9, "later": 8, "x": 2}
    state = network(0, 9)
    del state["blocks.4.down"]
    with pytest.raises(SpecificationError, match=r"'blocks.4.down' is missing"):
        sizes_of(state, SPACE)
