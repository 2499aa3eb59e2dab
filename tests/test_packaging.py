"""What is installed: truefeed and nothing else, complete, importable without anything heavy."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from importlib.metadata import version
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
LAYERS = ("engines", "export", "stream", "train")
HEAVY = ["cuda", "insightface", "onnxruntime", "openvino", "tensorrt", "tensorrt_rtx", "torch", "torchvision"]
OPTIONAL = [
    *HEAVY,
    "aiohttp",
    "aiortc",
    "argon2",
    "fastapi",
    "uvicorn",
    "matplotlib",
    "mss",
    "PySide6",
    "Xlib",
    "onnxscript",
    "pyaudio",
    "ray",
    "skimage",
    "soundfile",
]
PROGRAMS = ("stream/screen/overlay.py", "stream/screen/x11_windows.py")
"Of the extras `overlay` and `screen`: parts of programs of their own, which run only where those are installed."


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[set[str], set[str], set[str]]:
    """Build from a clean copy; return the names in the sources' packages, in the wheel and in the sdist."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a checkout")
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    copy = tmp_path_factory.mktemp("source")
    files = {name for name in listed if name and (ROOT / name).is_file()}
    for name in files:
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, copy / name)
    code = "from setuptools import build_meta as b; b.build_sdist('dist'); b.build_wheel('dist')"
    done = subprocess.run([sys.executable, "-c", code], cwd=copy, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (wheel,), (sdist,) = ([p.name for p in (copy / "dist").glob(kind)] for kind in ("*.whl", "*.tar.gz"))
    with zipfile.ZipFile(copy / "dist" / wheel) as archive:
        in_wheel = set(archive.namelist())
    with tarfile.open(copy / "dist" / sdist) as tar:
        in_sdist = {name.partition("/")[2] for name in tar.getnames()}
    return {n for n in files if n.split("/")[0] in LAYERS}, in_wheel, in_sdist


def test_the_wheel_holds_truefeed_and_nothing_else(built: tuple[set[str], set[str], set[str]]) -> None:
    sources, wheel, _ = built
    assert {name.split("/")[0] for name in wheel} == {"truefeed", f"truefeed-{PROJECT['project']['version']}.dist-info"}
    missing = {f"truefeed/{name}" for name in sources} - wheel
    assert missing == set(), "add the sub-package or the package-data to pyproject.toml"


def test_the_sdist_can_be_worked_with(built: tuple[set[str], set[str], set[str]]) -> None:
    sources, _, sdist = built
    wanted = {"run_stream.py", "README.md", "LICENSE", "CHANGELOG.md", "pyproject.toml", "tests/run.sh", ".ci/run"}
    assert (wanted | {"examples/demo.sh", "examples/setup.sh"} | sources) - sdist == set()


def test_every_module_imports_without_the_optional_packages() -> None:
    modules = [
        "truefeed." + ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for layer in ("engines", "stream")
        for path in sorted((ROOT / layer).rglob("*.py"))
        if path.name != "__main__.py"
        and "web" not in path.parts  # of the extra `web`, all of it
        and str(path.relative_to(ROOT)) not in PROGRAMS
    ]
    # A finder, not None in sys.modules: scipy looks there for torch and trips over a None.
    code = f"""
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {OPTIONAL!r}:
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Absent())
for name in {modules!r}:
    __import__(name)
try:
    import truefeed.stream.web
except ImportError as error:
    assert "pip install 'truefeed[web]'" in str(error), error
else:
    raise AssertionError("imported without its packages")
"""
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_live_core_does_not_load_what_is_heavy_before_it_is_needed() -> None:
    code = (
        f"import sys, truefeed.stream.cli, truefeed.stream.commands.watch; print(*sys.modules.keys() & {set(HEAVY)!r})"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, ""), done.stderr


def test_every_extra_that_a_message_names_exists() -> None:
    texts = {path: path.read_text() for layer in LAYERS for path in (ROOT / layer).rglob("*.py")}
    texts[ROOT / "README.md"] = (ROOT / "README.md").read_text()
    named = {
        (path.name, extra.strip())
        for path, text in texts.items()
        for extras in re.findall(r"truefeed\[([\w, -]+)\]|MissingExtraError\(\s*\"[^\"]+\",\s*\"([\w-]+)\"", text)
        for extra in ",".join(extras).split(",")
        if extra.strip()
    }
    known = set(PROJECT["project"]["optional-dependencies"])
    assert {(where, extra) for where, extra in named if extra not in known} == set()
    assert len(named) > 3


def test_the_version_is_one_and_in_the_changelog() -> None:
    assert version("truefeed") == PROJECT["project"]["version"]
    assert f"## [{version('truefeed')}]" in (ROOT / "CHANGELOG.md").read_text()


def test_torch_is_pinned_and_only_for_training_and_export() -> None:
    extras = PROJECT["project"]["optional-dependencies"]
    assert [name for name, needs in extras.items() if any(n.startswith("torch") for n in needs)] == ["train", "export"]
    assert {n for needs in extras.values() for n in needs if n.startswith("torch")} == {"torch==2.13.0"}
