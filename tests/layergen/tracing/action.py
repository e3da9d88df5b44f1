"""What a traced group does to a `state_dict`, written again for the tests alone, from the text of the axes."""

import itertools
import random
import re

import torch
from torch.func import functional_call

__all__ = ["assert_preserved", "generic", "moved"]

TOKEN = re.compile(r"\w+|[()+]")


def axis_labels(text, sizes):
    """The axes of a tensor, each a list with one label an entry: a tuple of pairs of an index and its value."""
    tokens = TOKEN.findall(text)
    axes = []
    while tokens:
        axes.append(factor(tokens, sizes))
    return axes


def factor(tokens, sizes):
    token = tokens.pop(0)
    if token != "(":
        return [((token, value),) for value in range(sizes.get(token) or int(token))]
    labels, number, product = [], 0, [()]
    while True:
        if tokens[0] in "+)":
            labels += [(("+", number), *label) for label in product]
            number, product = number + 1, [()]
            if tokens.pop(0) == ")":
                return labels
        else:
            product = [first + second for first, second in itertools.product(product, factor(tokens, sizes))]


def moved(space, state, seed):
    """A `state_dict` after a random element of the group: every copy of a nested set has a permutation of its own."""
    rng = random.Random(seed)
    sizes = {index.name: index.size for index in space.indices}
    parents = {index.name: index.parent for index in space.indices}
    joined = {index.name for index in space.indices if index.joined and index.section != "positional"}
    permutations = {}

    def image(label):
        values = []
        for place, (name, value) in enumerate(label):
            if name in joined:
                value = permutation(name, owner(label, place, name))[value]
            values.append((name, value))
        return tuple(values)

    def owner(label, place, name):
        parent = parents[name]
        if parent is None:
            return ()
        where = [at for at in range(len(label)) if label[at][0] == parent]
        at = next((at for at in reversed(where) if at < place), where[0])
        return (*owner(label, at, parent), label[at][1])

    def permutation(name, key):
        if (name, key) not in permutations:
            permutations[name, key] = rng.sample(range(sizes[name]), sizes[name])
        return permutations[name, key]

    found = dict(state)
    for tensor in space:
        axes = axis_labels(str(tensor)[len(tensor.name) + 1 : -1], sizes)
        cells = list(itertools.product(*axes))
        labels = [tuple(itertools.chain(*cell)) for cell in cells]
        places = {label: number for number, label in enumerate(labels)}
        assert len(places) == len(labels) == state[tensor.name].numel()
        entries = state[tensor.name].reshape(-1).clone()
        for number, label in enumerate(labels):
            entries[places[image(label)]] = state[tensor.name].reshape(-1)[number]
        found[tensor.name] = entries.reshape(state[tensor.name].shape)
    return found


def generic(module, seed=0):
    """The tensors of a module, tied ones once; floats are positive doubles no two of which are alike."""
    generator = torch.Generator().manual_seed(seed)
    return {
        name: 0.2 + torch.rand(value.shape, generator=generator, dtype=torch.double)
        if value.is_floating_point()
        else value
        for name, value in (*module.named_parameters(), *module.named_buffers())
    }


def assert_preserved(module, space, examples, elements=4):
    """Assert that a module computes the same on all examples with its state moved."""
    module = module.double().eval()
    state = generic(module)
    for seed in range(elements):
        changed = moved(space, state, seed)
        for example in examples:
            example = [x.double() if x.is_floating_point() else x for x in example]
            with torch.no_grad():
                before = functional_call(module, state, tuple(example))
                after = functional_call(module, changed, tuple(example))
            assert torch.isfinite(before).all()
            torch.testing.assert_close(after, before, rtol=1e-9, atol=1e-9)
