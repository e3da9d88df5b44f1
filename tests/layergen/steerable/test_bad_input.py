"""What is no network of escnn, or one whose specification the language cannot say: one clear error each."""

import importlib
import sys

import pytest
import torch
from torch import nn

from layergen.steerable import Steerable, steerable_space
from symmetry import SpecificationError

escnn = pytest.importorskip("escnn.nn", exc_type=ImportError)
escnn_group = pytest.importorskip("escnn.group", exc_type=ImportError)
sound = importlib.import_module("tests.layergen.steerable.test_steerable")
C4, fields = sound.C4, sound.fields


def conv(*, groups=1, x=fields(C4, ("trivial", 2)), y=fields(C4, ("trivial", 2))):  # noqa: B008
    return escnn.R2Conv(x, y, 3, groups=groups)


class Scaled(escnn.ReLU):
    """A nonlinearity with a parameter that nobody knows of."""

    def __init__(self, kind):
        super().__init__(kind)
        self.scale = nn.Parameter(torch.ones(kind.size))


def namesakes():
    irrep = C4.fibergroup.irrep
    several = [escnn_group.directsum([irrep(0), irrep(number)], name="pair") for number in (1, 2)]
    h = escnn.FieldType(C4, several[:1])
    return [escnn.R2Conv(fields(C4, ("trivial", 1)), h, 3), escnn.R2Conv(escnn.FieldType(C4, several[1:]), h, 3)]


def used_twice():
    one = conv()
    return [one, escnn.ReLU(fields(C4, ("trivial", 2))), one]


def reshuffled():
    return [conv(), escnn.ReshuffleModule(fields(C4, ("trivial", 2)), [1, 0]), conv()]


@pytest.mark.parametrize(
    ("modules", "message"),
    [
        (lambda: [conv(), nn.ReLU(), conv()], 'module "1": a ReLU is not known to treat the fields of one repres'),
        (reshuffled, 'module "1": a ReshuffleModule is not known .*\nknown are R2Conv, .*, GroupPooling'),
        (lambda: [conv(groups=2), conv()], 'module "0": a R2Conv with groups=2\nuse groups=1, or'),
        (used_twice, "module \"2\": the R2Conv is the one at '0' again"),
        (lambda: [conv(), conv(x=fields(C4, ("trivial", 1)))], 'module "1": a R2Conv of .* is given '),
        (namesakes, "module \"1\": there are several representations called 'pair'"),
        (lambda: [conv(), Scaled(fields(C4, ("trivial", 2))), conv()], 'tensor "1.scale": it has shape .2,., not decl'),
        (lambda: [escnn.ReLU(fields(C4, ("trivial", 2)))], "the network has no steerable layer"),
        (list, "the network has no steerable layer"),
    ],
)
def test_bad_networks(modules, message):
    with pytest.raises(SpecificationError, match=f"(?s){message}"):
        steerable_space(nn.Sequential(*modules()))


def test_what_is_no_network():
    with pytest.raises(SpecificationError, match=r"a R2Conv given\ngive an escnn.nn.SequentialModule or a"):
        steerable_space(conv())
    with pytest.raises(SpecificationError, match="not known which fields the network takes"):
        Steerable(nn.Sequential(nn.ReLU()))


def test_without_escnn(monkeypatch):
    monkeypatch.setitem(sys.modules, "escnn.nn", None)
    with pytest.raises(SpecificationError, match=r"escnn is not installed\ninstall it: pip install escnn"):
        steerable_space(nn.Sequential(nn.Linear(2, 3)))
