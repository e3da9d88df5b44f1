"""`make mutants FOLDER=symmetry/maps`: which small changes to the code of a folder no test beside it notices.

mutmut makes the changes and runs the tests that call what is changed; this draws a sample of them, always the same for
a seed, in a copy of the repository under `.cache/`.
"""

import argparse
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
KILLED, SURVIVED, UNTESTED = 1, 0, 33
"""Exit statuses by which mutmut says that a test failed, that all passed, and that none calls the function."""
# The folders that a package needs beside the one that is changed are copied and not changed.
CONFIGURATION = """
[tool.mutmut]
source_paths = ["{package}"]
only_mutate = ["{folder}"]
also_copy = {others}
pytest_add_cli_args = ["-o", "filterwarnings="]
pytest_add_cli_args_test_selection = {tests}
use_git_change_detection = false
"""


def prepared(folder, tests):
    """A fresh copy of the repository, with mutmut configured for a folder."""
    scratch = ROOT / ".cache" / "mutants" / folder.replace("/", ".")
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    for name in COPIED:
        (shutil.copytree if (ROOT / name).is_dir() else shutil.copy)(ROOT / name, scratch / name)
    package = folder.split("/")[0]
    others = [name for name in ("symmetry", "layergen", "generated", "README.md") if name != package]
    chosen = folder if folder.endswith(".py") else f"{folder}/*"
    text = CONFIGURATION.format(package=package, folder=chosen, others=json.dumps(others), tests=json.dumps(tests))
    with (scratch / "pyproject.toml").open("a") as file:
        file.write(text)
    return scratch


def mutmut(scratch, *arguments):
    """Run mutmut in the copy. Its tests import the copy's packages, not those installed."""
    environment = os.environ | {"OMP_NUM_THREADS": "1", "HYPOTHESIS_PROFILE": "quick"}
    environment.pop("PYTHONPATH", None)
    return subprocess.run(
        [sys.executable, "-m", "mutmut", *arguments], cwd=scratch, env=environment, capture_output=True, text=True
    )


def statuses(scratch):
    """The exit status of each mutant, None where it was not run."""
    found = {}
    for path in sorted((scratch / "mutants").rglob("*.meta")):
        found |= json.loads(path.read_text())["exit_code_by_key"]
    return found


def main(arguments=None):
    """Draw mutants, run them, list the survivors; the exit status is 1 with less than nine in ten killed."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("folder", help="a folder or file of symmetry/ or layergen/")
    parser.add_argument("--sample", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--tests", action="append", help="tests to run; by default those of the folder's own")
    chosen = parser.parse_args(arguments)
    folder, console = chosen.folder.rstrip("/"), Console()
    path = Path("tests", folder)
    beside = path.with_name(f"test_{path.name}") if path.suffix else path
    scratch = prepared(folder, chosen.tests or [str(beside)])
    # Without a mutant of this name mutmut makes all of them, learns which tests call what, and stops.
    made = mutmut(scratch, "run", "--max-children", "1", "no such mutant")
    names = sorted(statuses(scratch))
    if not names:
        console.print(made.stdout[-2000:], made.stderr[-2000:], markup=False)
        return 2
    drawn = random.Random(chosen.seed).sample(names, min(chosen.sample, len(names)))
    mutmut(scratch, "run", "--max-children", "1", *drawn)
    found = {name: status for name, status in statuses(scratch).items() if name in set(drawn)}
    survivors = [name for name, status in found.items() if status in (SURVIVED, UNTESTED, None)]
    for name in survivors:
        console.print(mutmut(scratch, "show", name).stdout, markup=False)
    table = Table("folder", "mutants", "drawn", "killed", "survived")
    table.add_row(folder, *map(str, (len(names), len(drawn), len(drawn) - len(survivors), len(survivors))))
    console.print(table)
    return int(10 * len(survivors) > len(drawn))


if __name__ == "__main__":
    sys.exit(main())
