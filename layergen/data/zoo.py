"""A folder of trained networks as a data set of PyTorch."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from layergen.data.batch import Batch, Network
from layergen.data.batches import Batches
from layergen.data.buckets import Bucket, sorted_into_buckets
from layergen.data.faults import Fault, ZooError
from layergen.data.labels import FILE
from layergen.data.listing import Listing, check_columns, listed, matching, unlabelled
from layergen.data.matrix import Matrix
from layergen.data.packing import damaged, pack
from layergen.data.reading import MATRIX, Unreadable
from layergen.stacking import gathered
from symmetry.language.errors import SpecificationError
from symmetry.space.weight_space import WeightSpace

if TYPE_CHECKING:
    from polars import DataFrame

__all__ = ["Zoo"]


class Zoo(Dataset[Network]):
    """Trained networks in a folder, with labels: a data set of PyTorch, whose batches are features of one width.

    A network is a safetensors file, a `.pt` or `.pth` file of a `state_dict` (read with `weights_only=True`), a folder
    of Hugging Face's, or a row of `weights.npy` beside `layout.csv` (`pack`). Tensors are found by name. Nothing that a
    file holds is run.

    Parameters
    ----------
    path
        The folder; folders in it are searched too.
    labels
        A CSV, parquet or JSON file with a column `file`, relative to the zoo, beside the labels; or a compiled regular
        expression whose named groups are labels found in the names. By default `labels.csv` or `labels.parquet` in the
        folder, or what is beside packed networks.
    space
        The weight space of the networks at any sizes, or several spaces: a network belongs to the first that it fits.
        Without a space networks can be listed, read and packed, and do not become features.
    require
        Columns of labels in which every network must have a value.
    where
        Values that labels must have: networks with others are not part of the zoo.
    dtype
        The type that all weights are converted to. By default the networks' own, which must be the same for all.
    finite
        Whether all weights are read once and those that are not finite are faults. What `pack` has written was read
        when it was packed.
    skip_bad
        Whether networks with faults are left out instead of an error that lists them.
    step
        Called after each file that is read, for a progress bar.

    Raises
    ------
    ZooError
        If networks cannot be read, fit no space, are not finite, have one name or lack a required label; the message
        lists them all.
    SpecificationError
        If there is no such folder, no network in it, or no such table or column of labels.

    Examples
    --------
    >>> import tempfile
    >>> from torch import nn
    >>> folder = tempfile.TemporaryDirectory()
    >>> for number in range(5):
    ...     torch.save(nn.Linear(2, 3).state_dict(), f"{folder.name}/{number}.pt")
    >>> space = WeightSpace({"weight": "h x", "bias": "h"}, sets={"h": 8}, free={"x": 2})
    >>> zoo = Zoo(folder.name, space=space)
    >>> len(zoo), zoo[4].name, zoo.buckets[0].space.sizes
    (5, '4.pt', {'h': 3, 'x': 2})
    >>> loader = torch.utils.data.DataLoader(zoo, batch_sampler=zoo.batches(4), collate_fn=zoo.collate)
    >>> [tuple(batch.features["weight"].shape) for batch in loader]
    [(4, 3, 2, 1), (1, 3, 2, 1)]
    >>> folder.cleanup()
    """

    def __init__(
        self,
        path: str | Path,
        *,
        labels: str | Path | re.Pattern[str] | None = None,
        space: WeightSpace | Sequence[WeightSpace] | None = None,
        require: Iterable[str] = (),
        where: Mapping[str, Any] | None = None,
        dtype: torch.dtype | None = None,
        finite: bool = True,
        skip_bad: bool = False,
        step: Callable[[], object] = lambda: None,
    ) -> None:
        self.path, self.dtype = Path(path), dtype
        self.spaces = () if space is None else (space,) if isinstance(space, WeightSpace) else tuple(space)
        listing, faults = listed(self.path, labels)
        listing, required = matching(listing, where or {}), tuple(require)
        if not listing.names:
            raise SpecificationError(f"no network has {dict(where or {})}", place=str(path), remedy="change where=")
        check_columns(listing.labels, required)
        faults += unlabelled(listing, required)
        buckets, found, others = sorted_into_buckets(listing, self.spaces, finite=finite, dtype=dtype, step=step)
        self.faults: tuple[Fault, ...] = tuple(sorted([*faults, *others], key=str))
        bad = {fault.network for fault in self.faults}
        kept = np.array([name not in bad for name in listing.names])
        if not kept.any() or (self.faults and not skip_bad):
            leave = "leave them out with skip_bad=True (--skip-bad)"
            remedy = leave if kept.any() else "none is left: is the specification that of these networks?"
            raise ZooError(str(path), self.faults, len(listing.names), remedy)
        self.listing: Listing = listing.only(kept)
        used, numbers = np.unique(found[kept], return_inverse=True)
        self.buckets: list[Bucket] = [buckets[number] for number in used]
        self.bucket_of: NDArray[np.int64] = numbers
        self._columns = numeric(self.labels)

    def __len__(self) -> int:
        return len(self.listing.names)

    def __repr__(self) -> str:
        return f"Zoo({str(self.path)!r}: {len(self)} networks, {len(self.buckets)} buckets)"

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the networks: their files, relative to the folder."""
        return self.listing.names

    @property
    def labels(self) -> DataFrame | None:
        """The labels as a table of polars, a row for each network; None where there are none."""
        return self.listing.labels

    def __getitem__(self, number: int) -> Network:
        """A network by its number; negative numbers count from the end."""
        number = range(len(self))[number]
        labels = {} if self.labels is None else self.labels.row(number, named=True)
        state = {name: value[0] for name, value in self.read(np.array([number])).items()}
        return Network(self.names[number], state, {key: value for key, value in labels.items() if key != FILE})

    def __getitems__(self, numbers: Sequence[int]) -> Batch:
        """The batch of some networks of one bucket, which torch's `DataLoader` asks for."""
        chosen = np.asarray(numbers, np.int64)
        bucket = self.buckets[self.bucket_of[chosen[0]]]
        if not (self.bucket_of[chosen] == self.bucket_of[chosen[0]]).all():
            raise ValueError("networks of several widths in one batch: take batches from zoo.batches(size)")
        if bucket.space is None:
            raise ValueError("a zoo without a weight space has no features: give space=")
        weights = self.read(chosen)
        shaped = {tensor.name: gathered(weights, tensor, lead=1).unsqueeze(-1) for tensor in bucket.space}
        labels = {name: column[chosen] for name, column in self._columns.items()}
        return Batch(shaped, labels, torch.from_numpy(chosen), bucket.number)

    def collate(self, networks: Batch | Sequence[Network]) -> Batch:
        """Make a batch, the `collate_fn` of torch's `DataLoader`.

        Parameters
        ----------
        networks
            Networks of one bucket, or a batch of them already.

        Returns
        -------
        Batch
            Features, labels, and the numbers of the networks.
        """
        if isinstance(networks, Batch):
            return networks
        places = {name: number for number, name in enumerate(self.names)}
        return self.__getitems__([places[network.name] for network in networks])

    def batches(
        self,
        size: int,
        *,
        numbers: Sequence[int] | NDArray[np.int64] | None = None,
        shuffle: bool = False,
        seed: int = 0,
        replicas: int = 1,
        rank: int = 0,
    ) -> Batches:
        """Batches of networks of one width, a `batch_sampler` for torch's `DataLoader`.

        Parameters
        ----------
        size
            The number of networks in a batch, over all processes.
        numbers
            The networks to take; all by default.
        shuffle
            Whether they come in random order, another in each epoch (`set_epoch`).
        seed
            The seed of the order.
        replicas
            The number of processes among which batches are shared.
        rank
            The number of this process, from 0.

        Returns
        -------
        Batches
            The sampler.
        """
        chosen = np.arange(len(self)) if numbers is None else np.asarray(numbers, np.int64)
        buckets = [chosen[self.bucket_of[chosen] == number] for number in range(len(self.buckets))]
        return Batches(buckets, size, shuffle=shuffle, seed=seed, replicas=replicas, rank=rank)

    def pack(self, out: str | Path, *, step: Callable[[int], object] = lambda count: None) -> None:
        """Write the networks and their labels as matrices on disk, which later zoos map into memory.

        A folder with `weights.npy`, `layout.csv` and `metrics.csv`, or a folder in it for each bucket where there are
        several. The memory that is needed does not depend on the number of networks. Packing that was interrupted goes
        on where it stopped when it is asked for again.

        Parameters
        ----------
        out
            A folder that does not exist yet; it gets its name when all is written.
        step
            Called with the number of networks that were written, chunk by chunk.

        Raises
        ------
        SpecificationError
            If the folder exists.
        ZooError
            If weights are not finite, in a zoo that was opened without looking.
        """
        pack(self, Path(out), step)

    def verify(self) -> None:
        """Read packed networks once and compare them with the checksums that `pack` wrote.

        Raises
        ------
        ZooError
            If some are not what was written; the message lists their rows.
        """
        matrices = [source for source in self.listing.sources if isinstance(source, Matrix) and source.checked]
        faults = [
            Fault((matrix.folder / MATRIX).relative_to(self.path).as_posix(), f"rows {start} to {stop - 1} are damaged")
            for matrix in matrices
            for start, stop in damaged(matrix)
        ]
        if faults:
            raise ZooError(str(self.path), faults, len(matrices), "pack the networks again")

    def read(self, numbers: NDArray[np.int64]) -> dict[str, Tensor]:
        """The tensors of some networks of one bucket.

        Parameters
        ----------
        numbers
            The numbers of the networks.

        Returns
        -------
        dict of Tensor
            The tensors, `{tensor: (network, *axes)}`.

        Raises
        ------
        ValueError
            If a file has changed since the zoo was opened.
        """
        places = self.listing.places[numbers]
        parts, order = list[dict[str, Tensor]](), list[NDArray[np.int64]]()
        for at in np.unique(places[:, 0]):
            own = np.flatnonzero(places[:, 0] == at)
            parts.append(self._stacked(int(at), places[own, 1], self.buckets[self.bucket_of[numbers[0]]]))
            order.append(own)
        if len(parts) == 1:
            return parts[0]
        back = torch.from_numpy(np.argsort(np.concatenate(order)))
        return {name: torch.cat([part[name] for part in parts])[back] for name in parts[0]}

    def _stacked(self, at: int, rows: NDArray[np.int64], bucket: Bucket) -> dict[str, Tensor]:
        """The tensors of some rows of one source, in the bucket's shapes and the zoo's dtype."""
        source = self.listing.sources[at]
        if isinstance(source, Matrix):
            found = source.read(rows)
            made = {name: found[name] for name, _ in bucket.shapes}
        else:
            try:
                states = source.read(rows)
                made = {n: torch.stack([stored(state[n], shape) for state in states]) for n, shape in bucket.shapes}
            except (KeyError, RuntimeError, Unreadable) as error:
                names = ", ".join(source.names[row] for row in rows[:4])
                raise ValueError(f"a file has changed since the zoo was opened ({names}): {error}") from None
        return made if self.dtype is None else {name: value.to(self.dtype) for name, value in made.items()}


def stored(value: Tensor, shape: tuple[int, ...]) -> Tensor:
    """A network's tensor in the shape that its module has; in a file a pixel grid may be one axis."""
    return value.reshape(shape) if value.ndim < len(shape) else value


def numeric(labels: DataFrame | None) -> dict[str, Tensor]:
    """The columns of labels that hold numbers, without gaps, as tensors."""
    found = {}
    for column in labels.iter_columns() if labels is not None else ():
        if column.null_count() == 0 and (column.dtype.is_numeric() or str(column.dtype) == "Boolean"):
            found[column.name] = torch.from_numpy(column.to_numpy().copy())
    return found
