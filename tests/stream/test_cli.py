"""The command line as a user meets it: help, versions, wrong words and exit codes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from importlib.metadata import entry_points, version
from pathlib import Path

import pytest
from truefeed.stream.cli import main

COMMANDS = ["watch", "scan", "bench", "doctor"]


def _run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = main(words)
    out, err = capsys.readouterr()
    return code, out, err


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(capsys, "--version") == (0, f"truefeed {version('truefeed')}\n", "")


def test_the_help_lists_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = _run(capsys, "--help")
    assert code == 0
    assert all(f"\n    {command} " in out for command in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_explains_itself_within_the_width(capsys: pytest.CaptureFixture[str], command: str) -> None:
    code, out, _ = _run(capsys, command, "--help")
    assert code == 0
    assert out.startswith(f"usage: truefeed {command} ")
    assert max(map(len, out.splitlines())) <= 112


def test_help_needs_nothing_heavy() -> None:
    code = (
        "import sys; from truefeed.stream.cli import main; main(['--help']); print([m for m in sys.modules], sep=' ')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"'cv2'", "'av'", "'torch'", "'onnxruntime'", "'numpy'"} & set(
        done.stdout.splitlines()[-1][1:-1].split(", ")
    )


def test_nothing_asked_is_answered_with_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = _run(capsys)
    assert (code, out) == (2, "")
    assert "watch" in err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["wacth"], "invalid choice: 'wacth'"),
        (["watch"], "no SOURCE given: try `truefeed watch 0`"),
        (["watch", "a.mp4", "--alert-at", "7"], "--alert-at: must be a probability from 0 to 1, not '7'"),
        (
            ["watch", "a.mp4", "--alert-at", "0.3", "--clear-at", "0.5"],
            "clear-at (0.5) must not be above alert-at (0.3)",
        ),
        (["watch", "a.mp4", "--stall", "-1"], "--stall: must be a number of seconds above 0, not '-1'"),
        (["watch", "a.mp4", "--metrics-port", "70000"], "--metrics-port: must be a port"),
        (["watch", "a.mp4", "--engine", "abacus"], "--engine: invalid choice: 'abacus'"),
        (["watch", "a.mp4", "--config", "absent.yaml"], "absent.yaml: no such file"),
        (["watch", "a.mp4", "b.mp4", "--mic"], "--mic goes with one SOURCE"),
        (["scan"], "name a PATH or a --list of what is to be judged"),
        (["scan", "a.mp4", "--jobs", "0"], "--jobs: must be a number from 1 to 64"),
    ],
)
def test_wrong_words_are_usage_errors(capsys: pytest.CaptureFixture[str], words: list[str], message: str) -> None:
    code, out, err = _run(capsys, *words)
    assert (code, out) == (2, "")
    assert message in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["watch", "{clip}", "--faces", "oracle"], "oracle"),
        (["watch", "{clip}", "--model", "absent.onnx"], "absent.onnx: no such model file"),
        (["watch", "absent.mp4"], "absent.mp4: no such file"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    clip = tmp_path / "x.mp4"
    clip.write_bytes(b"x")
    code, out, err = _run(capsys, *(word.format(clip=clip) for word in words))
    assert code != 0
    assert out == ""
    assert any(line.startswith("truefeed: ") and message in line for line in err.splitlines())
    assert "Traceback" not in err


def test_a_closed_pipe_is_no_error() -> None:
    done = subprocess.run(
        f"{sys.executable} -m truefeed.stream doctor --json | true",
        shell=True,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""


def test_commands_that_live_above_are_found_by_their_entry_point(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = _run(capsys, "--help")
    for entry in entry_points(group="truefeed.commands"):
        assert f"\n    {entry.name} " in out


def test_a_command_without_its_packages_names_the_extra(tmp_path: Path) -> None:
    """A real interpreter in which torch is not installed."""
    (tmp_path / "torch.py").write_text("raise ModuleNotFoundError('No module named torch', name='torch')\n")
    done = subprocess.run(
        [sys.executable, "-m", "truefeed.stream", "train", "voice", "--dataset", str(tmp_path), "--out", str(tmp_path)],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("truefeed: ")
    assert done.stderr.endswith("torch is not installed: pip install 'truefeed[train]'\n")


@pytest.mark.parametrize(
    "module",
    ["truefeed.stream.cli", "argparse", "truefeed.stream.commands.watch", "numpy.linalg", "cv2", "av.packet"],
)
def test_an_interrupt_while_the_program_is_being_loaded_is_quiet(module: str) -> None:
    """The signal comes from within the import of a module, as early as the program's own first one."""
    code = (
        "import os, signal, sys\n"
        "class Interrupting:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == sys.argv[1]:\n"
        "            os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.meta_path.insert(0, Interrupting())\n"
        "from truefeed.stream.__main__ import main\n"
        "sys.exit(main(['watch', 'absent.mp4']))\n"
    )
    done = subprocess.run([sys.executable, "-c", code, module], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGINT, "", "")
