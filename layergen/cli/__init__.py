"""The command `layergen`. Torch and other heavy packages are imported by the commands that need them."""

from __future__ import annotations

__all__ = ["main"]


def main() -> None:
    """Run `layergen` with the process's arguments.

    Ctrl-C ends the process with exit status 130 and without a message, also while the commands are being imported.
    """
    try:
        from layergen.cli.application import run

        run()
    except KeyboardInterrupt:
        raise SystemExit(130) from None
