from __future__ import annotations

import shutil
import subprocess
import time
import tracemalloc
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from media import portrait, scene
from models import write_models, write_voice
from truefeed.engines import EngineError, load
from truefeed.engines.base import WEIGHTS
from truefeed.stream.faces.quality import REASONS
from truefeed.stream.scoring.analyzer import Analyzer, ScoreSettings
from truefeed.stream.scoring.models import Models
from truefeed.stream.types import AudioChunk, Floats, Frame, Image, Verdict
from truefeed.train.common.card_file import restamp

DARK, BRIGHT = 0.6, 1.6
"Factors on the portrait's brightness that the model takes for genuine and for fake."


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Models:
    return Models.load("cpu", face_model=write_models(tmp_path_factory.mktemp("models")))


def lit(image: Image, factor: float) -> Image:
    return np.asarray(np.clip(image * factor, 0, 255), np.uint8)


def frames(
    images: Iterable[Image], *, fps: float = 30.0, start: float = 0.0, discontinuity: bool = False
) -> Iterable[Frame]:
    for i, image in enumerate(images):
        yield Frame(image, start + i / fps, time.monotonic(), discontinuity and i == 0)


def feed(analyzer: Analyzer, pictures: Iterable[Frame], bitrate_kbps: float | None = None) -> list[Verdict]:
    return [v for v in (analyzer.frame(frame, bitrate_kbps) for frame in pictures) if v is not None]


def clip(factor: float, count: int = 60, faces: int = 1) -> list[Image]:
    return [lit(scene(i, faces=faces), factor) for i in range(count)]


@pytest.mark.parametrize(("factor", "status"), [(DARK, "real"), (BRIGHT, "fake"), (1.0, "uncertain")])
def test_status_follows_the_model(models: Models, factor: float, status: str) -> None:
    last = feed(Analyzer(models, source="x"), frames(clip(factor)))[-1]
    assert (last.status, last.faces[0].status) == (status, status)
    assert last.reasons == (("borderline",) if status == "uncertain" else ())
    assert last.fake == pytest.approx(last.faces[0].fake)
    assert (last.source, last.voice) == ("x", None)
    assert last.latency is not None
    assert last.latency >= 0


@pytest.mark.parametrize("fps", [25, 30, 60])
def test_at_least_fifteen_frames_a_second_are_scored(models: Models, fps: int) -> None:
    analyzer = Analyzer(models, source="x")
    verdicts = feed(analyzer, frames(clip(DARK, 2 * fps), fps=fps))
    assert 30 <= len(verdicts) <= 34
    (face,) = analyzer.summary().faces
    assert face["frames"] == len(verdicts)


def test_evidence_grows_from_too_short_to_a_verdict(models: Models) -> None:
    verdicts = feed(Analyzer(models, source="x"), frames(clip(BRIGHT, 45)))
    assert verdicts[0].reasons == ("too-short",)
    assert verdicts[0].fake is not None
    statuses = [verdict.status for verdict in verdicts]
    turn = statuses.index("fake")
    assert set(statuses[:turn]) == {"uncertain"}
    assert set(statuses[turn:]) == {"fake"}
    assert verdicts[turn].t == pytest.approx(1.0, abs=0.1)


def test_without_a_face_nothing_is_scored(models: Models) -> None:
    analyzer = Analyzer(models, source="x")
    verdicts = feed(analyzer, frames([np.full((360, 640, 3), 120, np.uint8)] * 30))
    assert {(v.fake, v.status, v.reasons, v.faces) for v in verdicts} == {(None, "uncertain", ("no-face",), ())}
    summary = analyzer.summary()
    assert (summary.fake, summary.status, summary.reasons) == (None, "uncertain", ("no-face",))
    assert summary.faces == summary.timeline == ()


def test_each_of_several_faces_is_judged_by_itself(models: Models) -> None:
    def half(image: Image) -> Image:
        image = lit(image, DARK)
        image[:, 320:] = lit(image[:, 320:], BRIGHT / DARK)
        return image

    analyzer = Analyzer(models, source="x")
    last = feed(analyzer, frames(half(scene(i, faces=2)) for i in range(60)))[-1]
    by_place = sorted(last.faces, key=lambda face: face.box[0])
    assert [face.status for face in by_place] == ["real", "fake"]
    assert last.status == "fake"
    assert {face["status"] for face in analyzer.summary().faces} == {"real", "fake"}
    assert analyzer.summary().status == "fake"


def test_many_faces_take_turns(models: Models) -> None:
    analyzer = Analyzer(models, source="x", settings=ScoreSettings(max_faces=2))
    pictures = [scene(i, faces=6, width=1280, height=360) for i in range(60)]
    verdicts = feed(analyzer, frames(pictures))
    assert [face.id for face in verdicts[-1].faces] == [1, 2, 3, 4, 5, 6]
    counts = [face["frames"] for face in analyzer.summary().faces]
    assert sum(counts) == 2 * len(verdicts)
    assert max(counts) - min(counts) <= 1


def test_what_nobody_asks_a_summary_of_gathers_nothing_and_scores_alike(models: Models) -> None:
    pictures = list(clip(BRIGHT, 32))
    live = Analyzer(models, source="x", settings=ScoreSettings(history=False))
    verdicts = feed(live, frames(pictures))
    assert [v.fake for v in verdicts] == [v.fake for v in feed(Analyzer(models, source="x"), frames(pictures))]
    assert live.logits() == {}
    assert live.summary().faces == ()
    assert live.seen_video


def test_a_swap_in_mid_stream_shows_and_fades(models: Models) -> None:
    pictures = [*clip(DARK, 32), *clip(BRIGHT, 112), *clip(DARK, 128)]
    verdicts = feed(Analyzer(models, source="x"), frames(pictures, fps=16))

    def at(t: float) -> str:
        return next(v.status for v in verdicts if v.t >= t)

    assert [at(1.9), at(8.9), at(16.9)] == ["real", "fake", "real"]


def test_a_discontinuity_starts_windows_and_tracks_anew(models: Models) -> None:
    analyzer = Analyzer(models, source="x")
    before = feed(analyzer, frames(clip(BRIGHT)))[-1]
    after = feed(analyzer, frames(clip(DARK, 1), start=0.5, discontinuity=True))[0]
    assert before.status == "fake"
    assert after.reasons == ("too-short",)
    assert after.faces[0].id != before.faces[0].id
    assert after.fake is not None
    assert after.fake < 0.3


def test_reset_is_a_discontinuity(models: Models) -> None:
    analyzer = Analyzer(models, source="x")
    feed(analyzer, frames(clip(BRIGHT, 40)))
    analyzer.reset()
    (after,) = feed(analyzer, frames(clip(BRIGHT, 1), start=100.0))
    assert after.reasons == ("too-short",)
    assert after.faces[0].id == 2
    assert len(analyzer.summary().faces) == 2


@pytest.mark.parametrize(
    ("name", "change", "bitrate"),
    [
        ("face-too-small", lambda image: cv2.resize(image, (224, 126), interpolation=cv2.INTER_AREA), None),
        ("blurred", lambda image: cv2.GaussianBlur(image, (0, 0), 4), None),
        ("low-bitrate", lambda image: image, 10.0),
    ],
)
def test_poor_pictures_are_uncertain_with_their_reason_and_still_scored(
    models: Models, name: str, change: object, bitrate: float | None
) -> None:
    assert callable(change)
    analyzer = Analyzer(models, source="x")
    pictures = [np.asarray(change(image), np.uint8) for image in clip(BRIGHT, 45)]
    last = feed(analyzer, frames(pictures), bitrate)[-1]
    assert last.status == "uncertain"
    assert name in last.reasons
    assert last.fake is not None
    summary = analyzer.summary()
    assert summary.status == "uncertain"
    assert name in summary.reasons
    assert name in REASONS
    assert summary.fake is not None


def test_a_call_that_loses_packets_is_uncertain_until_the_line_is_good_again(models: Models) -> None:
    analyzer = Analyzer(models, source="x")
    lossy = [replace(frame, loss=0.12) for frame in frames(clip(BRIGHT, 45))]
    last = feed(analyzer, lossy)[-1]
    assert (last.status, last.reasons) == ("uncertain", ("packet-loss",))
    assert last.fake is not None
    better = [replace(frame, loss=0.02) for frame in frames(clip(BRIGHT, 60), start=1.5)]
    assert feed(analyzer, better)[-1].status == "fake"


def test_a_face_that_moves_out_of_the_picture_is_occluded_and_does_not_shift_the_score(models: Models) -> None:
    analyzer = Analyzer(models, source="x")
    pictures = [lit(scene(0, width=480, size=300), DARK)] * 45
    held = feed(analyzer, frames(pictures))[-1]
    cut = [np.ascontiguousarray(pictures[0][:, 245:])] * 30  # half a face is left, at another place: a new track
    last = feed(analyzer, frames(cut, start=2.0))[-1]
    assert held.status == "real"
    assert last.faces == () or "occluded" in last.reasons


def test_the_same_frames_give_the_same_verdicts(models: Models) -> None:
    runs = [feed(Analyzer(models, source="x"), frames(clip(1.2, 45, faces=2))) for _ in range(2)]
    assert [(v.t, v.fake, v.faces) for v in runs[0]] == [(v.t, v.fake, v.faces) for v in runs[1]]


def test_summary_of_a_clip(models: Models) -> None:
    analyzer = Analyzer(models, source="x")
    verdicts = feed(analyzer, frames(clip(BRIGHT, 75)))
    summary = analyzer.summary()
    (face,) = summary.faces
    assert summary.status == face["status"] == "fake"
    assert summary.fake == pytest.approx(face["fake"], abs=1e-3)
    assert summary.fake == pytest.approx(verdicts[-1].fake, abs=0.01)
    assert (face["id"], face["first"], face["reasons"]) == (1, 0.0, [])
    assert face["last"] == pytest.approx(verdicts[-1].t, abs=1e-3)
    assert [point["t"] for point in summary.timeline] == [0.0, 1.0, 2.0]
    assert all(point["fake"] > 0.9 for point in summary.timeline)


def test_one_frame_has_a_probability_but_no_verdict(models: Models) -> None:
    analyzer = Analyzer(models, source="x")
    feed(analyzer, frames(clip(BRIGHT, 1)))
    summary = analyzer.summary()
    assert summary.fake is not None
    assert (summary.status, summary.reasons) == ("uncertain", ("too-short",))


@pytest.mark.parametrize(("factor", "status"), [(DARK, "real"), (BRIGHT, "fake")])
def test_a_still_is_never_too_short(models: Models, factor: float, status: str) -> None:
    analyzer = Analyzer(models, source="x")
    summary = analyzer.image(lit(portrait(), factor))
    assert (summary.status, summary.reasons, len(summary.faces)) == (status, (), 1)
    assert analyzer.summary().faces == ()


def test_a_still_whose_face_fills_it_and_a_still_without_a_face(models: Models) -> None:
    analyzer = Analyzer(models, source="x")
    assert analyzer.image(np.ascontiguousarray(portrait()[70:215, 165:285])).fake is not None
    empty = analyzer.image(np.full((300, 300, 3), 30, np.uint8))
    assert (empty.fake, empty.reasons) == (None, ("no-face",))


def test_a_small_face_of_a_large_still_is_found(models: Models) -> None:
    image = np.full((3000, 4000, 3), 90, np.uint8)
    image[2000:2150, 3000:3150] = cv2.resize(portrait()[0:280, 90:370], (150, 150), interpolation=cv2.INTER_AREA)
    summary = Analyzer(models, source="x").image(image)
    assert len(summary.faces) == 1


def test_models_are_refused_where_they_do_not_fit(tmp_path: Path) -> None:
    path = write_models(tmp_path)
    with pytest.raises(EngineError, match=r"face-window\.onnx: a model for face-window, where one for face is needed"):
        Models.load("cpu", face_model=tmp_path / "face-window.onnx")
    path.with_name("face-window.onnx").unlink()
    with pytest.raises(EngineError, match=r"face-window\.onnx"):
        Models.load("cpu", face_model=path)
    with pytest.raises(EngineError, match=r"gone\.onnx: no such model file"):
        Models.load("cpu", face_model=tmp_path / "gone.onnx")
    path, voice = write_models(tmp_path), write_voice(tmp_path / "voice.onnx", logit=0.0)
    card = load(voice, "cpu").card
    assert card is not None
    restamp(voice, replace(card, input_size=(64000,)))
    with pytest.raises(EngineError, match=r"voice\.onnx: hears whole windows"):
        Models.load("cpu", face_model=path, voice_model=voice)


def test_identity_names_the_models_by_hash(models: Models) -> None:
    identity = models.identity()
    assert (identity["name"], identity["version"], identity["engine"]) == ("brightness", "1", "cpu")
    assert len(identity["sha256"]) == len(identity["window_sha256"]) == 64


@pytest.mark.skipif(not (WEIGHTS / "face.onnx").is_file(), reason="no weights in this checkout")
def test_the_shipped_models_keep_the_contract() -> None:
    analyzer = Analyzer(Models.load("cpu"), source="x")
    last = feed(analyzer, frames(clip(1.0, 36, faces=2)))[-1]
    assert [face.id for face in last.faces] == [1, 2]
    assert all(face.fake is not None and 0 <= face.fake <= 1 for face in last.faces)
    assert analyzer.image(portrait()).fake is not None


def test_memory_stays_flat(models: Models) -> None:
    analyzer = Analyzer(models, source="x")
    pictures = clip(1.0, 30)

    def turn(start: float) -> int:
        feed(analyzer, frames(pictures, fps=16, start=start))
        return tracemalloc.get_traced_memory()[0]

    feed(analyzer, frames(pictures * 3, fps=16))
    tracemalloc.start()
    try:
        first = turn(10.0)
        for n in range(2, 5):
            last = turn(10.0 * n)
    finally:
        tracemalloc.stop()
    assert last - first < 100_000


@pytest.fixture(scope="module")
def speech(tmp_path_factory: pytest.TempPathFactory) -> Floats:
    """Some seconds of speech at 22.05 kHz."""
    if shutil.which("espeak-ng") is None:
        pytest.skip("no synthesiser: apt-get install espeak-ng")
    path = tmp_path_factory.mktemp("speech") / "words.wav"
    words = "the north wind and the sun were disputing which was the stronger when a traveller came along"
    subprocess.run(["espeak-ng", "-w", str(path), words], check=True, timeout=30)
    with av.open(str(path)) as container:
        assert container.streams.audio[0].rate == 22050
        parts = [frame.to_ndarray().reshape(-1) for frame in container.decode(audio=0)]
    samples: Floats = np.concatenate(parts).astype(np.float32) / 32768
    return samples


def chunks(samples: Floats, start: float = 0.0) -> Iterator[AudioChunk]:
    for i in range(0, len(samples), 2205):
        yield AudioChunk(samples[i : i + 2205], 22050, start + i / 22050, time.monotonic())


@pytest.fixture(scope="module")
def hearing(tmp_path_factory: pytest.TempPathFactory) -> Models:
    folder = tmp_path_factory.mktemp("hearing")
    voice = write_voice(folder / "voice.onnx", logit=4.0)
    return Models.load("cpu", face_model=write_models(folder), voice_model=voice)


def test_the_voice_joins_the_frames_from_its_time_on_until_it_is_old(hearing: Models, speech: Floats) -> None:
    analyzer = Analyzer(hearing, source="x")
    heard = [verdict for verdict in (analyzer.audio(chunk) for chunk in chunks(speech[:75000])) if verdict]
    assert [round(verdict.t) for verdict in heard] == [1, 2, 3]
    first = min(verdict.t for verdict in heard if verdict.fake is not None)
    verdicts = feed(analyzer, frames(clip(DARK, 80), fps=10))
    spoken = [verdict.t for verdict in verdicts if verdict.voice is not None]
    assert first <= spoken[0] <= first + 0.1
    assert spoken[-1] == pytest.approx(heard[-1].t + 4, abs=0.1)
    assert next(v for v in verdicts if v.t > 3.5).status == "fake"
    assert verdicts[-1].status == "real"


def test_sound_without_a_picture_has_verdicts_and_a_summary(hearing: Models, speech: Floats) -> None:
    analyzer = Analyzer(hearing, source="x")
    heard = [verdict for verdict in (analyzer.audio(chunk) for chunk in chunks(speech)) if verdict]
    told = analyzer.voice_only(heard[-1])
    assert (told.status, told.faces, told.t) == ("fake", (), heard[-1].t)
    assert told.fake == told.voice == heard[-1].fake
    assert told.latency is not None
    summary = analyzer.summary()
    assert (summary.status, summary.faces) == ("fake", ())
    assert summary.fake == summary.voice == pytest.approx(1 / (1 + np.exp(-4)), abs=1e-3)
    assert len(summary.timeline) >= 3


def test_silence_is_no_voice(hearing: Models) -> None:
    analyzer = Analyzer(hearing, source="x")
    heard = [v for v in (analyzer.audio(chunk) for chunk in chunks(np.zeros(4 * 22050, np.float32))) if v]
    assert {verdict.fake for verdict in heard} == {None}
    told = analyzer.voice_only(heard[-1])
    assert (told.fake, told.status, told.reasons) == (None, "uncertain", ("no-speech",))
    summary = analyzer.summary()
    assert (summary.fake, summary.voice, summary.status, summary.reasons) == (None, None, "uncertain", ("no-speech",))


def test_without_a_model_of_voices_sound_is_not_judged(models: Models, speech: Floats) -> None:
    if models.voice is not None:
        pytest.skip("a model of voices is shipped")
    analyzer = Analyzer(models, source="x")
    assert [analyzer.audio(chunk) for chunk in chunks(speech)] == [None] * len(list(chunks(speech)))
