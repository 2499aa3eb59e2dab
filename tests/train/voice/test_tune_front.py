"""The front end of the voice model: what it is tuned on, what it is kept from, and the weights in between."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
soundfile = pytest.importorskip("soundfile")

from truefeed.stream.audio import RATE  # noqa: E402
from truefeed.train.voice import interpolate, tune_front  # noqa: E402
from truefeed.train.voice.dataset import build  # noqa: E402
from truefeed.train.voice.dataset import load as load_clips  # noqa: E402
from truefeed.train.voice.folds import FOLDS, half, leave_out, split  # noqa: E402
from truefeed.train.voice.front import Front  # noqa: E402
from truefeed.train.voice.tune_front import Course, pairs, tune  # noqa: E402
from voices import six_voices  # noqa: E402


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return six_voices(tmp_path_factory.mktemp("voices"))


def test_weights_half_way_lie_in_the_middle() -> None:
    torch.manual_seed(2)
    first, last = Front(), Front()
    start, end = first.encoder.state_dict(), {name: value.clone() for name, value in last.encoder.state_dict().items()}
    interpolate.between(last.encoder, first.encoder, 0.5)
    for name, value in last.encoder.state_dict().items():
        if value.is_floating_point():
            torch.testing.assert_close(value, (start[name] + end[name]) / 2)


def test_tuning_moves_the_encoder_and_keeps_its_normalisation(dataset: Path) -> None:
    pytest.importorskip("pyworld")
    net = Front()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    tune(net, pairs(build(dataset, 0), None), Course(2, 4, seed=0))
    moved = {name for name, value in net.state_dict().items() if not torch.equal(value, before[name])}
    assert any(name.startswith("encoder.convs.0") for name in moved)
    assert not any("running" in name for name in moved)


def test_copies_made_elsewhere_lie_beside_their_originals(dataset: Path, tmp_path: Path) -> None:
    pytest.importorskip("pyworld")
    genuine = {c.path: c for c in load_clips(dataset, tmp_path / "clips.npz", 1) if not c.fake and c.split == "train"}
    made = tmp_path / "made"
    (made / "train").mkdir(parents=True)
    lines = ["path,split,label,generator,source,speaker,seconds,licence,copy_of"]
    for number, clip in enumerate(genuine.values()):
        soundfile.write(made / f"train/{number}.flac", np.convolve(clip.version(0), np.ones(8) / 8, "same"), RATE)
        lines.append(f"train/{number}.flac,train,spoof,smooth,{clip.source},{clip.speaker},1,none,{clip.path}")
    (made / "manifest.csv").write_text("\n".join(lines))
    clips = load_clips(dataset, tmp_path / "clips.npz", 1, [made])
    copies = [c for c in clips if c.family == "copy-smooth"]
    assert len(copies) == len(genuine)
    for clip in copies:
        assert clip.fake
        assert clip.samples.shape == genuine[clip.path].samples.shape
        assert clip.speaker == genuine[clip.path].speaker
        assert np.abs(clip.version(0) - genuine[clip.path].version(0)).max() > 1e-3
    assert all(len(own) >= 2 for _, own in pairs(clips, None).copies)
    assert all("copy-smooth" in {c.family for c in own} for _, own in pairs(clips, None).copies)


def test_a_front_end_hears_nothing_of_the_folds_that_it_is_left_out_of(dataset: Path) -> None:
    pytest.importorskip("pyworld")
    clips = build(dataset, 0)
    for fold, names in enumerate(FOLDS):
        kept = leave_out(clips, half(fold))
        assert not {c.family for c in kept} & names
        held = {c.speaker for c in split(clips, fold)[1] if not c.fake}
        assert not {c.speaker for c in kept if not c.fake} & held
    assert leave_out(clips, None) == clips


def test_tuning_goes_on_where_it_stopped(dataset: Path, tmp_path: Path) -> None:
    pytest.importorskip("pyworld")
    given, part = pairs(build(dataset, 0), None), tmp_path / "part"
    nets = [Front() for _ in range(2)]
    nets[1].load_state_dict(nets[0].state_dict())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tune_front, "KEEP", 2)
        tune(nets[0], given, Course(3, 2, seed=0), part)
    state = torch.load(part, weights_only=True)
    assert state["step"] == 2
    tune(nets[1], given, Course(3, 2, seed=0, workers=1), None, state)
    for one, other in zip(nets[0].parameters(), nets[1].parameters(), strict=True):
        torch.testing.assert_close(one, other)


def test_a_fold_shares_neither_families_nor_genuine_speakers(dataset: Path) -> None:
    pytest.importorskip("pyworld")
    clips = build(dataset, 0)
    for fold in range(4):
        kept, out = split(clips, fold)
        assert not {c.family for c in kept if c.fake} & {c.family for c in out if c.fake}
        assert not {c.speaker for c in kept} & {c.speaker for c in out if not c.fake}
    kept, out = split(clips, None)
    assert {c.split for c in kept} == {"train"}
    assert {c.split for c in out} == {"dev"}
