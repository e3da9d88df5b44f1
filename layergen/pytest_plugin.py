"""The pytest plugin: a marker that names a weight space, and fixtures that test layers against that space.

    @pytest.mark.weight_space("mlp.toml")
    def test_my_layer(assert_equivariant):
        assert_equivariant(MyLayer(4, 4))

pytest loads the plugin by itself where `layergen` is installed. Torch is imported when the first fixture is used.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from symmetry import WeightSpace

__all__ = [
    "assert_equivariant",
    "assert_function_preserved",
    "assert_invariant",
    "assert_no_more_symmetric",
    "coverage",
    "pytest_configure",
    "weight_space",
]

MARKER = "weight_space(specification): the weight space of a test, a WeightSpace or a TOML file beside the test"


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker `weight_space` with pytest.

    Parameters
    ----------
    config
        The configuration of the test run.
    """
    config.addinivalue_line("markers", MARKER)


@pytest.fixture
def weight_space(request: pytest.FixtureRequest) -> WeightSpace:
    """The weight space that the test's marker names; the test fails where it names none."""
    from symmetry import SpecificationError, WeightSpace, load

    marker = request.node.get_closest_marker("weight_space")
    arguments = () if marker is None else (*marker.args, *marker.kwargs.values())
    if len(arguments) != 1:
        pytest.fail("mark the test: @pytest.mark.weight_space('spec.toml'), or with a WeightSpace", pytrace=False)
    (given,) = arguments
    if isinstance(given, WeightSpace):
        return given
    try:
        return load(Path(request.path).parent / given)
    except (SpecificationError, OSError) as error:
        pytest.fail(str(error), pytrace=False)


@pytest.fixture
def assert_equivariant(weight_space: WeightSpace) -> Callable[..., Any]:
    """`layergen.testing.assert_equivariant` for the test's weight space: call it with a layer."""
    from layergen import testing

    return partial(testing.assert_equivariant, space=weight_space)


@pytest.fixture
def assert_invariant(weight_space: WeightSpace) -> Callable[..., Any]:
    """`layergen.testing.assert_invariant` for the test's weight space: call it with a layer."""
    from layergen import testing

    return partial(testing.assert_invariant, space=weight_space)


@pytest.fixture
def assert_no_more_symmetric(weight_space: WeightSpace) -> Callable[..., Any]:
    """`layergen.testing.assert_no_more_symmetric` for the test's weight space: call it with a layer."""
    from layergen import testing

    return partial(testing.assert_no_more_symmetric, space=weight_space)


@pytest.fixture
def assert_function_preserved(weight_space: WeightSpace) -> Callable[..., Any]:
    """`layergen.testing.assert_function_preserved` for the test's weight space: call it with a module and inputs."""
    from layergen import testing

    def preserved(module: Any, inputs: Any, **options: Any) -> None:
        __tracebackhide__ = True
        testing.assert_function_preserved(module, weight_space, inputs, **options)

    return preserved


@pytest.fixture
def coverage(weight_space: WeightSpace) -> Callable[..., Any]:
    """`layergen.testing.coverage` for the test's weight space: call it with a linear layer."""
    from layergen import testing

    return partial(testing.coverage, space=weight_space)
