"""The README's pictures are those that are drawn, and the two orders of neurons compute the same."""

import io
import sys

import numpy as np
import pytest
from matplotlib.image import imread

import symmetry
from layergen.drawing import block_matrix, picture
from tests.test_imports import ROOT

sys.path.append(str(ROOT / "docs"))
import pictures

sys.path.remove(str(ROOT / "docs"))


def test_both_orders_compute_the_same():
    read, bias, written = np.random.default_rng(0).normal(size=(3, 5))
    order = list(pictures.ORDER)
    assert sorted(order) == list(range(5)) != order
    first, second = pictures.curve(read, bias, written), pictures.curve(read[order], bias[order], written[order])
    assert np.allclose(first, second)
    assert not np.allclose(first, pictures.curve(read[order], bias, written))


@pytest.mark.parametrize("name", ["neurons", "mlp"])
def test_the_files_are_what_is_drawn(name):
    maps = symmetry.EquivariantMaps(symmetry.load(ROOT / "generated" / "mlp.toml"))
    drawn = imread(io.BytesIO(picture(pictures.permuted_neurons() if name == "neurons" else block_matrix(maps), "png")))
    kept = imread(ROOT / "docs" / f"{name}.png")
    assert drawn.shape == kept.shape
    assert np.abs(drawn - kept).mean() < 0.01  # another matplotlib may set its letters otherwise
    assert kept[..., :3].std() > 0.05
