"""Widening properties of functions: what depends on the number of neurons is caught, what does not is not accused."""

import pytest
import torch

import layergen
from layergen import by_fan_in
from layergen.testing import assert_widening_equivariant, assert_widening_invariant
from symmetry import SpecificationError, WeightSpace
from tests.layergen.test_widening import RESIDUAL

SPACE = WeightSpace(
    {"0.weight": "h x", "0.bias": "h", "2.weight": "k h", "2.bias": "k", "4.weight": "y k"},
    sets={"h": 4, "k": 5},
    free={"x": 2, "y": 2},
)
SUMMED = {"2.weight": "h", "4.weight": "k"}


def by_size(x):
    return by_fan_in(x, SPACE, SUMMED)


def outputs(x):
    """What the networks compute at one input."""
    value = torch.ones(2).to(x["0.bias"])
    value = torch.tanh(x["0.weight"][..., 0] @ value + x["0.bias"][..., 0])
    value = torch.tanh((x["2.weight"][..., 0] @ value[..., None])[..., 0] + x["2.bias"][..., 0])
    return (x["4.weight"][..., 0] @ value[..., None])[..., 0]


def attended(x):
    """Attention of a query to the neurons of a layer: copies share what the neuron had."""
    shares = torch.softmax(x["0.bias"], 1)
    return (shares * by_size(x)["0.weight"].sum(2)).sum(1)


SOUND = {
    "outputs": outputs,
    "means by fan-in": lambda x: by_size(x)["2.weight"].mean((1, 2)),
    "maxima by fan-in": lambda x: by_size(x)["2.weight"].amax((1, 2)),
    "the smallest and the largest": lambda x: torch.stack([x["0.bias"].amin((1, 2)), x["0.bias"].amax((1, 2))], 1),
    "attention": attended,
    "deviations": lambda x: x["0.bias"].std(1, correction=0),
    "path sums": lambda x: (x["4.weight"][..., 0] @ x["2.weight"][..., 0] @ x["0.weight"][..., 0]).flatten(1),
    "the norm of the last layer": lambda x: by_size(x)["4.weight"].square().mean((1, 2)).sqrt(),
    "small differences of large numbers": lambda x: (1e3 * by_size(x)["2.weight"].mean((1, 2))).sin(),
    "nothing": lambda x: torch.zeros(len(x["0.bias"]), 2),
}
PLANTED = {
    "a sum over neurons": (lambda x: x["0.bias"].sum(1), "'h'"),
    "means without fan-in": (lambda x: x["2.weight"].mean((1, 2)), "'h'"),
    "means without the fan-in of the last layer": (lambda x: x["4.weight"].mean((1, 2)), "'k'"),
    "a maximum without fan-in": (lambda x: x["4.weight"].amax((1, 2)), "'k'"),
    "the number of neurons": (lambda x: torch.full((len(x["0.bias"]), 1), x["0.bias"].shape[1] / 10.0), "'h'"),
    "a deviation without bias": (lambda x: x["0.bias"].std(1), "'h'"),
    "the norm of all weights": (lambda x: torch.cat([one.flatten(1) for one in x.values()], 1).norm(dim=1), "'h'"),
    "a root of the fan-in": (lambda x: by_fan_in(x, SPACE, SUMMED, power=0.5)["2.weight"].amax((1, 2)), "'h'"),
    "the wrong axis": (lambda x: by_fan_in(x, SPACE, {"2.weight": "k"})["2.weight"].amax((1, 2)), "'h'"),
    "two neurons alone": (lambda x: x["0.bias"][:, :2].sum(1), "'h'"),
    "a small part": (lambda x: x["0.bias"].mean(1) + 1e-3 * x["0.bias"].sum(1), "'h'"),
}


@pytest.mark.parametrize("name", SOUND)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_sound_functions_are_not_accused(name, dtype):
    assert_widening_invariant(SOUND[name], SPACE, summed=SUMMED, factor=3, dtype=dtype)


@pytest.mark.parametrize("name", PLANTED)
def test_what_depends_on_the_width_is_caught(name):
    function, named = PLANTED[name]
    pattern = rf"not widening invariant: repeating each element of {named} \(2 times\) changes the output at"
    with pytest.raises(AssertionError, match=pattern):
        assert_widening_invariant(function, SPACE, summed=SUMMED)


def test_what_sets_do_only_together_is_caught():
    def both(x):
        widths = x["0.bias"].shape[1] - 4, x["2.bias"].shape[1] - 5
        return x["0.bias"].mean(1) * (1 + widths[0] * widths[1])

    with pytest.raises(AssertionError, match=r"each element of 'h' \(2 times\), 'k' \(3 times\) changes the output"):
        assert_widening_invariant(both, SPACE, summed=SUMMED, factor={"h": 2, "k": 3})


def test_a_function_of_one_width_is_said_to_be_one():
    flat = torch.nn.Linear(20, 3)
    with pytest.raises(AssertionError, match=r"does not take wider networks: .* 'h' \(2 times\) raises RuntimeError: "):
        assert_widening_invariant(lambda x: flat(x["2.weight"].flatten(1)), SPACE, summed=SUMMED)
    with pytest.raises(AssertionError, match="output 'output' has another shape after repeating each element of 'h'"):
        assert_widening_invariant(lambda x: x["0.bias"].flatten(1), SPACE)


def test_not_finite_wider_outputs_are_said_to_be():
    with pytest.raises(AssertionError, match="output 'output' is not finite after repeating each element of 'k'"):
        assert_widening_invariant(lambda x: x["0.bias"].mean(1) / (x["2.bias"].shape[1] < 6), SPACE)


def test_functions_that_cannot_be_judged_are_said_to_be():
    with pytest.raises(AssertionError, match="not deterministic"):
        assert_widening_invariant(lambda x: x["0.bias"].mean(1) + torch.rand(1), SPACE)


@pytest.mark.parametrize("check", [assert_widening_invariant, assert_widening_equivariant])
def test_inputs_are_as_asked_for(check):
    seen = set()

    def function(x):
        seen.add((x["0.bias"].dtype, x["0.bias"].shape[-1], x["0.bias"].shape[1]))
        return x["0.bias"].mean((1, 2)) if check is assert_widening_invariant else x

    check(function, SPACE, channels=3, dtype=torch.float64, factor={"h": 5})
    assert seen == {(torch.float64, 3, 4), (torch.float64, 3, 20)}
    steep = SOUND["small differences of large numbers"]
    with pytest.raises(AssertionError, match="tolerance 1e-12"):
        assert_widening_invariant(steep, SPACE, summed=SUMMED, tolerance=1e-12)


def test_weights_to_weights():
    """A step of training by a rule for each tensor, in the coordinates in which the width does not show."""

    def step(x):
        signs = {name: value.sign() for name, value in x.items()}
        return {name: x[name] - value for name, value in by_fan_in(signs, SPACE, SUMMED, power=-1).items()}

    assert_widening_equivariant(step, SPACE, summed=SUMMED)
    pattern = r"'h' \(2 times\) does not widen output '2\.weight' alike at \(batch, k, h, channel\) = "
    with pytest.raises(AssertionError, match=pattern):
        assert_widening_equivariant(lambda x: {n: v - v.sign() for n, v in x.items()}, SPACE, summed=SUMMED)
    with pytest.raises(AssertionError, match=r"'k' \(2 times\) does not widen output '2\.bias' alike"):
        assert_widening_equivariant(lambda x: {**x, "2.bias": x["2.bias"].roll(1, 1)}, SPACE)


def test_another_target_has_sets_and_sums_of_its_own():
    target = WeightSpace({"out": "y h"}, sets={"h": 4}, free={"y": 1})
    assert_widening_equivariant(lambda x: {"out": x["0.bias"][:, None]}, SPACE, target=target, summed={"2.weight": 1})
    summed = {"out": "h"}
    with pytest.raises(AssertionError, match="does not widen output 'out'"):
        assert_widening_equivariant(lambda x: {"out": x["0.bias"][:, None]}, SPACE, target=target, summed=summed)
    divided = lambda x: {"out": x["0.bias"][:, None] / x["0.bias"].shape[1]}  # noqa: E731
    assert_widening_equivariant(divided, SPACE, target=target, summed=summed)
    with pytest.raises(SpecificationError, match="there is no tensor 'into'"):
        assert_widening_equivariant(divided, SPACE, target=target, summed={"into": "h"})


@pytest.mark.parametrize("form", ["weights", "flat"])
def test_other_forms(form):
    """A function of one network at a time, and of rows of numbers."""
    if form == "flat":
        with pytest.raises(AssertionError, match=r"'h' \(2 times\) changes the output"):
            assert_widening_invariant(lambda rows: rows.sum(1), SPACE, summed=SUMMED, form="flat")
    else:
        assert_widening_invariant(lambda one: one["0.bias"].mean(0), SPACE, summed=SUMMED, form="weights")


@pytest.mark.parametrize("target", [None, SPACE, WeightSpace({"out": "h"}, sets={"h": 4})])
def test_the_code_in_the_message_shows_the_failure_again(target, capsys):
    if target is None:
        f = lambda x: x["2.weight"].sum((1, 2))  # noqa: E731
        with pytest.raises(AssertionError) as caught:
            assert_widening_invariant(f, SPACE, summed=SUMMED, seed=3)
    else:
        f = lambda x: {**x, "0.bias": 2 * x["0.bias"] + x["0.bias"].sum(1, keepdim=True)}  # noqa: E731
        if target != SPACE:
            whole = f
            f = lambda x: {"out": whole(x)["0.bias"]}  # noqa: E731
        with pytest.raises(AssertionError) as caught:
            assert_widening_equivariant(f, SPACE, target=target, summed=SUMMED, seed=3)
    message = str(caught.value)
    expected, got = message.split("expected ")[1].split(";")[0].split(", got ")
    code = "\n".join(line.strip() for line in message.split("to see it again:\n")[1].splitlines())
    exec(code, {"f": f, "space": SPACE, "target": target})
    shown = capsys.readouterr().out.replace("tensor(", "").replace(")", "").split()
    assert [float(one) for one in shown] == pytest.approx([float(expected), float(got)], rel=1e-3)


def test_sizes_that_the_shapes_leave_open_are_named():
    space = RESIDUAL.only(["value.bias", "queries.bias"])
    with pytest.raises(AssertionError, match=r"leave sizes open: layers read \{'head': \d, "):
        assert_widening_equivariant(layergen.EquivariantLinear(space, 1, 1), space, factor={"dv": 2})
    assert_widening_equivariant(layergen.EquivariantLinear(space, 1, 1), space, factor={"head": 3})


def test_without_sets_there_is_nothing_to_widen():
    assert_widening_invariant(lambda x: x["w"].sum(1), WeightSpace({"w": "x"}, free={"x": 3}))
