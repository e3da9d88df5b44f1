"""Code that shows a failure again, to be pasted where `f` and `space` (and `target`) are known."""

from __future__ import annotations

from layergen.testing.forms import FORMS
from layergen.testing.subject import Subject
from layergen.testing.verdict import Verdict, with_code

__all__ = ["reproducible"]


def reproducible(verdict: Verdict, subject: Subject, channels: int, seed: int) -> Verdict:
    """The verdict with code that shows the failure again, given `f` and `space`."""
    into = subject.target
    own = into in (None, subject.space)
    dtype = next(iter(subject.features.values())).dtype
    lines = [f"g = symmetry.element({'space' if own else 'symmetry.joint_space(space, target)'}, {verdict.moved})"]
    if subject.form.name != "features":
        target = "" if own else ", target=target"
        form = repr(subject.form.name) if FORMS.get(subject.form.name) is subject.form else "form"
        lines.append(f"f = layergen.testing.adapted(f, space, {form}{target})")
    options = f"{channels}, batch={verdict.batch}, seed={seed}, dtype={dtype}"
    lines.append(f"x = layergen.testing.random_features(space, {options})")
    moved = "g.on(space).act(x, channels=True)"
    expected = "f(x)" if into is None else f"g.on({'space' if own else 'target'}).act(f(x), channels=True)"
    output = "" if into is None and verdict.tensor == "output" else f"[{verdict.tensor!r}]"
    index = ", ".join(map(str, verdict.entry or ()))
    ending = f"{output}[{index}]" if index else output
    lines.append(f"print({expected}{ending}, f({moved}){ending})")
    return with_code(verdict, lines)
