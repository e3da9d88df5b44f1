"""The distribution: what the wheel holds, that its types serve a strict user, and that versions agree."""

import os
import re
import subprocess
import sys
import zipfile

import pytest
import yaml

import symmetry
from tests.test_imports import ROOT

CITED = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
USER = """
import symmetry
import layergen
from layergen.data import Zoo
from layergen.nn import Metanet
from layergen.testing import Coverage, Verdict, check, coverage
from layergen.training import Configuration

space = symmetry.WeightSpace({"w": "h x", "b": "h"}, sets={"h": 8}, free={"x": 2})
maps = symmetry.EquivariantMaps(space)
text: str = layergen.generate(space, name="Layer")
page: str = layergen.report.page(maps)
total: int = maps.dimension + layergen.explain(maps).dimension
for diagram in maps.block(target="w", source="b"):
    words: tuple[tuple[str, ...], tuple[str, ...]] = diagram.words
layer = layergen.EquivariantLinear(space, in_channels=1, out_channels=4)
verdict: Verdict = check(layer, space)
reached: Coverage = coverage(layer, space)
configuration = Configuration("accuracy", epochs=2)

# Where types were not seen, these would be no mistakes, and what says that they are would be one.
layergen.generate(space, name=3)  # type: ignore[arg-type]
number: str = maps.dimension  # type: ignore[assignment]
verdict.nothing  # type: ignore[attr-defined]
Configuration("accuracy", epoch=2)  # type: ignore[call-arg]
symmetry.verify(space)  # type: ignore[arg-type]
"""
STRICT = """
[mypy]
strict = True
[mypy-torch.*,numpy.*,networkx.*,polars.*,matplotlib.*,hypothesis.*,rich.*,typer.*]
follow_imports = skip
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel's file, made without a network."""
    pytest.importorskip("hatchling", reason="hatchling builds wheels: pip install hatchling")
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (found,) = folder.glob("*.whl")
    return found


def test_the_wheel_holds_the_packages_and_nothing_else(wheel):
    with zipfile.ZipFile(wheel) as file:
        names = {name for name in file.namelist() if ".dist-info/" not in name}
    expected = {
        str(path.relative_to(ROOT))
        for package in ("layergen", "symmetry")
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert names == expected
    assert {"layergen/py.typed", "symmetry/py.typed", "layergen/report/page.html"} <= names


def test_the_wheel_says_what_it_is(wheel):
    with zipfile.ZipFile(wheel) as file:
        texts = {name.rpartition("/")[2]: file.read(name).decode() for name in file.namelist() if ".dist-info/" in name}
    assert f"Version: {symmetry.__version__}" in texts["METADATA"]
    assert "Requires-Python: >=3.11" in texts["METADATA"]
    assert "layergen = layergen.cli:main" in texts["entry_points.txt"]
    assert "layergen = layergen.pytest_plugin" in texts["entry_points.txt"]
    assert "LICENSE" in texts


def test_a_strict_user_of_the_wheel_has_types(wheel, tmp_path):
    pytest.importorskip("mypy")
    with zipfile.ZipFile(wheel) as file:
        file.extractall(tmp_path / "site")
    (tmp_path / "user.py").write_text(USER)
    (tmp_path / "mypy.ini").write_text(STRICT)
    command = [sys.executable, "-m", "mypy", "--config-file", "mypy.ini", "--cache-dir", "cache", "user.py"]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "site")}
    result = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert result.stdout == "Success: no issues found in 1 source file\n"


def test_the_wheel_makes_a_page_where_it_is_installed(wheel, tmp_path):
    with zipfile.ZipFile(wheel) as file:
        file.extractall(tmp_path / "site")
    (tmp_path / "space.toml").write_text('[sets]\nh = 4\n[tensors]\nw = "h 2"\nb = "h"\n')
    command = [sys.executable, "-m", "layergen", "report", "space.toml", "--output", "page.html", "--no-proof"]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "site")}
    subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, check=True)
    assert "space.toml: 2 tensors, 18 equivariant maps" in (tmp_path / "page.html").read_text("utf-8")


def test_what_is_cited_is_this():
    assert CITED["version"] == symmetry.__version__
    assert CITED["license"] == "MIT"
    assert re.search(r"^## (Unreleased|" + re.escape(CITED["version"]) + ")", (ROOT / "CHANGELOG.md").read_text(), re.M)
