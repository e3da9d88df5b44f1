"""Traces of the package `transformers`' networks, small and with random weights."""

import warnings

import pytest
import torch

import layergen
import symmetry
from tests.layergen.tracing.networks import kinds

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    transformers = pytest.importorskip("transformers")

IDS = torch.arange(10).reshape(2, 5)
IMAGE = torch.randn(2, 3, 16, 16, generator=torch.Generator().manual_seed(0))
SMALL = {"vocab_size": 20, "hidden_size": 12, "intermediate_size": 10, "num_hidden_layers": 2}
NETWORKS = {
    "GPT-2": (
        "GPT2LMHeadModel",
        transformers.GPT2Config(
            vocab_size=20,
            n_positions=8,
            n_embd=12,
            n_layer=2,
            n_head=3,
            use_cache=False,
            bos_token_id=0,
            eos_token_id=0,
        ),
        IDS,
        {12: 1, 3: 2, "4 in 3": 4, 48: 2},
        "h",
    ),
    "BERT": (
        "BertForSequenceClassification",
        transformers.BertConfig(**SMALL, num_attention_heads=3, max_position_embeddings=8),
        IDS,
        {12: 2, 3: 2, "4 in 3": 4, 10: 2},
        "layer",
    ),
    "ViT": (
        "ViTForImageClassification",
        transformers.ViTConfig(
            hidden_size=12,
            intermediate_size=10,
            num_hidden_layers=2,
            num_attention_heads=3,
            image_size=16,
            patch_size=8,
        ),
        IMAGE,
        {12: 1, 3: 2, "4 in 3": 4, 10: 2},
        "layers",
    ),
    "ResNet, basic": (
        "ResNetForImageClassification",
        transformers.ResNetConfig(embedding_size=4, hidden_sizes=[4, 6], depths=[1, 3], layer_type="basic"),
        IMAGE,
        {4: 2, 6: 4},
        "layers",
    ),
    "ResNet, bottleneck": (
        "ResNetForImageClassification",
        transformers.ResNetConfig(embedding_size=4, hidden_sizes=[8, 12], depths=[1, 1], layer_type="bottleneck"),
        IMAGE,
        {4: 1, 8: 1, 2: 2, 12: 1, 3: 2},
        "",
    ),
    "Llama": (
        "LlamaForCausalLM",
        transformers.LlamaConfig(
            **SMALL,
            num_attention_heads=4,
            num_key_value_heads=2,
            head_dim=6,
            max_position_embeddings=16,
            use_cache=False,
        ),
        IDS,
        {12: 1, 2: 2, "2 in 2": 2, "6 in 2": 2, 10: 2},
        "layers",
    ),
}
"""Class, configuration, input, the sets that there are by size (nested ones with the size of their parent), and what
numbers the two blocks that are alike."""


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.filterwarnings("ignore")  # what transformers warns of is its own
def test_every_set_is_found_and_proved(name):
    kind, configuration, inputs, sets, numbers = NETWORKS[name]
    torch.manual_seed(0)
    network = getattr(transformers, kind)(configuration).eval()
    found = layergen.trace(network, [inputs])
    assert found.preserved
    assert kinds(found.space) == sets
    assert {index.name: index.size for index in found.space.indices if index.embedded} == (
        {numbers: 2} if numbers else {}
    )
    assert kinds(layergen.trace(network, [inputs], prove=False, families=False).space) == sets
    assert all("axis" in text and "bias" in text for text in found.possible), "key biases, which softmax takes away"
    x = layergen.stack([network.state_dict()], found.space)
    layer = layergen.EquivariantLinear(found.space, 1, 1, terms="local")
    assert layer(x).keys() == x.keys()
    assert symmetry.parse(symmetry.dumps(found.space)) == found.space
