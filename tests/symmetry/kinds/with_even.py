"""A pytest plugin: the run that loads it has one kind of index more."""

from symmetry.kinds.registry import KINDS
from tests.symmetry.kinds.even import EvenIndex

KINDS[EvenIndex.section] = EvenIndex
