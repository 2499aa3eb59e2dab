"""Fakes of a kind that no training makes, and the encoders that are judged by them."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from faces import other, stretch
from models import write_models
from truefeed.train.data.dev_clips import Table
from truefeed.train.face import dev_auc
from truefeed.train.face.dev_auc import Clips
from truefeed.train.face.fake_clips import Coding
from truefeed.train.face.heldout_fakes import KINDS, keep

_FINE = Coding("libx264", {"preset": "ultrafast", "crf": "10"}, 1.0, 0.0)


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    table = Table()
    keep(table, "dev/real/1.mp4", stretch(), other(), _FINE, 5)
    path = tmp_path_factory.mktemp("unseen") / "unseen.npz"
    table.save(path)
    return path


def test_every_kind_of_fake_is_kept_beside_the_genuine_frames(judged: Path) -> None:
    clips = Clips.read(judged)
    names, counts = np.unique(clips.clip, return_counts=True)
    assert set(names) == {"dev/real/1.mp4", *(f"dev/real/1.mp4#{kind}" for kind in KINDS)}
    assert set(counts) == {3}
    assert list(clips.label) == [0] * 3 + [1] * 12
    assert set(clips.method[3:]) == set(KINDS)
    assert set(clips.target) == {"p"}
    images = [np.asarray(cv2.imdecode(png, cv2.IMREAD_COLOR), int) for png in clips.png]
    genuine = np.stack(images[:3])
    for kind in KINDS:
        fakes = np.stack([images[i] for i in np.flatnonzero(clips.method == kind)])
        change = np.abs(fakes - genuine).max(3)
        assert change.max() > 25, kind
        assert change[:, :6, :6].mean() < 4, kind  # corners are touched by the codec only


def test_the_same_seed_makes_the_same_fakes(judged: Path, tmp_path: Path) -> None:
    table = Table()
    keep(table, "dev/real/1.mp4", stretch(), other(), _FINE, 5)
    table.save(tmp_path / "again.npz")
    for one, two in zip(Clips.read(judged).png, Clips.read(tmp_path / "again.npz").png, strict=True):
        np.testing.assert_array_equal(one, two)


def test_an_exported_encoder_is_judged_too(judged: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert dev_auc.main(["--dev", str(judged), "--encoder", str(write_models(tmp_path))]) == 0
    lines = capsys.readouterr().out.split()
    assert lines[::2] == [*sorted(KINDS), "all"]
    assert all(0 <= float(value) <= 1 for value in lines[1::2])
