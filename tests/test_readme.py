"""The README tells what the program does: help, commands, reasons and links are checked against the code."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from truefeed.stream.commands.options import parser
from truefeed.stream.config.build import build
from truefeed.stream.faces.quality import REASONS

ROOT = Path(__file__).parents[1]
DOCS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
README = DOCS[0].read_text()


def test_the_help_is_the_real_one() -> None:
    command = [sys.executable, "-m", "truefeed.stream", "watch", "--help"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    # From the arguments on: each version of Python breaks the usage line elsewhere.
    said = said[said.index("positional arguments:") :]
    assert said.rstrip() in README, "paste the output of `truefeed watch --help` into the README"


@pytest.mark.parametrize(
    "line", sorted(set(re.findall(r"^truefeed (?:watch|scan|bench|doctor)[^#|\n]*", README, re.M)))
)
def test_every_command_shown_is_one(line: str) -> None:
    parser().parse_args(line.split()[1:])


def test_every_reason_is_explained() -> None:
    rows = re.findall(r"^\| (`[^|]*) \|", README, re.M)
    explained = {name for row in rows for name in re.findall(r"`([a-z-]+)`", row)}
    assert set(REASONS) - explained == set()


@pytest.mark.parametrize("path", DOCS, ids=lambda path: path.name)
def test_links_lead_somewhere(path: Path) -> None:
    targets = [t.partition("#")[0] for t in re.findall(r"\]\(([^)]+)\)", path.read_text()) if "://" not in t]
    assert [t for t in targets if t and not (path.parent / t).exists()] == []


def test_the_commands_of_the_first_screen_exist() -> None:
    scripts = re.findall(r"^bash (\S+)$", README, re.M)
    assert len(scripts) == 2
    for script in scripts:
        assert subprocess.run(["bash", "-n", script], cwd=ROOT, check=False).returncode == 0


def test_the_configuration_file_shown_is_a_valid_one(tmp_path: Path) -> None:
    shown = re.search(r"```yaml\n(.*?)```", (ROOT / "docs" / "sources.md").read_text(), re.DOTALL)
    assert shown is not None
    file = tmp_path / "streams.yaml"
    file.write_text(shown[1])
    assert [stream.name for stream in build([], {}, file).streams] == ["front door", "desk"]
