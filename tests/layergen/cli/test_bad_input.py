"""The command line given what it cannot use: one clear message, exit status 2, and no file touched."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

import layergen
import symmetry
from layergen.cli.files import check_output
from tests.layergen.cli.commands import fill, run, snapshot


@pytest.fixture
def folder(tmp_path, monkeypatch):
    return fill(tmp_path, monkeypatch)


BAD_INPUT = [
    ("show", "nowhere.toml", "nowhere.toml: cannot be read: No such file"),
    ("show", "", "cannot be read"),
    ("show", "folder", "folder: cannot be read: Is a directory"),
    ("show", "mlp.toml/inside", "cannot be read: Not a directory"),
    ("show", "x" * 5000, "cannot be read: File name too long"),
    ("dims", "empty.toml", "empty.toml: there is no [tensors] section"),
    ("dims", "binary.toml", "binary.toml: not UTF-8 text"),
    ("dims", "malformed.toml", "malformed.toml: line 1 is not TOML"),
    ("dims", "unknown.toml", "unknown.toml: unknown section [sizes]"),
    ("dims", "zero.toml", "zero.toml: [sets]: the size of 'h1' is 0"),
    ("dims", "undeclared.toml", "    h2 h3\n       ^^\ndeclare it"),
    ("dims", "mlp.toml", "--json", "--target", "nowhere.toml", "nowhere.toml: cannot be read"),
    ("dims", "mlp.toml", "--target", "other.toml", "'h1' is 5 in [sets] of the target"),
    ("dims", "mlp.toml", "--target", "head.toml", "--invariant", "--target and --invariant are both given"),
    ("dims", "mlp.toml", "--frobnicate", "No such option"),
    ("dims", "Missing argument"),
    ("frobnicate", "No such command"),
    ("generate", "mlp.toml", "--name", "1st", "--output", "kept.py", "'1st' is not a class name"),
    ("generate", "mlp.toml", "--name", "class", "--output", "kept.py", "'class' is not a class name"),
    ("generate", "mlp.toml", "--output", "kept.py", "Missing option '--name'"),
    ("generate", "mlp.toml", "--name", "A", "Missing option '--output'"),
    ("generate", "mlp.toml", "--name", "A", "--output", "nowhere/a.py", "nowhere/a.py: cannot be written: there is no"),
    ("generate", "mlp.toml", "--name", "A", "--output", "mlp.toml/a.py", "there is no folder 'mlp.toml'"),
    ("generate", "mlp.toml", "--name", "A", "--output", "folder", "folder: cannot be written: it is a folder"),
    ("generate", "mlp.toml", "--name", "A", "--output", "", "cannot be written: it is a folder"),
    ("generate", "mlp.toml", "--name", "A", "--output", os.devnull, "it is not a regular file"),
    ("generate", "mlp.toml", "--name", "A", "--output", "x" * 300, "cannot be written: file name too long"),
    ("generate", "large.toml", "--name", "A", "--output", "kept.py", "more than the limit of 100,000"),
    ("generate", "mlp.toml", "--name", "A", "--output", "kept.py", "--limit", "9", "more than the limit of 9"),
    ("generate", "mlp.toml", "--name", "A", "--output", "kept.py", "--limit", "0", "--limit"),
    ("generate", "zero.toml", "--name", "A", "--output", "kept.py", "the size of 'h1' is 0"),
    ("draw", "mlp.toml", "--output", "kept.py", "kept.py: cannot be written: .py is not .png or .svg"),
    ("draw", "mlp.toml", "--output", "a", "no suffix is not .png or .svg"),
    ("draw", "mlp.toml", "--output", "nowhere/a.png", "there is no folder 'nowhere'"),
    ("draw", "mlp.toml", "--output", "a.png", "--block", "0.bias", "nothing", "there is no tensor 'nothing'"),
    ("draw", "mlp.toml", "--output", "a.png", "--block", "0.bias", "--block"),
    ("draw", "large.toml", "--output", "a.png", "--block", "w", "w", "more than the limit of 100,000"),
    (
        *("trace", "nets.py:Noisy", "--input", "x=2", "--input", "y=3", "--input", "x=4", "--output", "a.toml"),
        "--input: 'x' is given twice, as 'x=2' and as 'x=4'",
    ),
    ("check", "nets.py", "mlp.toml", "'nets.py' names no object"),
    ("check", "nets.py:", "mlp.toml", "names no object"),
    ("check", ":equivariant", "mlp.toml", "names no object"),
    ("check", "nowhere.py:net", "mlp.toml", "nowhere.py: there is no such file"),
    ("check", "no_such_module:net", "mlp.toml", "there is no module 'no_such_module'"),
    ("check", "missing_import:net", "mlp.toml", "ModuleNotFoundError: No module named 'no_such_package'"),
    ("check", "missing_import.py:net", "mlp.toml", "missing_import.py, line 1)"),
    ("check", "quits.py:net", "mlp.toml", "loading 'quits.py' raised SystemExit: 7"),
    (
        "check",
        "syntax.py:net",
        "mlp.toml",
        "loading 'syntax.py' raised SyntaxError: invalid syntax (syntax.py, line 1)",
    ),
    ("check", "nets.py:nothing", "mlp.toml", "'nets.py:nothing' has no 'nothing'\nit has equivariant"),
    ("check", "nets.py:number", "mlp.toml", "'nets.py:number' is 3, not a function on features"),
    ("check", "nets.py:Demanding", "mlp.toml", "is the class Demanding, which needs arguments"),
    ("check", "nets.py:broken_factory", "mlp.toml", "raised RuntimeError: no weights here ("),
    ("check", "nets.py:broken", "mlp.toml", "on features raised KeyError: '3.weight' ("),
    ("check", "nets.py:broken", "mlp.toml", "--json", "on features raised KeyError: '3.weight' ("),
    ("check", "nets.py:equivariant", "zero.toml", "the size of 'h1' is 0"),
    ("check", "nets.py:equivariant", "mlp.toml", "--channels", "0", "--channels"),
]


@pytest.mark.parametrize("case", BAD_INPUT, ids=lambda case: " ".join(case)[:60])
def test_bad_input_is_one_message_and_exit_status_2(folder, case):
    *arguments, message = case
    before = snapshot(folder)
    result = run(*arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert message in result.stderr
    assert "Traceback" not in result.stderr
    assert snapshot(folder) == before


def test_the_message_is_that_of_the_error(folder):
    with pytest.raises(symmetry.SpecificationError) as error:
        symmetry.load("undeclared.toml")
    assert run("show", "undeclared.toml").stderr == f"{error.value}\n"


ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(layergen.__file__).parents[1])}
COMMAND = [sys.executable, "-m", "layergen"]


def process(*arguments, stdout=subprocess.PIPE):
    """A command run through the entry point itself, as a shell would."""
    command = [*COMMAND, *arguments]
    return subprocess.run(command, stdout=stdout, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT, check=False)


@pytest.mark.parametrize("command", ["show", "dims", "dims --verify", "dims --verify --json"])
@pytest.mark.parametrize("free", [1, 10**20], ids=["large sets", "large sets and free indices"])
def test_sets_of_any_size_have_dimensions(folder, command, free):
    Path("huge.toml").write_text(f'[sets]\nh = {10**20}\n[free]\nx = {free}\n[tensors]\nw = "h h x"\nb = "h"\n')
    name, *options = command.split()
    result = run(name, "huge.toml", *options)
    assert result.exception is None, result.exception
    assert (result.exit_code, result.stderr) == (0, "")


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("check", "4 × 100,000,000,000,000,000,000 numbers, too many for any memory\ndeclare smaller sets"),
        ("coverage", "entries, more than 50,000,000\ndiagrams do not depend on sizes: give shrink=True (--shrink)"),
    ],
)
def test_features_that_fit_into_no_memory_are_refused(folder, command, message):
    Path("huge.toml").write_text(f'[sets]\nh = {10**20}\n[tensors]\nb = "h"\n')
    result = run(command, "nets.py:equivariant", "huge.toml")
    assert result.exit_code == 2
    assert message in result.stderr


def test_a_process_without_traceback(folder):
    result = process("dims", "zero.toml")
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr == "zero.toml: [sets]: the size of 'h1' is 0\nsizes are integers of at least 1\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
@pytest.mark.parametrize("options", [[], ["--json"]])
def test_a_full_disk_is_no_traceback(folder, options):
    with Path("/dev/full").open("w") as full:
        result = process("dims", "mlp.toml", *options, stdout=full)
    assert result.returncode == 2
    assert result.stderr == "the system refused: [Errno 28] No space left on device\n"


WRITING = [("--help",), ("show", "mlp.toml"), ("dims", "mlp.toml"), ("dims", "mlp.toml", "--json")]


@pytest.mark.parametrize("arguments", WRITING, ids=" ".join)
def test_a_pipe_that_nobody_reads_ends_quietly(folder, arguments):
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as pipe:
        result = process(*arguments, stdout=pipe)
    assert (result.returncode, result.stderr) == (1, "")


@pytest.mark.parametrize("arguments", WRITING, ids=" ".join)
def test_an_output_that_is_closed_is_no_traceback(folder, arguments):
    shell = ["sh", "-c", 'exec "$@" >&-', "sh", *COMMAND, *arguments]
    result = subprocess.run(shell, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT, check=False)
    assert (result.returncode, result.stderr) == (0, "")


INTERRUPTED = """
import signal, sys
sys.argv = ["layergen", "dims", "mlp.toml", "--verify"]
from layergen.cli import main

class Interrupting:
    \"\"\"Sends the signal of Ctrl-C where a module is about to be imported.\"\"\"

    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            signal.raise_signal(signal.SIGINT)

sys.meta_path.insert(0, Interrupting())
main()
"""


@pytest.mark.parametrize("module", ["layergen.cli.application", "typer", "symmetry.language.errors", "torch"])
def test_an_interrupt_during_imports_ends_quietly(folder, module):
    command = [sys.executable, "-c", INTERRUPTED.format(module=module)]
    result = subprocess.run(command, capture_output=True, text=True, env=ENVIRONMENT, check=False)
    assert (result.returncode, result.stdout, result.stderr) == (130, "", "")


def test_outputs_keep_links_and_permissions(folder):
    Path("kept.py").chmod(0o640)
    Path("link.py").symlink_to("kept.py")
    assert run("generate", "mlp.toml", "--name", "Layer", "--output", "link.py").exit_code == 0
    assert Path("link.py").is_symlink()
    assert "class Layer" in Path("kept.py").read_text()
    assert stat.S_IMODE(Path("kept.py").stat().st_mode) == 0o640


def test_a_link_to_a_file_that_is_not_there_yet_is_written_through(folder):
    Path("link.py").symlink_to("folder/new.py")
    assert run("generate", "mlp.toml", "--name", "Layer", "--output", "link.py").exit_code == 0
    assert Path("link.py").is_symlink()
    assert "class Layer" in Path("folder/new.py").read_text()


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("nowhere/new.py", "it is a link to 'nowhere/new.py', and there is no folder '{folder}/nowhere'"),
        ("link.py", "it is a link to 'link.py', which leads back to itself"),
    ],
)
def test_a_link_that_leads_nowhere_is_named(folder, target, message):
    Path("link.py").symlink_to(target)
    before = snapshot(folder)
    result = run("generate", "mlp.toml", "--name", "Layer", "--output", "link.py")
    assert result.exit_code == 2
    assert result.stderr.startswith(f"link.py: cannot be written: {message.format(folder=folder.resolve())}\n")
    assert snapshot(folder) == before


def refuse(*arguments, **options):
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize("function", ["pathlib.Path.replace", "shutil.copymode"])
def test_a_failed_write_leaves_everything_as_it_was(folder, monkeypatch, function):
    before = snapshot(folder)
    monkeypatch.setattr(function, refuse)
    result = run("generate", "mlp.toml", "--name", "Layer", "--output", "kept.py")
    assert result.exit_code == 2
    assert result.stderr.startswith("kept.py: cannot be written: no space left on device\n")
    assert snapshot(folder) == before


def test_an_output_that_may_not_be_written_is_refused(folder, monkeypatch):
    monkeypatch.setattr("os.access", lambda *arguments: False)
    with pytest.raises(symmetry.SpecificationError, match=r"^kept.py: cannot be written: permission denied"):
        check_output(Path("kept.py"))


@pytest.mark.parametrize("option", [[], ["--target", "other.toml"]])
def test_a_specification_is_never_overwritten(folder, option):
    (folder / "other.toml").write_text((folder / "mlp.toml").read_text())
    name = option[1] if option else "mlp.toml"
    before = (folder / name).read_bytes()
    result = run("generate", "mlp.toml", "--name", "Layer", "--output", name, *option)
    assert result.exit_code == 2
    assert "it is the specification itself" in result.stderr
    assert (folder / name).read_bytes() == before
