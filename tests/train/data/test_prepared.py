"""Who of a prepared data set is learnt from, and who is held back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from truefeed.stream.errors import ConfigError
from truefeed.train.data.datasets import Clip
from truefeed.train.data.prepared import Faces, chosen, read, split


def clip(identity: str, method: str = "genuine", *, part: str = "", donor: str = "", scene: int = 0) -> Faces:
    """Return what was cut of a file; nothing of it is read here."""
    name = f"{method}/{identity}_{donor}_{scene}.mp4"
    said = Clip(Path(name), name, method != "genuine", method, identity, part, donor=donor)
    none = np.zeros(1, np.float32)
    return Faces(said, Path("none"), (Path("none"),), np.ones(1, int), none, none, np.zeros((1, 5, 2), np.float32))


def people(clips: list[Faces]) -> set[str]:
    return {faces.clip.identity for faces in clips}


def test_people_are_held_back_with_all_that_they_are_in() -> None:
    clips = [clip(f"p{n}", scene=s) for n in range(10) for s in range(2)]
    clips += [clip(f"p{n}", "Swap", donor=f"p{(n + 1) % 10}") for n in range(10)]
    parts = split(clips, share=0.2, hold_out=None, seed=3)
    held = people(parts.validation)
    assert len(held) == 2
    assert people(parts.train).isdisjoint(held)
    assert all(faces.clip.donor not in held for faces in parts.train)
    # Whose donor is held back is learnt from by nobody.
    assert len(parts.train) + len(parts.validation) + len(held - {p for p in held if _before(p) in held}) == len(clips)
    again = split(clips, share=0.2, hold_out=None, seed=3)
    assert people(again.validation) == held


def _before(person: str) -> str:
    return f"p{(int(person[1:]) - 1) % 10}"


def test_the_parts_that_the_data_set_names_are_kept() -> None:
    clips = [clip("a", part="train"), clip("b", part="val"), clip("c", part="test"), clip("b", "Swap", part="val")]
    parts = split(clips, share=0.5, hold_out=None, seed=1)
    assert (people(parts.train), people(parts.validation), people(parts.test)) == ({"a"}, {"b"}, {"c"})
    # Where it has a test part alone, people are drawn for validation, none of them out of the test part.
    clips = [clip(name, part=part) for name, part in (("a", "train"), ("b", "train"), ("c", "test"))]
    parts = split(clips, share=0.5, hold_out=None, seed=1)
    assert people(parts.train) | people(parts.validation) == {"a", "b"}
    assert people(parts.test) == {"c"}


def test_of_three_methods_the_rarest_is_held_out() -> None:
    clips = [clip(f"p{n}") for n in range(6)]
    clips += [clip(f"p{n}", method) for method, count in (("A", 6), ("B", 5), ("C", 4)) for n in range(count)]
    parts = split(clips, share=0.3, hold_out=None, seed=1)
    assert parts.held_out == ("C",)
    assert {faces.clip.method for faces in parts.train} == {"genuine", "A", "B"}
    assert split(clips, share=0.3, hold_out=[], seed=1).held_out == ()
    assert split(clips, share=0.3, hold_out=["A", "B"], seed=1).held_out == ("A", "B")
    with pytest.raises(ConfigError, match="--hold-out D: the data set's methods are A, B, C"):
        split(clips, share=0.3, hold_out=["D"], seed=1)


def test_a_set_of_one_person_cannot_be_split() -> None:
    with pytest.raises(ConfigError, match=r"no genuine person left to validate on: .* 2 genuine clips of 1"):
        split([clip("a"), clip("a", scene=1)], share=0.2, hold_out=None, seed=1)


def test_a_folder_that_is_not_prepared_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no prepared data set: run truefeed preprocess"):
        read(tmp_path)
    (tmp_path / "clips").mkdir()
    np.savez(tmp_path / "clips" / "a.npz", clip="{}")
    with pytest.raises(ConfigError, match="prepared by an older version: run truefeed preprocess once more"):
        read(tmp_path)
    with pytest.raises(FileNotFoundError):
        chosen(tmp_path / "split.json", "train")
