"""Training, exporting and judging the model of synthesised stills, a few steps on a handful of pictures."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
import torch
from media import portrait
from onnx import TensorProto
from truefeed.engines import Card, load
from truefeed.export import still
from truefeed.stream.models import card_of
from truefeed.train import stills, stills_data, stills_eval
from truefeed.train.networks import StillNet


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tree of pictures: the portrait in many lights; the blue ones count as synthesised."""
    root = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(0)
    for source, count in (("real/twins", 15), ("real/other", 6), ("fake/blue", 15)):
        (root / source).mkdir(parents=True)
        for number in range(count):
            image = cv2.resize(portrait(), (160, 160), interpolation=cv2.INTER_AREA) * rng.uniform(0.6, 1.2)
            image = image * np.array([1.5, 0.7, 0.7]) if source.startswith("fake") else image
            cv2.imwrite(str(root / source / f"{number}.png"), np.clip(image, 0, 255).astype(np.uint8))
    return root


def test_no_picture_is_in_two_parts(pictures: Path) -> None:
    placed = stills_data.split(pictures, ["real/other"], 12, 0)
    parts = {(p.source, p.part) for p in placed}
    assert len(placed) == 12 + 6 + 12
    assert len({p.clip.name for p in placed}) == len(placed)
    assert parts >= {("fake/blue", "train"), ("fake/blue", "tune"), ("fake/blue", "test"), ("real/other", "test")}
    assert ("real/other", "train") not in parts
    assert placed == stills_data.split(pictures, ["real/other"], 12, 0)


def test_points_follow_the_picture() -> None:
    image = np.zeros((100, 100, 3), np.uint8)
    image[40:44, 60:64] = 255
    rng = np.random.default_rng(1)
    for _ in range(8):
        (small, points) = stills_data.resized(image, np.array([[61.5, 41.5]], np.float32), float(rng.uniform(0.5, 1.2)))
        y, x = np.nonzero(small[..., 0] > 60)
        assert points[0] == pytest.approx([x.mean(), y.mean()], abs=0.6)


def test_a_model_is_trained_exported_calibrated_and_judged(
    pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, file = tmp_path / "run", tmp_path / "face-still.onnx"
    data = ["--dataset", str(pictures), "--twins", "real/twins", "--unseen", "real/other"]
    words = [*data, "--out", str(run), "--batch-size", "2", "--every", "2", "--freeze", "4", "--epochs"]
    assert stills.main([*words, "0.34"]) == 0
    assert stills.main([*words, "0.67", "--resume"]) == 0
    with (run / "curve.csv").open(newline="") as rows:
        assert [int(row["step"]) for row in csv.DictReader(rows)] == [2, 4]
    assert still.main(["--run", str(run), "--dataset", str(pictures), "--out", str(file)]) == 0
    assert file.stat().st_size < 8e6
    assert stills_eval.main([*data, "--model", str(file), "--points", str(run / "points.npz")]) == 0
    out, err = capsys.readouterr()
    said = json.loads(out)
    assert set(said["auc"]) == set(stills_data.CONDITIONS)
    assert said["called_fake"]["real/other"]["plain"][3] == 6
    assert "AUC, JPEG 75" in err
    card = card_of(load(file, "cpu"))
    assert card.task == "face-still"
    assert card.views == stills_data.VIEWS
    assert (card.calibration, card.thresholds) == (tuple(said["calibration"]), said["thresholds"])
    assert 0 < card.thresholds["real"] <= 0.5
    assert card.training["results"]["auc"] == said["auc"]


def test_the_file_has_half_the_weights_size_and_the_networks_answer(tmp_path: Path) -> None:
    torch.manual_seed(0)
    net, path = StillNet().eval(), tmp_path / "still.onnx"
    net.trunk.load_imagenet()
    crops = torch.randn(3, 3, 64, 64)
    card = Card("face-still", "test", "1", input_size=(64, 64))
    assert still.write(net, {"crops": crops}, card, path) < still.HALF_TOLERANCE
    graph = onnx.load(str(path)).graph
    large = [t for t in graph.initializer if t.data_type == TensorProto.FLOAT and np.prod(t.dims) >= 1024]
    assert large == []
    engine = load(path, "cpu")
    assert engine.card == card
    found = engine.run({"crops": crops[:2].numpy()})
    np.testing.assert_allclose(found["map"].mean((1, 2)), found["logit"], atol=1e-4)
    mirrored = engine.run({"crops": np.ascontiguousarray(crops[:2].numpy()[..., ::-1])})
    np.testing.assert_allclose(mirrored["logit"], found["logit"], atol=1e-3)
