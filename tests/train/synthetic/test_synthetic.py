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
from truefeed.engines import load
from truefeed.export import still
from truefeed.export.halve import HALF_TOLERANCE
from truefeed.stream.errors import ConfigError
from truefeed.stream.scoring.models import card_of
from truefeed.train.face.pairs import normalise
from truefeed.train.synthetic import bank as stills_bank
from truefeed.train.synthetic import cross_validate, dataset, evaluate, fit, train


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
    placed = dataset.split(pictures, ["real/other"], 12, 0)
    parts = {(p.source, p.part) for p in placed}
    assert len(placed) == 12 + 6 + 12
    assert len({p.clip.name for p in placed}) == len(placed)
    assert parts >= {("fake/blue", "train"), ("fake/blue", "tune"), ("fake/blue", "test"), ("real/other", "test")}
    assert ("real/other", "train") not in parts
    assert placed == dataset.split(pictures, ["real/other"], 12, 0)


def test_points_follow_the_picture() -> None:
    image = np.zeros((100, 100, 3), np.uint8)
    image[40:44, 60:64] = 255
    rng = np.random.default_rng(1)
    for _ in range(8):
        (small, points) = dataset.resized(image, np.array([[61.5, 41.5]], np.float32), float(rng.uniform(0.5, 1.2)))
        y, x = np.nonzero(small[..., 0] > 60)
        assert points[0] == pytest.approx([x.mean(), y.mean()], abs=0.6)


def test_networks_are_trained_and_their_mean_exported_calibrated_and_judged(
    pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, early, file = tmp_path / "run", tmp_path / "early.pt", tmp_path / "face-still.onnx"
    data = ["--dataset", str(pictures), "--twins", "real/twins", "--unseen", "real/other"]
    words = [*data, "--out", str(run), "--batch-size", "2", "--every", "2", "--freeze", "4", "--epochs"]
    assert train.main([*words, "0.34"]) == 0
    state = torch.load(run / "checkpoint.pt", weights_only=True)
    state["average"]["logit.bias"] += 1  # so few steps make no two networks
    torch.save(state, early)
    assert train.main([*words, "0.67", "--resume"]) == 0
    with (run / "curve.csv").open(newline="") as rows:
        assert [int(row["step"]) for row in csv.DictReader(rows)] == [2, 4]
    assert still.main(["--run", str(run), str(early), "--dataset", str(pictures), "--out", str(file)]) == 0
    assert file.stat().st_size < 16e6
    large = [t for t in onnx.load(str(file)).graph.initializer if np.prod(t.dims) >= 1024]
    assert {t.data_type for t in large} == {TensorProto.FLOAT16}
    assert evaluate.main([*data, "--model", str(file), "--points", str(run / "points.npz")]) == 0
    out, err = capsys.readouterr()
    said = json.loads(out)
    assert set(said["auc"]) == set(dataset.CONDITIONS)
    assert said["called_fake"]["real/other"]["plain"][3] == 6
    assert "AUC, JPEG 75" in err
    engine = load(file, "cpu")
    card = card_of(engine)
    assert card.task == "face-still"
    assert [t["step"] for t in card.training["mean_of"]] == [4, 2]
    assert card.views == dataset.VIEWS
    assert (card.calibration, card.thresholds) == (tuple(said["calibration"]), said["thresholds"])
    assert 0 < card.thresholds["real"] <= 0.5
    assert card.training["results"]["auc"] == said["auc"]
    crops = torch.randn(2, 3, 192, 192)
    nets = [still.read(path).eval() for path in (run / "checkpoint.pt", early)]
    with torch.no_grad():
        single = torch.stack([(net(crops) + net(crops.flip(3))) / 2 for net in nets])
    assert (single[1] - single[0]).min() > 4 * HALF_TOLERANCE
    found = engine.run({"crops": crops.numpy()})
    assert found["map"].shape == (2, 6, 6)
    np.testing.assert_allclose(found["logit"], single.mean(0).numpy(), atol=HALF_TOLERANCE)
    np.testing.assert_allclose(found["map"].mean((1, 2)), found["logit"], atol=1e-4)
    mirrored = engine.run({"crops": crops.flip(3).numpy()})
    np.testing.assert_allclose(mirrored["logit"], found["logit"], atol=1e-3)


@pytest.fixture(scope="module")
def bank(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bank")
    data = ["--dataset", str(pictures), "--twins", "real/twins", "--points", str(folder / "points.npz")]
    assert stills_bank.main([*data, "--out", str(folder), "--draws", "3", "--others", "2", "--jobs", "1"]) == 0
    return folder


def test_a_bank_has_crops_of_every_picture_but_the_held_back_ones(bank: Path, pictures: Path) -> None:
    found = stills_bank.read(bank, "cpu")
    placed = [p for p in dataset.split(pictures, [], 600, 1) if p.part != "test"]
    assert sorted(found.names) == sorted(p.clip.name for p in placed)
    crops = dict(zip(found.names, torch.bincount(found.worn_of).tolist(), strict=True))
    assert {crops[name] for name in crops if name.startswith("real/other")} == {2}
    assert {crops[name] for name in crops if not name.startswith("real/other")} == {3}
    assert [found.source[i] for i in found.seen_of] == [s for s in found.source if s != "real/other"]
    stills = {s.path.name: s for s in dataset.read(placed, bank / "points.npz") if s.source == "fake/blue"}
    row = [found.source[i] for i in found.seen_of].index("fake/blue")
    still = stills[Path(found.names[int(found.seen_of[row])]).name]
    np.testing.assert_array_equal(found.seen[row].numpy(), stills_bank.views(still))
    assert found.worn.float().mean((1, 2, 3)).min() > 0


def test_a_picture_that_is_left_out_is_never_drawn(bank: Path) -> None:
    found = stills_bank.read(bank, "cpu")
    keep = torch.arange(len(found.names)) % 2 == 0
    torch.manual_seed(0)
    drawn = found.worn_of[fit._rows(found, keep, 50, 4)]
    assert set(drawn.flatten().tolist()) == set(torch.nonzero(keep)[:, 0].tolist())
    assert not found.fake[drawn[:, :4]].any()
    assert found.fake[drawn[:, 4:]].all()


def test_what_is_mixed_gets_the_label_of_its_parts() -> None:
    torch.manual_seed(0)
    crops = torch.zeros(64, 3, 32, 32, dtype=torch.uint8)
    crops[32:] = 255
    labels = torch.tensor([0.0, 1.0]).repeat_interleave(32)
    for mix in ("blend", "paste"):
        for _ in range(4):
            x, y = fit._varied(crops, labels, fit.recipe(f"lite0,hide=0,mix={mix}"))
            torch.testing.assert_close((x.mean((1, 2, 3)) + 1) / 2, y, atol=0.01, rtol=0)
    some = torch.randint(0, 255, (2, 8, 8, 3), dtype=torch.uint8)
    np.testing.assert_array_equal(fit.normalised(some.permute(0, 3, 1, 2)).numpy(), normalise(some.numpy()))


def test_a_recipe_that_says_nonsense_is_refused() -> None:
    assert fit.recipe("lite2,pictures=8,lr=0.1").lr == 0.1
    for said in ("lite0,speed=3", "lite0,batch=many", "lite0,batch"):
        with pytest.raises(ConfigError, match="key=value"):
            fit.recipe(said)


def test_a_network_learns_from_a_bank(bank: Path) -> None:
    found = stills_bank.read(bank, "cpu")
    keep = torch.arange(len(found.names)) % 4 > 0
    model = fit.fit(found, keep, fit.recipe("lite0,pictures=400,batch=4,side=64,freeze=4"), 1)
    rows = torch.nonzero(~keep[found.seen_of])[:, 0]
    said = fit.judge(model, found, rows).mean((1, 2))
    fake = found.fake[found.seen_of[rows]]
    assert said[fake].min() > said[~fake].max()


def test_a_recipe_is_chosen_by_folds_and_its_networks_are_written(
    bank: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = ["lite0,pictures=16,batch=2,side=64,freeze=4", "lite0,pictures=8,batch=2,side=64,freeze=4"]
    words = ["--bank", str(bank), "--out", str(tmp_path), "--folds", "2", "--seeds", "2", "--finals", "2"]
    assert cross_validate.main([*words, "--recipes", *names, "--seconds", "600"]) == 0
    out, _ = capsys.readouterr()
    assert all(f"{name}, 2 seeds" in out for name in names)
    assert "best 2" in out
    told = np.load(tmp_path / "folds.npz")
    assert told["said"].shape == (4, len(told["fake"]), len(dataset.CONDITIONS), len(dataset.VIEWS))
    assert np.isfinite(told["said"]).all()
    files = [tmp_path / f"still-{number}.pt" for number in (1, 2)]
    nets = [still.read(file).eval() for file in files]
    assert [net.settings.side for net in nets] == [64, 64]
    crops = torch.randn(2, 3, 192, 192)
    with torch.no_grad():
        first, second = (net(crops) for net in nets)
    assert (first - second).abs().max() > 0


def test_folds_stop_when_the_time_is_up_and_still_train_a_network(bank: Path, tmp_path: Path) -> None:
    words = ["--bank", str(bank), "--out", str(tmp_path), "--seconds", "0", "--finals", "1"]
    assert cross_validate.main([*words, "--recipes", "lite0,pictures=4,batch=2,side=64,freeze=4"]) == 0
    told = np.load(tmp_path / "folds.npz")
    assert 0 < np.isfinite(told["said"]).all((0, 2, 3)).sum() < len(told["fake"])
    assert [p.name for p in tmp_path.glob("*.pt")] == ["still-1.pt"]
