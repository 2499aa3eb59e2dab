"""The loaded models, shared by every source."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from ...engines import WEIGHTS, Card, Engine, EngineError, load
from ..errors import ConfigError
from ..faces import Detector, open_detector

FACES = {"fast": "face.onnx"}
"The shipped face models by name."
STILL = "face-still.onnx"
VOICES = {"fast": "voice.onnx", "accurate": "voice-accurate.onnx"}
"The shipped voice models by name; the second takes more time."


@dataclass(frozen=True, eq=False, slots=True)
class Models:
    """One of each, loaded once; engines may be run from several threads."""

    detector: Detector
    face: Engine
    "Crop to embedding: on a CPU in eight bits, where such a file lies beside."
    face_window: Engine
    "Embeddings to score."
    voice: Engine | None
    "Samples to score; None where there is no model of voices."
    still: Engine | None = None
    "Crop of a still picture to score: was it rendered as a whole? None where that is not asked."

    @classmethod
    def load(
        cls,
        engine: str = "auto",
        faces: str = "centerface",
        *,
        face_model: str | Path | None = None,
        voice_model: str | Path | None = None,
        stills: bool = False,
        threads: int = 1,
    ) -> Models:
        """Load the models.

        Args:
            engine: as device in engines.load.
            faces: the face detector, as in faces.open_detector.
            face_model: a name of FACES (None: `fast`), a folder with face.onnx, as `truefeed train video` writes it, or
                a file, whose temporal model lies beside it as NAME-window.SUFFIX. On a CPU its eight-bit variant
                NAME-int8.SUFFIX is taken, where that lies there.
            voice_model: a name of VOICES (None: `accurate` where it is there), a file, or a folder with voice.onnx.
            stills: True also loads the model of synthesised faces: the shipped one, or NAME-still.onnx where it lies
                beside another face model.
            threads: intra-op threads on a CPU.

        Raises:
            EngineError, ConfigError, MissingExtraError: a model is absent or can't be loaded; the text says what to do.
        """
        path = face_file(face_model)
        face, made_of = _encoder(path, engine, threads)
        window_path = window_file(path)
        beside = engine
        if path.suffix in (".plan", ".engine"):
            # A plan is made of the encoder, which costs; the head over a window is a few kB and serves as ONNX.
            beside = "auto"
            window_path = window_path if window_path.is_file() else window_path.with_suffix(".onnx")
        window = _load(window_path, "face-window", beside, threads)
        _fit(path, made_of, window_path, window)
        voice = None
        voice_path = voice_file(voice_model)
        if voice_model is not None or voice_path.is_file():
            voice = _load(voice_path, "voice", beside, threads)
            if len(card_of(voice).input_size) != 2:
                raise EngineError(f"{voice_path}: hears whole windows, as truefeed did before: export the voice anew")
        still = None
        still_path = still_file(path)
        if stills and still_path.is_file():
            still = _load(still_path, "face-still", beside, threads)
        detector = open_detector(faces, device="cuda" if face.device == "cuda" else "cpu", threads=threads)
        return cls(detector, face, window, voice, still)

    def identity(self) -> dict[str, str]:
        """Return name, version and sha256 of the models that make a face's score, for reports and evidence."""
        card = card_of(self.face)
        return {
            "name": card.name,
            "version": card.version,
            "sha256": self.face.sha256,
            "window_sha256": self.face_window.sha256,
            "engine": self.face.device,
        }

    def close(self) -> None:
        """Release the engines."""
        for engine in (self.face, self.face_window, self.voice, self.still):
            if engine is not None:
                engine.close()


def face_file(face_model: str | Path | None) -> Path:
    """Return the file of a face model given as in Models.load. Raises ConfigError for an unknown name."""
    name = str(face_model or "fast")
    if name in FACES:
        return WEIGHTS / FACES[name]
    if not Path(name).suffix and not Path(name).exists():
        raise ConfigError(f"--model {name}: neither {' nor '.join(FACES)}, a folder of a model nor an .onnx file")
    return _inside("--model", Path(name), FACES["fast"])


def _inside(option: str, path: Path, name: str) -> Path:
    """Return the file of a model: the path, or what lies in it under the name where it is a folder."""
    if not path.is_dir():
        return path
    if not (path / name).is_file():
        raise ConfigError(f"{option} {path}: there is no {name} in this folder")
    return path / name


def voice_file(voice_model: str | Path | None) -> Path:
    """Return the file of a voice model given as in Models.load. Raises ConfigError for an unknown name."""
    if voice_model is None:
        accurate = WEIGHTS / VOICES["accurate"]
        return accurate if accurate.is_file() else WEIGHTS / VOICES["fast"]
    name = str(voice_model)
    if name in VOICES:
        return WEIGHTS / VOICES[name]
    if not Path(name).suffix and not Path(name).exists():
        raise ConfigError(
            f"--voice-model {name}: neither {' nor '.join(VOICES)}, a folder of a model nor an .onnx file"
        )
    return _inside("--voice-model", Path(name), VOICES["fast"])


def int8_file(face: Path) -> Path:
    """Return where the eight-bit variant of a face model lies, if there is one."""
    return face.with_name(f"{face.stem}-int8{face.suffix}")


def window_file(face: Path) -> Path:
    """Return where the temporal model of a face model lies."""
    return face.with_name(f"{face.stem}-window{face.suffix}")


def still_file(face: Path) -> Path:
    """Return where the model of synthesised faces that belongs to a face model lies, if there is one."""
    return WEIGHTS / STILL if face.parent == WEIGHTS else face.with_name(f"{face.stem}-still.onnx")


def card_of(engine: Engine) -> Card:
    """Return the engine's card. Raises EngineError where it has none."""
    if engine.card is None:
        raise EngineError("the model carries no truefeed card: export it with `truefeed export`")
    return engine.card


def _encoder(path: Path, engine: str, threads: int) -> tuple[Engine, str]:
    """Load the encoder, on a CPU in eight bits where it can, and say what the full one's sha256 is."""
    small_path = int8_file(path)
    if engine in ("auto", "cpu") and path.is_file() and small_path.is_file():
        small = _load(small_path, "face", engine, threads)
        if small.device == "cpu":
            full = hashlib.sha256(path.read_bytes()).hexdigest()
            if card_of(small).training.get("int8_of") != full:
                raise EngineError(
                    f"{small_path}: made of another encoder than {path}: run `truefeed export int8`, or remove it"
                )
            return small, full
        small.close()
    face = _load(path, "face", engine, threads)
    return face, str(card_of(face).training.get("plan_of", face.sha256))


def _fit(path: Path, sha256: str, window_path: Path, window: Engine) -> None:
    """Refuse a head that was not made for the encoder."""
    made_for = card_of(window).training.get("encoder_sha256")
    if made_for and made_for != sha256:
        raise EngineError(f"{window_path}: made for another encoder than {path}: take the two files of one release")


def _load(path: Path, task: str, engine: str, threads: int) -> Engine:
    loaded = load(path, engine, threads=threads)
    if loaded.card is None:
        raise EngineError(f"{path}: the model carries no truefeed card: export it with `truefeed export`")
    if loaded.card.task != task:
        raise EngineError(f"{path}: a model for {loaded.card.task}, where one for {task} is needed")
    return loaded
