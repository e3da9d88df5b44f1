"""Function preservation as a public check: right specifications pass, planted mistakes do not."""

import pytest
import torch
from torch import nn

import layergen
from layergen.testing import assert_function_preserved
from symmetry import WeightSpace

TENSORS = {
    "weight_ih_l0": "(gate h) x",
    "weight_hh_l0": "(gate h) h",
    "bias_ih_l0": "(gate h)",
    "bias_hh_l0": "(gate h)",
}
READ_OUT = {"rnn." + name: axes for name, axes in TENSORS.items()} | {"out.weight": "y h", "out.bias": "y"}


class Reader(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn, self.out = nn.GRU(2, 4), nn.Linear(4, 3)

    def forward(self, x):
        states, last = self.rnn(x)
        return {"all": self.out(states), "last": self.out(last)}


def space(changes=(), sets=()):
    return WeightSpace(READ_OUT | dict(changes), sets={"h": 4} | dict(sets), free={"x": 2, "y": 3, "gate": 3})


def test_a_right_specification_passes_and_the_module_stays_as_it_was():
    torch.manual_seed(0)
    module = Reader()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    assert_function_preserved(module, space(), [torch.randn(5, 1, 2)])
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())
    assert module.training
    assert module.out.weight.dtype == torch.float32


MISTAKES = {
    "a set not shared": ({"out.weight": "y k"}, {"k": 4}),
    "gates and units exchanged": ({"rnn.bias_ih_l0": "(h gate)"}, {}),
    "a bias forgotten": ({"rnn.bias_hh_l0": "(gate 4)"}, {}),
    "outputs permuted": ({"out.weight": "k h", "out.bias": "k"}, {"k": 3}),
    "one axis forgotten": ({"rnn.weight_hh_l0": "(gate h) 4"}, {}),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_planted_mistakes_are_caught(mistake):
    torch.manual_seed(0)
    changes, sets = MISTAKES[mistake]
    tensors = READ_OUT | changes
    free = {name: size for name, size in {"x": 2, "y": 3, "gate": 3}.items() if name in " ".join(tensors.values())}
    wrong = WeightSpace(tensors, sets={"h": 4} | sets, free={name: free[name] for name in free})
    with pytest.raises(AssertionError, match="the function is not preserved"):
        assert_function_preserved(Reader(), wrong, [torch.randn(5, 1, 2)])


def test_what_does_not_fit_is_listed():
    with pytest.raises(ValueError, match=r"'more' is not in the state_dict") as caught:
        assert_function_preserved(Reader(), space({"more": "h", "out.bias": "y y"}), [torch.randn(5, 1, 2)])
    assert "'out.bias' has shape (3,), declared (3, 3)" in str(caught.value)


def test_a_random_module_is_said_to_be_random():
    class Noisy(nn.Linear):
        def forward(self, x):
            return super().forward(x) + torch.randn(1)

    with pytest.raises(AssertionError, match="not deterministic"):
        assert_function_preserved(
            Noisy(2, 3), WeightSpace({"weight": "y x", "bias": "y"}, sets={"y": 3}, free={"x": 2}), [torch.randn(1, 2)]
        )
    assert layergen.testing.assert_function_preserved is assert_function_preserved


class Wrapped(nn.Module):
    """A perceptron with something done to its output."""

    def __init__(self, change):
        super().__init__()
        self.a, self.b, self.change = nn.Linear(2, 4), nn.Linear(4, 3), change

    def forward(self, x):
        return self.change(self.b(self.a(x).tanh()))


RIGHT = {"a.weight": "h 2", "a.bias": "h", "b.weight": "3 h", "b.bias": "3"}
MASK = torch.tensor([0.0, -torch.inf, 0.0])
OUTPUTS = {
    "two tensors, one with NaN": lambda y: (y * 0 + 1, y * torch.tensor([1, torch.nan, 1]).double()),
    "masked logits": lambda y: y + MASK,
    "a tensor and truth values": lambda y: (y, y > 0),
    "an empty tensor beside it": lambda y: (y, y[:0]),
    "sparse": lambda y: y.to_sparse(),
    "complex": lambda y: torch.complex(y, y),
    "a number": lambda y: float(y.sum()),
}


@pytest.mark.parametrize("name", OUTPUTS)
def test_outputs_of_every_sort_are_compared(name):
    torch.manual_seed(0)
    module, inputs = Wrapped(OUTPUTS[name]), [torch.randn(5, 2)]
    assert_function_preserved(module, WeightSpace(RIGHT, sets={"h": 4}), inputs)
    wrong = WeightSpace({**RIGHT, "b.weight": "3 k"}, sets={"h": 4, "k": 4})
    with pytest.raises(AssertionError, match="the function is not preserved"):
        assert_function_preserved(module, wrong, inputs)


def test_a_module_that_returns_no_tensor_is_told_so():
    module = Wrapped(lambda y: torch.distributions.Categorical(logits=y))
    with pytest.raises(AssertionError, match=r"no tensor to compare \(Categorical\)"):
        assert_function_preserved(module, WeightSpace(RIGHT, sets={"h": 4}), [torch.randn(5, 2)])


def test_module_and_inputs_are_left_as_they_are():
    class Counting(nn.Module):
        def __init__(self):
            super().__init__()
            self.a = nn.Linear(2, 4)
            self.register_buffer("calls", torch.zeros(1))

        def forward(self, x):
            self.calls += 1
            x *= 2
            return self.a(x)

    module, x = Counting().double(), torch.ones(1, 2).double()
    assert_function_preserved(module, WeightSpace({"a.weight": "4 2"}), [x])
    assert (module.calls.item(), x.tolist()) == (0, [[1, 1]])
