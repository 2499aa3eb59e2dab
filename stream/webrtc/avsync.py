"""Sound and picture of one peer on one clock, exact once both have sent an RTCP sender report (RFC 3550, 6.4.1)."""

from __future__ import annotations

_RATES = {"video": 90000, "audio": 48000}
_SLEW = 0.002
"How fast the sound is moved to where the reports say it belongs, s a frame of 20 ms: too little to make a hole."
_ABSURD = 10.0
"Senders that stamp sound and picture by different clocks are not believed, s."


class Clock:
    """Stamps frames, s: by when the first of each kind arrived, until the sender's reports tell better."""

    def __init__(self) -> None:
        self._offset: dict[str, float] = {}
        "What turns pts in s into a stamp."
        self._sent: dict[str, float] = {}
        "The sender's wall clock at pts 0, s."

    def report(self, kind: str, ntp: float, pts: int) -> None:
        """Take a sender report: its wall clock, s, and that moment in units of the track's clock."""
        # Both may have wrapped at 32 bits since aiortc began to count.
        wrapped = (pts + (1 << 31)) % (1 << 32) - (1 << 31)
        self._sent[kind] = ntp - wrapped / _RATES[kind]

    @property
    def skew(self) -> float | None:
        """How much later than now the sound would have to be stamped, s; None while that is not known."""
        if not {"video", "audio"} <= self._offset.keys() & self._sent.keys():
            return None
        target = self._offset["video"] + self._sent["audio"] - self._sent["video"]
        skew = target - self._offset["audio"]
        return skew if abs(skew) < _ABSURD else None

    def at(self, kind: str, pts: int, arrived: float) -> float:
        """Return the stamp of a frame that is not yet decoded, s; `stamp` may move it by a little."""
        seconds = pts / _RATES[kind]
        return seconds + self._offset.setdefault(kind, arrived - seconds)

    def stamp(self, kind: str, pts: int, arrived: float) -> float:
        """Return the stamp of a frame, s; pts in units of the track's clock."""
        seconds = pts / _RATES[kind]
        if kind not in self._offset:
            self._offset[kind] = arrived - seconds
        if kind == "audio" and (skew := self.skew) is not None:
            self._offset[kind] += min(max(skew, -_SLEW), _SLEW)
        return seconds + self._offset[kind]
