"""Long films are looked at by samples: how many, which, and that nothing is passed over."""

from __future__ import annotations

import threading
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from clips import moving_face, write_video
from models import write_models
from truefeed.stream.scan.probe import Found
from truefeed.stream.scan.scanner import judge
from truefeed.stream.scan.skim import EVERY, RUN, SHORT, Skim
from truefeed.stream.scoring.models import Models
from truefeed.stream.scoring.window import GAP
from truefeed.stream.sources import SourceOptions
from truefeed.stream.sources.file import FileSource
from truefeed.stream.types import FaceVerdict, Frame, Image, Verdict

FPS = 12


def _plain() -> Image:
    return np.zeros((64, 64, 3), np.uint8)


def _chosen(skim: Skim, seconds: float, fake: tuple[float, float] | None = None) -> list[float]:
    """Return the times of the pictures that are looked at; between the two times of fake a face is called fake."""
    chosen = []
    for number in range(round(seconds * 25)):
        t = number / 25
        if skim.wants(t, _plain):
            chosen.append(t)
            p = 0.95 if fake is not None and fake[0] <= t < fake[1] else 0.3
            face = FaceVerdict(1, p, "uncertain", (), (0.0, 0.0, 1.0, 1.0))
            skim.saw(Verdict("", t, p, "uncertain", (), None, (face,), None))
    return chosen


def _skim(length: float | None, **more: Any) -> Skim:
    skim = Skim(0.9, **more)
    skim.length = length
    return skim


def test_a_long_film_is_looked_at_in_short_runs_of_all_its_pictures() -> None:
    chosen = _chosen(_skim(60), 60)
    apart = [b - a for a, b in pairwise(chosen)]
    assert len(chosen) == pytest.approx(60 * 25 * RUN / EVERY, rel=0.1)
    assert {round(gap, 2) for gap in apart if gap < 1} == {0.04}
    assert max(apart) < GAP  # a window of faces goes on
    assert chosen[-1] > 60 - EVERY


def test_a_short_film_is_looked_at_in_full_and_so_is_any_where_that_is_asked() -> None:
    assert len(_chosen(_skim(SHORT), SHORT)) == SHORT * 25
    assert len(_chosen(_skim(60, every_frame=True), 60)) == 60 * 25
    unknown = _chosen(_skim(None), 60)
    assert sum(t < SHORT for t in unknown) == SHORT * 25  # of a length that is not known it may be short
    assert len(unknown) < 30 * 25


def test_where_it_looks_suspicious_no_pause_is_made_up_to_what_decides() -> None:
    short = _chosen(_skim(60), 60, fake=(20, 24))
    assert sum(20 <= t < 24 for t in short) == 4 * 25
    assert sum(t < 20 or t > 27 for t in short) < 0.4 * 60 * 25
    assert len(_chosen(_skim(60), 60, fake=(0, 60))) < 60 * 25 / 2


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty seconds of one dim face, in which it is bright for five, and then a shot of something else."""
    pictures = [picture // 4 for picture in moving_face(40, fps=FPS, size=(320, 180))]
    bright = moving_face(5, fps=FPS, size=(320, 180))
    pictures[21 * FPS : 26 * FPS] = [np.clip(picture.astype(int) + 90, 0, 255).astype(np.uint8) for picture in bright]
    stripes = np.zeros((180, 320, 3), np.uint8)
    stripes[:, :160] = 255
    pictures += [stripes] * FPS
    return write_video(tmp_path_factory.mktemp("film") / "long.mp4", pictures, fps=FPS)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Models:
    return Models.load("cpu", face_model=write_models(tmp_path_factory.mktemp("model")))


def test_a_part_that_is_fake_is_not_passed_over(film: Path, models: Models) -> None:
    sample, every = (judge(Found(film, named=True), models, every_frame=whole) for whole in (False, True))
    assert sample is not None
    assert every is not None
    assert sample.sampled is not None
    assert sample.sampled["frames"] == 41 * FPS
    assert sample.sampled["looked_at"] < 41 * FPS * 0.65
    assert every.sampled is None
    assert sample.seconds == every.seconds == pytest.approx(41, abs=0.2)
    assert sample.unreadable == every.unreadable
    assert len(sample.faces) == len(every.faces)
    assert max(point["fake"] for point in sample.timeline) > 0.8
    assert sample.fake_probability == pytest.approx(every.fake_probability, abs=0.1)
    assert sample.status == every.status


def test_each_shot_is_looked_at_from_its_beginning(film: Path) -> None:
    skim = Skim(0.9)
    source = FileSource(film, SourceOptions(pace="fast"), chooser=skim)
    shown = [(item.t, skim.cut()) for item in source.items(threading.Event()) if isinstance(item, Frame)]
    assert 40.0 in [round(t, 1) for t, cut in shown if cut]
    assert skim.told() == {"frames": 41 * FPS, "looked_at": len(shown), "run": RUN, "every": EVERY}
