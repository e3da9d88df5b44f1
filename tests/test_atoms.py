"""Networks of others, in their wheel: what is read, and that permuting neurons changes nothing but raw weights."""

from zipfile import ZipFile

import numpy as np
import pytest
import torch

from benchmarks import atoms


@pytest.fixture
def wheel(tmp_path, monkeypatch):
    """A wheel with networks of two elements and four members, small."""
    monkeypatch.setattr(atoms, "ELEMENTS", "HC")
    monkeypatch.setattr(atoms, "MEMBERS", 4)
    monkeypatch.setattr(atoms, "INPUTS", 6)
    drawn, path = np.random.default_rng(0), tmp_path / "some.whl"
    with ZipFile(path, "w") as archive:
        for member in range(4):
            for element, widths in (("H", (6, 5, 4, 3, 1)), ("C", (6, 4, 4, 3, 1))):
                for layer in range(4):
                    shape = widths[layer + 1], widths[layer]
                    twin = {"w": drawn.normal(size=shape), "b": drawn.normal(size=shape[0])}
                    for ensemble in atoms.ENSEMBLES:
                        stem = f"torchani/resources/{ensemble}/train{member}/networks/ANN-{element}.nnf-l{layer + 1}"
                        for kind, values in twin.items():
                            archive.writestr(f"{stem}.{kind}param", values.astype(np.float32).tobytes())
    return path


def test_networks_are_read_from_a_wheel(wheel):
    found = atoms.networks(wheel)
    assert len(found) == 16
    assert found[0].state["0.weight"].shape == (5, 6)
    assert {atom.element for atom in found} == {"H", "C"}


def test_a_network_is_told_by_its_twin_unless_neurons_are_permuted(wheel):
    found = atoms.networks(wheel)
    moved = [atoms.permuted(atom, seed) for seed, atom in enumerate(found)]
    before, after = (atoms.rows_of(given) for given in (found, moved))
    for row, other in zip(before["statistics"], after["statistics"], strict=True):
        torch.testing.assert_close(row, other)
    assert atoms.nearest(moved, after["statistics"], "member") == 1.0
    assert atoms.nearest(found, before["all weights"], "member") == 1.0
    assert atoms.nearest(moved, after["all weights"], "member") < 1.0


def test_another_file_is_refused(tmp_path):
    (tmp_path / "some.whl").write_text("nothing")
    with pytest.raises(ValueError, match=r"not a wheel of torchani 1\.2"):
        atoms.networks(tmp_path / "some.whl")
