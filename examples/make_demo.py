"""Make the demo clip: `python examples/make_demo.py stream/assets/demo.mp4`.

The portrait is NASA's of the astronaut Eileen Collins (public domain), as scikit-image carries it. A hand-held camera
looks at it for 34 s. From 8 s to 19 s the face is re-rendered and made to talk, frame by frame, with the functions that
make truefeed's training fakes: that stretch is manipulated, the rest is genuine. Needs `pip install -e '.[train]'` and
the face mesh of truefeed.train.data.landmarks.
"""

from __future__ import annotations

import argparse
import sys
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from skimage import data
from truefeed.stream.faces.align import similarity
from truefeed.stream.faces.centerface import CenterFace
from truefeed.stream.types import Floats, Image
from truefeed.train.data import landmarks as parts
from truefeed.train.data.face_crops import SCALE, cut_face, largest
from truefeed.train.data.landmarks import FaceMesh
from truefeed.train.face.blend import masks, texture, warp

WIDTH, HEIGHT, FPS = 640, 480, 25
SECONDS, FAKE_FROM, FAKE_TO = 34, 8, 19
CENTRE = (225.0, 135.0)
"What the camera looks at, px of the portrait."
_LOOK = 4
"Seed of the manipulation: one that the shipped model sees. It misses others; docs/face-model.md tells how many."
_TREMBLE = 0.4
"How unsteadily the manipulated face is placed from frame to frame, px of the portrait, as generators do."


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seed", type=int, default=7)
    args = parser.parse_args()
    args.out.parent.mkdir(parents=True, exist_ok=True)
    portrait = np.ascontiguousarray(data.astronaut()[:, :, ::-1])
    talker, rng = Talker(portrait), np.random.default_rng(args.seed)
    sway = camera(SECONDS * FPS, rng)
    with av.open(str(args.out), "w") as container:
        stream = container.add_stream("libx264", rate=FPS)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.time_base = Fraction(1, FPS)
        stream.options = {"crf": "26", "preset": "veryslow", "g": str(2 * FPS)}
        for index, matrix in enumerate(sway):
            t = index / FPS
            picture = talker.at(t) if FAKE_FROM <= t < FAKE_TO else portrait
            view = cv2.warpAffine(
                picture, matrix, (WIDTH, HEIGHT), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT
            )
            noisy = view + rng.normal(0, 1.2, (HEIGHT, WIDTH, 1))
            frame = av.VideoFrame.from_ndarray(np.clip(noisy, 0, 255).astype(np.uint8), "bgr24")
            frame.pts = index
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    sys.stderr.write(f"{args.out}  {args.out.stat().st_size / 1e3:.0f} kB\n")
    return 0


def camera(count: int, rng: np.random.Generator) -> list[Floats]:
    """Hand-held: slow drift, a little turn, a slow zoom."""
    phase = rng.uniform(0, 2 * np.pi, 4)
    out = []
    for index in range(count):
        t = index / FPS
        zoom = 1.85 + 0.06 * np.sin(0.5 * t + phase[0])
        turn = 1.5 * np.sin(0.7 * t + phase[1])
        matrix = cv2.getRotationMatrix2D(CENTRE, turn, zoom)
        drift = np.array([16 * np.sin(0.9 * t + phase[2]), 8 * np.sin(1.1 * t + phase[3])])
        matrix[:, 2] += np.array([WIDTH / 2, HEIGHT / 2]) - CENTRE + drift
        out.append(matrix.astype(np.float32))
    return out


class Talker:
    """The portrait with a re-rendered, talking lower face."""

    def __init__(self, portrait: Image) -> None:
        self.portrait = portrait
        face = largest(CenterFace(long_side=512).detect(portrait))
        self.cut, _, self.mesh, _ = cut_face(portrait, face, FaceMesh())
        self.size = self.cut.shape[0]
        self.back = cv2.invertAffineTransform(similarity(face.points, self.size, SCALE))

    def at(self, t: float) -> Image:
        """Return the whole picture with the mouth as it is at t seconds."""
        rng = np.random.default_rng(_LOOK)
        anchors = self.mesh[warp.ANCHORS].copy()
        index = {point: i for i, point in enumerate(warp.ANCHORS)}
        lips = [index[p] for p in parts.LIPS]
        jaw = [index[p] for p in parts.JAW[4:-4] if p in index]
        openness = max(0.0, np.sin(2 * np.pi * 2.3 * t) * np.sin(2 * np.pi * 0.6 * t + 1))
        centre = anchors[lips].mean(0)
        anchors[lips] = centre + (anchors[lips] - centre) * np.array([1 - 0.1 * openness, 1 + 0.8 * openness])
        anchors[jaw] += np.array([0, 0.02 * openness * self.size])
        shift = warp.field(anchors.astype(np.float32), self.mesh[warp.ANCHORS], self.size, spread=self.size * 0.04)
        moved = cv2.remap(self.cut, *masks.as_maps(shift), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
        front = texture.tint(texture.rerender(np.asarray(moved, np.uint8), rng), rng)
        soft = masks.soften(masks.hull(self.mesh, "face", self.size, rng), rng)
        back = self.back.copy()
        back[:, 2] += np.random.default_rng(round(t * FPS)).normal(0, _TREMBLE, 2)
        layer = cv2.warpAffine(front, back, self.portrait.shape[1::-1])
        alpha = cv2.warpAffine(soft, back, self.portrait.shape[1::-1])[..., None]
        return np.asarray(np.clip(layer * alpha + self.portrait * (1 - alpha), 0, 255), np.uint8)


if __name__ == "__main__":
    sys.exit(main())
