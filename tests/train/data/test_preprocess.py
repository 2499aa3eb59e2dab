"""`truefeed preprocess`: layouts of data sets, and what is cut out of real clips."""

from __future__ import annotations

import csv
import json
import wave
from pathlib import Path

import cv2
import numpy as np
import pytest
from media import scene, write_clip
from truefeed.stream.errors import ConfigError
from truefeed.stream.faces.align import crop, face_px
from truefeed.stream.faces.centerface import CenterFace
from truefeed.train.data import datasets, preprocess
from truefeed.train.data.extract import Cutter
from truefeed.train.data.face_crops import SCALE
from truefeed.train.face.pairs import Pairs, PairSettings


def _touch(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def _rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "manifest.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_faceforensics_is_read_with_its_official_splits(tmp_path: Path) -> None:
    for folder in ("original_sequences/youtube", "manipulated_sequences/Deepfakes"):
        for compression in ("c23", "c40"):
            names = ("000", "001") if "original" in folder else ("000_003", "001_870")
            _touch(tmp_path, *(f"{folder}/{compression}/videos/{n}.mp4" for n in names))
    (tmp_path / "splits").mkdir()
    (tmp_path / "splits" / "train.json").write_text(json.dumps([["000", "003"]]))
    (tmp_path / "splits" / "test.json").write_text(json.dumps([["001", "870"]]))
    clips = datasets.read(tmp_path)
    assert [(c.name.split("/")[-1], c.fake, c.method, c.identity, c.split) for c in clips] == [
        ("000.mp4", False, "genuine", "000", "train"),
        ("001.mp4", False, "genuine", "001", "test"),
        ("000_003.mp4", True, "Deepfakes", "000", "train"),
        ("001_870.mp4", True, "Deepfakes", "001", "test"),
    ]
    assert all("/c23/" in c.name for c in clips)
    originals = [f"original_sequences/youtube/c23/videos/{n}.mp4" for n in ("000", "001")]
    assert [(c.pair, c.donor) for c in clips] == [("", ""), ("", ""), (originals[0], "003"), (originals[1], "870")]


def test_deepfakedetection_is_paired_by_person_and_scene(tmp_path: Path) -> None:
    _touch(tmp_path, *(f"original_sequences/actors/c23/videos/01__{scene}.mp4" for scene in ("outside", "walking")))
    _touch(tmp_path, "manipulated_sequences/DeepFakeDetection/c23/videos/01_02__walking__AB12.mp4")
    *_, fake = datasets.read(tmp_path)
    assert (fake.fake, fake.identity, fake.donor) == (True, "01", "02")
    assert fake.pair == "original_sequences/actors/c23/videos/01__walking.mp4"


def test_dfdc_is_read_by_its_metadata(tmp_path: Path) -> None:
    _touch(tmp_path, "dfdc_train_part_0/a.mp4", "dfdc_train_part_0/b.mp4")
    said = {
        "a.mp4": {"label": "REAL", "split": "train"},
        "b.mp4": {"label": "FAKE", "split": "train", "original": "a.mp4"},
    }
    (tmp_path / "dfdc_train_part_0" / "metadata.json").write_text(json.dumps(said))
    genuine, fake = datasets.read(tmp_path)
    assert (genuine.fake, fake.fake) == (False, True)
    assert genuine.identity == fake.identity == "a"
    assert (genuine.pair, fake.pair) == ("", "dfdc_train_part_0/a.mp4")
    assert fake.path == tmp_path / "dfdc_train_part_0" / "b.mp4"


def test_celeb_df_is_read_with_its_list_of_tests(tmp_path: Path) -> None:
    _touch(tmp_path, "Celeb-real/id0_0001.mp4", "Celeb-synthesis/id0_id1_0001.mp4", "YouTube-real/00170.mp4")
    (tmp_path / "List_of_testing_videos.txt").write_text(
        "1 YouTube-real/00170.mp4\n0 Celeb-synthesis/id0_id1_0001.mp4\n"
    )
    (fake,) = [c for c in datasets.read(tmp_path) if c.fake]
    assert (fake.pair, fake.donor) == ("Celeb-real/id0_0001.mp4", "id1")
    told = {c.name: (c.fake, c.identity, c.split) for c in datasets.read(tmp_path)}
    assert told == {
        "Celeb-real/id0_0001.mp4": (False, "id0", "train"),
        "YouTube-real/00170.mp4": (False, "youtube-00170", "test"),
        "Celeb-synthesis/id0_id1_0001.mp4": (True, "id0", "test"),
    }


def test_a_manifest_names_what_it_knows(tmp_path: Path) -> None:
    manifest = tmp_path / "list.csv"
    manifest.write_text("path,label,generator,speaker,split\na.wav,bonafide,,anna,dev\nb.wav,spoof,VITS,anna,dev\n")
    genuine, fake = datasets.read(manifest)
    assert (genuine.method, fake.method, genuine.identity, fake.split) == ("genuine", "VITS", "anna", "dev")
    assert fake.path == tmp_path / "b.wav"
    manifest.write_text("path,label\na.wav,perhaps\n")
    with pytest.raises(ConfigError, match="line 2 needs a path, and a label"):
        datasets.read(manifest)
    with pytest.raises(ConfigError, match="there is no such folder"):
        datasets.read(tmp_path / "nowhere")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("set")
    (root / "real").mkdir()
    (root / "fake" / "Swap").mkdir(parents=True)
    write_clip(root / "real" / "anna_1.mp4", frames=30, fps=15, width=320, height=180, audio="aac")
    write_clip(root / "fake" / "Swap" / "bob_1.mp4", frames=30, fps=15, width=480, height=180, faces=2)
    cv2.imwrite(str(root / "real" / "carl.png"), scene(0))
    (root / "real" / "broken.mp4").write_bytes(b"\0\0\0\x18ftypmp42 and no more")
    return root


@pytest.fixture(scope="module")
def cut(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("cut")
    assert preprocess.main(["--dataset", str(data), "--output-dir", str(out)]) == 1
    return out


def test_the_manifest_tells_what_was_cut(cut: Path) -> None:
    rows = _rows(cut)
    assert all((cut / row["path"]).is_file() for row in rows)
    faces = [row for row in rows if row["kind"] == "face"]
    assert {(r["clip"], r["label"], r["method"], r["identity"]) for r in faces} == {
        ("real/anna_1.mp4", "real", "genuine", "anna"),
        ("fake/Swap/bob_1.mp4", "fake", "Swap", "bob"),
        ("real/carl.png", "real", "genuine", "carl"),
    }
    anna = [r for r in faces if r["identity"] == "anna"]
    assert 7 <= len(anna) <= 9  # two seconds at four a second
    assert [float(r["t"]) for r in anna] == sorted(float(r["t"]) for r in anna)
    # Of the two people in the fake nobody tells who was changed: one of them is taken.
    assert len({r["track"] for r in faces if r["identity"] == "bob"}) == 1
    (sound,) = [row for row in rows if row["kind"] == "audio"]
    with wave.open(str(cut / sound["path"])) as file:
        assert (file.getframerate(), file.getnchannels()) == (16000, 1)
        assert file.getnframes() / 16000 == pytest.approx(2.0, abs=0.1)


def test_the_crops_are_what_the_live_code_cuts(cut: Path) -> None:
    (row,) = [row for row in _rows(cut) if row["identity"] == "carl"]
    image = cv2.imread(str(cut / row["path"]))
    (face, *_) = CenterFace(long_side=640).detect(scene(0))
    assert float(row["px"]) == pytest.approx(face_px(face.points), rel=0.1)
    want = crop(scene(0), face.points, image.shape[0], SCALE)
    assert np.abs(image.astype(int) - want).mean() < 12
    with np.load(cut / "faces.npz") as table:
        assert len(table["files"]) == len(table["mesh"]) == len(table["points"]) == len(table["identity"])
        assert set(table["identity"]) == {"anna", "carl"}  # genuine ones only
        index = list(table["files"]).index(row["path"])
        side = image.shape[0]
        assert face_px(table["points"][index]) == pytest.approx(side / SCALE, rel=0.02)
        assert np.ptp(table["mesh"][index], 0) == pytest.approx(np.array([0.43, 0.5]) * side, rel=0.3)


def test_it_can_be_trained_on(cut: Path) -> None:
    crops, masks = Pairs(cut, PairSettings(size=64), 0).pair(np.random.default_rng(0))
    assert crops.shape == (2, 3, 64, 64)
    assert masks[1].max() > 0


def test_a_second_run_goes_on_where_the_first_stopped(
    data: Path, cut: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {p: p.stat().st_mtime_ns for p in sorted((cut / "crops").iterdir())}
    lost = next((cut / "clips").glob("real-carl*"))
    lost.unlink()
    rows = _rows(cut)
    assert preprocess.main(["--dataset", str(data), "--output-dir", str(cut)]) == 1
    after = {p: p.stat().st_mtime_ns for p in sorted((cut / "crops").iterdir())}
    assert [p.name[:9] for p in after if before.get(p) != after[p]] == ["real-carl"]
    assert _rows(cut) == rows
    err = capsys.readouterr().err
    assert "real/broken.mp4: " in err
    assert "3 of 4 files" in err


def test_one_video_is_added_to_what_is_there(data: Path, tmp_path: Path) -> None:
    words = ["--output-dir", str(tmp_path), "--no-audio", "--rate", "2", "--input-video"]
    assert preprocess.main([*words, str(data / "real" / "anna_1.mp4")]) == 0
    assert preprocess.main([*words, str(data / "real" / "carl.png"), "--identity", "c"]) == 0
    assert {row["identity"] for row in _rows(tmp_path)} == {"anna_1", "c"}
    assert all(row["kind"] == "face" for row in _rows(tmp_path))
    assert preprocess.main([*words, str(tmp_path / "absent.mp4")]) == 1


def test_without_a_mesh_model_the_landmarks_are_fitted(data: Path) -> None:
    cutter = Cutter(sound=False)
    cutter._mesh = None
    assert cutter.landmarks == "template"
    (found,) = cutter.picture(data / "real" / "carl.png").cuts
    side = found.image.shape[0]
    assert found.mesh.shape == (468, 2)
    assert np.abs(found.mesh.mean(0) - side / 2).max() < 0.15 * side
