"""Against a plain OpenCV loop and VidGear's CamGear: python benchmarks/versus.py [--seconds 15]

All read the same 720p30 H.264 RTSP stream from a real server, one after the other, each with a server of its own. First
the consumer runs the same detector and models on each picture it gets and takes at least 100 ms for it, as on a slow
machine or with a large model. Then it only takes pictures, and the cost of reading remains. The age of a picture is
measured when the consumer is done with it. CamGear takes part where `pip install vidgear` was done.
"""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import cv2
from common import Ages, Camera, Usage, arguments, clip, close, line_for, percentile, table
from truefeed.stream.faces.motion_features import absent
from truefeed.stream.open import open_source
from truefeed.stream.scoring.face_scorer import FaceScorer
from truefeed.stream.scoring.models import Models
from truefeed.stream.scoring.window import FaceWindow
from truefeed.stream.sources import SourceOptions
from truefeed.stream.sources.capture import Capture
from truefeed.stream.types import Frame, Image, Verdict

_PERIOD = 0.1
_WARM = 3.0
_CLIP = 60.0
Done = Callable[[Image], None]
"What the consumer does with a picture."


class Consumer:
    """Does the work on a picture, notes its age and, where slow, waits until 100 ms have gone."""

    def __init__(self, camera: Camera, work: Done | None, *, slow: bool) -> None:
        self._camera, self._work, self._slow = camera, work, slow
        self._last = time.monotonic()
        self._begin = self._last + _WARM
        self.ages: list[float] = []
        self.usage = Usage()

    def __call__(self, image: Image) -> None:
        if self._work is not None:
            self._work(image)
        self.done(image)

    def done(self, image: Image) -> None:
        now = time.monotonic()
        if now >= self._begin:
            if not self.ages:
                self.usage.start()
            self.ages.append(self._camera.age(image, now))
        if self._slow:
            time.sleep(max(0.0, _PERIOD - (now - self._last)))
        self._last = time.monotonic()


class Plain:
    """What a short script does with the models: the first face of each picture, a window of embeddings, no motion."""

    def __init__(self, models: Models) -> None:
        self._models, self._scorer = models, FaceScorer(models)
        self._window = FaceWindow(self._scorer.window_card.window, self._scorer.window_card.input_size[0])

    def __call__(self, image: Image) -> None:
        faces = self._models.detector.detect(image)
        if faces:
            rows, _ = self._scorer.embed(self._scorer.crops(image, [faces[0].points]))
            self._window.push(time.monotonic(), self._scorer.rows(rows, absent(1))[0])
            self._scorer.score([self._window.window()])


def opencv(url: str, seconds: float, consumer: Consumer) -> None:
    camera = cv2.VideoCapture(url, cv2.CAP_FFMPEG)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        read, image = camera.read()
        if read:
            consumer(image)
    camera.release()


def camgear(url: str, seconds: float, consumer: Consumer) -> None:
    from vidgear.gears import CamGear

    camera = CamGear(source=url).start()
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        image = camera.read()
        if image is not None:
            consumer(image)
    camera.stop()


def truefeed_reader(url: str, seconds: float, consumer: Consumer) -> None:
    with Capture(open_source(url, SourceOptions(audio=False))) as capture:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            item = capture.poll(0.1)
            if isinstance(item, Frame):
                consumer(item.image)


def truefeed_watch(models: Models) -> Callable[[str, float, Consumer], None]:
    """The whole of truefeed, its worker held up at each verdict."""

    def run(url: str, seconds: float, consumer: Consumer) -> None:
        class Held(Ages):
            def verdict(self, verdict: Verdict, frame: Frame | None) -> None:
                if frame is not None:
                    consumer.done(frame.image)

        wake = threading.Event()
        line = line_for("camera", url, models, Held(None), wake)
        line.start()
        try:
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                wake.clear()
                if not line.step():
                    wake.wait(0.1)
        finally:
            close([line])

    return run


def main() -> None:
    args = arguments(__doc__, 15).parse_args()
    models = Models.load(args.engine)
    readers: list[tuple[str, Callable[[str, float, Consumer], None]]] = [("OpenCV loop", opencv)]
    try:
        import vidgear.gears  # noqa: F401

        readers.append(("CamGear", camgear))
    except ImportError:
        print("CamGear is left out: pip install vidgear")
    slow = [(name, read, Plain(models)) for name, read in readers] + [("truefeed", truefeed_watch(models), None)]
    idle = [(name, read, None) for name, read in readers] + [("truefeed", truefeed_reader, None)]
    with tempfile.TemporaryDirectory() as folder:
        media = clip(Path(folder) / "camera.mp4", width=1280, height=720, seconds=_CLIP)
        rows = [measure(media, args.seconds, n, r, w, slow=True) for n, r, w in slow]
        rows += [measure(media, args.seconds, n, r, w, slow=False) for n, r, w in idle]
    head = ("reader", "consumer", "pictures/s", "age p50, ms", "age p95, ms", "age at the end, ms", "CPU, cores")
    table(f"720p30 over RTSP, {args.seconds:.0f} s each", rows, head)
    worst = max(float(str(rows[len(slow) - 1][4])), float(str(rows[len(slow) - 1][5])))
    print(f"\ntruefeed with a consumer of 10 pictures/s is {worst:.0f} ms behind (goal < 200: {worst < 200})")


def measure(
    media: Path,
    seconds: float,
    name: str,
    read: Callable[[str, float, Consumer], None],
    work: Done | None,
    *,
    slow: bool,
) -> tuple[object, ...]:
    with Camera(media, seconds=_CLIP) as camera:
        consumer = Consumer(camera, work, slow=slow)
        read(camera.url, seconds + _WARM, consumer)
        consumer.usage.stop()
    ages = [age * 1000 for age in consumer.ages]
    rate = len(ages) / consumer.usage.seconds
    kind = "models, 10 fps" if slow else "only reads"
    return (name, kind, rate, percentile(ages, 50), percentile(ages, 95), ages[-1], consumer.usage.cores)


if __name__ == "__main__":
    main()
