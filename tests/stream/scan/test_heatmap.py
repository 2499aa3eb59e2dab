"""`truefeed scan --explain`: where the evidence lies, as a picture."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from clips import face_picture, moving_face, write_video
from models import write_models, write_still
from truefeed.stream.cli import main
from truefeed.stream.scan.heatmap import draw


def _scan(capsys: pytest.CaptureFixture[str], *words: object) -> list[dict]:  # type: ignore[type-arg]
    assert main(["scan", *map(str, words), "--json"]) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_each_face_gets_its_most_suspicious_frame(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "m").mkdir()
    model = write_models(tmp_path / "m")
    # To these models the brighter is the more fake: the light comes on in the second second.
    light = [0.5 if number < 12 else 1.6 for number in range(24)]
    frames = [np.clip(f * x, 0, 255).astype(np.uint8) for f, x in zip(moving_face(2, fps=12), light, strict=True)]
    clip = write_video(tmp_path / "a clip.mp4", frames, fps=12)
    cv2.imwrite(str(tmp_path / "wall.png"), np.full((300, 400, 3), 128, np.uint8))
    folder, page = tmp_path / "new" / "heat", tmp_path / "report.html"
    words = (clip, tmp_path / "wall.png", "--model", model, "--explain", folder, "--report", page)
    video, wall = _scan(capsys, *words)
    (face,) = video["faces"]
    heatmap = Path(face["heatmap"])
    assert heatmap.parent == folder
    assert heatmap.name.startswith("a_clip-")
    assert [p.name for p in folder.iterdir()] == [heatmap.name]
    assert wall["faces"] == []
    sheet = cv2.imread(str(heatmap))
    assert sheet is not None
    crop = sheet[:320, :320]
    assert crop.mean() > 100  # a bright frame, not one of the dark ones at the start
    assert 'src="data:image/png;base64,' in page.read_text()
    assert _scan(capsys, *words, "--jobs", "2")[0]["faces"] == video["faces"]


def test_a_synthesised_face_shows_the_evidence_of_that(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = write_models(tmp_path, gain=1.0, calibration=(1.0, -3.0))
    write_still(tmp_path / "face-still.onnx")
    cv2.imwrite(str(tmp_path / "p.png"), np.clip(face_picture() * 1.8, 0, 255).astype(np.uint8))
    (told,) = _scan(capsys, tmp_path / "p.png", "--model", model, "--explain", tmp_path / "heat")
    assert told["faces"][0]["evidence"] == "synthesised"
    sheet = cv2.imread(told["faces"][0]["heatmap"])
    assert sheet is not None
    plain, marked = sheet[:320, :320].astype(int), sheet[:320, 328:].astype(int)
    assert np.abs(plain - marked).mean() > 20


def test_colours_stand_for_probabilities() -> None:
    crop = np.full((64, 64, 3), 120, np.uint8)
    evidence = np.full((4, 4), -12.0, np.float32)
    evidence[:, 2:] = 12.0
    sheet = draw(crop, evidence, "Face 1", "Evidence").astype(int)
    left, right = sheet[20:300, 340:440], sheet[20:300, 540:640]
    assert np.abs(left - 120).max() < 6  # no evidence: as it is
    assert np.abs(right - 120).mean() > 40


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").touch()
    assert main(["scan", str(tmp_path), "--explain", str(tmp_path / "file" / "heat")]) == 2
    assert "--explain" in capsys.readouterr().err
