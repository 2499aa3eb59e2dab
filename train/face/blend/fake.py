"""One pseudo-fake from a genuine face."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from ....stream.types import Floats, Image
from . import graphics, masks, texture, warp


@dataclass(frozen=True, eq=False)
class Subject:
    """A genuine face."""

    image: Image
    "(S, S, 3) BGR, upright."
    mesh: Floats
    "(468, 2), px."


@dataclass(frozen=True, eq=False)
class Fake:
    image: Image
    "(S, S, 3) BGR."
    mask: Floats
    "(S, S), 1 where it was manipulated."
    kind: str


REENACTED = 0.5
"Share of the fakes without a donor that are reenacted; the rest are self-blended."


def make(subject: Subject, donor: Subject | None, rng: np.random.Generator, reenacted: float = REENACTED) -> Fake:
    """Manipulate the subject.

    `self` blends the face with a changed copy of itself (Shiohara and Yamasaki 2022); `donor` lays another's face over
    it, as face-swap graphics do; `reenact` moves and re-renders the mouth or the face, as neural reenactment does.

    Args:
        subject: the genuine face.
        donor: another person's face: the fake becomes a swap.
        rng: the only source of chance.
        reenacted: chance that a fake without a donor is reenacted.
    """
    kind = "donor" if donor else "reenact" if rng.random() < reenacted else "self"
    size = subject.image.shape[0]
    region = masks.pick(rng)
    if kind == "donor" and region in ("mouth", "eyes", "lower"):
        region = str(rng.choice(["face", "brows-down", "inner"], p=[0.2, 0.4, 0.4]))
    if kind == "reenact":
        region = str(rng.choice(["mouth", "lower", "brows-down", "face"], p=[0.3, 0.25, 0.25, 0.2]))
    hard = masks.hull(subject.mesh, region, size, rng)
    if donor:
        front, back = _swap(subject, donor, hard, rng), subject.image
    elif kind == "reenact":
        front, back = _reenact(subject, rng), subject.image
    else:
        front, back = _self(subject, rng)
    return _joined(front, back, hard, kind, region, rng)


def retime(subject: Subject, moment: Subject, rng: np.random.Generator) -> Fake:
    """Give the subject the mouth, or the whole face, of another moment of the same person.

    Reenactment takes the mouth from elsewhere and renders the rest from what it saw before: head, light and identity
    fit, and yet the seam, the texture and the motion do not.

    Args:
        subject: the genuine face.
        moment: the same person at another time.
        rng: the only source of chance.
    """
    size = subject.image.shape[0]
    region = str(rng.choice(["mouth", "lower", "brows-down", "face"], p=[0.35, 0.3, 0.2, 0.15]))
    goal = warp.pose(moment.mesh, subject.mesh) if rng.random() < 0.7 else subject.mesh
    front = warp.onto(moment.image, moment.mesh, goal, size)
    if rng.random() < 0.7:
        front = texture.rerender(front, rng) if rng.random() < 0.6 else texture.refocus(front, rng)
    if rng.random() < 0.3:
        front = texture.tint(front, rng, 0.25)
    return _joined(front, subject.image, masks.hull(subject.mesh, region, size, rng), "retime", region, rng)


def rendered(subject: Subject, front: Image, region: str, rng: np.random.Generator) -> Fake:
    """Blend in a part of the face that a network rendered (train.face.reenact_train).

    Args:
        subject: the genuine face.
        front: the same picture with that part rendered, (S, S, 3) BGR.
        region: the part, one of masks.REGIONS.
        rng: the only source of chance.
    """
    hard = masks.hull(subject.mesh, region, subject.image.shape[0], rng)
    if rng.random() < 0.7:
        front = texture.match_colour(front, subject.image, hard)
    if rng.random() < 0.2:
        front = texture.refocus(front, rng)
    if rng.random() < 0.2:
        front = texture.tint(front, rng, 0.25)
    return _joined(front, subject.image, hard, "rendered", region, rng)


def _self(subject: Subject, rng: np.random.Generator) -> tuple[Image, Image]:
    """Change one of the two layers, so that neither the inside nor the outside is always the changed one."""
    changed, plain = subject.image, subject.image
    if rng.random() < 0.75:
        changed = texture.tint(changed, rng)
    if rng.random() < 0.6:
        changed = texture.rerender(changed, rng) if rng.random() < 0.3 else texture.refocus(changed, rng)
    front, back = (changed, plain) if rng.random() < 0.6 else (plain, changed)
    return warp.nudge(front, rng), back


def _swap(subject: Subject, donor: Subject, hard: Floats, rng: np.random.Generator) -> Image:
    size = subject.image.shape[0]
    # Graphics fit a face model, never quite the face: brows and lips do not fall where they were.
    loose = rng.random() < 0.6
    fit = graphics.misplace(subject.mesh, size, rng, rng.uniform(0.004, 0.016) if loose else 0.005)
    image, mesh = donor.image, donor.mesh
    if loose:
        mesh = graphics.misplace(mesh, image.shape[0], rng, rng.uniform(0.004, 0.02))
        if rng.random() < 0.6:
            image = graphics.stretch(image, donor.mesh, rng)
    front = warp.onto(image, mesh, fit, size)
    if rng.random() < 0.8:
        front = texture.match_colour(front, subject.image, hard)
    if rng.random() < 0.4:
        front = texture.tint(front, rng, 0.5)
    if rng.random() < 0.4:
        front = graphics.shade(front, rng)
    if rng.random() < 0.5:
        front = texture.rerender(front, rng) if rng.random() < 0.5 else texture.refocus(front, rng)
    return front


def _reenact(subject: Subject, rng: np.random.Generator) -> Image:
    """Move the mouth, or the whole shape of the face, which then no longer meets the outline that it is pasted into."""
    front = subject.image
    if rng.random() < 0.85:
        front = warp.express(front, subject.mesh, rng, reshape=rng.random() < 0.5)
    if rng.random() < 0.25:
        front = graphics.stretch(front, subject.mesh, rng)
    if rng.random() < 0.7:
        front = texture.rerender(front, rng)
    if rng.random() < 0.3:
        front = graphics.stain(front, subject.mesh, rng)
    if rng.random() < 0.3:
        front = graphics.shade(front, rng)
    if rng.random() < 0.4:
        front = texture.tint(front, rng, 0.35)
    return front


def _joined(front: Image, back: Image, hard: Floats, kind: str, region: str, rng: np.random.Generator) -> Fake:
    soft = masks.soften(hard, rng)
    return Fake(_paste(front, back, soft, kind, rng), _label(soft), f"{kind}:{region}")


def _paste(front: Image, back: Image, soft: Floats, kind: str, rng: np.random.Generator) -> Image:
    if kind == "donor" and rng.random() < 0.2:
        joined = _poisson(front, back, soft)
        if joined is not None:
            return joined
    strength = float(rng.choice([0.5, 0.75, 1.0, 1.0, 1.0])) if kind == "self" else 1.0
    alpha = (soft * strength)[..., None]
    return np.asarray(np.clip(front * alpha + back * (1 - alpha), 0, 255), np.uint8)


def _poisson(front: Image, back: Image, soft: Floats) -> Image | None:
    """Perez, Gangnet and Blake, "Poisson Image Editing", 2003; None where the mask touches the border."""
    inside = (soft > 0.5).astype(np.uint8) * 255
    x, y, width, height = cv2.boundingRect(inside)
    size = back.shape[0]
    if min(x, y) < 2 or x + width > size - 2 or y + height > size - 2 or min(width, height) < 8:
        return None
    centre = (x + width // 2, y + height // 2)
    return np.asarray(cv2.seamlessClone(front, back, inside, centre, cv2.NORMAL_CLONE), np.uint8)


def _label(soft: Floats) -> Floats:
    return np.asarray(np.clip(soft / max(float(soft.max()), 1e-3), 0, 1), np.float32)
