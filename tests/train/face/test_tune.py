"""An encoder is tuned on labelled fakes and pseudo-fakes, and judged by what was left out."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from faces import other, subject
from truefeed.stream.errors import ConfigError
from truefeed.stream.faces.motion_features import COLUMNS
from truefeed.train.common.loop import save
from truefeed.train.data import labelled_faces
from truefeed.train.data.labelled_faces import LabelledFaces
from truefeed.train.face import feature_bank, left_out, tune
from truefeed.train.face.checkpoints import read_encoder
from truefeed.train.face.feature_bank import FeatureBank
from truefeed.train.face.labelled_pairs import KINDS, LabelledPairs
from truefeed.train.face.networks import EncoderSettings, FaceEncoder
from truefeed.train.face.pairs import PairSettings
from truefeed.train.face.tune import TuneSettings, between

SIDE = 64


def _table(folder: Path) -> Path:
    """Two people at home and, on two pages, each with a fake: the picture, darker around the mouth."""
    (folder / "crops").mkdir(parents=True)
    rows = []
    for page in ("people", "modern/a", "modern/b", "dev"):
        for who, one in (("ann", subject(112)), ("bob", other(112))):
            for label in (0,) if page == "people" else (0, 1):
                image = one.image.copy()
                image[60:90, 40:72] //= 1 + label
                for t in range(2):
                    name = f"crops/{len(rows):03d}.png"
                    cv2.imwrite(str(folder / name), image)
                    clip = f"{page}/{who}_{label}.mp4"
                    rows.append(
                        (name, label, "made" if label else "genuine", f"{page} {who}", clip, float(t), one.mesh)
                    )
    names = ("files", "label", "method", "identity", "clip", "t", "mesh")
    columns = {name: np.array([row[i] for row in rows]) for i, name in enumerate(names)}
    columns["group"] = np.array([labelled_faces.group_of(str(clip)) for clip in columns["clip"]])
    columns |= {"px": np.full(len(rows), 60.0), "motion": np.zeros((len(rows), COLUMNS), np.float32)}
    np.savez(folder / labelled_faces.NAME, **columns)
    return folder


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _table(tmp_path_factory.mktemp("table"))


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    model = FaceEncoder(EncoderSettings(own=0.25))
    path = tmp_path_factory.mktemp("encoder") / "encoder.pt"
    save(path, {"settings": asdict(model.settings), "average": model.state_dict(), "command": {}})
    return path


@pytest.fixture(scope="module")
def bank(table: Path, encoder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("bank")
    words = [
        "--dataset",
        str(table),
        "--encoder",
        str(encoder),
        "--out",
        str(out),
        "--size",
        str(SIDE),
        "--never",
        "dev/",
    ]
    assert feature_bank.main([*words, "--genuine", "2", "--pseudo", "3", "--live", "3"]) == 0
    return out


def test_a_fake_stands_beside_its_own_original_of_about_that_time(table: Path) -> None:
    faces = LabelledFaces.read([table])
    drawn = LabelledPairs(faces, PairSettings(size=SIDE), 1)
    for row in np.flatnonzero(faces.label == 1):
        beside = drawn.partner(int(row))
        assert faces.label[beside] == 0
        assert (faces.identity[beside], faces.t[beside]) == (faces.identity[row], faces.t[row])


@pytest.mark.parametrize("kind", KINDS)
def test_both_of_a_pair_are_cut_alike_and_only_a_known_mask_is_told(table: Path, kind: str) -> None:
    faces = LabelledFaces.read([table])
    drawn = LabelledPairs(faces, PairSettings(size=SIDE), 1)
    row = int(np.flatnonzero(faces.label == 1)[0]) if kind == "fake" else None
    pair = drawn.draw(kind, row)
    assert pair.crops.shape == (2, SIDE, SIDE, 3)
    assert pair.mask.shape == (SIDE // 16,) * 2
    assert bool(pair.mask.any()) == (kind in ("pseudo", "live"))
    assert set(faces.group[list(pair.rows)]) <= ({"people"} if kind != "fake" else {"a", "b"} | {"dev"})


def test_the_bank_holds_every_fake_but_of_groups_that_are_never_learned(bank: Path) -> None:
    faces, held = LabelledFaces.read([bank]), FeatureBank.read(bank)
    assert "dev" not in faces.group
    shown = held.rows[held.label == 1]
    assert set(np.flatnonzero(faces.label == 1)) <= set(shown)
    assert held.features.shape[0] == len(held.label) == 2 * (8 + 2 + 3 + 3)
    assert np.isfinite(held.before).all()


def test_late_stages_give_of_the_bank_what_the_whole_encoder_gives(bank: Path, encoder: Path) -> None:
    held, model = FeatureBank.read(bank), read_encoder(encoder)
    rows = np.array([5, 0, 3])
    with torch.no_grad():
        again = feature_bank.seen_late(model, held.batch(rows))[0][:, -1]
    np.testing.assert_allclose(again.numpy(), held.before[rows], atol=0.05)


def test_tuning_leaves_the_first_stages_and_learns_the_rest(bank: Path, encoder: Path, tmp_path: Path) -> None:
    out = tmp_path / "tuned.pt"
    words = [
        "--bank",
        str(bank),
        "--encoder",
        str(encoder),
        "--out",
        str(out),
        "--steps",
        "3",
        "--seeds",
        "1",
        "2",
        "--leave-out",
        "modern/a",
    ]
    assert tune.main(words) == 0
    old, new = read_encoder(encoder), read_encoder(out)
    torch.testing.assert_close(
        new.trunk.first(torch.ones(1, 3, 64, 64), 3), old.trunk.first(torch.ones(1, 3, 64, 64), 3)
    )
    assert not torch.equal(old.logit.weight, new.logit.weight)
    half = between(old, new, 0.5)
    torch.testing.assert_close(half.logit.weight, (old.logit.weight + new.logit.weight) / 2)


def test_no_batch_shows_what_is_left_out(bank: Path) -> None:
    faces, held = LabelledFaces.read([bank]), FeatureBank.read(bank)
    out = tune.left_out(faces, ["modern/a"], "0/2")
    assert out[faces.group == "a"].all()
    assert not out[faces.group == "b"].any()
    for rows in tune.batches(held, faces, ~out, TuneSettings(steps=5)):
        assert not out[held.rows[rows]].any()
        assert list(held.label[rows[1::2]]) == [int(kind != "genuine") for kind in held.kind[rows[1::2]]]
        assert (held.label[rows[::2]] == 0).all()


def test_left_out_groups_are_asked_by_encoders_that_never_saw_them(
    table: Path, bank: Path, encoder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folds = tmp_path / "folds.json"
    folds.write_text('{"one": ["modern/a/"], "two": ["modern/b/"]}')
    words = ["--bank", str(bank), "--dataset", str(table), "--encoder", str(encoder), "--out", str(tmp_path / "out")]
    words += ["--folds", str(folds), "--steps", "1", "2", "--shares", "1", "--size", str(SIDE)]
    assert left_out.main(words) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["1", "2", "before", "chosen:"]
    with np.load(tmp_path / "out" / "answers.npz") as said:
        known = ~np.isnan(said["chosen"])
        assert known[0][said["group"] == "a"].all()
        assert not known[1][said["group"] == "a"].any()
        assert known[:, said["group"] == "dev"].all()
    assert {path.name for path in (tmp_path / "out").glob("*.pt")} == {"one.pt", "two.pt"}


def test_the_best_mean_over_groups_is_chosen_where_nothing_old_is_lost() -> None:
    figures = {
        "1 1.0": {"dev/": 0.80, "mean": 0.9},
        "1 0.5": {"dev/": 0.84, "mean": 0.8},
        "1 0.2": {"dev/": 0.85, "mean": 0.7},
        "before": {"dev/": 0.845, "mean": 0.5},
    }
    assert left_out.chosen(figures) == "1 0.5"


def test_a_folder_without_a_table_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="labelled_faces"):
        LabelledFaces.read([tmp_path])
