"""Stretches of video: manipulated frame by frame, coded as video is, and measured."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from clips import write_video
from faces import other, shifted, stretch, subject
from media import portrait
from truefeed.stream.errors import MissingExtraError
from truefeed.stream.faces.motion_features import COLUMNS
from truefeed.train.data.landmarks import FaceMesh
from truefeed.train.face import motion_stats
from truefeed.train.face.blend import Subject, retime
from truefeed.train.face.fake_clips import FRAMES, Coding, coded, manipulated


@pytest.mark.parametrize("swap", [False, True])
def test_every_frame_is_manipulated_and_only_the_face(swap: bool) -> None:
    genuine = stretch()
    for seed in range(4):
        fakes = manipulated(genuine, other() if swap else None, np.random.default_rng(seed))
        again = manipulated(genuine, other() if swap else None, np.random.default_rng(seed))
        assert len(fakes) == FRAMES
        for real, fake, same in zip(genuine.images, fakes, again, strict=True):
            np.testing.assert_array_equal(fake, same)
            change = np.abs(fake.astype(int) - real).max(2)
            assert change.max() > 4
            assert change[:8].max() == change[:, :8].max() == 0  # hair and background beside the face


@pytest.mark.parametrize("codec", ["libx264", "libvpx"])
def test_a_codec_gives_as_many_frames_in_their_order(codec: str) -> None:
    images = [np.full((64, 64, 3), 20 + 6 * i, np.uint8) for i in range(FRAMES)]
    options = {"crf": "20"} if codec == "libx264" else {"deadline": "realtime", "crf": "10", "b": "1M"}
    back = coded(images, Coding(codec, options, 0.75, 0.0), np.random.default_rng(0))
    assert [image.shape for image in back] == [(48, 48, 3)] * FRAMES
    assert np.diff([float(image.mean()) for image in back]).min() > 0


def test_codings_are_drawn_for_files_and_for_calls() -> None:
    drawn = [Coding.draw(np.random.default_rng(seed)) for seed in range(60)]
    assert {one.codec for one in drawn} == {"libx264", "libvpx"}
    assert all(0.6 <= one.share <= 1 for one in drawn)


def test_another_moment_changes_the_mouth_and_not_the_head() -> None:
    plain = subject()
    moment = Subject(shifted(plain.image, np.array([6.0, 2.0])), plain.mesh + np.array([6, 2], np.float32))
    kinds = set()
    for seed in range(12):
        fake = retime(plain, moment, np.random.default_rng(seed))
        kinds.add(fake.kind)
        outside = fake.mask == 0
        assert np.abs(fake.image.astype(int) - plain.image)[outside].max() <= 1
    assert kinds >= {"retime:mouth", "retime:lower"}


def test_the_moves_of_a_clip_are_measured(tmp_path: Path) -> None:
    try:
        FaceMesh()
    except MissingExtraError as error:
        pytest.skip(str(error))
    real, faces = tmp_path / "data" / "clips" / "real", tmp_path / "faces"
    real.mkdir(parents=True)
    write_video(real / "a.mp4", [portrait()] * (FRAMES + 4))
    (real.parent / "manifest.csv").write_text("path,target_id\nreal/a.mp4,a\n")
    (faces / "crops").mkdir(parents=True)
    cv2.imwrite(str(faces / "crops" / "0.png"), other().image)
    np.savez(faces / "faces.npz", files=["crops/0.png"], identity=["b"], mesh=other().mesh[None])
    words = ["--data", str(tmp_path / "data"), "--faces", str(faces), "--out", str(tmp_path / "moves.npz")]
    assert motion_stats.main([*words, "--reals", "1", "--fakes", "1"]) == 0
    table = np.load(tmp_path / "moves.npz")
    assert table["rows"].shape == (2, FRAMES // 3, COLUMNS)
    assert table["label"].tolist() == [0, 1]
