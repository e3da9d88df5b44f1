"""The objects that `MODULE:OBJECT` and `FILE.py:OBJECT` name, in code of the user's; one clear message for bad ones."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from symmetry.language.errors import SpecificationError

__all__ = ["blaming", "function_of", "loaded", "loaded_module", "opened", "takes"]

NAMED = 12
"""The most names of a module that a message lists."""
FORM = "give MODULE:OBJECT or FILE.py:OBJECT, as in nets.py:MetaNet"


@contextmanager
def loaded(reference: str, channels: int = 1) -> Iterator[Callable[..., Any]]:
    """The function on features that a reference names; a class or function that makes one is called."""
    with opened(reference) as found:
        yield function_of(found, reference, channels)


@contextmanager
def loaded_module(reference: str) -> Iterator[Any]:
    """The `nn.Module` that a reference names. Raises `SpecificationError` for anything else."""
    from torch import nn

    with loaded(reference) as module:
        if not isinstance(module, nn.Module):
            raise SpecificationError(
                f"{reference!r} is a {type(module).__name__}, not a module",
                remedy="name an nn.Module, or a class or function that makes one without arguments",
            )
        yield module


@contextmanager
def opened(reference: str) -> Iterator[Any]:
    """The object that a reference names; within the `with`, its folder is on the path of imports.

    Raises `SpecificationError` for a reference that names no object, and where the code that it names raises.
    """
    module_name, _, name = reference.rpartition(":")
    if not module_name or not name:
        raise SpecificationError(f"{reference!r} names no object", remedy=FORM)
    is_file = module_name.endswith(".py")
    path = Path(module_name).resolve()
    before = list(sys.path)
    sys.path.insert(0, str(path.parent if is_file else Path.cwd()))
    try:
        module = load_file(path, module_name) if is_file else load_module(module_name)
        yield attribute(module, name, reference)
    finally:
        sys.path[:] = before


def load_module(name: str) -> ModuleType:
    """The module of a name. Raises `SpecificationError` where there is none, and where its code raises."""
    try:
        with blaming(f"importing {name!r}", passing=ModuleNotFoundError):
            return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(error.name + ".")):
            raise SpecificationError(f"there is no module {name!r}", remedy=FORM) from None
        raise failure(f"importing {name!r}", error) from None


def load_file(path: Path, shown: str) -> ModuleType:
    """A file as a module, under the name by which its neighbours would import it, unless that name is taken.

    Raises `SpecificationError` where there is no such file, and where its code raises.
    """
    if not path.is_file():
        raise SpecificationError("there is no such file", place=shown, remedy=FORM)
    name = path.stem if path.stem not in sys.modules else f"layergen_checked_{path.stem}"
    specification = importlib.util.spec_from_file_location(name, path)
    if specification is None or specification.loader is None:
        raise SpecificationError("cannot be loaded as a module", place=shown, remedy=FORM)
    module = importlib.util.module_from_spec(specification)
    sys.modules[name] = module
    with blaming(f"loading {shown!r}"):
        try:
            specification.loader.exec_module(module)
        except BaseException:
            del sys.modules[name]
            raise
    return module


def attribute(module: ModuleType, name: str, reference: str) -> Any:
    """The object of a name in a module, dots leading to its attributes."""
    found: Any = module
    for own in name.split("."):
        try:
            found = getattr(found, own)
        except AttributeError:
            raise SpecificationError(f"{reference!r} has no {own!r}", remedy=f"it has {names_in(found)}") from None
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            raise failure(f"reading {reference!r}", error) from None
    return found


def names_in(found: Any) -> str:
    """The first few public names of an object's attributes that can be called, in words."""
    own = getattr(found, "__dict__", {})
    names = [name for name, value in own.items() if callable(value) and not name.startswith("_")]
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return (", ".join(names[:NAMED]) or "nothing that can be called") + more


def function_of(found: Any, reference: str, channels: int) -> Callable[..., Any]:
    """The object itself, or the result of calling it where it is a class or function that needs no arguments.

    A class that needs `in_channels` and `out_channels`, as an emitted layer does, is called with `channels` for both.
    Raises `SpecificationError` where no function on features comes of it.
    """
    from torch import nn

    if not isinstance(found, nn.Module):
        options = {"in_channels": channels, "out_channels": channels} if isinstance(found, type) else {}
        for arguments in ({}, options):
            if takes(found, arguments):
                given = "without arguments" if not arguments else f"with {channels} channels"
                with blaming(f"calling {reference!r} {given}"):
                    found = found(**arguments)
                break
    if isinstance(found, type) or not callable(found):
        what = f"the class {found.__name__}, which needs arguments" if isinstance(found, type) else repr(found)
        raise SpecificationError(
            f"{reference!r} is {what[:200]}, not a function on features",
            remedy="name an nn.Module, a function on features, or what makes one without arguments",
        )
    return found


def takes(found: Any, arguments: Mapping[str, int]) -> bool:
    """Whether an object can be called with these arguments, as far as its signature tells."""
    try:
        inspect.signature(found).bind(**arguments)
    except (TypeError, ValueError):
        return False
    return True


@contextmanager
def blaming(doing: str, *, passing: type[Exception] = SpecificationError) -> Iterator[None]:
    """Turn exceptions of the user's code into a `SpecificationError` that says what was done.

    `passing` is let through, and so are interrupts from the keyboard.
    """
    try:
        yield
    except (passing, KeyboardInterrupt):
        raise
    except BaseException as error:
        raise failure(doing, error) from None


def failure(doing: str, error: BaseException) -> SpecificationError:
    """The error for an exception in the user's code: the exception, and the line that raised it."""
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename != __file__ and not frame.filename.startswith("<frozen")
    ]
    line = f" ({frames[-1].filename}, line {frames[-1].lineno})" if frames else ""
    said = text_of(error)
    text = f"{type(error).__name__}: {said}" if said else type(error).__name__
    return SpecificationError(f"{doing} raised {text}{line}")


def text_of(error: BaseException) -> str:
    """What an exception says, as far as it can be printed."""
    try:
        return str(error)
    except KeyboardInterrupt:
        raise
    except BaseException:
        return "(its text cannot be printed)"
