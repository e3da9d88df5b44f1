"""Output files: checked before the work, written whole or not at all."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
from collections.abc import Sequence
from pathlib import Path

from symmetry.language.errors import SpecificationError

__all__ = ["check_output", "write_whole"]


def check_output(path: Path, suffixes: Sequence[str] = (), *, inputs: Sequence[Path] = ()) -> None:
    """Raise `SpecificationError` if `path` cannot be written, lacks one of the suffixes, or is one of the inputs."""
    if suffixes and path.suffix.lower() not in suffixes:
        known = " or ".join(suffixes)
        raise SpecificationError(
            f"cannot be written: {path.suffix or 'no suffix'} is not {known}",
            place=str(path),
            remedy=f"name an output file that ends in {known}",
        )
    try:
        file = real(path)
        if file.is_symlink():
            raise unwritable(path, f"{link(path)}, which leads back to itself", "name another file")
        if not file.parent.is_dir():
            fault = f"there is no folder {str(file.parent if path.is_symlink() else path.parent)!r}"
            fault = f"{link(path)}, and {fault}" if path.is_symlink() else fault
            raise unwritable(path, fault, "make the folder first")
        if file.is_dir():
            raise unwritable(path, "it is a folder", "give the name of a file in it")
        if file.exists() and not file.is_file():
            raise unwritable(path, "it is not a regular file", "give the name of a new file")
        if any(file.exists() and given.exists() and file.samefile(given) for given in inputs):
            raise unwritable(path, "it is the specification itself", "name another file")
        if not os.access(file if file.exists() else file.parent, os.W_OK):
            raise unwritable(path, "permission denied", "give a path that may be written to")
    except OSError as error:
        raise refused(path, error) from None


def write_whole(path: Path, content: bytes) -> str:
    """Write a file under a temporary name beside `path` and move it into place; gives the words for what was written.

    A link stays a link and a file keeps its permissions. Raises `SpecificationError` where the system refuses; the file
    at `path` is then unchanged.
    """
    file = real(path)
    words = f"{path}, in place of the file that was there" if file.exists() else str(path)
    unfinished = file.with_name(f".{secrets.token_hex(8)}.unfinished")
    try:
        with unfinished.open("xb") as written:
            written.write(content)
        if file.exists():
            shutil.copymode(file, unfinished)
        unfinished.replace(file)
    except OSError as error:
        raise refused(path, error) from None
    finally:
        with contextlib.suppress(OSError):
            unfinished.unlink(missing_ok=True)
    return words


def real(path: Path) -> Path:
    """The file to which a path leads through links; a link that leads back to itself is returned as it is."""
    return Path(os.path.realpath(path))


def link(path: Path) -> str:
    """The words for an output that is a link."""
    return f"it is a link to {str(path.readlink())!r}"


def unwritable(path: Path, reason: str, remedy: str) -> SpecificationError:
    """The error for an output that cannot be written."""
    return SpecificationError(f"cannot be written: {reason}", place=str(path), remedy=remedy)


def refused(path: Path, error: OSError) -> SpecificationError:
    """The error for an output that the system refuses to write."""
    reason = error.strerror or str(error)
    return unwritable(path, reason[:1].lower() + reason[1:], "give a path that may be written to")
