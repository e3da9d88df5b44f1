"""`make mutants FOLDER=symmetry/maps`: which small changes to the code of a folder no test beside it notices.

mutmut makes the changes and runs the tests that call what is changed; this draws a sample of them, always the same for
a seed, in a copy of the repository under `.cache/`.
"""

import argparse
import ast
import json
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).parents[1]
COPIED = ("symmetry", "layergen", "generated", "tests", "README.md", "LICENSE", "pyproject.toml")
SURVIVED, UNTESTED = 0, 33
"""Exit statuses by which mutmut says that all tests passed, and that none calls the function."""
BESIDE = {
    "symmetry": ["tests/symmetry"],
    "layergen/plan": ["tests/layergen/plan", "tests/layergen/test_linear.py", "tests/generated/test_text.py"],
    "layergen/emission": ["tests/layergen/emission", "tests/layergen/test_linear.py", "tests/generated/test_text.py"],
}
"""The tests of a folder, where they are more than those of the folder of tests of its name."""
LEFT_OUT = [
    "tests/layergen/emission/test_torch.py",
    "tests/layergen/nn/test_distributed.py",
    "tests/layergen/nn/test_aggregation.py::test_metanets_compile_run_under_vmap_and_serve_other_widths",
    "tests/layergen/nn/test_contraction.py::test_metanets_compile_in_one_graph",
    "tests/layergen/nn/test_heads.py::test_metanets_compile_run_under_vmap_and_serve_other_widths",
    "tests/layergen/plan/test_plan.py::test_passes_change_nothing",
    "tests/layergen/nn/test_representations.py::test_metanetworks_compile",
    "tests/layergen/testing/test_checking.py::test_wide_layers_with_many_channels_are_not_accused",
    "tests/layergen/testing/test_coverage.py::test_many_channels_are_seen_from_one_direction",
    "tests/layergen/testing/test_coverage.py::test_no_output_channel_is_out_of_sight",
    "tests/layergen/testing/test_coverage.py::test_incomplete_combinations_are_seen_with_few_channels_and_with_many",
    "tests/layergen/testing/test_coverage.py::test_what_is_not_declared_of_few_channels_is_not_held_against_many",
    "tests/symmetry/kinds/test_kinds.py::test_a_kind_from_outside_passes_the_property_suite",
]
"""Tests in processes of their own, tests of compilers, and tests that take longer than all others together."""
# The folders that a package needs beside the one that is changed are copied and not changed. A mutant may take three
# times as long as its tests; one that takes longer is killed.
CONFIGURATION = """
[tool.mutmut]
source_paths = ["{package}"]
only_mutate = ["{folder}"]
also_copy = {others}
pytest_add_cli_args = {options}
pytest_add_cli_args_test_selection = {tests}
timeout_constant = 10.0
timeout_multiplier = 3.0
use_git_change_detection = false
"""
# A function that another test has called with the same arguments would not be called again, changed or not.
FORGET = """

def pytest_runtest_setup(item):
    import functools
    import sys

    for name, module in sys.modules.copy().items():
        if name.startswith(("symmetry.", "layergen.")):
            for value in list(vars(module).values()):
                if isinstance(value, functools._lru_cache_wrapper):
                    value.cache_clear()
"""
# mutmut repeats a docstring for every change to a function: the examples are run from here instead. Some of them show
# the simplest case that hypothesis finds.
EXAMPLES = """
import doctest
import importlib

import hypothesis
import pytest

EXAMPLES = {examples}


@pytest.fixture(autouse=True)
def simplest():
    hypothesis.settings.load_profile("quick")
    yield
    hypothesis.settings.load_profile("mutants")


@pytest.mark.parametrize(("module", "name"), EXAMPLES)
def test_examples(module, name):
    names = dict(vars(importlib.import_module(module)))
    text = EXAMPLES[module, name]
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    assert not runner.run(doctest.DocTestParser().get_doctest(text, names, name, None, 0)).failed
"""


def undecorated(source):
    """Python source in which decorated functions stand bare, and are decorated in the line below.

    mutmut changes no function with a decorator: a property, an operator's rule, a cached count would be left out.

    >>> print(undecorated("@cache\\ndef one():\\n    return 1\\n"), end="")
    def one():
        return 1
    one = (cache)(one)
    """
    lines = source.splitlines()
    tree = ast.parse(source)
    bodies = [tree.body, *(node.body for node in tree.body if isinstance(node, ast.ClassDef))]
    functions = [node for body in bodies for node in body if isinstance(node, ast.FunctionDef)]
    for function in sorted(functions, key=lambda node: node.lineno, reverse=True):
        decorators = [ast.unparse(decorator) for decorator in function.decorator_list]
        # mutmut knows the first two; the functions of one name that are registered would become one.
        if not decorators or {"classmethod", "staticmethod", "overload"} & set(decorators) or function.name == "_":
            continue
        value = function.name
        for decorator in reversed(decorators):
            value = f"({decorator})({value})"
        lines.insert(function.end_lineno, " " * function.col_offset + f"{function.name} = {value}")
        del lines[function.decorator_list[0].lineno - 1 : function.lineno - 1]
    return "\n".join(lines) + "\n"


def examples(source):
    """The docstrings that hold examples, by the name of what they belong to."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Module):
            text = ast.get_docstring(node)
            if text and ">>>" in text:
                yield f"{getattr(node, 'name', 'module')} {getattr(node, 'lineno', 0)}", text


def selection(folder):
    """The tests of a folder or file of code: those of its name, else those of the folder around it."""
    for name, tests in BESIDE.items():
        if folder.startswith(name):
            return tests
    path = Path("tests", folder)
    path = path.with_name(f"test_{path.name}") if path.suffix else path
    return [str(next(one for one in (path, *path.parents) if (ROOT / one).exists()))]


def prepared(folder, tests):
    """A fresh copy of the repository, with mutmut configured for a folder."""
    scratch = ROOT / ".cache" / "mutants" / folder.replace("/", ".")
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    for name in COPIED:
        (shutil.copytree if (ROOT / name).is_dir() else shutil.copy)(ROOT / name, scratch / name)
    package = folder.split("/")[0]
    lists = {
        "others": [name for name in ("symmetry", "layergen", "generated", "README.md") if name != package],
        "options": ["-o", "filterwarnings=", *(f"--deselect={test}" for test in LEFT_OUT)],
        "tests": [*tests, "tests/test_examples.py"],
    }
    chosen, texts = scratch / folder, {}
    for path in [chosen] if chosen.is_file() else sorted(chosen.rglob("*.py")):
        source = path.read_text()
        module = ".".join(path.relative_to(scratch).with_suffix("").parts).removesuffix(".__init__")
        texts |= {(module, name): text for name, text in examples(source)}
        path.write_text(undecorated(source))
    (scratch / "tests/test_examples.py").write_text(EXAMPLES.format(examples=repr(texts)))
    written = {key: json.dumps(values) for key, values in lists.items()}
    pattern = folder if chosen.is_file() else f"{folder}/*"
    with (scratch / "pyproject.toml").open("a") as file:
        file.write(CONFIGURATION.format(package=package, folder=pattern, **written))
    with (scratch / "tests/conftest.py").open("a") as file:
        file.write(FORGET)
    return scratch


def mutmut(scratch, *arguments):
    """Run mutmut in the copy. Its tests import the copy's packages, not those installed."""
    environment = os.environ | {"OMP_NUM_THREADS": "1", "HYPOTHESIS_PROFILE": "mutants"}
    environment.pop("PYTHONPATH", None)
    return subprocess.run(
        [sys.executable, "-m", "mutmut", *arguments], cwd=scratch, env=environment, capture_output=True, text=True
    )


def statuses(scratch):
    """The exit status of each mutant by its file and name, None where it was not run."""
    found = {}
    for path in sorted((scratch / "mutants").rglob("*.meta")):
        file = path.relative_to(scratch / "mutants").with_suffix("")
        found |= {(file, name): code for name, code in json.loads(path.read_text())["exit_code_by_key"].items()}
    return found


class Sense(ast.NodeTransformer):
    """Takes out of a function what its result does not rest on: sentences, and zip's check that lengths are equal."""

    def visit_Constant(self, node):
        return ast.Constant("") if isinstance(node.value, str) and len(node.value.split()) > 2 else node

    def visit_keyword(self, node):
        return None if node.arg == "strict" else self.generic_visit(node)


def senseless(scratch, file):
    """The mutants of a file that change the wording of a sentence, or a check of lengths, and nothing else."""
    tree = Sense().visit(ast.parse((scratch / "mutants" / file).read_text()))
    functions = {node.name: node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    dumps = {name: ast.dump(node.args) + "".join(map(ast.dump, node.body)) for name, node in functions.items()}
    return {
        name for name, text in dumps.items() if dumps.get(f"{name.rpartition('__mutmut_')[0]}__mutmut_orig") == text
    }


def drawn(scratch, size, seed, wording):
    """For each folder that holds files the number of its mutants, and a sample of them; the senseless if asked for."""
    folders = {}
    for file, name in statuses(scratch):
        folders.setdefault(file.parent, {}).setdefault(file, []).append(name)
    for folder, files in sorted(folders.items()):
        names = []
        for file, mutants in files.items():
            left_out = set() if wording else senseless(scratch, file)
            names += [name for name in mutants if name.rpartition(".")[2] not in left_out]
        if names:
            yield folder, len(names), random.Random(seed).sample(sorted(names), min(size, len(names)))


def main(arguments=None):
    """Draw mutants, run them, list the survivors; the exit status is 1 with less than nine in ten killed."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("folder", help="a folder or file of symmetry/ or layergen/")
    parser.add_argument("--sample", type=int, default=40, help="mutants of each folder in it")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--tests", action="append", help="tests to run; by default those of the folder's own")
    parser.add_argument("--wording", action="store_true", help="change the wording of messages, and zip's strict=, too")
    chosen = parser.parse_args(arguments)
    folder, console = chosen.folder.rstrip("/"), Console(soft_wrap=True)
    scratch = prepared(folder, chosen.tests or selection(folder))
    # Without a mutant of this name mutmut makes all of them, learns which tests call what, and stops.
    made = mutmut(scratch, "run", "--max-children", "1", "no such mutant")
    samples = list(drawn(scratch, chosen.sample, chosen.seed, chosen.wording))
    if (scratch / "mutants" / "mutmut-stats.json").exists():
        names = [name for _, _, sample in samples for name in sample]
        made = mutmut(scratch, "run", "--max-children", "1", *names)
    found = {name: status for (_, name), status in statuses(scratch).items()}
    table, enough = Table("folder", "mutants", "drawn", "killed", "survived"), True
    for path, size, sample in samples:
        if None in map(found.get, sample):
            console.print(made.stdout[-2000:], made.stderr[-2000:], markup=False)
            return 2
        survivors = [name for name in sample if found[name] in (SURVIVED, UNTESTED)]
        for name in survivors:
            console.print(mutmut(scratch, "show", name).stdout, markup=False)
        where = folder if folder.endswith(".py") else path
        table.add_row(*map(str, (where, size, len(sample), len(sample) - len(survivors), len(survivors))))
        enough &= 10 * len(survivors) <= len(sample)
    console.print(table)
    return int(not enough)


if __name__ == "__main__":
    sys.exit(main())
