"""The model of synthesised stills from pictures to an exported file, on a handful of pictures."""

from __future__ import annotations

import csv
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
import torch
from clips import write_video
from media import portrait
from onnx import TensorProto
from truefeed.engines import load
from truefeed.export import still
from truefeed.export.halve import HALF_TOLERANCE
from truefeed.stream.errors import ConfigError
from truefeed.stream.faces.align import face_px
from truefeed.stream.scoring.models import card_of
from truefeed.train.common.metrics import auc
from truefeed.train.face.efficientnet_lite import EfficientNetLite
from truefeed.train.synthetic import bank, dataset, from_still, reading, suite, threshold
from truefeed.train.synthetic.bank import Bank
from truefeed.train.synthetic.dataset import Still
from truefeed.train.synthetic.networks import Moments, StillReader

STAGES = ["2", "3"]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures of two roads, the blue and the red ones synthesised, genuine ones beside them, and a genuine clip."""
    root = tmp_path_factory.mktemp("data")
    rng, rows = np.random.default_rng(0), []
    groups = (
        ("one/real", 4, "", None),
        ("one/fake", 3, "Blue", 0),
        ("two/real", 4, "", None),
        ("two/fake", 3, "Red", 2),
    )
    for folder, count, generator, channel in (*groups, ("real/other", 4, "", None)):
        (root / "faces" / folder).mkdir(parents=True)
        for number in range(count):
            image = cv2.resize(portrait(), (320, 320), interpolation=cv2.INTER_AREA) * rng.uniform(0.6, 1.1)
            if channel is not None:
                image[..., channel] *= 1.6
            name = f"{folder}/{number}.png"
            cv2.imwrite(str(root / "faces" / name), np.clip(image, 0, 255).astype(np.uint8))
            rows.append({"path": name, "label": "fake" if generator else "real", "generator": generator})
    _manifest(root / "faces", rows)
    (root / "clips" / "people").mkdir(parents=True)
    write_video(root / "clips" / "people" / "a.mp4", [portrait()] * 4)
    _manifest(root / "clips", [{"path": "people/a.mp4", "label": "real", "generator": ""}])
    return root


def _manifest(folder: Path, rows: list[dict[str, str]]) -> None:
    with (folder / "manifest.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)


@pytest.fixture(scope="module")
def folds(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bank and a reading of it."""
    out = tmp_path_factory.mktemp("folds")
    assert bank.main(["--data", str(data), "--out", str(out / "stills"), "--draws", "2"]) == 0
    words = ["--data", str(data), "--bank", str(out / "stills"), "--stages", *STAGES, "--ridge", "0.1", "1"]
    assert reading.main([*words, "--out", str(out / "stills.pt")]) == 0
    return out


def test_pictures_and_frames_are_read_with_their_roads(data: Path, folds: Path) -> None:
    stills = dataset.read(data, folds / "stills")
    roads = {(s.road, s.source, s.generator) for s in stills}
    assert roads >= {("one", "one/fake", "Blue"), ("two", "two/real", ""), ("real", "real/other", "")}
    frames = [s for s in stills if s.road == "clips"]
    assert [s.name for s in frames] == ["people/a.mp4#0", "people/a.mp4#1"]
    assert len({s.person for s in frames}) == 1


def test_points_follow_the_picture() -> None:
    image = np.zeros((100, 100, 3), np.uint8)
    image[40:44, 60:64] = 255
    rng = np.random.default_rng(1)
    for _ in range(8):
        (small, points) = dataset.resized(image, np.array([[61.5, 41.5]], np.float32), float(rng.uniform(0.5, 1.2)))
        y, x = np.nonzero(small[..., 0] > 60)
        assert points[0] == pytest.approx([x.mean(), y.mean()], abs=0.6)


def test_of_a_large_picture_only_what_is_around_the_face_is_kept(tmp_path: Path) -> None:
    points = np.array([[-0.158, -0.128], [0.157, -0.129], [0, 0.051], [-0.129, 0.236], [0.131, 0.234]], np.float32)
    points = points * 600 + 1000
    cv2.imwrite(str(tmp_path / "large.png"), np.zeros((2000, 2000, 3), np.uint8))
    named = Still(tmp_path / "large.png", "large.png", False, "", "real", "real", "a", points)
    image, moved = dataset.load(named)
    assert max(image.shape) < 900
    assert face_px(moved) == pytest.approx(300, abs=2)


def _table(rng: np.random.Generator) -> reading.Table:
    """Two generators that share one trace, beside genuine pictures: the first of four numbers tells."""
    stills, rows = [], []
    for road, generator in (("one", "A"), ("two", "B")):
        for number in range(60):
            fake = number % 2 == 0
            name = f"{road}/{number}"
            stills.append(Still(Path(), name, fake, generator if fake else "", road, road, name, np.zeros((0, 2))))
            rows.append(rng.normal(np.array([2.0 * fake, 0, 5.0 * (road == "two"), 0])))
    x = np.array(rows, np.float32)
    of = np.arange(len(stills))
    return reading.Table.of(Bank(stills, x, of, x, np.stack([of, np.zeros_like(of)], 1)), 0)


def test_a_trace_that_generators_share_is_found_in_the_one_left_out() -> None:
    table = _table(np.random.default_rng(0))
    for name, said in reading.left_out(table, 0.1).items():
        assert auc(*reading.within(table, name, said, 0)) > 0.85
    assert np.isfinite(reading.crossed(table, 0.1)).all()


def test_generators_weigh_alike_and_no_left_out_picture_weighs() -> None:
    table = _table(np.random.default_rng(0))
    learnt = np.ones(len(table.fake), bool)
    learnt[table.generator == "A"] = table.half[table.generator == "A"] == 0
    weight = reading.weights(table, learnt)
    assert not weight[~learnt].any()
    sums = [weight[table.generator == name].sum() for name in ("A", "B")]
    assert sums == pytest.approx([0.5, 0.5])
    assert weight[~table.fake].sum() == pytest.approx(1)


def test_no_source_of_genuine_pictures_is_called_fake_more_often() -> None:
    table = _table(np.random.default_rng(3))
    said = reading.crossed(table, 0.1)
    (a, b), thresholds = reading.calibration(table, [said])
    fake = 1 / (1 + np.exp(-(a * said + b))) >= thresholds["fake"]
    assert fake[~table.fake].mean() <= 0.02
    assert 0 < thresholds["real"] <= 0.5


def test_a_map_has_the_mean_of_its_logit() -> None:
    torch.manual_seed(0)
    moments = Moments([EfficientNetLite().eval()], (1, 3, 5)).eval()
    crops = torch.randn(2, 3, 192, 192)
    found = moments(crops)
    width = found.shape[1]
    net = StillReader(moments, found.mean(0), torch.ones(width), torch.randn(width) / 9, torch.tensor(0.5)).eval()
    logit, parts = net(crops)
    assert parts.shape == (2, 12, 12)
    expected = ((found - net.centre).clamp(-6, 6) * net.weight).sum(1) + 0.5
    torch.testing.assert_close(logit, expected, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(parts.mean((1, 2)), logit, atol=1e-4, rtol=1e-4)


def test_a_reading_is_exported_with_its_card(folds: Path, tmp_path: Path) -> None:
    file = tmp_path / "face-still.onnx"
    words = ["--reading", str(folds / "stills.pt"), "--bank", str(folds / "stills")]
    assert still.main([*words, "--out", str(file)]) == 0
    state = torch.load(folds / "stills.pt", weights_only=True)
    large = [t for t in onnx.load(str(file)).graph.initializer if np.prod(t.dims) >= 1024]
    assert {t.data_type for t in large} == {TensorProto.FLOAT16}
    engine = load(file, "cpu")
    card = card_of(engine)
    assert (card.task, card.views) == ("face-still", still.VIEWS)
    assert card.calibration == tuple(state["calibration"])
    assert set(card.training["results"]["left_out"]) == {"Blue", "Red"}
    crops = torch.randn(2, 3, 192, 192)
    net = still.read(state)
    with torch.no_grad():
        expected = (net(crops)[0] + net(crops.flip(3))[0]) / 2
    found = engine.run({"crops": crops.numpy()})
    np.testing.assert_allclose(found["logit"], expected.numpy(), atol=HALF_TOLERANCE)
    np.testing.assert_allclose(found["map"].mean((1, 2)), found["logit"], atol=1e-3)


def test_the_suite_tells_what_was_left_out(data: Path, folds: Path) -> None:
    with (folds / "log.txt").open("w") as err:
        result = suite.measure(data, folds, err)
    rows = {(row.measure, row.group, row.condition) for row in result.rows}
    assert ("left out", "Blue", "half size, JPEG 75") in rows
    assert ("known generator, other pictures", "Red", "plain") in rows
    assert ("as shipped, joined", "Blue", "plain") in rows
    assert ("false alarms", "real/other", "") in rows
    assert all(row.n_genuine == 4 for row in result.rows if row.measure == "left out")
    with pytest.raises(ConfigError, match=r"train\.synthetic\.reading"):
        suite.measure(data, folds / "nowhere", None)  # type: ignore[arg-type]


def test_only_the_first_still_model_gives_trunks(tmp_path: Path) -> None:
    other = tmp_path / "other.onnx"
    onnx.save(onnx.helper.make_model(onnx.helper.make_graph([], "none", [], [])), str(other))
    with pytest.raises(ConfigError, match=r"version 0\.1\.0"):
        from_still.trunks(other)


def test_the_threshold_lies_beyond_genuine_pictures_that_were_not_learnt_from(data: Path, folds: Path) -> None:
    stills = dataset.read(data, folds / "stills")
    with pytest.raises(ConfigError, match="all genuine pictures"):
        threshold.apart(stills, folds / "stills", 9)
    part = folds / "part"
    part.mkdir()
    np.savez(part / "index.npz", names=["real/other/0.png"])
    assert [s.name for s in threshold.apart(stills, part, 2)] == ["real/other/1.png", "real/other/2.png"]
