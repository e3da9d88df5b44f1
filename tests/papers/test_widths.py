"""The comparison across widths, in a short mode."""

import pytest
import torch

pytest.importorskip("sklearn")

from benchmarks.learning.tasks import r2
from papers.scaling.learning import Split
from papers.scaling.zoo import fit_zoo, space_of
from papers.widths import __main__ as command
from papers.widths.learning import METHODS, SUMMED, wider
from tests.papers.test_scaling import output


@pytest.fixture(scope="module")
def zoo():
    return fit_zoo("tanh", 140, width=8, steps=200)


def test_wider_networks_compute_the_same(zoo):
    x = torch.linspace(-1, 1, 9)[:, None]
    wide = wider(zoo, 3)
    assert {name: tuple(value.shape[1:-1]) for name, value in wide.features.items()} == space_of(None, 24).shapes
    torch.testing.assert_close(output(wide.features, "tanh", x), output(zoo.features, "tanh", x), rtol=1e-4, atol=1e-5)
    assert set(SUMMED) < set(wide.features)


EXACT = ("… by fan-in (`summed=`)", "… standardised anew at each width", "outputs at learned inputs alone")


@pytest.mark.parametrize("label", METHODS)
def test_some_methods_do_not_see_the_width(zoo, label):
    """The others do: their predictions for the same function change."""
    torch.manual_seed(0)
    split = Split.of(zoo, 0)
    predict = METHODS[label](split, 0.3)
    found, wide = predict(split.test), predict(wider(split.test, 4))
    assert found.shape == split.test.targets.shape
    if label in EXACT:
        torch.testing.assert_close(wide, found, rtol=1e-3, atol=1e-3)
    elif "by fan-in" not in label:  # quantiles of repeated entries lie elsewhere between two of them
        assert (wide - found).abs().max() > 1e-2
    else:
        assert r2(wide, found) > 0.5


def test_the_table_has_a_row_for_each_method(capsys):
    options = ["--networks", "42", "--seconds", "0.1", "--seeds", "1", "--widths", "4", "8", "--steps", "20"]
    command.main(options)
    lines = capsys.readouterr().out.splitlines()
    rows = [line for line in lines if line.startswith("| ") and "±" in line]
    assert [row.split(" | ")[0][2:] for row in rows] == [label.strip() for label in METHODS]
    assert "| R² of (a, b) at width | 4 | 8, widened | 8, trained |" in lines
    assert all(row.count("±") == 3 for row in rows)


def test_widths_that_are_no_multiples_are_refused(capsys):
    with pytest.raises(SystemExit, match="2"):
        command.main(["--widths", "24", "36"])
    assert "--widths 24 36: give multiples of the first" in capsys.readouterr().err
