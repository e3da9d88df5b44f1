"""The public code of the systems: read from a folder that the user names, never part of this project."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

__all__ = ["VARIABLE", "Absent", "Published", "named_by_environment"]

VARIABLE = "PAPERS_CODE"
"""The environment variable that names the folder."""


class Absent(ModuleType):
    """A module that is not installed: its names can be imported, and raise `ImportError` when they are called.

    >>> missing = Absent("rff.layers").GaussianEncoding
    >>> missing(1)
    Traceback (most recent call last):
        ...
    ImportError: rff.layers.GaussianEncoding is called, and rff is not installed
    """

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)

        def missing(*given: Any, **named: Any) -> None:
            top = self.__name__.partition(".")[0]
            raise ImportError(f"{self.__name__}.{name} is called, and {top} is not installed")

        return missing


@dataclass(frozen=True, slots=True)
class Published:
    """A folder that holds clones of public repositories, each under its own name: `DWSNets`, `neural-graphs`, ….

    Parameters
    ----------
    folder
        The folder, or None if the user has named none.
    """

    folder: Path | None = None
    loaded: dict[str, dict[str, ModuleType]] = field(default_factory=dict, compare=False, repr=False)

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

    @contextmanager
    def importing(
        self, repository: str, stand_ins: Mapping[str, ModuleType] | None = None
    ) -> Iterator[Callable[[str], ModuleType]]:
        """Let a clone's modules be imported, apart from all others: several clones have a package of one name.

        Outside the context the clone's modules go on working, but cannot be found by their names.

        Parameters
        ----------
        repository
            The repository, `owner/name`.
        stand_ins
            Modules by name that it imports instead of those that are not installed.

        Yields
        ------
        callable
            What gives a module by its name, as the clone's own files import it.

        Raises
        ------
        FileNotFoundError
            If the clone is not there.
        """
        clone = self.clone(repository)
        if clone is None:
            raise FileNotFoundError(self.reason(repository))
        before, own = dict(sys.modules), self.loaded.setdefault(repository, {})
        tops = {path.stem for path in clone.iterdir() if path.is_dir() or path.suffix == ".py"}

        def belongs(name: str) -> bool:
            return name.partition(".")[0] in tops

        needed = {name: module for name, module in (stand_ins or {}).items() if name not in before}
        for name in filter(belongs, before):
            del sys.modules[name]
        sys.modules.update(needed | own)
        sys.path.insert(0, str(clone))
        try:
            yield importlib.import_module
        finally:
            sys.path.remove(str(clone))
            own.update({name: module for name, module in sys.modules.items() if belongs(name)})
            for name in [name for name in sys.modules if belongs(name) or name in needed]:
                del sys.modules[name]
            sys.modules.update({name: module for name, module in before.items() if belongs(name)})


def named_by_environment() -> Published:
    """The code in the folder that the environment variable `PAPERS_CODE` names."""
    return Published(Path(given) if (given := os.environ.get(VARIABLE)) else None)
