"""Genuine speech of recordings that no training heard: how it is gathered, and what is said of it."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
soundfile = pytest.importorskip("soundfile")

from truefeed.engines import WEIGHTS, load  # noqa: E402
from truefeed.stream.audio import RATE  # noqa: E402
from truefeed.stream.errors import TruefeedError  # noqa: E402
from truefeed.train.voice import recordings  # noqa: E402
from truefeed.train.voice.dataset import genuine  # noqa: E402
from truefeed.train.voice.unheard_recordings import live  # noqa: E402
from voices import voiced  # noqa: E402


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every package with one language of short words; one of the games spells it in two ways and has an empty file."""
    root = tmp_path_factory.mktemp("packages")
    for package in recordings.PACKAGES:
        if package.startswith("tuxpaint"):
            folder, names = root / package / "usr/share/tuxpaint/stamps/cats", ["cat_desc_fr.ogg", "dog_desc_fr.ogg"]
        else:
            below = "ktuberling" if package.startswith("ktuberling") else "asterisk"
            folder, names = root / package / f"usr/share/{below}/sounds/sr", ["one.wav", "two.wav"]
        folder.mkdir(parents=True)
        for number, name in enumerate(names):
            soundfile.write(folder / name, voiced(100 + 20 * number, 1.3, number), RATE)
    twin = root / "ktuberling-data/usr/share/ktuberling/sounds/sr@latin"
    twin.mkdir()
    soundfile.write(twin / "one.wav", voiced(100, 1.3, 0), RATE)
    (twin.parent / "sr" / "empty.wav").touch()
    return root


@pytest.mark.parametrize(
    ("split", "sources"), [("train", {"asterisk-sr", "ktuberling-sr"}), ("dev", {"asterisk-sr", "tuxpaint-fr"})]
)
def test_words_are_joined_to_clips_of_one_recording(
    packages: Path, tmp_path: Path, split: str, sources: set[str]
) -> None:
    assert recordings.main(["--packages", str(packages), "--split", split, "--out", str(tmp_path)]) == 0
    with (tmp_path / "manifest.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {row["source"] for row in rows} == sources
    assert not any("@" in row["path"] for row in rows)
    assert all(row["label"] == "bonafide" and row["split"] == split for row in rows)
    found = genuine(tmp_path)
    assert len(found) == len(rows)
    for clip in found:
        assert not clip.fake
        assert recordings.SHORTEST <= clip.samples.shape[1] / RATE <= recordings.LONGEST
        assert np.abs(clip.version(0)).max() > 0.01


def test_a_package_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(TruefeedError, match="asterisk-prompt-es-co"):
        recordings.main(["--packages", str(tmp_path), "--out", str(tmp_path / "out")])


def test_false_alarms_are_counted_by_package(packages: Path, tmp_path: Path) -> None:
    recordings.main(["--packages", str(packages), "--out", str(tmp_path)])
    clips, out = genuine(tmp_path), io.StringIO()
    told = live(clips, load(WEIGHTS / "voice.onnx", "cpu", threads=1), out)
    assert set(told) == {"asterisk", "tuxpaint", "all"}
    assert told["all"]["recordings"] == len({clip.source for clip in clips})
    assert told["all"]["minutes"] > 0
    assert len(out.getvalue().splitlines()) == 3
