"""`python -m layergen`, the same as the command `layergen`."""

from __future__ import annotations

from layergen.cli import main

if __name__ == "__main__":
    main()
