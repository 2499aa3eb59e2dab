"""`truefeed extension`: what it writes, and into what it does not."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import zipfile
from pathlib import Path

import pytest
from truefeed.stream.cli import main
from truefeed.stream.extension.folder import write

FOLDER = Path(__file__).parents[3] / "stream" / "extension" / "unpacked"
FILES = {path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*") if path.is_file()}


def contents(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_the_command_writes_a_folder_and_an_archive(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "a" / "extension"
    assert main(["extension", "--out", str(out)]) == 0
    assert contents(out) == FILES
    assert set(zipfile.ZipFile(out.with_name("extension.zip")).namelist()) == FILES
    said = capsys.readouterr()
    assert said.out == ""
    assert str(out) in said.err
    assert "Load unpacked" in said.err


def test_an_earlier_version_is_renewed_and_nothing_of_the_users_is_lost(tmp_path: Path) -> None:
    write(tmp_path / "e")
    (tmp_path / "e" / "notes.txt").write_text("mine")
    (tmp_path / "e" / "page" / "watch.js").write_text("old")
    write(tmp_path / "e")
    assert (tmp_path / "e" / "page" / "watch.js").read_text() == (FOLDER / "page" / "watch.js").read_text()
    assert (tmp_path / "e" / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize("manifest", [None, "{", "[]", '{"name": "another", "key": "MIIB"}'])
def test_what_holds_something_else_is_left_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], manifest: str | None
) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    if manifest is not None:
        (tmp_path / "manifest.json").write_text(manifest)
    before = contents(tmp_path)
    assert main(["extension", "--out", str(tmp_path)]) == 1
    assert main(["extension", "--out", str(tmp_path / "thesis.txt")]) == 1
    assert main(["extension", "--out", str(tmp_path / "thesis.txt" / "deeper")]) == 1
    assert contents(tmp_path) == before
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 3
    assert all(str(tmp_path) in line for line in lines)


def test_what_the_manifest_names_is_there() -> None:
    manifest = json.loads((FOLDER / "manifest.json").read_text())
    named = [manifest["background"]["service_worker"], manifest["side_panel"]["default_path"]]
    named += manifest["icons"].values()
    for scripts in manifest["content_scripts"]:
        named += scripts["js"]
        assert set(scripts["matches"]) <= set(manifest["host_permissions"])
    assert set(named) <= FILES
    for page in FOLDER.rglob("*.html"):
        for target in re.findall(r"(?:src|href)=\"([^\"]+)\"", page.read_text()):
            assert (page.parent / target).is_file(), (page, target)
    for module in FOLDER.rglob("*.js"):
        for target in re.findall(r"^import .* from \"([^\"]+)\"", module.read_text(), re.M):
            assert (module.parent / target).is_file(), (module, target)


def test_the_server_knows_the_extension_by_its_key() -> None:
    options = pytest.importorskip("truefeed.stream.web.options")
    key = base64.b64decode(json.loads((FOLDER / "manifest.json").read_text())["key"])
    name = "".join(chr(ord("a") + int(digit, 16)) for digit in hashlib.sha256(key).hexdigest()[:32])
    assert f"chrome-extension://{name}" == options.EXTENSION


def test_it_speaks_to_no_address_of_its_own_accord() -> None:
    known = re.compile(r"https?://(localhost|127\.0\.0\.1)\b")
    for path in (*FOLDER.rglob("*.js"), *FOLDER.rglob("*.html"), *FOLDER.rglob("*.css")):
        named = [found[0] for found in re.finditer(r"(?:https?|wss?)://[\w.]+", path.read_text())]
        assert [one for one in named if not known.match(one)] == [], path
