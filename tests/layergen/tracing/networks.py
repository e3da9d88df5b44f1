"""Small networks of many kinds, each with example inputs, for tracing."""

from functools import cache

import torch
from torch import nn
from torch.nn import functional

import layergen
from symmetry.space.families import without_families

__all__ = ["IMAGE", "NETWORKS", "Forward", "kinds", "made", "small", "traced"]


class Block(nn.Module):
    """A residual block of convolutions with batch norm; a bottleneck has a narrow middle."""

    def __init__(self, before, after, stride=1, narrow=0):
        super().__init__()
        widths = [narrow, narrow, after] if narrow else [after, after]
        sizes = [1, 3, 1] if narrow else [3, 3]
        layers, coming = [], before
        for place, (width, size) in enumerate(zip(widths, sizes, strict=True)):
            step = stride if place == len(widths) - 2 else 1
            layers += [nn.Conv2d(coming, width, size, step, size // 2, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
            coming = width
        self.body = nn.Sequential(*layers[:-1])
        plain = stride == 1 and before == after
        self.skip = (
            nn.Identity() if plain else nn.Sequential(nn.Conv2d(before, after, 1, stride), nn.BatchNorm2d(after))
        )

    def forward(self, x):
        return torch.relu(self.body(x) + self.skip(x))


class Forward(nn.Module):
    """Modules with a function of them and the inputs."""

    def __init__(self, function, **modules):
        super().__init__()
        self.function = function
        for name, module in modules.items():
            setattr(self, name, module)

    def forward(self, *inputs):
        return self.function(self, *inputs)


def resnet(*blocks, width):
    return nn.Sequential(nn.Conv2d(3, 4, 3), *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, 3))


def unet(net, x):
    first = torch.relu(net.first(x))
    second = torch.relu(net.second(functional.max_pool2d(first, 2)))
    return net.out(torch.relu(net.last(torch.cat([net.up(second), first], dim=1))))


def dense(net, x):
    for name in ("a", "b", "c"):
        x = torch.cat([x, torch.relu(getattr(net, name)(x))], dim=1)
    return net.out(x.mean((2, 3)))


def recurrent(kind, **options):
    both = options.get("bidirectional", False)
    return Forward(
        lambda net, x: net.head(net.cells(x)[0].mean(1)),
        cells=kind(3, 4, 2, batch_first=True, **options),
        head=nn.Linear(8 if both else 4, 2),
    )


def siren(net, x):
    return net.out(torch.sin(30 * net.hidden(torch.sin(30 * net.first(x)))))


def nerf(net, x):
    return net.out(torch.relu(net.second(torch.cat([torch.relu(net.first(x)), x], dim=-1))))


def mixer(net, x):
    x = net.embed(x.reshape(-1, 4, 12))
    x = x + net.tokens(net.norm(x).transpose(1, 2)).transpose(1, 2)
    return net.head((x + net.channels(net.norm(x))).mean(1))


def excited(net, x):
    y = torch.relu(net.first(x))
    return net.out(y * net.gate(y.mean((2, 3)))[:, :, None, None])


def gated(net, x):
    return net.down(functional.silu(net.gate(x)) * net.up(x))


def attention(net, x):
    x = net.embed(x)
    return net.out(x + net.attention(x, x, x, need_weights=False)[0])


def encoder(net, x):
    return net.out(net.layers(net.embed(x)))


def translator(net, x, y):
    return net.out(net.layers(net.embed(x), net.embed(y)))


def grouped_queries(net, x):
    x = net.embed(x)
    batch, length, _ = x.shape
    q, k, v = (
        net.q(x).view(batch, length, 4, 3),
        net.k(x).view(batch, length, 2, 3),
        net.v(x).view(batch, length, 2, 3),
    )
    k, v = (one.transpose(1, 2)[:, :, None].expand(-1, -1, 2, -1, -1).reshape(batch, 4, length, 3) for one in (k, v))
    mixed = torch.softmax(q.transpose(1, 2) @ k.mT, dim=-1) @ v
    return net.head(x + net.out(mixed.transpose(1, 2).reshape(batch, length, 12)))


def tied(net, ids):
    return torch.tanh(net.hidden(net.embed(ids))) @ net.embed.weight.T


def feedforward(width, inner):
    return nn.Sequential(nn.Linear(width, inner), nn.GELU(), nn.Linear(inner, width))


def layers(width=8, heads=2):
    return nn.TransformerEncoderLayer(width, heads, 16, batch_first=True)


IMAGE = (2, 3, 8, 8)
NETWORKS = {
    "perceptron": (
        lambda: nn.Sequential(nn.Linear(2, 5), nn.Tanh(), nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 1)),
        [(3, 2)],
    ),
    "CNN": (
        lambda: nn.Sequential(
            nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 5, 3), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(20, 5)
        ),
        [IMAGE],
    ),
    "CNN, batch norm": (
        lambda: nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(144, 2)),
        [IMAGE],
    ),
    "ResNet, basic": (lambda: resnet(Block(4, 4), Block(4, 6, 2), Block(6, 6), width=6), [IMAGE]),
    "ResNet, bottleneck": (lambda: resnet(Block(4, 8, narrow=3), Block(8, 8, 2, narrow=2), width=8), [IMAGE]),
    "depthwise separable": (
        lambda: nn.Sequential(
            nn.Conv2d(3, 6, 3), nn.Conv2d(6, 6, 3, groups=6), nn.Conv2d(6, 4, 1), nn.GroupNorm(2, 4), nn.ReLU(),
            nn.Conv2d(4, 8, 1, groups=2), nn.Flatten(), nn.Linear(128, 2),
        ),
        [IMAGE],
    ),
    "U-Net": (
        lambda: Forward(
            unet, first=nn.Conv2d(3, 4, 3, padding=1), second=nn.Conv2d(4, 6, 3, padding=1),
            up=nn.ConvTranspose2d(6, 5, 2, 2), last=nn.Conv2d(9, 4, 3, padding=1), out=nn.Conv2d(4, 2, 1),
        ),
        [IMAGE],
    ),
    "DenseNet block": (
        lambda: Forward(
            dense, a=nn.Conv2d(3, 4, 3, padding=1), b=nn.Conv2d(7, 4, 3, padding=1), c=nn.Conv2d(11, 4, 3, padding=1),
            out=nn.Linear(15, 2),
        ),
        [IMAGE],
    ),
    "autoencoder": (
        lambda: nn.Sequential(
            nn.Conv2d(3, 4, 3, 2, 1), nn.ReLU(), nn.Conv2d(4, 6, 3, 2, 1), nn.ReLU(),
            nn.ConvTranspose2d(6, 4, 2, 2), nn.InstanceNorm2d(4, affine=True), nn.ConvTranspose2d(4, 3, 2, 2),
        ),
        [IMAGE],
    ),
    "LSTM": (lambda: recurrent(nn.LSTM), [(2, 5, 3)]),
    "LSTM, both ways": (lambda: recurrent(nn.LSTM, bidirectional=True), [(2, 5, 3)]),
    "GRU": (lambda: recurrent(nn.GRU), [(2, 5, 3)]),
    "RNN": (lambda: recurrent(nn.RNN), [(2, 5, 3)]),
    "attention": (
        lambda: Forward(
            attention, embed=nn.Linear(3, 8), attention=nn.MultiheadAttention(8, 2, batch_first=True),
            out=nn.Linear(8, 2),
        ),
        [(2, 5, 3)],
    ),
    "transformer encoder": (
        lambda: Forward(
            encoder, embed=nn.Linear(3, 8), layers=nn.TransformerEncoder(layers(), 2, enable_nested_tensor=False),
            out=nn.Linear(8, 2),
        ),
        [(2, 5, 3)],
    ),
    "transformer": (
        lambda: Forward(
            translator, embed=nn.Linear(3, 8), layers=nn.Transformer(8, 2, 1, 1, 16, batch_first=True),
            out=nn.Linear(8, 2),
        ),
        [(2, 5, 3), (2, 4, 3)],
    ),
    "SIREN": (lambda: Forward(siren, first=nn.Linear(2, 5), hidden=nn.Linear(5, 5), out=nn.Linear(5, 1)), [(7, 2)]),
    "NeRF skip": (lambda: Forward(nerf, first=nn.Linear(3, 6), second=nn.Linear(9, 5), out=nn.Linear(5, 1)), [(7, 3)]),
    "MLP-mixer": (
        lambda: Forward(
            mixer, embed=nn.Linear(12, 8), norm=nn.LayerNorm(8), tokens=feedforward(4, 6), channels=feedforward(8, 10),
            head=nn.Linear(8, 3),
        ),
        [(2, 48)],
    ),
    "squeeze and excitation": (
        lambda: Forward(
            excited, first=nn.Conv2d(3, 8, 3), out=nn.Conv2d(8, 2, 1),
            gate=nn.Sequential(nn.Linear(8, 2), nn.ReLU(), nn.Linear(2, 8), nn.Sigmoid()),
        ),
        [IMAGE],
    ),
    "SwiGLU": (lambda: Forward(gated, gate=nn.Linear(4, 6), up=nn.Linear(4, 6), down=nn.Linear(6, 4)), [(2, 4)]),
    "grouped queries": (
        lambda: Forward(
            grouped_queries, embed=nn.Linear(3, 12), q=nn.Linear(12, 12), k=nn.Linear(12, 6), v=nn.Linear(12, 6),
            out=nn.Linear(12, 12), head=nn.Linear(12, 2),
        ),
        [(2, 5, 3)],
    ),
    "tied embedding": (lambda: Forward(tied, embed=nn.Embedding(7, 4), hidden=nn.Linear(4, 4)), [(2, 5)]),
}  # fmt: skip
"""A network by name: what makes it, and the shapes of its inputs (of integers below 7 for the embedding)."""


def made(name):
    """A network and example inputs for it, the same each time."""
    make, shapes = NETWORKS[name]
    torch.manual_seed(0)
    network = make().eval()
    if name == "tied embedding":
        return network, [torch.randint(0, 7, shape) for shape in shapes]
    return network, [torch.randn(shape) for shape in shapes]


@cache
def traced(name, **options):
    """The trace of a network by its name: several tests look at the same one."""
    network, inputs = made(name)
    return layergen.trace(network, inputs, **options)


def kinds(space):
    """Sets by size, nested ones with the size of their parent; those of every member of a family by themselves."""
    space, found = without_families(space).space, {}
    for index in (index for index in space.indices if not index.embedded):
        kind = index.size if index.parent is None else f"{index.size} in {space.index(index.parent).size}"
        found[kind] = found.get(kind, 0) + 1
    return found


def small(function, first=(3, 5), second=(5, 2), **others):
    """A network of two linear layers with a function of them."""
    return Forward(function, a=nn.Linear(*first), o=nn.Linear(*second), **others)
