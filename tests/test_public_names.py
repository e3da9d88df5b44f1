"""What outsiders call: the same names before and after first use, and no need to reach behind them."""

import ast
import doctest
import re
import subprocess
import sys
import tomllib
from importlib import import_module
from types import ModuleType

import pytest

import layergen
import symmetry
from tests.test_imports import ROOT
from tests.test_pages import PAGES, blocks

PACKAGES = {"symmetry": symmetry, "layergen": layergen}
MODULES = ("data", "drawing", "graph", "nn", "report", "steerable", "testing", "tracing", "training")


def fresh(code):
    """What a new process prints."""
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT).stdout


@pytest.mark.parametrize("package", PACKAGES)
def test_public_names_are_listed_before_first_use(package):
    listed = fresh(f"import {package}; print(*dir({package}))").split()
    assert listed == dir(PACKAGES[package]) == sorted(PACKAGES[package].__all__)
    for name in listed:
        value = getattr(PACKAGES[package], name)
        home = value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", package)
        assert home.split(".")[0] in ("symmetry", "layergen", "builtins", "types"), f"{name} is {value!r}"


@pytest.mark.parametrize("package", PACKAGES)
def test_a_name_that_is_not_there(package):
    with pytest.raises(AttributeError, match=f"module '{package}' has no attribute 'nothing'"):
        PACKAGES[package].nothing  # noqa: B018


@pytest.mark.parametrize("name", MODULES)
def test_modules_are_reached_without_importing_them(name):
    module = import_module(f"layergen.{name}")
    example = sorted(module.__all__)[0]
    assert fresh(f"import layergen; print(layergen.{name}.{example}.__name__)").strip() == (
        getattr(module, example).__name__
    )


def test_promised_names():
    assert symmetry.Diagram.__name__ == "Diagram"
    assert isinstance(
        symmetry.verify(symmetry.EquivariantMaps(symmetry.WeightSpace({"b": "h"}, sets={"h": 2}))), symmetry.Report
    )
    assert layergen.Features == dict[str, import_module("torch").Tensor]


def test_one_version():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert layergen.__version__ == symmetry.__version__
    assert project["project"]["dynamic"] == ["version"]
    assert "version" not in project["project"]
    source = (ROOT / project["tool"]["hatch"]["version"]["path"]).read_text()
    assert re.findall(r'^__version__ = "(.*)"$', source, re.MULTILINE) == [symmetry.__version__]


def imported(code):
    """The modules that a program imports, each with the names that it takes from them."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            yield from ((alias.name, ()) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module, [alias.name for alias in node.names]


PROGRAMS = {
    str(path.relative_to(ROOT)): path.read_text()
    for folder in ("demo", "docs/tutorials", "examples")
    for path in sorted((ROOT / folder).glob("*.py"))
} | {
    page: "".join(
        [example.source for example in doctest.DocTestParser().get_examples(path.read_text("utf-8"))]
        + [text for kind, text in blocks(page) if kind == "python"]
    )
    for page, path in PAGES.items()
}


@pytest.mark.parametrize("program", PROGRAMS)
def test_demonstrations_use_public_names_only(program):
    public = {*PACKAGES, *(f"layergen.{name}" for name in MODULES)}
    for module, names in imported(PROGRAMS[program]):
        if module.split(".")[0] in PACKAGES:
            assert module in public, f"{program} reaches into {module}"
            assert set(names) <= set(import_module(module).__all__)


def test_the_package_is_the_command():
    command = [sys.executable, "-m", "layergen", "--version"]
    found = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    assert (found.stdout, found.stderr) == (f"layergen {layergen.__version__}\n", "")
