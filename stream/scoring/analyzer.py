"""Frames and sound of one source in, verdicts out. No thread; media time decides: a file scores alike, live or not."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from ..calibration import Calibration
from ..faces.detect_track import Follower, FollowSettings
from ..faces.motion_features import EVERY as MOTION_EVERY
from ..faces.motion_features import Recent, absent
from ..faces.motion_features import measure as motion
from ..faces.quality import Limits, judge, measure, reasons
from ..faces.tiled_detection import find
from ..faces.tracker import TrackSettings
from ..types import AudioChunk, FaceVerdict, Floats, Frame, Image, Track, Verdict, VoiceVerdict, Window
from .aggregate import History
from .face_scorer import FaceScorer
from .fusion import VOICE_AGE, fuse
from .models import Models
from .observer import Observer, Sight
from .sampling import Schedule
from .smoothing import MEMORY, Smoothing
from .summary import Summary, VoiceRecord, summarize
from .synthetic_scorer import StillScorer, Synthesis
from .window import FaceWindow

if TYPE_CHECKING:
    from ..audio import VoiceScorer


@dataclass(frozen=True, slots=True)
class ScoreSettings:
    """How a source is scored."""

    rate: float | None = None
    "Scored frames a second of media time, Hz; None = as the model's card says."
    max_faces: int = 6
    "Most faces scored in one frame; where there are more, they take turns."
    memory: float = MEMORY
    "See truefeed.stream.scoring.smoothing, s."
    history: bool = True
    "What was found is gathered for a summary; a live source, of which nobody asks one, has no need of it."
    follow: FollowSettings = field(default_factory=FollowSettings)
    tracks: TrackSettings = field(default_factory=TrackSettings)


@dataclass(eq=False, slots=True)
class _Subject:
    """What is known of one face."""

    window: FaceWindow
    smoothing: Smoothing
    seen: float
    scored: float = float("-inf")
    watched: float = float("-inf")
    "When its motion was last measured, media time, s."


class Analyzer:
    """Scores one source. Not thread-safe; the models may be shared."""

    def __init__(
        self, models: Models, *, source: str, settings: ScoreSettings | None = None, observer: Observer | None = None
    ) -> None:
        """Prepare to score.

        Args:
            models: the loaded models.
            source: its name in the verdicts, credentials removed.
            settings: where not as usual.
            observer: is told what is seen and said.

        Raises:
            EngineError: a model carries no card.
        """
        self.source = source
        self.settings = settings or ScoreSettings()
        self._scorer = FaceScorer(models)
        card = self._scorer.window_card
        self._limits = Limits.of({**self._scorer.card.quality, **card.quality})
        self._thresholds = Calibration.of(card).thresholds
        self._observer = observer or Observer()
        self._schedule = Schedule(self.settings.rate or card.rate)
        self._detector = models.detector
        self._follower = Follower(models.detector, self.settings.follow, self.settings.tracks)
        self._subjects: dict[int, _Subject] = {}
        self._recent = Recent()
        self._history = History()
        self.seen_video = False
        "Whether there was a picture at all."
        self._voices: deque[VoiceVerdict] = deque(maxlen=8)
        self._voice_record = VoiceRecord()
        self._voice_thresholds = Calibration.of(models.voice.card if models.voice else None).thresholds
        self._listener: VoiceScorer | None = None
        if models.voice is not None:
            from ..audio import VoiceScorer

            self._listener = VoiceScorer(models.voice)
        self._stills = StillScorer(models.still) if models.still is not None else None
        self._arrived: float | None = None

    def frame(self, frame: Frame, bitrate_kbps: float | None = None) -> Verdict | None:
        """Score a frame; return None where it is skipped to keep the score rate.

        Args:
            frame: the next of the source.
            bitrate_kbps: of its video, kb/s, where something knows it better than the frame does.

        Raises:
            EngineError: a model failed.
        """
        self.seen_video = True
        if frame.discontinuity:
            self._reset_video()
        self._recent.push(frame.t, frame.image)
        verdict = self._judge(frame, bitrate_kbps) if self._schedule.due(frame.t) else None
        faces = verdict.faces if verdict is not None else ()
        self._observer.frame(frame, verdict, {face.id: self._subjects[face.id].smoothing.logit for face in faces})
        return verdict

    def _judge(self, frame: Frame, bitrate_kbps: float | None) -> Verdict:
        tracks = self._follower.update(frame.image, frame.t)
        self._score(frame, tracks, frame.bitrate_kbps if bitrate_kbps is None else bitrate_kbps)
        faces = tuple(self._verdict(track) for track in sorted(tracks, key=lambda track: track.id))
        voice = self._heard(frame.t)
        fake, status, why = fuse(faces, voice, t=frame.t)
        latency = time.monotonic() - frame.arrived
        return Verdict(self.source, frame.t, fake, status, why, voice.fake if voice else None, faces, latency)

    def audio(self, chunk: AudioChunk) -> VoiceVerdict | None:
        """Hear a chunk; return the voice verdict when a new one is due. It joins the next verdicts of frames too."""
        if self._listener is None:
            self._observer.audio(chunk, None)
            return None
        if chunk.discontinuity:
            self._listener.reset()
            self._voices.clear()
        self._arrived = chunk.arrived
        verdict = self._listener.push(chunk)
        if verdict is not None:
            self._voices.append(verdict)
            if self.settings.history:
                self._voice_record.add(verdict)
        self._observer.audio(chunk, verdict)
        return verdict

    def finish(self) -> None:
        """Take notice that nothing more comes. A voice too short for a verdict on the way is then judged all the same.

        Raises:
            EngineError: the model failed.
        """
        if self._listener is None or self._voice_record.scored:
            return
        verdict = self._listener.finish()
        if verdict is not None:
            self._voice_record.add(verdict)
        self._listener.reset()

    def voice_only(self, voice: VoiceVerdict) -> Verdict:
        """Return the verdict on a source without a picture."""
        fake, status, why = fuse((), voice, t=voice.t, video=False)
        latency = None if self._arrived is None else time.monotonic() - self._arrived
        return Verdict(self.source, voice.t, fake, status, why, voice.fake, (), latency)

    def reset(self) -> None:
        """Start anew after a gap: windows, tracks and the voice forget; the summary and the ids go on."""
        self._reset_video()
        if self._listener is not None:
            self._listener.reset()
        self._voices.clear()

    def image(self, image: Image) -> Summary:
        """Score a single picture, HxWx3 BGR, by itself: nothing that was seen before counts, nor is it remembered."""
        history, wholes = History(), dict[int, Synthesis]()
        faces = find(self._detector, image)
        self._observer.image(image, faces)
        crops = self._scorer.crops(image, [face.points for face in faces])
        scale = self._scorer.card.crop_scale
        # One at a time: a picture of a crowd must not need the memory of a hundred crops.
        for number, (face, crop) in enumerate(zip(faces, crops, strict=True), 1):
            rows, maps = self._scorer.embed([crop])
            logit = float(self._scorer.score([Window(self._scorer.rows(rows, absent(1)), np.zeros(1))])[0])
            quality = measure(image, face, crop, scale)
            doubts = reasons(quality, self._limits)
            history.add(0.0, number, logit, 1.0, doubts)
            self._observer.face(Sight(0.0, number, crop, maps[0], logit, doubts, quality))
            seen = self._stills.see(image, face.points) if self._stills is not None else None
            if seen is not None and self._stills is not None:
                wholes[number] = self._stills.judge(seen[1])
                self._observer.whole(number, *seen)
        return summarize(history, self._scorer, self._limits, self._thresholds, still=True, wholes=wholes)

    def summary(self) -> Summary:
        """Return what is thought of all that was seen and heard so far; needs `ScoreSettings.history`."""
        voice = self.voice()
        summary = summarize(self._history, self._scorer, self._limits, self._thresholds, voice, video=self.seen_video)
        return summary if summary.faces else replace(summary, timeline=self._voice_record.timeline())

    def voice(self) -> VoiceVerdict | None:
        """Return one verdict on all that was heard so far; None where there was no sound."""
        return self._voice_record.sum(*self._voice_thresholds)

    def logits(self) -> dict[int, float]:
        """Return the logit of each face over all that was seen of it so far, before calibration."""
        return {face: self._history.logit(face) for face in sorted(self._history.faces)}

    @property
    def fake_at(self) -> float:
        """Least probability of a face that is called fake."""
        return self._thresholds[0]

    def sampled(self, every: float) -> None:
        """Be told, before anything is seen, that each run of pictures to come stands for so long, s."""
        self._history = History(every)

    @property
    def latest_voice(self) -> VoiceVerdict | None:
        """The latest verdict on the voice since the sound last started anew; None where there is none."""
        return self._voices[-1] if self._voices else None

    def _heard(self, t: float) -> VoiceVerdict | None:
        """Return the verdict on the voice at media time t, s: not a later one, as sound may be read ahead."""
        at = [voice for voice in self._voices if t - VOICE_AGE <= voice.t <= t]
        return at[-1] if at else None

    def _reset_video(self) -> None:
        self._follower.reset()
        self._schedule.reset()
        self._recent.clear()
        self._subjects.clear()

    def _score(self, frame: Frame, tracks: Sequence[Track], bitrate_kbps: float | None) -> None:
        card = self._scorer.window_card
        for track in tracks:
            if track.id not in self._subjects:
                window = FaceWindow(card.window, card.input_size[0])
                self._subjects[track.id] = _Subject(window, Smoothing(self.settings.memory), frame.t)
            self._subjects[track.id].seen = frame.t
        self._subjects = {i: s for i, s in self._subjects.items() if frame.t - s.seen <= 5.0}
        # The longest unscored first, so that many faces take turns.
        turn = sorted(tracks, key=lambda track: self._subjects[track.id].scored)[: self.settings.max_faces]
        if not turn:
            return
        crops = self._scorer.crops(frame.image, [track.face.points for track in turn])
        embeddings, maps = self._scorer.embed(crops)
        rows = self._scorer.rows(embeddings, self._motion(frame.t, turn))
        doubts = []
        for track, crop, row, evidence in zip(turn, crops, rows, maps, strict=True):
            scale = self._scorer.card.crop_scale
            quality = measure(frame.image, track.face, crop, scale, bitrate_kbps, frame.loss)
            doubts.append(reasons(quality, self._limits))
            self._observer.face(Sight(frame.t, track.id, crop, evidence, float(row[-1]), doubts[-1], quality))
            self._subjects[track.id].window.push(frame.t, row, not doubts[-1])
        logits = self._scorer.score([self._subjects[track.id].window.window() for track in turn])
        for track, logit, why in zip(turn, logits, doubts, strict=True):
            subject = self._subjects[track.id]
            subject.scored = frame.t
            weight = subject.smoothing.add(frame.t, float(logit), why)
            if self.settings.history:
                self._history.add(frame.t, track.id, float(logit), weight, why)

    def _motion(self, t: float, turn: Sequence[Track]) -> Floats:
        """Return (n, COLUMNS) how each face moves beside its head, where that is due and can be known."""
        rows = absent(len(turn))
        images = self._recent.images(t) if self._scorer.wants_motion else None
        if images is None:
            return rows
        for row, track in zip(rows, turn, strict=True):
            subject = self._subjects[track.id]
            # A face that was not there a moment ago may come with another scene.
            if t - subject.scored <= MOTION_EVERY * 2 and t - subject.watched >= MOTION_EVERY:
                subject.watched = t
                row[:] = motion(images, track.face.points)
        return rows

    def _verdict(self, track: Track) -> FaceVerdict:
        smoothing = self._subjects[track.id].smoothing
        fake = None if smoothing.logit is None else self._scorer.probability(smoothing.logit)
        status, why = judge(fake, smoothing.reasons(self._limits), *self._thresholds)
        left, top, right, bottom = (round(float(v), 1) for v in track.face.box)
        return FaceVerdict(track.id, fake, status, why, (left, top, right, bottom))
