"""Networks and ingredients trained alike and put into one table."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from faces import other, subject
from truefeed.train.face import compare
from truefeed.train.face.pairs import Pairs, PairSettings
from truefeed.train.face.rivals import Meso4, Plain, weights


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("data")
    (folder / "crops").mkdir()
    people = [subject(), other()] * 2
    files = [f"crops/{i}.png" for i in range(4)]
    for file, one in zip(files, people, strict=True):
        cv2.imwrite(str(folder / file), one.image)
    np.savez(folder / "faces.npz", files=files, identity=list("abab"), mesh=np.stack([p.mesh for p in people]))
    png = np.empty(8, object)
    png[:] = [cv2.imencode(".png", cv2.resize(p.image, (96, 96)))[1] for p in people * 2]
    clip = np.array([f"dev/{i // 2}" for i in range(8)])
    method = np.array(["", "", "m", "m"] * 2)
    columns = {"clip": clip, "label": np.array([0, 0, 1, 1] * 2), "method": method, "target": clip}
    np.savez(folder / "dev.npz", png=png, time=np.zeros(8), **columns)
    return folder, folder / "dev.npz"


def test_every_network_gives_a_logit_a_picture() -> None:
    crops = torch.randn(2, 3, 96, 96)
    for network in (Meso4(96), Plain()):
        found, evidence = network.eval()(crops)
        assert (tuple(found.shape), evidence) == ((2, 1), None)
    assert weights(Meso4(256)) == pytest.approx(28_000, rel=0.01)  # as the paper says


def test_the_arms_draw_the_same_pictures(data: tuple[Path, Path]) -> None:
    folder, _ = data
    settings = PairSettings(size=64)
    drawn = [Pairs(folder, settings, 0).pair(np.random.default_rng(3))[0] for _ in range(2)]
    np.testing.assert_array_equal(*drawn)
    for change in ({"donors": 1.0}, {"reenacted": 1.0, "donors": 0.0}, {"degraded": False}):
        crops, masks = Pairs(folder, PairSettings(size=64, **change), 0).pair(np.random.default_rng(3))
        assert np.isfinite(crops).all()
        assert masks[0].max() == 0 < masks[1].max()


def test_the_table_is_kept_and_goes_on(
    data: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, dev = data
    words = ["--dataset", str(folder), "--dev", str(dev), "--out", str(tmp_path), "--steps", "1", "--batch-size", "1"]
    words += ["--size", "64", "--rounds", "20", "--arms"]
    assert compare.main([*words, "meso4"]) == 0
    assert compare.main([*words, "meso4", "truefeed", "no-map"]) == 0
    table = capsys.readouterr().out.splitlines()[-5:]
    assert [row.split("|")[1].strip() for row in table] == [
        *("", "---", "MesoNet (Meso4)", "truefeed's encoder", "without the map's supervision")
    ]
    told = json.loads((tmp_path / "compare.json").read_text())
    assert list(told["arms"]) == ["meso4", "truefeed", "no-map"]
    assert all(0 <= v <= 1 for arm in told["arms"].values() for auc in arm["auc"].values() for v in auc)
    with pytest.raises(SystemExit, match="another budget"):
        compare.main([*words, "meso4", "--seed", "2"])
