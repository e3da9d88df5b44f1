"""The one error class: what a message shows, and in which order."""

from symmetry import SpecificationError


def test_a_message_shows_what_it_is_given_and_nothing_else():
    assert str(SpecificationError("wrong")) == "wrong"
    assert str(SpecificationError("wrong", remedy="right")) == "wrong\nright"
    assert str(SpecificationError("wrong", place="a.toml", part="[sets]")) == "a.toml: [sets]: wrong"


def test_carets_stand_under_the_token_and_there_is_at_least_one():
    def shown(text, start, end):
        return str(SpecificationError("wrong", text=text, start=start, end=end)).splitlines()[1:]

    assert shown("h\tk x", 2, 5) == ["    h k x", "      ^^^"]
    assert shown("h", 1, 1) == ["    h", "     ^"]
    assert shown("h k", 2, None) == ["    h k", "      ^"]


def test_a_location_is_filled_in_where_there_is_none():
    error = SpecificationError("wrong", part="[sets]", text="h k", start=2, end=3, remedy="right")
    located = error.located(place="a.toml", part="[free]")
    assert str(located) == "a.toml: [sets]: wrong\n    h k\n      ^\nright"
    assert str(SpecificationError("wrong").located(place="a.toml", part="[free]")) == "a.toml: [free]: wrong"
    assert str(located.located(place="b.toml")) == str(located)
