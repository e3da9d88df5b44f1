"""Files that are written whole or not at all."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["replacing"]


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A path beside `path` to write to; what is there at the end of the `with` takes the place of `path`.

    The content is on the disk before it gets the name, so that neither an exception nor a killed process nor a power
    cut leaves half a file there.

    Parameters
    ----------
    path
        The file to write.

    Yields
    ------
    Path
        A file in the same folder, still empty.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     with replacing(Path(folder) / "a.txt") as unfinished:
    ...         _ = unfinished.write_text("whole")
    ...     [file.name for file in Path(folder).iterdir()]
    ['a.txt']
    """
    unfinished = path.with_name(f".{secrets.token_hex(8)}.unfinished")
    try:
        unfinished.touch()
        mode = unfinished.stat().st_mode  # what the process's mask leaves; some writers make files for their owner only
        yield unfinished
        unfinished.chmod(mode)
        with unfinished.open("rb") as written:
            os.fsync(written.fileno())
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
