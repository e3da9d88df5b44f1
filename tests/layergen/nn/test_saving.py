"""Metanetworks in files: what is loaded computes what was saved, and loading runs nothing."""

import json

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import nn

from layergen.nn import Metanet, Probes
from layergen.testing import random_features
from symmetry import SpecificationError, WeightSpace
from tests.layergen.nn.parallel import PLAIN, ROTATED, TURNED

SCALED = WeightSpace({"w": "h x", "v": "y h^-1"}, sets={"h": {"size": 3, "scaled": "positive"}}, free={"x": 2, "y": 2})
OPTIONS = {
    "defaults": {"out_features": 2},
    "weights": {"out_channels": 2, "update": [0, 1], "in_channels": 2},
    "restricted": {"out_features": 1, "terms": "local", "rank": {"": 2}},
    "plain": {"out_features": 1, "activation": torch.tanh, "norm": False, "fourier": 0, "layers": 1, "maximum": False},
    "double": {"out_features": 1, "dropout": 0.5, "dtype": torch.float64, "activation": nn.functional.silu},
}


@pytest.mark.parametrize("space", [PLAIN, TURNED, ROTATED, SCALED], ids=["plain", "turned", "rotated", "scaled"])
@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_what_is_loaded_computes_what_was_saved(tmp_path, space, options):
    options = {"hidden": 4, **options}
    if space is not PLAIN and "rank" in options:
        del options["rank"]
    dtype = options.get("dtype", torch.float32)
    x = {name: value.to(dtype) for name, value in random_features(space, options.get("in_channels", 1)).items()}
    metanet = Metanet(space, **options).fit(x).eval()
    metanet.save(tmp_path / "a.safetensors")
    loaded = Metanet.load(tmp_path / "a.safetensors").eval()
    torch.testing.assert_close(loaded(x), metanet(x), rtol=0, atol=0)
    assert loaded.arguments == metanet.arguments
    assert loaded.space == space
    loaded.save(tmp_path / "b.safetensors")
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()


def test_loading_draws_no_random_numbers(tmp_path):
    Metanet(PLAIN, out_features=1, hidden=4).save(tmp_path / "a.safetensors")
    before = torch.get_rng_state()
    Metanet.load(tmp_path / "a.safetensors")
    assert torch.equal(before, torch.get_rng_state())


def predicate(target, source):
    return target.name == source.name or not target.shape


def test_code_is_given_again(tmp_path):
    path = tmp_path / "a.safetensors"
    given = {"activation": lambda x: x.relu() + 1, "terms": predicate}
    metanet = Metanet(PLAIN, out_features=1, hidden=4, **given)
    metanet.save(path)
    x = random_features(PLAIN, 1)
    torch.testing.assert_close(Metanet.load(path, **given)(x), metanet(x), rtol=0, atol=0)
    with pytest.raises(ValueError, match=r"saved with activation, terms to be given again, not activation$"):
        Metanet.load(path, activation=given["activation"])
    Metanet(PLAIN, out_features=1, hidden=4).save(path)
    with pytest.raises(ValueError, match="saved with nothing to be given again, not terms"):
        Metanet.load(path, terms=predicate)


def test_learned_probes_are_in_the_file(tmp_path):
    module = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1))

    def probes(seed):
        return Probes(module, [torch.randn(4, 2, generator=torch.Generator().manual_seed(seed))], count=4)

    first = probes(0)
    x = random_features(first.weights, 1)
    metanet = Metanet(first.weights, out_features=1, hidden=4, probes=first).fit(x)
    metanet.save(tmp_path / "a.safetensors")
    loaded = Metanet.load(tmp_path / "a.safetensors", probes=probes(1))
    torch.testing.assert_close(loaded(x), metanet(x), rtol=0, atol=0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"form": "another 1"}, "holds 'another 1', not 'layergen.nn.Metanet 1'"),
        ({"configuration": 3}, "the header cannot be read"),
        ({"configuration": {"dtype": "float32", "activation": "os.system"}}, "the header cannot be read"),
        ({"specification": "[sets]\nh = 0\n"}, "the header cannot be read"),
    ],
)
def test_other_files_are_refused(tmp_path, change, message):
    path = tmp_path / "a.safetensors"
    Metanet(PLAIN, out_features=1, hidden=4).save(path)
    with safe_open(path, "pt") as file:
        header = json.loads(file.metadata()["layergen"])
    save_file(load_file(path), path, {"layergen": json.dumps(header | change)})
    with pytest.raises(SpecificationError) as error:
        Metanet.load(path)
    assert str(error.value).startswith(f"{path}: {message}")


def test_weights_that_do_not_fit_are_refused(tmp_path):
    path = tmp_path / "a.safetensors"
    Metanet(PLAIN, out_features=1, hidden=4).save(path)
    with safe_open(path, "pt") as file:
        header = file.metadata()
    save_file({"w": torch.ones(2)}, path, header)
    with pytest.raises(SpecificationError, match="the weights do not fit"):
        Metanet.load(path)
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(SpecificationError, match="cannot be read"):
        Metanet.load(path)
    with pytest.raises(SpecificationError, match="cannot be read"):
        Metanet.load(tmp_path / "nowhere")


def test_a_failed_save_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "a.safetensors"
    metanet = Metanet(PLAIN, out_features=1, hidden=4)
    metanet.save(path)
    before = path.read_bytes()
    monkeypatch.setattr("os.fsync", lambda descriptor: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(OSError, match="No space left"):
        Metanet(PLAIN, out_features=2, hidden=4).save(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
