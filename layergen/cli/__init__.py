"""The command `layergen`. Nothing heavy is imported before the command that needs it runs."""

from __future__ import annotations

__all__ = ["main"]


def main() -> None:
    """Run `layergen` with the process's arguments.

    Ctrl-C ends it with exit status 130 and without a word, also while the commands themselves are being imported.
    """
    try:
        from layergen.cli.application import run

        run()
    except KeyboardInterrupt:
        raise SystemExit(130) from None
