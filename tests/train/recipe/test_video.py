"""From a labelled data set to a model that watches, by the commands of the README, on a few clips made here."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from media import Image, scene, write_clip
from truefeed.stream.cli import main
from truefeed.stream.errors import ConfigError
from truefeed.stream.scoring.models import Models, card_of
from truefeed.train.data import prepared
from truefeed.train.recipe import face_steps, judge_steps, video
from truefeed.train.recipe.face_steps import own_share
from truefeed.train.recipe.run import Run

PEOPLE = 10


def person(number: int, index: int) -> Image:
    """Draw a frame of one of several people: the portrait, mirrored, lit and coloured otherwise."""
    image = scene(index, width=320, height=240, size=230).astype(np.float32)
    image = image[:, ::-1] if number % 2 else image
    tint = 0.9 + 0.2 * np.random.default_rng(number).random(3)
    return np.clip(image * tint, 0, 255).astype(np.uint8)


def swapped(number: int, index: int) -> Image:
    """Draw the same frame with a smooth, reddish oval over the face."""
    image = person(number, index)
    mask = np.zeros(image.shape[:2], np.float32)
    cv2.ellipse(mask, (165 if number % 2 else 155, 100), (32, 44), 0, 0, 360, 1.0, -1)
    front = cv2.GaussianBlur(image, (0, 0), 1.5) * np.array([0.85, 0.95, 1.1])
    alpha = cv2.GaussianBlur(mask, (0, 0), 4)[..., None]
    return np.clip(image * (1 - alpha) + front * alpha, 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data") / "set"
    (root / "real").mkdir(parents=True)
    (root / "fake" / "Swap").mkdir(parents=True)
    shape = {"frames": 18, "fps": 10, "width": 320, "height": 240}
    for n in range(PEOPLE):
        write_clip(root / "real" / f"p{n:02d}_a.mp4", picture=lambda i, n=n: person(n, i), **shape)
        write_clip(root / "fake" / "Swap" / f"p{n:02d}_a.mp4", picture=lambda i, n=n: swapped(n, i), **shape)
    return root


@pytest.fixture(scope="module")
def ready(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("ready")
    assert main(["preprocess", "--dataset", str(data), "--output-dir", str(out), "--no-audio"]) == 0
    return out


def words(ready: Path, out: Path, *more: str) -> list[str]:
    """Return a training of one or two steps."""
    few = ["--epochs", "0.05", "--batch-size", "2", "--size", "64", "--validation", "0.5", "--workers", "0"]
    return ["train", "video", "--dataset", str(ready), "--out", str(out), *few, "--threads", "1", *more]


@pytest.fixture(scope="module")
def model(ready: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("run") / "mine"
    assert main(words(ready, out)) == 0
    return out


def test_the_prepared_set_keeps_labels_people_and_pairs(ready: Path, data: Path) -> None:
    clips = prepared.read(ready)
    assert len(clips) == 2 * PEOPLE
    fake = next(faces for faces in clips if faces.clip.fake and faces.clip.identity == "p03")
    assert (fake.clip.method, fake.clip.pair) == ("Swap", "real/p03_a.mp4")
    assert fake.clip.path == data / "fake" / "Swap" / "p03_a.mp4"
    assert len(fake.files) == len(fake.t) == len(fake.mesh()) > 3


def test_the_folder_is_a_model_that_scan_takes(model: Path, data: Path, capfd: pytest.CaptureFixture[str]) -> None:
    names = {path.name for path in model.iterdir()}
    made = {"face.onnx", "face-window.onnx", "README.md", "evaluation.html", "evaluation.json", "training"}
    assert names == made
    assert main(["scan", "--json", "--model", str(model), str(data / "real" / "p00_a.mp4")]) == 0
    said = json.loads(capfd.readouterr().out)
    assert said["model"]["name"].startswith("mine ")
    assert 0 <= said["fake_probability"] <= 1
    assert main(["watch", str(data / "real" / "p00_a.mp4"), "--pace", "fast", "--json", "--model", str(model)]) == 0
    assert '"event":"verdict"' in capfd.readouterr().out


def test_people_that_are_held_back_set_the_thresholds(model: Path) -> None:
    split = json.loads((model / "training" / "split.json").read_text())
    people = {part: {Path(name).stem for name in split[part]} for part in ("train", "validation")}
    assert len(people["train"]) == len(people["validation"]) == PEOPLE // 2
    assert not people["train"] & people["validation"]
    window = card_of(Models.load("cpu", face_model=model).face_window)
    assert window.training["calibrated"]["on"] == "videos of people held back"
    assert window.training["calibrated"]["genuine"] == PEOPLE // 2
    assert set(window.thresholds) == {"fake", "real", "alert", "clear"}
    result = json.loads((model / "evaluation.json").read_text())
    assert result["selection"]["split"] == "validation"
    assert result["by_method"]["Swap"]["fake"] == PEOPLE // 2
    card = (model / "README.md").read_text()
    assert "people held back" in card
    assert f"| Swap | {PEOPLE // 2} | {PEOPLE // 2} |" in card


def test_the_same_command_goes_on_where_it_stopped(
    model: Path, ready: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    done = model / "training" / "done.json"
    before, held = done.read_text(), json.loads(done.read_text())
    done.write_text(json.dumps({name: held[name] for name in ("split", "start", "encoder", "head", "export")}))
    assert main(words(ready, model)) == 0
    said = capsys.readouterr().err
    assert "[3/7] encoder: done before" in said
    assert "[6/7] thresholds\n" in said
    assert json.loads(done.read_text()).keys() == json.loads(before).keys()
    assert main(words(ready, model, "--seed", "2")) == 2
    assert "begun with other settings (seed was 1, is 2): take another --out" in capsys.readouterr().err


def test_without_labelled_fakes_pseudo_fakes_set_the_thresholds(data: Path, tmp_path: Path) -> None:
    small, ready = tmp_path / "small", tmp_path / "ready"
    (small / "real").mkdir(parents=True)
    for path in sorted((data / "real").iterdir())[:3]:
        (small / "real" / path.name).symlink_to(path)
    assert main(["preprocess", "--dataset", str(small), "--output-dir", str(ready), "--no-audio"]) == 0
    run = Run(video.parse(words(ready, tmp_path / "plain", "--no-fakes", "--from-scratch")[2:]))
    run.work.mkdir(parents=True)
    for step in (face_steps.split, face_steps.start, face_steps.encoder, face_steps.head):
        step(run)
    assert not (run.work / "start.pt").exists()
    found = judge_steps.guess(run)
    assert found.report["pseudo_fakes"] >= found.report["genuine"] > 0
    assert found.thresholds["real"] <= found.thresholds["fake"] <= found.thresholds["alert"]


def test_what_cannot_be_trained_on_is_told(ready: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"not prepared: run truefeed preprocess --dataset DATA"):
        video.main(["--dataset", str(tmp_path), "--out", str(tmp_path / "model")])
    with pytest.raises(ConfigError, match=r"--hold-out Other: the data set's methods are Swap"):
        video.main([*words(ready, tmp_path / "model", "--hold-out", "Other")[2:]])


def test_the_help_names_the_command_as_it_was_typed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "video", "--help"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("usage: truefeed train video [-h] --dataset DIR")
    assert "python -m" not in said


def test_the_share_of_own_statistics_is_found_in_the_history() -> None:
    assert own_share({"command": {"before": {"command": {"own": "0.25"}}, "lr": "1"}}) == 0.25
    assert own_share({"command": {}}) == 0.0


def test_an_encoder_learns_from_labelled_fakes(model: Path) -> None:
    state = torch.load(model / "training" / "encoder.pt", weights_only=True)
    assert state["command"]["labelled_share"] == "0.5"
    assert float(state["command"]["share"]) in (0.5, 0.75, 1.0)
