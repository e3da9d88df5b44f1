"""The networks whose weights the specifications of `generated/` declare, as ordinary torch modules.

Each is built at the sizes of a weight space, with random weights and statistics in float64, in eval mode. Its
`state_dict` has the tensors of the specification, in its order and shapes, and batch normalisation's counters.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from symmetry import GroupElement, WeightSpace, load

FOLDER = Path(__file__).parents[2] / "generated"


class Sine(nn.Module):
    """The activation of an implicit neural representation (Sitzmann et al. 2020)."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.sin(3 * x)


def perceptron(widths: list[int], activation: type[nn.Module]) -> nn.Module:
    """Linear layers with an activation between any two."""
    layers: list[nn.Module] = []
    for fan_in, fan_out in pairwise(widths):
        layers += [nn.Linear(fan_in, fan_out), activation()]
    return nn.Sequential(*layers[:-1])


def mlp(size: Mapping[str, int]) -> nn.Module:
    return perceptron([size["x"], size["h1"], size["h2"], size["y"]], Sine)


def deep_mlp(size: Mapping[str, int]) -> nn.Module:
    return perceptron([size["pixel"], *(size[f"h{layer}"] for layer in range(1, 9)), size["y"]], nn.ReLU)


def relu(size: Mapping[str, int]) -> nn.Module:
    return perceptron([size["x"], size["h1"], size["h2"], size["y"]], nn.ReLU)


class LoRA(nn.Module):
    """A linear layer with what was learned beside its weight, which stays and is no weight here."""

    def __init__(self, size: Mapping[str, int]) -> None:
        super().__init__()
        self.base = torch.linspace(-1, 1, size["o"] * size["i"], dtype=torch.float64).reshape(size["o"], size["i"])
        self.lora_A = nn.Parameter(torch.randn(size["r"], size["i"]))
        self.lora_B = nn.Parameter(torch.randn(size["o"], size["r"]))

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.base.T + x @ self.lora_A.T @ self.lora_B.T


class Attention(nn.Module):
    """Attention without biases, whose heads have queries and values of different lengths."""

    def __init__(self, size: Mapping[str, int]) -> None:
        super().__init__()
        self.heads, d = size["head"], size["d"]
        self.q, self.k = (nn.Linear(d, self.heads * size["qk"], bias=False) for _ in range(2))
        self.v = nn.Linear(d, self.heads * size["vo"], bias=False)
        self.o = nn.Linear(self.heads * size["vo"], d, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (layer(x).unflatten(-1, (self.heads, -1)).transpose(-2, -3) for layer in (self.q, self.k, self.v))
        return self.o(F.scaled_dot_product_attention(q, k, v).transpose(-2, -3).flatten(-2))


class CNN(nn.Module):
    """Three convolutions with batch normalisation, a global average pool, a linear layer."""

    def __init__(self, size: Mapping[str, int]) -> None:
        super().__init__()
        c0, c1, c2, c3 = size["colour"], size["c1"], size["c2"], size["c3"]
        self.conv1, self.bn1 = nn.Conv2d(c0, c1, 3, padding=1, bias=False), nn.BatchNorm2d(c1)
        self.conv2, self.bn2 = nn.Conv2d(c1, c2, 3, padding=1, stride=2, bias=False), nn.BatchNorm2d(c2)
        self.conv3, self.bn3 = nn.Conv2d(c2, c3, 3, padding=1, stride=2, bias=False), nn.BatchNorm2d(c3)
        self.fc = nn.Linear(c3, size["y"])

    def forward(self, x: Tensor) -> Tensor:
        x = self.bn1(self.conv1(x)).relu()
        x = self.bn2(self.conv2(x)).relu()
        x = self.bn3(self.conv3(x)).relu()
        return self.fc(x.mean((2, 3)))


class CNNFlatten(nn.Module):
    """Two convolutions, each with a pool, flattened into a perceptron with one hidden layer."""

    def __init__(self, size: Mapping[str, int]) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, size["c1"], 3, padding=1)
        self.conv2 = nn.Conv2d(size["c1"], size["c2"], 3, padding=1)
        self.fc1 = nn.Linear(size["c2"] * size["row"] * size["column"], size["h"])
        self.fc2 = nn.Linear(size["h"], size["y"])

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(self.conv1(x).relu(), 2)
        x = F.max_pool2d(self.conv2(x).relu(), 2)
        return self.fc2(self.fc1(x.flatten(1)).relu())


class LanguageModel(nn.Module):
    """An embedding, two layers of LSTM, logits of the next token."""

    def __init__(self, size: Mapping[str, int]) -> None:
        super().__init__()
        if size["h1"] != size["h2"]:
            raise ValueError("nn.LSTM has one width for all its layers")
        self.embedding = nn.Embedding(size["token"], size["e"])
        self.lstm = nn.LSTM(size["e"], size["h1"], num_layers=2, batch_first=True)
        self.readout = nn.Linear(size["h2"], size["token"])

    def forward(self, tokens: Tensor) -> Tensor:
        hidden, _ = self.lstm(self.embedding(tokens))
        return self.readout(hidden)


def transformer_block(size: Mapping[str, int]) -> nn.Module:
    if not size["d"] == size["head"] * size["dk"] == size["head"] * size["dv"]:
        raise ValueError("nn.MultiheadAttention shares its width out among the heads")
    return nn.TransformerEncoderLayer(size["d"], size["head"], size["h"], dropout=0.0, batch_first=True)


class BasicBlock(nn.Module):
    """torchvision's `BasicBlock`: two convolutions beside an identity, or beside a projection where it is given."""

    def __init__(self, fan_in: int, middle: int, fan_out: int, stride: int, downsample: nn.Module | None) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(fan_in, middle, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(middle)
        self.conv2 = nn.Conv2d(middle, fan_out, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(fan_out)
        self.downsample = downsample

    def forward(self, x: Tensor) -> Tensor:
        shortcut = x if self.downsample is None else self.downsample(x)
        return (self.bn2(self.conv2(self.bn1(self.conv1(x)).relu())) + shortcut).relu()


class ResNet(nn.Module):
    """torchvision's `ResNet` with two of its four stages, one block each, and the stem for small images."""

    def __init__(self, size: Mapping[str, int]) -> None:
        super().__init__()
        s1, s2 = size["s1"], size["s2"]
        projection = nn.Sequential(nn.Conv2d(s1, s2, 1, stride=2, bias=False), nn.BatchNorm2d(s2))
        self.conv1, self.bn1 = nn.Conv2d(size["colour"], s1, 3, padding=1, bias=False), nn.BatchNorm2d(s1)
        self.layer1 = nn.Sequential(BasicBlock(s1, size["m1"], s1, 1, None))
        self.layer2 = nn.Sequential(BasicBlock(s1, size["m2"], s2, 2, projection))
        self.fc = nn.Linear(s2, size["y"])

    def forward(self, x: Tensor) -> Tensor:
        x = self.bn1(self.conv1(x)).relu()
        return self.fc(self.layer2(self.layer1(x)).mean((2, 3)))


def images(channels: str | int, width: int) -> Callable[[Mapping[str, int]], Tensor]:
    """Random images of a width, with as many channels as an index of that name has values."""
    return lambda size: torch.randn(5, size[channels] if isinstance(channels, str) else channels, width, width)


@dataclass(frozen=True)
class Architecture:
    """A network at the sizes of a specification, what it is fed, and small sizes at which it can be built.

    `stream` names the set that the network's inputs and outputs lie over, in their last dimension; without one
    they lie over no set.
    """

    build: Callable[[Mapping[str, int]], nn.Module]
    inputs: Callable[[Mapping[str, int]], Tensor]
    small: Mapping[str, int] = field(default_factory=dict)
    stream: str | None = None


ARCHITECTURES = {
    "mlp": Architecture(mlp, lambda size: torch.randn(20, size["x"]), {"h1": 4, "h2": 3, "y": 2}),
    "deep_mlp": Architecture(
        deep_mlp,
        lambda size: torch.randn(20, size["pixel"]),
        {"pixel": 6, "y": 2} | {f"h{layer}": 4 + layer % 2 for layer in range(1, 9)},
    ),
    "cnn": Architecture(CNN, images("colour", 8), {"c1": 3, "c2": 4, "c3": 5, "y": 2}),
    "cnn_flatten": Architecture(CNNFlatten, images(1, 28), {"c1": 3, "c2": 2, "h": 4, "y": 2}),
    "lstm": Architecture(
        LanguageModel, lambda size: torch.randint(size["token"], (3, 7)), {"e": 3, "h1": 4, "h2": 4, "token": 5}
    ),
    "transformer_block": Architecture(
        transformer_block,
        lambda size: torch.randn(3, 5, size["d"]),
        {"d": 6, "head": 2, "dk": 3, "dv": 3, "h": 5},
        stream="d",
    ),
    "resnet_block": Architecture(ResNet, images("colour", 8), {"s1": 3, "m1": 4, "s2": 5, "m2": 2, "y": 2}),
    "sine": Architecture(mlp, lambda size: torch.randn(20, size["x"]), {"h1": 4, "h2": 3, "y": 2}),
    "relu": Architecture(relu, lambda size: torch.randn(20, size["x"]), {"h1": 4, "h2": 3, "y": 2}),
    "lora": Architecture(LoRA, lambda size: torch.randn(20, size["i"]), {"i": 5, "o": 4, "r": 3}),
    "attention": Architecture(
        Attention, lambda size: torch.randn(3, 5, size["d"]), {"d": 6, "head": 2, "qk": 3, "vo": 4}, stream="d"
    ),
}


def specification(name: str, *, small: bool = False) -> WeightSpace:
    """A specification of `generated/`, at its own sizes or at the small ones."""
    space = load(FOLDER / f"{name}.toml")
    return space.resized(ARCHITECTURES[name].small) if small else space


def sizes(space: WeightSpace) -> dict[str, int]:
    return space.sizes


def random_network(name: str, space: WeightSpace) -> nn.Module:
    """The architecture at the sizes of `space`, with nothing left at its default of zeros or ones."""
    torch.manual_seed(0)
    network = ARCHITECTURES[name].build(sizes(space)).double().eval()
    with torch.no_grad():
        for key, value in network.state_dict().items():
            if key.endswith("running_var"):
                value.uniform_(0.5, 2.0)
            elif value.is_floating_point() and value.ndim == 1:
                value.normal_()
            elif value.is_floating_point():
                value.normal_(std=1.5 / value[0].numel() ** 0.5)
    return network


def with_weights_moved(name: str, space: WeightSpace, g: GroupElement) -> tuple[Tensor, Tensor]:
    """Outputs of a random network, and of the same network with its weights moved by `g`, on the same inputs.

    The network has the sizes of `space`; `g` may belong to another space with the same shapes. Where the inputs lie
    over a set, those of the second network are moved too, and its outputs moved back.
    """
    architecture = ARCHITECTURES[name]
    network = random_network(name, space)
    inputs = architecture.inputs(sizes(space))
    inputs = inputs.double() if inputs.is_floating_point() else inputs
    before = network(inputs)
    state = network.state_dict()
    network.load_state_dict(state | g.act({key: state[key] for key in g.space.names}))
    if architecture.stream is None:
        return before.detach(), network(inputs).detach()
    forth = torch.from_numpy(g.parts[architecture.stream].copy())
    back = torch.from_numpy(g.inverse().parts[architecture.stream].copy())
    return before.detach(), network(inputs[..., back])[..., forth].detach()
