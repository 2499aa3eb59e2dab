"""Answers of left-out folds become observations that calibration and the suite read."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch
from truefeed.stream.errors import ConfigError
from truefeed.stream.faces.motion_features import COLUMNS
from truefeed.train.common.loop import save
from truefeed.train.eval import calibrate, suite_face
from truefeed.train.eval.replay import Judgement
from truefeed.train.face import answers
from truefeed.train.face.checkpoints import read_head
from truefeed.train.face.networks import HeadSettings, WindowHead

CLIPS = 24


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two folds; each leaves out half of the clips of a page with originals, of one without, and of other people."""
    out = tmp_path_factory.mktemp("folds")
    rng = np.random.default_rng(0)
    rows = []
    for number in range(CLIPS):
        page = ("modern/pairs", "modern/bare", "people")[number % 3]
        for label in {"modern/pairs": (0, 1), "modern/bare": (1,), "people": (0,)}[page]:
            for t in range(3):
                rows.append((f"{page}/{number}_{label}.mp4", label, f"{page}{number}", float(t), number % 2))
    clip, label, identity, t, fold = (np.array([row[i] for row in rows]) for i in range(5))
    frames = 3.0 * label - 1 + rng.normal(0, 0.3, len(rows))
    said = np.where(fold == np.arange(2)[:, None], frames, np.nan)
    columns = {"clip": clip, "label": label, "method": clip, "identity": identity, "t": t}
    motion = np.zeros((len(rows), COLUMNS), np.float32)
    before = np.where(np.isnan(said), said, -frames)
    np.savez(out / "answers.npz", chosen=said, before=before, motion=motion, **columns)
    head = WindowHead(HeadSettings())
    save(out / "head.pt", {"settings": asdict(head.settings), "model": head.state_dict(), "command": {}})
    for name, which in (("left-out.json", "chosen"), ("before.json", "before")):
        words = ["--answers", str(out / "answers.npz"), "--said", which, "--head", str(out / "head.pt")]
        assert answers.main([*words, "--out", str(out / name)]) == 0
    return out


def test_a_clip_is_told_by_the_mean_of_its_frames_so_far(folder: Path) -> None:
    head = read_head(folder / "head.pt")
    frames, times = np.array([1.0, 3.0, -1.0], np.float32), np.array([0.0, 0.5, 1.0], np.float32)
    with torch.no_grad():
        got = answers.so_far(head, frames, np.zeros((3, COLUMNS), np.float32), times)
    assert got == pytest.approx([1.0, 2.0, 1.0])


def test_observations_can_be_calibrated_on(folder: Path) -> None:
    rows = json.loads((folder / "left-out.json").read_text())
    assert len(rows) == CLIPS // 3 * 4
    found = calibrate.fit(rows, false_positives=0.01)
    assert found.report["auc"] > 0.95
    assert found.calibration[0] > 0


def test_the_suite_tells_groups_beside_their_own_or_other_people_and_what_was_before(folder: Path) -> None:
    judgement = Judgement(2.0, -1.0)
    after, before = (suite_face.answers(folder / name, judgement) for name in ("left-out.json", "before.json"))
    rows = {row.group: row for row in suite_face.left_out(after, before)}
    assert set(rows) == {"pairs", "bare", "mean over groups"}
    assert rows["pairs"].note == "beside its own genuine clips; before 0.000"
    assert rows["bare"].note == "beside other people; before 0.000"
    assert (rows["bare"].n_genuine, rows["bare"].n_fake, rows["bare"].auc) == (8, 8, 1.0)
    assert {row.group for row in suite_face.false_alarms(after)} == {"all genuine", "pairs", "people"}
    found = list(suite_face.found_in_time(after))
    assert {row.condition for row in found} == {"1% of genuine clips flagged", "5% of genuine clips flagged"}
    assert all(row.called_fake_fake == 1 for row in found)


def test_missing_answers_say_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"face\.answers"):
        suite_face.answers(tmp_path / "left-out.json", Judgement(1.0, 0.0))
