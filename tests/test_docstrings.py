"""Public names are documented in numpydoc's sections: each parameter and no other, each error, an example."""

import ast
import builtins
import inspect
import re
import textwrap
from importlib import import_module
from pathlib import Path

import pytest
from numpydoc.docscrape import NumpyDocString, get_doc_object
from numpydoc.validate import ERROR_MSGS, validate

from tests.test_imports import ROOT

PACKAGES = (
    "symmetry",
    "symmetry.strategies",
    "layergen",
    "layergen.graph",
    "layergen.nn",
    "layergen.data",
    "layergen.training",
    "layergen.drawing",
    "layergen.report",
    "layergen.steerable",
    "layergen.tracing",
    "layergen.testing",
)
"""Where public names are looked up: in `__all__` of each."""
FOLDERS = ("symmetry", "layergen")
"""Every Python file in these says what it is for."""
OURS = ("symmetry", "layergen")

# Types stand in the signature (PR04 to PR06), docstrings begin and end beside their quotes (GL01, GL02), a function
# that returns is named and summed up by a noun, which may be a plural (SS05), and nobody needs two summaries or a list
# of other names (ES01, SA). What the Returns section holds is a type and a description (RT02 wants no type alone).
LEFT_OUT = {"GL01", "GL02", "SS05", "ES01", "PR04", "PR05", "PR06", "RT02", "SA01", "SA02", "SA03", "SA04"}
CHECKS = set(ERROR_MSGS) - LEFT_OUT


def members(cls):
    """The public methods and properties of a class that this project defines, by the class that documents them."""
    for home in cls.__mro__:
        for name, value in vars(home).items() if home.__module__.split(".")[0] in OURS else ():
            method = isinstance(value, (property, classmethod, staticmethod)) or inspect.isfunction(value)
            inherited = value.__doc__ is None and any(hasattr(base, name) for base in home.__mro__[1:])
            if method and not name.startswith("_") and not inherited:
                member = value if isinstance(value, property) else getattr(home, name)
                yield f"{home.__module__}.{home.__name__}.{name}", member


def public():
    """Public functions and classes of the packages, and the members of the classes, by module and name."""
    found = {}
    for package in PACKAGES:
        module = import_module(package)
        for name in module.__all__:
            value = getattr(module, name)
            if inspect.isclass(value) or inspect.isfunction(value):
                found[f"{value.__module__}.{name}"] = value
                found |= members(value) if inspect.isclass(value) else {}
    return found


PUBLIC = public()


def faults(value, *, example):
    """What numpydoc, and the check of errors below, find wrong with a docstring."""
    checks = CHECKS if example else CHECKS - {"EX01"}
    found = [f"{code}: {message}" for code, message in validate(get_doc_object(value))["errors"] if code in checks]
    found += [f"it raises {error} and does not say so" for error in undocumented_errors(value)]
    return found + ["a heading runs into its text"] * bool(re.search(r"\S -{3,}", value.__doc__ or ""))


def undocumented_errors(value):
    """Names of the errors that the body of a function, or of a class's constructor, raises without a Raises section."""
    documented = {one.type or one.name for one in NumpyDocString(inspect.getdoc(value) or "")["Raises"]}
    if inspect.isclass(value):
        bodies = [vars(value)[name] for name in ("__init__", "__post_init__") if name in vars(value)]
    else:
        bodies = [value.fget if isinstance(value, property) else inspect.unwrap(value)]
    return sorted({error for body in bodies for error in raised(body)} - documented)


def raised(function):
    """Names of the errors in the `raise` statements of a function; of what a function makes, what that returns."""
    function = getattr(function, "__func__", function)
    if not (ROOT / function.__code__.co_filename).is_file():
        return  # a constructor made by `dataclass`, or a strategy made by hypothesis
    for node in ast.walk(ast.parse(textwrap.dedent(inspect.getsource(function)))):
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and isinstance(node.exc.func, ast.Name):
            name = node.exc.func.id
            error = function.__globals__.get(name, getattr(builtins, name, None))
            yield name if inspect.isclass(error) else error.__annotations__["return"]


@pytest.mark.parametrize("name", PUBLIC)
def test_docstring(name):
    value = PUBLIC[name]
    is_member = isinstance(value, property) or "." in value.__qualname__
    assert not faults(value, example=not is_member)


@pytest.mark.parametrize(
    "path", [path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py"))], ids=lambda path: path.stem
)
def test_every_file_says_what_it_is_for(path: Path):
    assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))


def lacks_a_parameter(width, height):
    """Area.

    Parameters
    ----------
    width
        Metres.

    Returns
    -------
    float
        Square metres.
    """
    return width * height


def invents_a_parameter(width):
    """Half.

    Parameters
    ----------
    width
        Metres.
    height
        Metres.

    Returns
    -------
    float
        Metres.
    """
    return width / 2


def lacks_a_return():
    """Nothing in it."""
    return 2


def lacks_an_error(width):
    """Refuse.

    Parameters
    ----------
    width
        Metres.
    """
    raise ValueError(width)


def loses_a_heading():
    """Nothing at all.

    References ---------- None.
    """


def has_no_summary():
    pass


class Deep:
    """A class whose constructor raises.

    Parameters
    ----------
    depth
        Metres.
    """

    def __init__(self, depth):
        if depth < 0:
            raise ValueError(depth)

    @property
    def level(self):
        """Above."""
        raise LookupError("nothing is above")


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        (lacks_a_parameter, "PR01: Parameters {'height'} not documented"),
        (invents_a_parameter, "PR02: Unknown parameters {'height'}"),
        (lacks_a_return, "RT01: No Returns section found"),
        (lacks_an_error, "it raises ValueError and does not say so"),
        (loses_a_heading, "a heading runs into its text"),
        (has_no_summary, "GL08: The object does not have a docstring"),
        (Deep, "it raises ValueError and does not say so"),
        (Deep.level, "it raises LookupError and does not say so"),
    ],
)
def test_the_checks_find_planted_faults(value, fault):
    assert faults(value, example=False) == [fault]
    if value is lacks_a_parameter:
        assert "EX01: No examples section found" in faults(value, example=True)
