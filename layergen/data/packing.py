"""Zoos written as memory-mapped matrices, chunk by chunk, so that what was interrupted goes on where it stopped.

Everything is written beside the folder that is asked for, which gets its name when all of it is on the disk. A journal
holds the checksum of each chunk that is there; what the journal does not vouch for is written again.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from functools import reduce
from itertools import accumulate
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from layergen.data.buckets import Bucket
from layergen.data.faults import Fault, ZooError
from layergen.data.labels import FILE, polars
from layergen.data.listing import Files
from layergen.data.matrix import METRICS, PACKED, Columns, Matrix, write_layout
from layergen.data.reading import LAYOUT, MATRIX
from layergen.whole_files import replacing
from symmetry.language.errors import SpecificationError

if TYPE_CHECKING:
    from layergen.data.zoo import Zoo

__all__ = ["damaged", "pack"]

FORM = "layergen.data.Zoo 1"
CHUNK = 2**22
"""The bytes of a chunk, as near as whole rows come; about as much memory is needed."""
PLAN, JOURNAL = "plan.sha256", "journal"


def pack(zoo: Zoo, out: Path, step: Callable[[int], object]) -> None:
    """Write a zoo's networks to a new folder; `step` is called with the number of networks of each chunk."""
    if out.exists():
        raise SpecificationError("is there already", place=str(out), remedy="give a folder that is not there yet")
    if not out.absolute().parent.is_dir():
        raise SpecificationError(f"there is no folder {str(out.parent)!r}", place=str(out), remedy="make it first")
    unfinished, plan = out.with_name(f".{out.name}.packing"), plan_of(zoo)
    if not (unfinished / PLAN).is_file() or (unfinished / PLAN).read_text() != plan:
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir()
        (unfinished / PLAN).write_text(plan)
    for number, bucket in enumerate(zoo.buckets):
        folder = unfinished if len(zoo.buckets) == 1 else unfinished / f"bucket-{number:04}"
        folder.mkdir(exist_ok=True)
        pack_bucket(zoo, bucket, np.flatnonzero(zoo.bucket_of == number), folder, step)
    (unfinished / PLAN).unlink()
    for path in sorted(unfinished.rglob("*")):
        synchronise(path)
    unfinished.rename(out)
    synchronise(out.absolute().parent)


def pack_bucket(
    zoo: Zoo, bucket: Bucket, numbers: NDArray[np.int64], folder: Path, step: Callable[[int], object]
) -> None:
    """Write the networks of one bucket, layout and labels, and last the checksums; nothing where these are there."""
    if (folder / PACKED).is_file():
        step(len(numbers))
        return
    layout, dtype = layout_of(bucket), dtype_of(zoo, bucket)
    width = layout[-1].stop
    rows = max(1, CHUNK // (width * dtype.itemsize))
    chunks = [numbers[at : at + rows] for at in range(0, len(numbers), rows)]
    with (folder / MATRIX).open("ab+") as matrix, (folder / JOURNAL).open("a+") as journal:
        sums = vouched_for(matrix, journal, chunks, header(len(numbers), width, dtype), width * dtype.itemsize)
        for chunk in chunks[: len(sums)]:
            step(len(chunk))
        for chunk in chunks[len(sums) :]:
            content = rows_of(zoo, bucket, chunk, dtype)
            matrix.write(content)
            synchronise(matrix)
            sums.append(hashlib.sha256(content).hexdigest())
            journal.write(sums[-1] + "\n")
            synchronise(journal)
            step(len(chunk))
    write_layout(folder / LAYOUT, layout)
    table = polars().DataFrame({FILE: [zoo.names[number] for number in numbers]})
    if zoo.labels is not None:
        table = table.hstack(zoo.labels[numbers.tolist()].drop(FILE))
    table.write_csv(folder / METRICS[0])
    (folder / JOURNAL).unlink()
    with replacing(folder / PACKED) as last:
        last.write_text(json.dumps({"form": FORM, "chunk_rows": rows, "sha256": sums}) + "\n")


def vouched_for(matrix: Any, journal: Any, chunks: list[NDArray[np.int64]], head: bytes, row: int) -> list[str]:
    """The checksums of the chunks that are on the disk as the journal says; whatever comes after them is cut off."""
    matrix.seek(0)
    journal.seek(0)
    sums, end = list[str](), len(head)
    if matrix.read(end) != head:
        matrix.truncate(0)
        matrix.write(head)
        journal.truncate(0)
        return sums
    for chunk, line in zip(chunks, journal.read().splitlines(), strict=False):
        if hashlib.sha256(matrix.read(len(chunk) * row)).hexdigest() != line:
            break
        sums.append(line)
        end += len(chunk) * row
    matrix.truncate(end)
    journal.truncate(0)
    journal.write("".join(f"{line}\n" for line in sums))
    return sums


def rows_of(zoo: Zoo, bucket: Bucket, numbers: NDArray[np.int64], dtype: np.dtype[Any]) -> bytes:
    """Some networks as rows of the matrix. Raises `ZooError` where weights are not finite."""
    state = zoo.read(numbers)
    parts = [state[name].to(kind_of(dtype)).reshape(len(numbers), -1) for name, _ in bucket.shapes]
    rows = torch.cat(parts, 1)
    if bad := (~rows.isfinite().all(1)).nonzero()[:, 0].tolist():
        faults = [Fault(zoo.names[numbers[row]], "it has entries that are not finite") for row in bad]
        raise ZooError(str(zoo.path), faults, len(zoo), "leave them out: Zoo(…, skip_bad=True)")
    return rows.numpy().tobytes()


def layout_of(bucket: Bucket) -> tuple[Columns, ...]:
    """The columns of each tensor of a bucket's networks."""
    stops = list(accumulate(prod(shape) for _, shape in bucket.shapes))
    starts = [0, *stops[:-1]]
    named = zip(bucket.shapes, starts, stops, strict=True)
    return tuple(Columns(name, start, stop, shape) for (name, shape), start, stop in named)


def dtype_of(zoo: Zoo, bucket: Bucket) -> np.dtype[Any]:
    """The type of a matrix, which holds all tensors of a bucket exactly: numpy has no bfloat16, and takes float32."""
    kinds = bucket.dtypes if zoo.dtype is None else (zoo.dtype,)
    kind = reduce(torch.promote_types, kinds)
    return torch.empty(0, dtype=torch.float32 if kind == torch.bfloat16 else kind).numpy().dtype


def kind_of(dtype: np.dtype[Any]) -> torch.dtype:
    """The type of torch that a type of numpy is."""
    return torch.from_numpy(np.empty(0, dtype)).dtype


def header(rows: int, columns: int, dtype: np.dtype[Any]) -> bytes:
    """The beginning of a `.npy` file of a matrix."""
    from io import BytesIO

    file = BytesIO()
    described = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": (rows, columns)}
    np.lib.format.write_array_header_1_0(file, described)
    return file.getvalue()


def plan_of(zoo: Zoo) -> str:
    """A digest of what is to be packed: networks, their files' sizes and times, buckets and types."""
    digest = hashlib.sha256(f"{FORM} {CHUNK} {zoo.dtype}".encode())
    for bucket in zoo.buckets:
        digest.update(repr((bucket.shapes, bucket.dtypes)).encode())
    for name, number, (source, _) in zip(zoo.names, zoo.bucket_of, zoo.listing.places, strict=True):
        found = zoo.listing.sources[source]
        stat = (zoo.path / name).stat() if isinstance(found, Files) else (found.folder / MATRIX).stat()
        digest.update(f"{name}\n{number} {stat.st_size} {stat.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def damaged(matrix: Matrix) -> Iterator[tuple[int, int]]:
    """The chunks of a packed matrix, from row to below row, that are not what was written."""
    packed = json.loads((matrix.folder / PACKED).read_text())
    rows = packed["chunk_rows"]
    for number, expected in enumerate(packed["sha256"]):
        content = np.ascontiguousarray(matrix.values[number * rows : (number + 1) * rows])
        if hashlib.sha256(content.tobytes()).hexdigest() != expected:
            yield number * rows, min((number + 1) * rows, len(matrix))


def synchronise(what: Any) -> None:
    """Wait until a file that is open, a file or a folder is on the disk."""
    if not isinstance(what, Path):
        what.flush()
        os.fsync(what.fileno())
        return
    descriptor = os.open(what, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
