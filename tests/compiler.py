"""Whether torch's inductor can build code on this machine."""

import shutil
import sysconfig
import tempfile
from pathlib import Path

HEADER = Path(sysconfig.get_path("include"), "Python.h")
# inductor does not quote the paths that it hands to the compiler.
CAN_BUILD = shutil.which("g++") is not None and HEADER.exists() and " " not in tempfile.gettempdir()
