"""One layer for perceptrons of any depth: blocks that are alike share their parameters."""

import copy
import pickle

import pytest
import torch

import layergen
from layergen import EquivariantLinear, SharedLinear
from layergen.testing import coverage
from symmetry import EquivariantMaps, SpecificationError, WeightSpace
from symmetry.maps.sharing import shared_dimensions
from tests.layergen.oracle import features
from tests.symmetry.maps.test_sharing import perceptron


def random_layer(space, n=1, c=1, **options):
    torch.manual_seed(0)
    layer = SharedLinear(space, n, c, dtype=torch.float64, **options)
    for parameter in layer.parameters():
        torch.nn.init.normal_(parameter)
    return layer


@pytest.mark.parametrize("invariant", [False, True])
def test_the_layer_reaches_what_is_counted_and_is_equivariant(invariant):
    space = perceptron(4, inputs=2)
    layer = random_layer(space, invariant=invariant)
    check = layergen.testing.assert_invariant if invariant else layergen.testing.assert_equivariant
    check(layer, space)
    found = coverage(layer, space, invariant=invariant)
    assert not found.stray
    assert (found.linear.rank, found.bias.rank) == (layer.DIMENSION, layer.BIAS_DIMENSION)
    assert (found.linear.redundancy, found.bias.redundancy) == (0, 0)
    if not invariant:
        assert shared_dimensions(EquivariantMaps(space)) == (layer.DIMENSION, layer.BIAS_DIMENSION)


def response(layer, space, source, target):
    """The matrix by which one tensor is mapped to another: axes `(source entry, *target axes)`."""
    count = space[source].shape[0] * space[source].shape[1]
    x = {tensor.name: torch.zeros(count, *tensor.shape, 1, dtype=torch.float64) for tensor in space}
    x[source] = torch.eye(count, dtype=torch.float64).reshape(count, *space[source].shape, 1)
    return layer(x, space=space)[target][..., 0].detach()


def test_like_blocks_are_equal_and_others_are_not():
    space = perceptron(6)
    layer = random_layer(space, bias=False)
    weights = [f"{2 * n}.weight" for n in range(1, 6)]
    for apart in (0, 1, -1):
        same = [response(layer, space, weights[n], weights[n + apart]) for n in range(5) if 0 <= n + apart < 5]
        assert all(torch.allclose(same[0], other) for other in same)
    far = response(layer, space, weights[0], weights[2])
    assert torch.allclose(far, response(layer, space, weights[4], weights[1]))
    kinds = [response(layer, space, weights[2], weights[n]) for n in (1, 2, 3, 4)]
    assert all(not torch.allclose(one, other, atol=1e-3) for i, one in enumerate(kinds) for other in kinds[:i])


def test_one_layer_reads_perceptrons_of_any_depth_and_widths():
    layer = random_layer(perceptron(4, width=8), 2, 3)
    for hidden in (2, 4, 9):
        space = perceptron(hidden, width=5)
        out = layer(features(space, 2, 2), space=space)
        assert {name: tuple(value.shape) for name, value in out.items()} == {
            tensor.name: (2, *tensor.shape, 3) for tensor in space
        }
    uneven = WeightSpace(
        {"0.weight": "a x", "2.weight": "b a", "4.weight": "c b", "6.weight": "d c", "8.weight": "y d"},
        sets={"a": 3, "b": 7, "c": 2, "d": 5},
        free={"x": 2, "y": 1},
    )
    layergen.testing.assert_equivariant(random_layer(uneven), uneven)
    other = SharedLinear(perceptron(7, width=3), 2, 3, dtype=torch.float64)
    other.load_state_dict(layer.state_dict())
    space = perceptron(5)
    x = features(space, 2, 2)
    for name, value in copy.deepcopy(other)(x, space=space).items():
        torch.testing.assert_close(layer(x, space=space)[name], value)


def test_layers_are_modules_like_any_other():
    space, deeper = perceptron(4), perceptron(6)
    layer, x = random_layer(space, 2, 3), features(deeper, 2, 2)
    expected = layer(x, space=deeper)
    for other in (pickle.loads(pickle.dumps(layer)), copy.deepcopy(layer)):
        for name, value in other(x, space=deeper).items():
            torch.testing.assert_close(value, expected[name])
    single = copy.deepcopy(layer).float()
    out = single({name: value.float() for name, value in x.items()}, space=deeper)
    assert {value.dtype for value in out.values()} == {torch.float32}
    sum(value.square().sum() for value in out.values()).backward()
    assert all(parameter.grad.abs().min() > 0 for parameter in single.parameters())
    assert str(layer) == "SharedLinear(2, 3, dimension=61, bias=True, invariant=False)"
    assert SharedLinear(space, 2, 3, bias=False).bias is None
    with pytest.raises(ValueError, match="features missing"):
        layer(x)


def test_pairs_that_the_layer_does_not_know_are_named():
    """In a network of one hidden layer the last weights share it with the first, as they never do in a deeper one."""
    for own, other in ((2, 4), (4, 1)):
        layer, space = random_layer(perceptron(own)), perceptron(other)
        with pytest.raises(SpecificationError, match="no parameter is shared with") as caught:
            layer(features(space, 2, 1), space=space)
        assert "make the layer from a space" in str(caught.value)


def test_outputs_have_about_unit_variance():
    torch.manual_seed(0)
    for hidden, width in ((4, 32), (8, 16)):
        space = perceptron(hidden, width, inputs=3, outputs=2)
        for layer in (SharedLinear(space, 4, 64), EquivariantLinear(space, 4, 64)):
            out = layer(features(space, 8, 4, dtype=torch.float32))
            for value in out.values():
                assert 0.3 < value.square().mean() < 3


def test_what_is_learned_at_one_depth_holds_at_another():
    """For each bias the mean of the weights that leave its neurons: those of the next layer."""

    def goal(x, hidden):
        return {f"{2 * n}.bias": x[f"{2 * n + 2}.weight"].mean(1) for n in range(hidden)}

    torch.manual_seed(0)
    shallow, deep = perceptron(4, width=4), perceptron(8, width=6)
    layer = SharedLinear(shallow, 1, 1, dtype=torch.float64)
    x = features(shallow, 64, 1)
    optimiser = torch.optim.LBFGS(layer.parameters(), max_iter=60, line_search_fn="strong_wolfe")

    def error(x, space, hidden):
        out, wanted = layer(x, space=space), goal(x, hidden)
        return sum((out[name] - value).square().mean() for name, value in wanted.items())

    def closure():
        optimiser.zero_grad()
        loss = error(x, shallow, 4)
        loss.backward()
        return loss

    optimiser.step(closure)
    assert error(x, shallow, 4).item() < 1e-8
    assert error(features(deep, 16, 1, seed=1), deep, 8).item() < 1e-8
