"""Public code is imported from a folder that is named, and leaves nothing behind."""

import sys

import pytest

from papers.published import Absent, Published


@pytest.fixture
def clones(tmp_path):
    """Two clones with a package of one name each, one of which needs what is not installed."""
    for name, value in (("one", 1), ("two", 2)):
        package = tmp_path / name / "shared"
        package.mkdir(parents=True)
        (package / "__init__.py").write_text("")
        (package / "inner.py").write_text(f"value = {value}\n")
        (package / "outer.py").write_text("from shared.inner import value\n\n\ndef later():\n    return value\n")
    (tmp_path / "two" / "needy.py").write_text("from not_there.at_all import Thing\nimport shared.outer\n")
    return Published(tmp_path)


def test_clones_with_a_package_of_one_name_are_apart(clones):
    found = []
    for name in ("owner/one", "owner/two", "owner/one"):
        with clones.importing(name) as module:
            found.append(module("shared.outer"))
    assert [module.later() for module in found] == [1, 2, 1]
    assert found[0] is found[2], "the code of a clone is run once"


def test_nothing_is_left_behind(clones):
    modules, path = dict(sys.modules), list(sys.path)
    with clones.importing("owner/one") as module:
        module("shared.outer")
        assert "shared.outer" in sys.modules
    assert sys.modules == modules
    assert sys.path == path


def test_modules_of_the_same_name_come_back(clones, monkeypatch):
    own = Absent("shared")
    monkeypatch.setitem(sys.modules, "shared", own)
    with clones.importing("owner/one") as module:
        assert module("shared.inner").value == 1
    assert sys.modules["shared"] is own


def test_what_is_not_installed_can_be_stood_in_for(clones):
    absent = {name: Absent(name) for name in ("not_there", "not_there.at_all")}
    with pytest.raises(ImportError), clones.importing("owner/two") as module:
        module("needy")
    with clones.importing("owner/two", absent) as module:
        thing = module("needy").Thing
    with pytest.raises(ImportError, match=r"not_there\.at_all\.Thing is called, and not_there is not installed"):
        thing()
    assert "not_there" not in sys.modules


def test_a_clone_that_is_not_there_is_an_error(clones):
    with pytest.raises(FileNotFoundError, match=r"git clone .*/owner/three"), clones.importing("owner/three"):
        pass
    assert Published().clone("owner/one") is None
    assert clones.reason("owner/one") is None
