"""Directions of a row that tell the recording, and are not read."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from truefeed.train.voice import train  # noqa: E402
from truefeed.train.voice.dataset import Clip  # noqa: E402
from truefeed.train.voice.nap import FAMILIES, directions  # noqa: E402
from truefeed.train.voice.perceptrons import VoiceNet, VoiceSettings  # noqa: E402
from truefeed.train.voice.tables import Answers  # noqa: E402

SIZE = 30


def _clip(domain: str, family: str) -> Clip:
    return Clip(np.zeros((3, 9), np.int16), family != "real", family, family, domain, "speaker", "train", domain)


@pytest.fixture
def pages() -> tuple[np.ndarray, list[Clip]]:
    """Three pages that sound unlike each other, three families; axis 0 is what all spoof speech has in common."""
    rng = np.random.default_rng(1)
    rows, owners = [], []
    for page in range(3):
        for number, family in enumerate(["real", "real", "one", "two", "three"]):
            for _ in range(20):
                row = rng.normal(0, 0.1, SIZE)
                row[1 + page] += 3.0
                row[0] += 1.0 if family != "real" else 0.0
                row[4 + number] += 2.0 if family != "real" else 0.0
                rows.append(row)
                owners.append(_clip(f"page {page}", family))
    return np.array(rows, np.float32), owners


def test_pages_sound_alike_without_what_tells_them_apart(pages: tuple[np.ndarray, list[Clip]]) -> None:
    rows, owners = pages
    found = directions(rows, owners)
    assert found.shape == (2 + FAMILIES, SIZE)
    np.testing.assert_allclose(found @ found.T, np.eye(len(found)), atol=1e-5)
    left = rows - rows @ found.T @ found
    genuine = np.array([not c.fake for c in owners])
    names = np.array([c.domain for c in owners])
    means = np.stack([left[genuine & (names == name)].mean(0) for name in sorted(set(names))])
    np.testing.assert_allclose(means, np.broadcast_to(means.mean(0), means.shape), atol=1e-4)
    assert left[~genuine, 0].mean() - left[genuine, 0].mean() == pytest.approx(1.0, abs=0.1)


def test_nothing_is_taken_where_there_is_one_page_and_one_family() -> None:
    rows = np.random.default_rng(0).normal(size=(8, SIZE)).astype(np.float32)
    owners = [_clip("page", family) for family in ("real", "one") for _ in range(4)]
    assert directions(rows, owners).shape == (0, SIZE)
    # Two windows of another page are too few for a mean.
    owners[0] = owners[1] = _clip("other", "real")
    assert directions(rows, owners).shape == (0, SIZE)


def test_the_perceptrons_do_not_read_what_was_taken(pages: tuple[np.ndarray, list[Clip]]) -> None:
    rows, owners = pages
    found = torch.from_numpy(directions(rows, owners))
    net = VoiceNet(VoiceSettings(size=SIZE, nuisances=len(found))).eval()
    net.nuisance.copy_(found)
    net.spread.fill_(2.0)
    given = torch.from_numpy(rows[:5])
    with torch.no_grad():
        torch.testing.assert_close(net(given + 2.0 * found.sum(0)), net(given), atol=1e-4, rtol=1e-4)
        assert not torch.allclose(net(given + 1.0), net(given))


def test_further_recordings_are_drawn_seldom_and_all_of_them_is_read(pages: tuple[np.ndarray, list[Clip]]) -> None:
    rows, owners = pages
    further = frozenset({"page 2"})
    odds = train._odds(owners, further)
    for fake in (False, True):
        chosen = np.array([clip.fake == fake for clip in owners])
        seldom = np.array([clip.source in further for clip in owners])
        assert odds[chosen].sum() == pytest.approx(1.0)
        assert odds[chosen & seldom][0] == pytest.approx(train.FURTHER * odds[chosen & ~seldom][0])
    labels = torch.tensor([float(clip.fake) for clip in owners])
    lessons = train.Lessons(torch.from_numpy(rows), labels, torch.from_numpy(odds), torch.zeros(len(rows)), owners)
    assert len(train._scaled(lessons).nuisance) == 2 + FAMILIES
    assert len(train._scaled(lessons, further).nuisance) == 1 + FAMILIES


def test_a_family_is_asked_against_the_genuine_speech_of_some_sources() -> None:
    clips = [_clip("page 1", "real"), _clip("page 2", "real"), _clip("page 2", "one"), _clip("page 1", "two")]
    answers = Answers(np.arange(4.0), clips)
    assert answers.only("one").logits.tolist() == [0, 1, 2]
    assert answers.only(sources={"page 1"}).logits.tolist() == [0, 2, 3]
    assert answers.only("two", {"page 2"}).logits.tolist() == [1, 3]
