"""Files of networks, found in a folder and read without running anything that they hold."""

from __future__ import annotations

import json
import os
import pickle
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

__all__ = ["Unreadable", "file_names", "matrix_folders", "read_state"]

SUFFIXES = (".safetensors", ".pt", ".pth")
WHOLE = ("model.safetensors", "adapter_model.safetensors", "pytorch_model.bin")
"""A folder with one of these files, beside `config.json` or `adapter_config.json`, holds one network."""
SHARDED = ("model.safetensors.index.json", "pytorch_model.bin.index.json")
"""Or several files, which one of these lists by tensor."""
NESTED = ("state_dict", "model_state_dict", "model")
"""Keys under which checkpoints hold a `state_dict` beside the state of an optimiser and other things."""
MATRIX, LAYOUT = "weights.npy", "layout.csv"


class Unreadable(ValueError):
    """A file that holds no network that can be read."""


def file_names(folder: Path) -> list[str]:
    """The names of the networks in a folder: files and Hugging Face folders, relative to it and in order.

    Parameters
    ----------
    folder
        The folder; folders in it are searched too, hidden ones aside.

    Returns
    -------
    list of str
        Names with forward slashes; "." where the folder itself is one network.
    """
    return sorted(path.relative_to(folder).as_posix() for path, kind in walked(folder) if kind == "network")


def matrix_folders(folder: Path) -> list[Path]:
    """The folders at and below a folder that hold networks packed into one matrix, in order."""
    return sorted(path for path, kind in walked(folder) if kind == "matrix")


def walked(folder: Path) -> Iterator[tuple[Path, str]]:
    """Each network (a file, or a folder of Hugging Face's) and each folder with a matrix, at and below a folder."""
    for path, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        here, names = Path(path), set(files)
        if {MATRIX, LAYOUT} <= names:
            yield here, "matrix"
        elif names.intersection((*WHOLE, *SHARDED)) and names.intersection(("config.json", "adapter_config.json")):
            yield here, "network"
            folders.clear()
        else:
            yield from ((here / name, "network") for name in names if name.endswith(SUFFIXES) and name[0] != ".")


def read_state(path: Path) -> dict[str, Tensor]:
    """The tensors of a network by name; whatever else a checkpoint holds is left out.

    Parameters
    ----------
    path
        A safetensors file, a file that `torch.save` has written of a `state_dict`, or a folder of Hugging Face's.

    Returns
    -------
    dict of Tensor
        The tensors, in the memory of the processor.

    Raises
    ------
    Unreadable
        If the file is damaged, holds no tensors, or holds objects that only code could make again.
    """
    state = read_folder(path) if path.is_dir() else read_file(path)
    if not state:
        raise Unreadable("it holds no tensors")
    return state


def read_folder(path: Path) -> dict[str, Tensor]:
    """The tensors of a network in a folder as Hugging Face writes it, in one file or in several."""
    for name in SHARDED:
        if (path / name).is_file():
            return read_shards(path, name)
    name = next((name for name in WHOLE if (path / name).is_file()), WHOLE[0])
    return read_file(path / name)


def read_shards(path: Path, name: str) -> dict[str, Tensor]:
    """The tensors of a network whose index file says in which file each tensor is."""
    try:
        files = json.loads((path / name).read_text(encoding="utf-8"))["weight_map"]
        shards = sorted(set(files.values()))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise Unreadable(f"{name} is no index of tensors: {first_line(error)}") from None
    if unsafe := [shard for shard in shards if Path(shard).name != shard]:
        raise Unreadable(f"{name} names a file outside the folder: {unsafe[0]!r}")
    state = {tensor: value for shard in shards for tensor, value in read_file(path / shard).items()}
    if missing := sorted(set(files) - set(state)):
        raise Unreadable(f"{name} lists tensors that its files lack: {', '.join(missing[:4])}")
    return state


def read_file(path: Path) -> dict[str, Tensor]:
    """The tensors in one file."""
    reader = read_safetensors if path.suffix == ".safetensors" else read_checkpoint
    return reader(path)


def read_safetensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file, mapped into memory: only what is used is read."""
    from safetensors import SafetensorError

    try:
        return loaded_safetensors()(path)
    except (SafetensorError, OSError, ValueError, KeyError, RuntimeError) as error:
        raise Unreadable(f"no safetensors file: {first_line(error)}") from None


def loaded_safetensors() -> Callable[[Path], dict[str, Tensor]]:
    """The function that reads a safetensors file; a clear message where the package is not installed."""
    try:
        from safetensors.torch import load_file
    except ImportError:
        raise ImportError("safetensors files need the package safetensors: pip install 'layergen[train]'") from None
    return load_file


def read_checkpoint(path: Path) -> dict[str, Tensor]:
    """The tensors of a file of `torch.save`, read with `weights_only`: nothing in it is run."""
    try:
        with warnings.catch_warnings(action="ignore"):  # torch warns of pickles that it will then refuse
            found = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        raise Unreadable("it holds objects other than tensors: save the module's state_dict()") from None
    except (OSError, RuntimeError, EOFError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise Unreadable(f"damaged, or no file of torch.save: {first_line(error)}") from None
    return tensors_of(found)


def tensors_of(found: Any) -> dict[str, Tensor]:
    """The tensors of a loaded `state_dict`, or of a checkpoint that holds one under one of the usual keys."""
    if not isinstance(found, Mapping):
        raise Unreadable(f"it holds a {type(found).__name__}, not a state_dict")
    inner = next((found[key] for key in NESTED if isinstance(found.get(key), Mapping)), found)
    return {name: value for name, value in inner.items() if isinstance(name, str) and isinstance(value, Tensor)}


def first_line(error: BaseException) -> str:
    """The first line of what an error says, or its class where it says nothing."""
    reason = getattr(error, "strerror", None) or str(error)
    return reason.strip().splitlines()[0][:200] if reason.strip() else type(error).__name__
