"""Turns recordings into log-mel energies: what a listener tells apart, a few times a second."""

import io
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from math import gcd
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

from auditkit.data.archives import members_sha256
from auditkit.data.fetch import keep
from auditkit.data.sources import cache_folder
from auditkit.errors import DataError, UsageError
from auditkit.runtime import track

FRONT_END = 1  # raise it where the numbers change: derived features in caches are then made anew
FLOOR = 1e-10  # power of full scale: silence is ln FLOOR and not minus infinity
LONGEST = 3600  # seconds of one recording


@dataclass(frozen=True, kw_only=True)
class LogMel:
    """Frames of 25 ms, 50 a second; 24 bands as wide as the ear's, from 60 to 7,600 Hz.

    rate is in samples a second, window and hop in samples, low and high in Hz; size is of the
    Fourier transform, at least window.

    Davis & Mermelstein 1980, "Comparison of Parametric Representations for Monosyllabic Word
    Recognition in Continuously Spoken Sentences".
    """

    rate: int = 16_000
    window: int = 400
    hop: int = 320
    size: int = 512
    bands: int = 24
    low: float = 60.0
    high: float = 7_600.0

    @property
    def centres(self) -> np.ndarray:
        """Middle of each band in Hz: (bands,) float64."""
        return _edges(self)[1:-1]


def log_mel(samples: np.ndarray, rate: int, front: LogMel) -> np.ndarray:
    """Natural logarithm of the power in each band and frame: (steps, bands) float32.

    samples is (n,) with full scale 1, `rate` of them a second. Power is per frame, of a sine of
    amplitude A about A²/4 at its peak; doubling the samples adds 2 ln 2 above the floor.
    A recording shorter than one window is filled with silence to one frame.
    """
    signal = resampled(np.asarray(samples, dtype=np.float64), rate, front.rate)
    if len(signal) < front.window:
        signal = np.pad(signal, (0, front.window - len(signal)))
    frames = np.lib.stride_tricks.sliding_window_view(signal, front.window)[:: front.hop]
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(front.window) / front.window)
    spectrum = np.fft.rfft(frames * hann, n=front.size)  # (steps, size / 2 + 1)
    power = np.abs(spectrum / hann.sum()) ** 2
    energies: np.ndarray = np.log(np.maximum(power @ mel_filters(front).T, FLOOR))
    return energies.astype(np.float32)


@lru_cache(maxsize=8)
def mel_filters(front: LogMel) -> np.ndarray:
    """Weight of each Fourier bin in each band: (bands, size / 2 + 1), triangles of height 1.

    Their edges are even on the mel scale, 2595 log10(1 + f / 700), and each begins at the middle
    of the one before: between the outermost middles the weights of a frequency sum to 1.
    """
    frequencies = np.fft.rfftfreq(front.size, 1 / front.rate)
    edges = _edges(front)
    left, middle, right = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    rising = (frequencies - left) / (middle - left)
    falling = (right - frequencies) / (right - middle)
    weights: np.ndarray = np.clip(np.minimum(rising, falling), 0, None)
    return weights


def decode(content: bytes, where: str) -> tuple[np.ndarray, int]:
    """Samples of a recording as float32 (n,), channels averaged, and how many there are a second.

    Raises UsageError without soundfile, DataError where the bytes are no recording, an empty or
    an endless one.
    """
    try:
        import soundfile
    except (ImportError, OSError) as error:  # OSError: the package is there, its library is not
        raise UsageError(
            f"reading {where} needs soundfile ({error}): run pip install 'auditkit[audio]'"
        ) from error
    try:
        with soundfile.SoundFile(io.BytesIO(content)) as file:
            rate = int(file.samplerate)
            samples = file.read(LONGEST * rate, dtype="float32", always_2d=True)
    except (RuntimeError, OSError, ValueError) as error:  # LibsndfileError is a RuntimeError
        raise DataError(f"{where} cannot be read as a recording: {error}") from error
    if not len(samples) or not np.isfinite(samples).all():
        raise DataError(f"{where} holds no sound: it has {len(samples)} samples that can be read")
    return samples.mean(axis=1), rate


def features(recordings: Mapping[str, bytes], front: LogMel, name: str) -> dict[str, np.ndarray]:
    """Log-mel energies of each recording, from the cache where they are, else made and kept.

    name is the data set's. Each is (steps, bands) float32, a view into one array; files are
    sorted.
    """
    files = sorted(recordings)
    promise = f"{FRONT_END} {front} {members_sha256(recordings)}"
    path = cache_folder() / "derived" / f"{name}-{sha256(promise.encode()).hexdigest()[:16]}.mel"
    found = _derived(path)
    if found is None:
        parts = [
            log_mel(*decode(recordings[file], f"{name}/{file}"), front)
            for file in track(files, f"hearing {name}", len(files))
        ]
        lengths = np.array([len(part) for part in parts], dtype=np.int64)
        found = {"energies": np.concatenate(parts), "lengths": lengths}
        packed = save_tensors(found)
        keep(path, sha256(packed).digest() + packed)
    ends = np.cumsum(found["lengths"])
    cut = np.split(found["energies"], ends[:-1])
    return dict(zip(files, cut, strict=True))


def _derived(path: Path) -> dict[str, np.ndarray] | None:
    """The kept features; None where there are none or they are damaged, for they can be remade."""
    if not path.is_file():
        return None
    digest, packed = (whole := path.read_bytes())[:32], memoryview(whole)[32:]
    if sha256(packed).digest() != digest:
        return None
    try:
        return load_tensors(bytes(packed))
    except SafetensorError:
        return None


def _edges(front: LogMel) -> np.ndarray:
    """Where bands begin, have their middle and end, in Hz: (bands + 2,)."""
    low, high = (2595 * np.log10(1 + f / 700) for f in (front.low, front.high))
    edges: np.ndarray = 700 * (10 ** (np.linspace(low, high, front.bands + 2) / 2595) - 1)
    return edges


def resampled(signal: np.ndarray, rate: int, wanted: int) -> np.ndarray:
    """A signal (n,) of `rate` samples a second, with `wanted` instead."""
    if rate == wanted:
        return signal
    # Imported here: it takes half a second, and every look-up in the catalogue imports this module.
    from scipy.signal import resample_poly

    shared = gcd(rate, wanted)
    resampled: np.ndarray = resample_poly(signal, wanted // shared, rate // shared)
    return resampled
