"""Following faces: stable ids through motion, crossings and short occlusion. Media time decides, not frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from ..types import Face, Floats, Track
from .align import square

_FAR = 1e6
_LOOK_RATE = 0.15
_TURN = 0.3


@dataclass(frozen=True, slots=True)
class TrackSettings:
    """How far a face may move, and how long it may be away."""

    keep: float = 1.0
    "A face that was not seen for this long is gone; coming back, it gets a new id, s."
    longest: float = 3.0
    "The same, where no picture came that could have shown it, s."
    reach: float = 0.8
    "Greatest distance from the place foretold, in sides of the face."
    drift: float = 1.5
    "What reach grows by a second without a sighting, in sides of the face."
    resize: float = 0.5
    "Greatest change of size, as the logarithm of the ratio."
    look_weight: float = 1.0
    "Weight of the appearance beside the place."
    look_least: float = 0.1
    "Correlation of appearance under which a face is another person's."
    smoothing: float = 0.25
    "Time constant of the velocity, s."


@dataclass(eq=False, slots=True)
class _State:
    id: int
    face: Face
    born: float
    seen: float
    place: Floats
    "(3,), centre x, centre y, log side."
    speed: Floats
    "(3,), a second."
    look: Floats | None
    missed: bool = False
    "True where the latest picture did not show it."

    def at(self, t: float) -> Floats:
        """Foretell the place at t. A face unseen for longer is foretold to slow down: people turn back."""
        away = t - self.seen
        lasting = min(away, 0.5)
        place = self.place.copy()
        place[:2] += self.speed[:2] * lasting
        place[2] += self.speed[2] * min(away, 0.2)
        return place


class Tracker:
    """Gives the faces of one source their ids. Not thread-safe.

    Faces are assigned to tracks by the Hungarian method (Kuhn, 1955) on one cost: the distance from the place that a
    constant velocity foretells, in sides of the face, the change of size, and, where looks are given, how little the
    face resembles the track's. For squares of one size, distance and intersection over union order candidates alike,
    and distance goes on where the squares no longer meet.
    """

    def __init__(self, settings: TrackSettings | None = None) -> None:
        self.settings = settings or TrackSettings()
        self._states: list[_State] = []
        self._next = 1

    def reset(self) -> None:
        """Forget every face; ids are not given twice."""
        self._states.clear()

    def squares(self, t: float, within: float | None = None) -> Floats:
        """Return (n, 3), centre x, centre y and side, px: where faces seen in the last within s should be at t."""
        within = self.settings.keep if within is None else within
        places = [s.at(t) for s in self._states if not s.missed or t - s.seen <= within]
        return np.array([[p[0], p[1], np.exp(p[2])] for p in places], np.float32).reshape(-1, 3)

    def update(self, faces: Sequence[Face], t: float, looks: Floats | None = None) -> list[Track]:
        """Assign the faces of the picture at t.

        Args:
            faces: every face of the picture once.
            t: media time, s; greater than at the last call.
            looks: (n, k), a unit vector of appearance a face; see truefeed.stream.faces.appearance.

        Returns:
            One track a face, in the order of faces.
        """
        limits = self.settings.longest, self.settings.keep
        self._states = [s for s in self._states if t - s.seen <= limits[s.missed]]
        places = np.array([_place(face) for face in faces], np.float32).reshape(-1, 3)
        pairs = self._assign(places, looks, t)
        tracks = []
        for i, face in enumerate(faces):
            look = None if looks is None else looks[i]
            state = pairs.get(i)
            if state is None:
                state = _State(self._next, face, t, t, places[i], np.zeros(3, np.float32), look)
                self._next += 1
                self._states.append(state)
            else:
                self._move(state, face, places[i], look, t)
            tracks.append(Track(state.id, face, state.born, t))
        for state in self._states:
            state.missed = state.seen < t
        return tracks

    def _assign(self, places: Floats, looks: Floats | None, t: float) -> dict[int, _State]:
        if not len(places) or not self._states:
            return {}
        cost = np.full((len(places), len(self._states)), _FAR)
        for j, state in enumerate(self._states):
            away = t - state.seen
            # Most go on; some turn back where they were last seen.
            on, back = (self._distance(places, ahead, away) for ahead in (state.at(t), state.place))
            near = np.minimum(on, back + _TURN)
            fits = near < _FAR
            if looks is not None and state.look is not None:
                alike = looks @ state.look
                near = near + self.settings.look_weight * (1 - alike)
                fits &= alike >= self.settings.look_least
            cost[fits, j] = near[fits]
        rows, columns = linear_sum_assignment(cost)
        return {int(i): self._states[j] for i, j in zip(rows, columns, strict=True) if cost[i, j] < _FAR}

    def _distance(self, places: Floats, ahead: Floats, away: float) -> Floats:
        s = self.settings
        side = np.exp(np.minimum(places[:, 2], ahead[2]))
        distance = np.hypot(*(places[:, :2] - ahead[:2]).T) / side
        resize = np.abs(places[:, 2] - ahead[2])
        fits = (distance <= s.reach + s.drift * away) & (resize <= s.resize + 0.5 * away)
        return np.where(fits, distance + resize, _FAR).astype(np.float32)

    def _move(self, state: _State, face: Face, place: Floats, look: Floats | None, t: float) -> None:
        passed = max(t - state.seen, 1e-3)
        speed = (place - state.place) / passed
        # After a hole the mean over it is all that is known; else smooth what single pictures say.
        blend = 1 - np.exp(-passed / self.settings.smoothing)
        state.speed = (state.speed + blend * (speed - state.speed)).astype(np.float32)
        state.face, state.seen, state.place = face, t, place
        if look is not None:
            mixed = look if state.look is None else state.look + _LOOK_RATE * (look - state.look)
            state.look = (mixed / max(float(np.linalg.norm(mixed)), 1e-6)).astype(np.float32)


def _place(face: Face) -> tuple[float, float, float]:
    x, y, side = square(face.points)
    return x, y, float(np.log(max(side, 1e-3)))
