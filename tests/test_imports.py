"""One way, one room a step: nothing reaches back."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ALLOWED = {
    "symmetry": {"symmetry", "sympy", "numpy", "networkx"},
    "layergen": {
        "layergen",
        "polars",
        "safetensors",
        "scipy",
        "symmetry",
        "torch",
        "torch_geometric",
        "numpy",
        "networkx",
        "hypothesis",
        "rich",
        "typer",
        "jinja2",
        "markupsafe",
        "matplotlib",
        "pytest",
    },
}
ROOMS = {
    "symmetry": [
        "language",
        "groups",
        "kinds",
        "space",
        "maps",
        "verification",
        "graphs",
        "strategies",
    ],
    "layergen": [
        "whole_files",
        "features",
        "plan",
        "emission",
        "compiled",
        "magnitudes",
        "linear",
        "shared",
        "stacking",
        "representatives",
        "evaluating",
        "widening",
        "steerable",
        "graph",
        "verification",
        "preservation",
        "testing",
        "pytest_plugin",
        "tracing",
        "nn",
        "drawing",
        "report",
        "data",
        "training",
        "cli",
        "__main__",
    ],
}
"""Each module imports from those before it only (and from its own room)."""


def imports(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("package", ALLOWED)
def test_packages_import_what_they_may(package):
    for path in (ROOT / package).rglob("*.py"):
        for name in imports(path):
            top = name.split(".")[0]
            provided = (top, path.name) in (("escnn", "groups.py"), ("hypothesis", "strategies.py"))
            assert provided or top in ALLOWED[package] or top in sys.stdlib_module_names, f"{path}: {name}"


@pytest.mark.parametrize("package", ROOMS)
def test_modules_import_one_way(package):
    rooms = ROOMS[package]
    for path in (ROOT / package).rglob("*.py"):
        own = path.relative_to(ROOT / package).parts[0].removesuffix(".py")
        if own == "__init__":
            continue
        assert own in rooms, f"{path} is in no room: add it to ROOMS in its place"
        for name in imports(path):
            parts = name.split(".")
            if parts[0] == package and len(parts) > 1 and parts[1] in rooms:
                assert rooms.index(parts[1]) <= rooms.index(own), f"{path} reaches up to {name}"


KIT = {"pytest_plugin.py": "its fixtures", "cli/check.py": "`layergen check`", "cli/coverage.py": "`layergen coverage`"}
"""Who may import the testing kit: what hands it to users under another name."""


def test_nothing_but_what_hands_it_to_users_imports_the_testing_kit():
    for path in (ROOT / "layergen").rglob("*.py"):
        own = path.relative_to(ROOT / "layergen")
        if own.parts[0] not in ("testing", "__init__.py") and str(own) not in KIT:
            named = {name for name in imports(path) if name.startswith("layergen.testing")}
            assert not named, f"{path} imports {named}"


@pytest.mark.parametrize("module", ["layergen.tracing.trace", "layergen.verification", "layergen.preservation"])
def test_what_is_not_for_tests_loads_no_testing_kit(module):
    code = f"import sys, {module}; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert not {"hypothesis", "layergen.testing"} & set(loaded.stdout.split())


def test_generated_layers_import_torch_only():
    for path in (ROOT / "generated").glob("*.py"):
        if path.stem not in ("__init__", "regenerate"):
            assert {name.split(".")[0] for name in imports(path)} <= {"__future__", "typing", "torch"}


@pytest.mark.parametrize(
    ("package", "heavy"),
    [("symmetry", {"torch", "sympy", "networkx", "matplotlib", "hypothesis"}), ("layergen", {"torch", "hypothesis"})],
)
def test_importing_a_package_is_light(package, heavy):
    code = f"import sys, {package}; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert not heavy & set(loaded.stdout.split())


def test_the_mathematics_is_tested_without_torch():
    """Tests of `symmetry` may import from `layergen` what loads no torch."""
    for path in (ROOT / "tests" / "symmetry").rglob("*.py"):
        assert not any(name.split(".")[0] == "torch" for name in imports(path)), path
