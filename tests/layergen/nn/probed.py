"""Networks of many kinds that probes are run through."""

import torch
from torch import nn

from layergen import stack
from layergen.nn import Probes

__all__ = [
    "CHANNELS_LAST",
    "NETWORKS",
    "Convolutional",
    "LastState",
    "Scattered",
    "Transformer",
    "networks",
    "perceptron",
    "small",
    "weights_of",
]


class Convolutional(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.norm, self.b = nn.Conv2d(1, 6, 3, stride=2), nn.BatchNorm2d(6), nn.Conv2d(6, 5, 3)
        self.out = nn.Linear(5 * 4, 3)

    def forward(self, x):
        x = torch.relu_(self.norm(self.a(x)))  # in place: what the norm gave is recorded as it was
        return self.out(nn.functional.max_pool2d(self.b(x).relu(), 2).flatten(1))


class Recurrent(nn.Module):
    def __init__(self, kind):
        super().__init__()
        self.rnn, self.out = kind(3, 5, batch_first=True), nn.Linear(5, 2)

    def forward(self, x):
        return self.out(self.rnn(x)[0][:, -1])


class LastState(Recurrent):
    def forward(self, x):
        return self.out(self.rnn(x)[1][-1])


class Cell(nn.Module):
    def __init__(self):
        super().__init__()
        self.cell, self.out = nn.LSTMCell(3, 5), nn.Linear(5, 2)

    def forward(self, x):
        nothing = torch.zeros(x.shape[0], 5)
        state = self.cell(x[:, 0], (nothing, nothing))
        return self.out(self.cell(x[:, 1], state)[0])


class Transformer(nn.Module):
    def __init__(self, tokens=None):
        super().__init__()
        self.read = nn.Linear(3, 8) if tokens is None else nn.Embedding(tokens, 8)
        self.encoder = nn.TransformerEncoderLayer(8, 2, 10, batch_first=True)
        self.out = nn.Linear(8, 2)

    def forward(self, x):
        return self.out(self.encoder(self.read(x)).mean(1))


class Tied(nn.Module):
    """Two names of one weight, a residual connection, and a buffer that is no weight."""

    def __init__(self):
        super().__init__()
        self.read, self.a, self.b, self.out = nn.Linear(2, 4), nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 2)
        self.b.weight = self.a.weight
        self.register_buffer("scale", torch.tensor(0.7), persistent=False)

    def forward(self, x):
        x = self.read(x).tanh_()  # in place: what the layer gave is recorded as it was
        x = x + self.scale * self.a(x).tanh()
        return self.out(self.b(x))


class Scattered(nn.Module):
    """Parts without gradients and in another precision, constants, and several outputs, one with its axes turned."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.c = nn.Linear(2, 5), nn.Linear(5, 5), nn.Linear(5, 2)

    def forward(self, x):
        with torch.no_grad():
            y = self.a(x).tanh()
        with torch.autocast("cpu", enabled=False):
            z = self.b(self.a(x).sin()) * torch.tensor([1.0, 2.0]).sum()
        return {"y": self.c(y + z).T, "nothing": None, "place": x.argmax(-1), "z": self.c(z)}


def perceptron():
    return nn.Sequential(nn.Linear(2, 5), nn.Tanh(), nn.Linear(5, 7), nn.ReLU(), nn.Linear(7, 3))


NETWORKS = {
    "perceptron": (perceptron, [torch.randn(4, 2)]),
    "convolutions": (Convolutional, [torch.randn(4, 1, 15, 15)]),
    "GRU": (lambda: Recurrent(nn.GRU), [torch.randn(4, 6, 3)]),
    "LSTM": (lambda: Recurrent(nn.LSTM), [torch.randn(4, 6, 3)]),
    "last state": (lambda: LastState(nn.GRU), [torch.randn(4, 6, 3)]),
    "cell": (Cell, [torch.randn(4, 2, 3)]),
    "transformer": (Transformer, [torch.randn(4, 6, 3)]),
    "tokens": (lambda: Transformer(11), [torch.randint(11, (4, 6))]),
    "tied": (Tied, [torch.randn(4, 2)]),
}
CHANNELS_LAST = {"perceptron", "GRU", "LSTM", "last state", "transformer", "tokens", "tied", "cell"}


def networks(make, count=3):
    """Some networks in general position, in evaluation mode."""
    torch.manual_seed(0)
    made = [make().eval() for _ in range(count)]
    for network in made:
        for buffer in network.buffers():
            if buffer.is_floating_point() and buffer.ndim:
                buffer.data = torch.rand_like(buffer) + 0.5
    return made


def small(name, **options):
    make, example = NETWORKS[name]
    torch.manual_seed(1)
    return Probes(make().eval(), example, count=3, **options)


def weights_of(name, probes, count=3):
    made = networks(NETWORKS[name][0], count)
    return made, stack([network.state_dict() for network in made], probes.weights)
