"""The published systems by name, each read when it is asked for."""

from __future__ import annotations

from importlib import import_module

from papers.page import System

__all__ = ["NAMES", "find"]

NAMES = ("nfn", "dwsnets", "unf", "gmn", "neural_graphs", "scalegmn", "monomial_nfn", "transferable_gmn", "lora_gl")
"""The folders of `papers/` that are the page of a system, in the order of the table of `papers/README.md`."""


def find(name: str) -> System:
    """The system of a folder.

    Raises
    ------
    KeyError
        If there is no system of that name.
    """
    if name not in NAMES:
        raise KeyError(name)
    system: System = import_module(f"papers.{name}.system").SYSTEM
    return system
