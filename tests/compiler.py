"""Whether torch's inductor can build code on this machine."""

import shutil
import sysconfig
from pathlib import Path

CAN_BUILD = shutil.which("g++") is not None and Path(sysconfig.get_path("include"), "Python.h").exists()
