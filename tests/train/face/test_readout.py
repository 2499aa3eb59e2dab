"""A readout of features that no tuning has touched joins a tuned encoder and its head."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from truefeed.engines import WEIGHTS
from truefeed.export import face as export_face
from truefeed.stream.errors import ConfigError
from truefeed.stream.faces.motion_features import COLUMNS
from truefeed.train.common.loop import save
from truefeed.train.face import answers, fit_readout
from truefeed.train.face.checkpoints import read_encoder, read_head
from truefeed.train.face.networks import EncoderSettings, FaceEncoder, HeadSettings, WindowHead
from truefeed.train.face.readout_bank import PSEUDO
from truefeed.train.face.texture import MEASURES, REGIONS, Texture

SIDE = 64
PEOPLE = 12


def _encoder(seed: int) -> FaceEncoder:
    torch.manual_seed(seed)
    return FaceEncoder(EncoderSettings()).eval()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Encoders, a head, statistics of clips whose fakes have more of a few of them, and answers of three folds."""
    out = tmp_path_factory.mktemp("readout")
    for name, seed in (("encoder.pt", 0), ("tuned.pt", 1)):
        model = _encoder(seed)
        state = {"settings": asdict(model.settings), "average": model.state_dict(), "command": {}}
        save(out / name, state)
    head = WindowHead(HeadSettings())
    save(out / "head.pt", {"settings": asdict(head.settings), "model": head.state_dict(), "command": {}})
    rows = [
        (f"{page}/{who}_{label}.mp4", label, f"{page}{who}", page.rpartition("/")[2], float(t))
        for page in ("modern/deepfacelive", "modern/mocha", "modern/keysync", "people", "dev")
        for who in range(PEOPLE)
        for label in ((0,) if page == "people" else (0, 1))
        for t in range(3)
    ]
    clip, label, identity, group, t = (np.array([row[i] for row in rows]) for i in range(5))
    rng = np.random.default_rng(0)
    pseudo = np.arange(40) % 2
    count = _statistics()
    statistics = rng.normal(0, 1, (len(rows) + len(pseudo), count)).astype(np.float16)
    statistics[:, :200] += np.r_[label, pseudo][:, None]
    np.savez(
        out / "statistics.npz",
        statistics=statistics,
        clip=np.r_[clip, np.full(len(pseudo), PSEUDO)],
        copy=np.zeros(len(statistics), int),
        label=np.r_[label, pseudo],
        identity=np.r_[identity, np.full(len(pseudo), "somebody")],
        group=np.r_[group, np.full(len(pseudo), PSEUDO)],
        t=np.r_[t, np.zeros(len(pseudo))],
    )
    fold = np.array([hash_of(name) for name in identity])
    said = np.where(fold == np.arange(3)[:, None], rng.normal(0, 1, len(rows)), np.nan)
    motion = np.zeros((len(rows), COLUMNS), np.float32)
    columns = {"clip": clip, "label": label, "method": group, "identity": identity, "group": group, "t": t}
    np.savez(out / "answers.npz", chosen=said, before=said, motion=motion, **columns)
    return out


def hash_of(name: str) -> int:
    """Fold of a person."""
    return int("".join(c for c in name if c.isdigit())) % 3


def _statistics() -> int:
    return len(FaceEncoder(EncoderSettings(readout=SIDE)).readout.mean)  # type: ignore[union-attr]


@pytest.fixture(scope="module")
def fitted(folder: Path) -> Path:
    out = folder / "out"
    words = ["--statistics", "statistics.npz", "--answers", "answers.npz", "--encoder", "encoder.pt"]
    words += ["--tuned", "tuned.pt", "--head", "head.pt"]
    paths = [word if word.startswith("--") else str(folder / word) for word in words]
    assert fit_readout.main([*paths, "--size", str(SIDE), "--out", str(out)]) == 0
    return out


def test_texture_is_told_region_by_region() -> None:
    torch.manual_seed(0)
    crop = torch.rand(1, 3, SIDE, SIDE) - 0.5
    smooth = crop.clone()
    smooth[:, :, 44:52, 22:42] = 0.0
    found, less = (Texture(SIDE)(x).reshape(4, 2, 3, REGIONS) for x in (crop, smooth))
    assert found.numel() == MEASURES
    change = (less - found)[0, 0, 0]
    mouth, forehead = 6, 0
    assert change[mouth] < -0.5
    assert abs(change[forehead]) < 0.01


def test_a_readout_tells_folds_that_it_was_not_fitted_on(fitted: Path) -> None:
    with np.load(fitted / "answers.npz") as table:
        read, chosen, label = table["read"], table["chosen"], table["label"]
    known = ~np.isnan(read)
    assert (known == ~np.isnan(chosen)).all()
    assert read[known & (label == 1)].mean() > read[known & (label == 0)].mean() + 1


def test_the_encoder_reads_the_old_features_and_keeps_what_the_tuned_one_says(folder: Path, fitted: Path) -> None:
    torch.manual_seed(2)
    crops = torch.rand(2, 3, SIDE, SIDE) * 2 - 1
    joined, old, tuned = (
        read_encoder(path) for path in (fitted / "encoder.pt", folder / "encoder.pt", folder / "tuned.pt")
    )
    assert joined.readout is not None
    with torch.no_grad():
        row, evidence = joined(crops)
        expected, where = tuned(crops)
        early = joined.readout.early.state_dict()
    assert torch.allclose(torch.cat([row[:, :-2], row[:, -1:]], 1), expected, atol=1e-5)
    assert torch.allclose(evidence, where, atol=1e-5)
    assert all(torch.equal(value, early[name]) for name, value in old.trunk.early[3:].state_dict().items())


def test_neither_evidence_calms_the_other(fitted: Path) -> None:
    head = read_head(fitted / "head.pt")
    motion, times = np.zeros((2, COLUMNS), np.float32), np.array([0.0, 0.1])
    level, less = float(head.level), float(head.less)
    for frame, read in ((3.0, -2.0), (-2.0, 3.0)):
        frames, also = np.full(2, frame, np.float32), np.full(2, read, np.float32)
        got = answers.so_far(head, frames, motion, times, also)[-1]
        assert got == pytest.approx(3.0 + less * (-2.0 - level), abs=1e-3)


def test_a_head_that_wants_a_readout_needs_an_encoder_with_one(folder: Path, fitted: Path, tmp_path: Path) -> None:
    words = ["--encoder", str(folder / "tuned.pt"), "--head", str(fitted / "head.pt"), "--size", str(SIDE)]
    with pytest.raises((ConfigError, FileNotFoundError)):
        export_face.main([*words, "--faces", str(tmp_path), "--out", str(tmp_path)])


def test_the_shipped_readout_stays_in_float_in_the_eight_bit_variant() -> None:
    graph = onnx.load(str(WEIGHTS / "face-int8.onnx")).graph
    kept = {w.name: w.data_type for w in graph.initializer if w.name.startswith("readout.") and "weight" in w.name}
    assert kept
    assert set(kept.values()) == {onnx.TensorProto.FLOAT}
