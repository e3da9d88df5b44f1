"""The checked-in files: what the generator writes today, and text that reads well."""

import ast
import os
import re
import subprocess
import sys

import pytest

from generated.regenerate import HERE, LAYERS, regenerate
from layergen.plan.lowering import lower
from tests.generated.layers import every_layer, maps_of


def test_regenerating_gives_the_same_bytes(tmp_path):
    written = regenerate(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(path.name for path in written)
    for path in written:
        assert path.read_bytes() == (HERE / path.name).read_bytes(), f"run `make generated`: {path.name} is out of date"


def test_every_file_is_accounted_for():
    layers = {f"{layer.name}.py" for layer in LAYERS}
    assert {path.name for path in HERE.glob("*.py")} == layers | {"__init__.py", "regenerate.py"}
    used = {f"{name}.toml" for layer in LAYERS for name in (layer.specification, layer.target) if name}
    assert {path.name for path in HERE.glob("*.toml")} == used


@pytest.mark.parametrize("seed", ["1", "271828"])
def test_the_hash_seed_does_not_matter(seed):
    program = "import sys; from generated.regenerate import LAYERS; sys.stdout.write(''.join(l.source for l in LAYERS))"
    environment = os.environ | {"PYTHONHASHSEED": seed, "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=HERE.parent, env=environment, capture_output=True, check=True
    )
    assert done.stdout == b"".join((HERE / f"{layer.name}.py").read_bytes() for layer in LAYERS)


def test_a_failed_write_leaves_the_file(tmp_path, monkeypatch):
    path = tmp_path / "mlp.py"
    path.write_text("before")
    monkeypatch.setattr("pathlib.Path.replace", lambda *_: (_ for _ in ()).throw(OSError("no room")))
    with pytest.raises(OSError, match="no room"):
        regenerate(tmp_path)
    assert {file.name: file.read_text() for file in tmp_path.iterdir()} == {"mlp.py": "before"}


def test_the_table_in_the_readme_is_up_to_date():
    rows = [line for line in (HERE / "README.md").read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    assert rows[-len(LAYERS) :] == [str(layer) for layer in LAYERS]


def test_the_example_in_the_readme_runs():
    code = re.search(r"```python\n(.*?)```", (HERE / "README.md").read_text(encoding="utf-8"), re.DOTALL)[1]
    *statements, last = code.splitlines()
    expression, comment = last.split("  # ")
    namespace = {}
    exec("\n".join(statements), namespace)
    assert comment.startswith(str(tuple(eval(expression, namespace))))


def tree_of(layer):
    return ast.parse((HERE / f"{layer.name}.py").read_text(encoding="utf-8"))


def forward_of(layer):
    return next(
        node for node in ast.walk(tree_of(layer)) if isinstance(node, ast.FunctionDef) and node.name == "forward"
    )


@every_layer
def test_a_layer_imports_torch_and_the_standard_library_only(layer):
    roots = set()
    for node in ast.walk(tree_of(layer)):
        if isinstance(node, ast.Import):
            roots |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            roots.add(node.module.split(".")[0])
    assert roots <= {"torch", *sys.stdlib_module_names}


@every_layer
def test_nothing_is_pooled_twice(layer):
    pools = [
        ast.unparse(node)
        for node in ast.walk(forward_of(layer))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "_mean"
    ]
    assert pools or any(index.charged for index in layer.space.indices)  # of signs and scales nothing may be summed
    assert len(pools) == len(set(pools))


@every_layer
def test_there_is_one_product_a_core(layer):
    nodes = list(ast.walk(forward_of(layer)))
    products = [node for node in nodes if isinstance(node, ast.BinOp) and isinstance(node.op, ast.MatMult)]
    functions = ("_product", "nn.functional.linear")
    products += [node for node in nodes if isinstance(node, ast.Call) and ast.unparse(node.func) in functions]
    mixes = [mix for mix in lower(maps_of(layer)).mixes if mix.pools]
    assert len(products) == len(mixes)
    assert len({mix.core for mix in mixes}) == len(mixes)


@every_layer
def test_every_name_that_is_stored_is_read(layer):
    forward = forward_of(layer)
    names = [node for node in ast.walk(forward) if isinstance(node, ast.Name)]
    stored = {node.id for node in names if isinstance(node.ctx, ast.Store)}
    read = {node.id for node in names if isinstance(node.ctx, ast.Load)}
    assert stored <= read


@every_layer
def test_the_header_says_what_it_is(layer):
    text = (HERE / f"{layer.name}.py").read_text(encoding="utf-8")
    comment = "\n".join(line.removeprefix("#")[5:] for line in text.splitlines() if line.startswith("#     "))
    assert str(layer.space) in comment + "\n"
    maps = maps_of(layer)
    assert f"Dimension {maps.dimension}, of biases {maps.bias_dimension}." in text
    assert f"--name {layer.class_name}" in text
