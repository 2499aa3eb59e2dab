"""Faces that were synthesised as a whole: asked of still pictures, joined with the evidence of manipulation."""

from __future__ import annotations

import json
import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from clips import face_picture, write_video
from hypothesis import given
from hypothesis import strategies as st
from models import write_models, write_still
from truefeed.engines import WEIGHTS, load
from truefeed.stream.cli import main
from truefeed.stream.faces import quality
from truefeed.stream.faces.align import square
from truefeed.stream.faces.tiled_detection import find
from truefeed.stream.scan.probe import Found
from truefeed.stream.scan.scanner import Job, judge
from truefeed.stream.scoring.face_scorer import blob
from truefeed.stream.scoring.models import card_of
from truefeed.stream.scoring.synthetic_scorer import StillScorer, Synthesis, join, of_one_picture, parts, views
from truefeed.stream.types import FaceVerdict
from truefeed.train.data import datasets
from truefeed.train.eval.observe import observe
from truefeed.train.eval.replay import Judgement, outcome

DATA = Path(os.environ.get("TRUEFEED_DATA", Path(__file__).parents[4] / "shared" / "data"))


def face(fake: float, status: str, *reasons: str) -> FaceVerdict:
    return FaceVerdict(1, fake, status, reasons, (0.0, 0.0, 0.0, 0.0))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("manipulated", "synthesised", "fake", "status", "evidence"),
    [
        (face(0.1, "real"), Synthesis(0.1, "real"), 0.1, "real", None),
        (face(0.1, "real"), Synthesis(0.98, "fake"), 0.98, "fake", "synthesised"),
        (face(0.98, "fake"), Synthesis(0.05, "real"), 0.947, "fake", "manipulated"),
        # That nothing was rendered does not deny that something was blended, of which one picture tells little.
        (face(0.95, "fake"), Synthesis(0.1, "real"), 0.808, "uncertain", "manipulated"),
        (face(0.5, "uncertain", "borderline"), Synthesis(0.1, "real"), 0.1, "uncertain", None),
        (face(0.1, "real"), Synthesis(0.8, "uncertain"), 0.8, "uncertain", "synthesised"),
        (face(0.1, "real"), Synthesis(0.25, "uncertain"), 0.25, "uncertain", None),
    ],
)
def test_a_face_is_fake_where_either_kind_of_evidence_is(
    manipulated: FaceVerdict, synthesised: Synthesis, fake: float, status: str, evidence: str | None
) -> None:
    joined = join(manipulated, synthesised, 0.9, 0.3)
    assert joined.fake == pytest.approx(fake, abs=1e-3)
    assert joined.status == status
    assert joined.reasons == (("borderline",) if status == "uncertain" else ())
    assert parts(manipulated, synthesised, joined, 0.9)["evidence"] == evidence


@given(st.floats(0, 1), st.floats(0, 1))
def test_no_kind_of_evidence_lowers_another(manipulated: float, synthesised: float) -> None:
    known, whole = (quality.judge(p, (), 0.9, 0.3) for p in (manipulated, synthesised))
    joined = join(face(manipulated, known[0], *known[1]), Synthesis(synthesised, whole[0]), 0.9, 0.3)
    assert joined.fake == max(of_one_picture(manipulated, 0.9), synthesised)
    assert (joined.status == "fake") == (of_one_picture(manipulated, 0.9) >= 0.9 or whole[0] == "fake")
    assert (joined.status == "real") == (known[0] == whole[0] == "real")


def test_doubts_about_the_picture_stay() -> None:
    joined = join(face(0.2, "uncertain", "blurred"), Synthesis(0.99, "fake"), 0.9, 0.3)
    assert (joined.status, joined.reasons) == ("uncertain", ("blurred",))
    assert joined.fake == 0.99


@pytest.fixture
def model(tmp_path: Path) -> Path:
    # To the model of manipulated faces every face is genuine, to that of synthesised ones the bright one is fake.
    path = write_models(tmp_path, gain=1.0, calibration=(1.0, -3.0))
    write_still(tmp_path / "face-still.onnx")
    return path


def lit(factor: float) -> np.ndarray:
    return np.clip(face_picture() * factor, 0, 255).astype(np.uint8)


def test_scan_tells_which_evidence_there_is(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, factor in (("dark", 0.3), ("bright", 1.8)):
        cv2.imwrite(str(tmp_path / f"{name}.png"), lit(factor))
    cv2.imwrite(str(tmp_path / "tiny.png"), cv2.resize(lit(1.8), (150, 150), interpolation=cv2.INTER_AREA))
    write_video(tmp_path / "bright.mp4", [lit(1.8)] * 30)
    names = ["dark.png", "bright.png", "tiny.png", "bright.mp4"]
    words = ["scan", *(str(tmp_path / n) for n in names), "--model", str(model)]
    assert main([*words, "--json"]) == 0
    dark, bright, tiny, video = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    (one,), (other,) = dark["faces"], bright["faces"]
    assert (dark["status"], one["evidence"]) == ("real", None)
    assert one["manipulated"] < 0.1 > one["synthesised"]
    assert (bright["status"], other["evidence"]) == ("fake", "synthesised")
    assert bright["fake_probability"] >= other["synthesised"] > 0.8 > 0.2 > other["manipulated"]
    assert len(bright["model"]["still_sha256"]) == 64
    # Neither a face that is too small nor a video is asked.
    for told in (tiny, video):
        assert "synthesised" not in told["faces"][0]
        assert told["fake_probability"] < 0.2
    assert main(words) == 0
    assert "(synthesised as a whole)" in capsys.readouterr().out


def test_the_mean_of_all_views_counts(model: Path) -> None:
    models = Job(model=model).load()
    assert models.still is not None
    (found, *_) = find(models.detector, face_picture())
    # Only what the widest view shows around the face is lit.
    x, y, side = square(found.points)
    image = np.full_like(face_picture(), 255)
    inner = np.s_[round(y - side * 0.4) : round(y + side * 0.4), round(x - side * 0.4) : round(x + side * 0.4)]
    image[inner] = 20
    card = card_of(models.still)
    shown = views(image, found.points, card)
    wide, near = (float(models.still.run({"crops": blob([view], card)})["logit"][0]) for view in shown)
    assert wide > near + 2
    seen = StillScorer(models.still).see(image, found.points)
    assert seen is not None
    crop, logit, evidence = seen
    assert (crop == shown[0]).all()
    assert logit == pytest.approx((wide + near) / 2, abs=1e-3)
    assert float(evidence.mean()) == pytest.approx(logit, abs=1e-3)


def test_an_evaluation_judges_a_picture_as_scan_does(model: Path, tmp_path: Path) -> None:
    models = Job(model=model).load()
    for factor in (0.3, 1.2, 1.8):
        path = tmp_path / f"{factor}.png"
        cv2.imwrite(str(path), lit(factor))
        report = judge(Found(path, named=True), models)
        assert report is not None
        said = outcome(observe(path, models), Judgement.of(models))
        assert said.status == report.status
        assert said.fake == pytest.approx(report.fake_probability, abs=1e-3)


@pytest.mark.skipif(not (WEIGHTS / "face-still.onnx").is_file(), reason="no such weights are shipped")
def test_the_shipped_model_leaves_a_portrait_genuine() -> None:
    models = Job().load()
    assert models.still is not None
    (found, *_) = find(models.detector, face_picture())
    seen = StillScorer(models.still).see(face_picture(), found.points)
    assert seen is not None
    crop, logit, evidence = seen
    assert crop.shape == (*load("face-still.onnx", "cpu").card.input_size, 3)  # type: ignore[union-attr]
    assert logit == pytest.approx(float(evidence.mean()), abs=0.05)
    assert StillScorer(models.still).judge(logit).status != "fake"


@pytest.mark.skipif(
    not (WEIGHTS / "face-still.onnx").is_file() or not (DATA / "faces" / "generated").is_dir(),
    reason="no such weights, or no pictures to judge",
)
def test_the_shipped_model_tells_each_generator_from_genuine_pictures_of_its_road() -> None:
    models = Job().load()
    assert models.still is not None
    scorer = StillScorer(models.still)
    known: dict[tuple[str, str], list[float]] = {}
    for clip in datasets.read(DATA / "faces"):
        road, said = clip.name.split("/")[0], known.setdefault((clip.name.split("/")[0], clip.method), [])
        if road == "real" or len(said) >= 8:
            continue
        image = np.asarray(cv2.imread(str(clip.path)), np.uint8)
        for found in find(models.detector, image)[:1]:
            seen = scorer.see(image, found.points)
            assert seen is not None
            said.append(seen[1])
    for (road, method), fakes in known.items():
        if road != "real" and method != "genuine":
            assert np.median(fakes) > np.median(known[road, "genuine"]), method
