"""Statistics of a training set that comes in parts: the same numbers as of the whole."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from layergen.nn import Metanet, Probes, Standardise
from layergen.nn.moments import Moments
from layergen.testing import random_features
from symmetry import WeightSpace
from tests.layergen.nn.parallel import PLAIN, TURNED

SCALED = WeightSpace({"w": "h x", "v": "y h^-1"}, sets={"h": {"size": 3, "scaled": "positive"}}, free={"x": 2, "y": 2})


@given(
    st.lists(st.lists(st.floats(-1e3, 1e3, width=32), min_size=1, max_size=5), min_size=1, max_size=5),
    st.sampled_from([0.0, 1e3]),
)
def test_moments_of_parts_are_those_of_the_whole(parts, shift):
    tensors = [torch.tensor(part, dtype=torch.float64)[:, None] + shift for part in parts]
    whole, moments = torch.cat(tensors), Moments.of(tensors[0])
    for part in tensors[1:]:
        moments = moments.with_others(Moments.of(part))
    assert moments.count == len(whole)
    torch.testing.assert_close(moments.mean, whole.mean(0))
    torch.testing.assert_close(moments.squares, (whole - whole.mean(0)).square().sum(0), rtol=1e-9, atol=1e-6)
    assert (moments.low, moments.high) == (whole.min(), whole.max())


@pytest.mark.parametrize("space", [PLAIN, TURNED, SCALED], ids=["plain", "turned", "scaled"])
def test_batches_fit_as_the_whole_does(space):
    x = {name: 3 + 2 * value for name, value in random_features(space, 2, batch=7).items()}
    parts = [{name: value[start:stop] for name, value in x.items()} for start, stop in ((0, 1), (1, 5), (5, 7))]
    options = {"out_features": 1, "hidden": 4, "in_channels": 2}
    whole, streamed = Metanet(space, **options).fit(x), Metanet(space, **options).fit(iter(parts))
    ours, theirs = dict(streamed.named_buffers()), dict(whole.named_buffers())
    fitted = [name for name in ours if name.endswith((".mean", ".deviation"))]
    assert len(fitted) == (4 if space is SCALED else 2)
    for name in fitted:
        torch.testing.assert_close(ours[name], theirs[name])


def test_one_batch_fits_to_the_same_bits_as_before():
    x = {name: 3 + 2 * value for name, value in random_features(PLAIN, 2, batch=7).items()}
    fitted = Standardise(PLAIN, 2).fit(x)
    for row, name in enumerate(x):
        assert torch.equal(fitted.mean[row], x[name].flatten(0, -2).mean(0))
        assert torch.equal(fitted.deviation[row], x[name].flatten(0, -2).std(0, correction=0))


def test_every_entry_counts_alike_at_any_width():
    space = WeightSpace({"b": "h"}, sets={"h": 4})
    wide, narrow = {"b": torch.full((1, 9, 1), 1.0)}, {"b": torch.full((2, 3, 1), 6.0)}
    fitted = Standardise(space, 1).fit([wide, narrow])
    assert fitted.mean.item() == pytest.approx(3.0)
    assert fitted.deviation.item() == pytest.approx(6**0.5)


def test_a_constant_channel_stays_so_over_batches():
    space = WeightSpace({"b": "h"}, sets={"h": 4})
    batches = [{"b": torch.full((2, 4, 1), 0.1)} for _ in range(3)]
    assert Standardise(space, 1).fit(batches).deviation.item() == 1
    batches.append({"b": torch.full((2, 4, 1), 0.2)})
    assert Standardise(space, 1).fit(batches).deviation.item() == pytest.approx(0.1 * (3 / 16) ** 0.5, rel=1e-5)


def test_probes_are_fitted_in_a_stream():
    module = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1))
    probes = Probes(module, [torch.randn(4, 2)], count=4)
    x = random_features(probes.weights, 1, batch=6)
    whole = Metanet(probes.weights, out_features=1, hidden=4, probes=probes).fit(x)
    probed = whole.reading.probed
    values, outputs = probed.values_standard.mean.clone(), probed.outputs_standard.deviation.clone()
    whole.fit({name: value[part] for name, value in x.items()} for part in (slice(2), slice(2, 6)))
    torch.testing.assert_close(probed.values_standard.mean, values)
    torch.testing.assert_close(probed.outputs_standard.deviation, outputs)


def test_nothing_to_fit_to_is_an_error():
    with pytest.raises(ValueError, match="there are no networks to fit the statistics to"):
        Metanet(PLAIN, out_features=1).fit([])


def test_channels_may_have_one_deviation():
    """What hardly varies is not blown up; of vectors it is the root mean square over all channels."""
    space = WeightSpace({"b": "h", "s": "n"}, sets={"h": 4, "n": {"size": 3, "scaled": "sign"}})
    generator = torch.Generator().manual_seed(0)
    scale = torch.tensor([3.0, 1e-3, 1.0])
    x = {name: 5 + scale * torch.randn(400, *space[name].shape, 3, generator=generator) for name in space.names}
    apart, module = Standardise(space, 3).fit(x), Standardise(space, 3, together=True).fit(x)
    torch.testing.assert_close(module.mean, apart.mean)
    expected = torch.stack([x["b"].std((0, 1), correction=0), x["s"].square().mean((0, 1)).sqrt()])
    torch.testing.assert_close(module.deviation, expected.square().mean(1, keepdim=True).sqrt().expand(-1, 3))
    assert float(apart(x)["b"][..., 1].std()) > 0.5
    assert float(module(x)["b"][..., 1].std()) < 1e-2
    constant = Standardise(space, 3, together=True).fit({name: torch.zeros_like(value) for name, value in x.items()})
    assert bool((constant.deviation == 1).all())
