"""The command `layergen`. Nothing heavy is imported before the command that needs it runs."""

from __future__ import annotations

from layergen.cli.application import app, main

__all__ = ["app", "main"]
