"""The public code of the systems: read from a folder that the user names, never part of this project."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

__all__ = ["Published", "named_by_environment"]

VARIABLE = "PAPERS_CODE"
"""The environment variable that names the folder."""


@dataclass(frozen=True, slots=True)
class Published:
    """A folder that holds clones of public repositories, each under its own name: `DWSNets`, `neural-graphs`, ….

    Parameters
    ----------
    folder
        The folder, or None if the user has named none.
    """

    folder: Path | None = None
    loaded: dict[tuple[str, str], ModuleType] = field(default_factory=dict, compare=False, repr=False)

    def clone(self, repository: str) -> Path | None:
        """The clone of a repository `owner/name`, or None if there is none."""
        if self.folder is None:
            return None
        path = self.folder / repository.partition("/")[2]
        return path if path.is_dir() else None

    def reason(self, repository: str) -> str | None:
        """Why code of a repository cannot be judged, and what to do; None if it can."""
        if self.clone(repository) is not None:
            return None
        where = "--code names no folder" if self.folder is None else f"it is not in {self.folder}"
        return f"{where}; git clone https://github.com/{repository} into a folder, and give --code FOLDER"

    def version(self, repository: str) -> str:
        """The commit and the date of a clone, or `unknown` where git does not tell."""
        asked = ["git", "-C", str(self.clone(repository)), "log", "-1", "--format=%h of %as"]
        told = subprocess.run(asked, capture_output=True, text=True, check=False)
        return told.stdout.strip() or "unknown"

    def module(self, repository: str, name: str) -> ModuleType:
        """A module of a clone, imported apart from all others: several clones have a package of one name.

        Raises
        ------
        FileNotFoundError
            If the clone is not there.
        ImportError
            If the module needs what is not installed.
        """
        clone = self.clone(repository)
        if clone is None:
            raise FileNotFoundError(self.reason(repository))
        if (repository, name) not in self.loaded:
            with apart(clone):
                self.loaded[repository, name] = importlib.import_module(name)
        return self.loaded[repository, name]


@contextmanager
def apart(clone: Path) -> Iterator[None]:
    """Import from a clone, and leave the list of modules as it was but for what is installed."""
    before = set(sys.modules)
    tops = {path.stem for path in clone.iterdir() if path.is_dir() or path.suffix == ".py"}
    hidden = {name: sys.modules.pop(name) for name in before if name.partition(".")[0] in tops - {"tests"}}
    sys.path.insert(0, str(clone))
    try:
        yield
    finally:
        sys.path.remove(str(clone))
        for name in set(sys.modules) - before:
            if name.partition(".")[0] in tops:
                del sys.modules[name]
        sys.modules.update(hidden)


def named_by_environment() -> Published:
    """The code in the folder that the environment variable `PAPERS_CODE` names."""
    return Published(Path(given) if (given := os.environ.get(VARIABLE)) else None)
