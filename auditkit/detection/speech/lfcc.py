"""Linear-frequency cepstra: vocoders change high frequencies, which the ear's bands hide.

Sahidullah, Kinnunen & Hanilci 2015, "A Comparison of Features for Synthetic Speech Detection".
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from auditkit.data.audio import resampled
from auditkit.detection.members.spectral import cosine_basis
from auditkit.errors import DataError

Floats = NDArray[np.float64]

RATE = 16_000  # samples a second
SLOW = (320, 160)  # window and hop in samples: 20 ms, which tells harmonics apart
FAST = (80, 32)  # 5 ms, which tells the pulses of a voice apart
SIZE = 512  # of the Fourier transform
BANDS = 20
REACH = 2  # frames on either side from which a slope is read
SHORTEST = 0.5  # seconds
LOUDNESS = 0.05  # root mean square of a recording, full scale being 1
FLOOR = 1e-3  # of the loudness: noise put under every recording, so that no silence is perfect


def prepared(samples: Floats, rate: int, rng: np.random.Generator) -> Floats:
    """What real and made recordings go through alike: (n,) at RATE, of one loudness, in 16 bits.

    Raises DataError where it is silent or shorter than SHORTEST seconds.
    """
    signal = resampled(np.asarray(samples, dtype=np.float64), rate, RATE)
    signal = signal - signal.mean()
    size = float(np.sqrt(np.mean(signal**2))) if len(signal) else 0.0
    if len(signal) < SHORTEST * RATE or size < 1e-5:
        raise DataError(
            f"a recording of {len(signal) / RATE:.1f} s and loudness {size:.2g} says too little: "
            f"give {SHORTEST:g} s or more that are not silent"
        )
    noisy = signal / size * LOUDNESS + rng.normal(0, FLOOR * LOUDNESS, len(signal))
    return np.asarray((noisy.clip(-1, 1) * 32767).round() / 32767)


def lfcc(signal: Floats, front: tuple[int, int]) -> Floats:
    """Cepstra of a prepared signal, their slopes and the slopes of these, (steps, 3 BANDS)."""
    window, hop = front
    frames = np.lib.stride_tricks.sliding_window_view(signal, window)[::hop] * np.hanning(window)
    power = np.abs(np.fft.rfft(frames, n=SIZE)) ** 2
    log = np.log(power @ linear_filters().T + 1e-8)
    still = cepstra(log)
    moving = slopes(still)
    return np.concatenate([still, moving, slopes(moving)], axis=1)


@lru_cache(maxsize=1)
def linear_filters() -> Floats:
    """Weight of each Fourier bin in each band, (BANDS, SIZE / 2 + 1): triangles even in hertz."""
    edges = np.linspace(0, RATE / 2, BANDS + 2)
    bins = np.fft.rfftfreq(SIZE, 1 / RATE)
    rising = (bins - edges[:-2, None]) / (edges[1] - edges[0])
    falling = (edges[2:, None] - bins) / (edges[1] - edges[0])
    return np.asarray(np.clip(np.minimum(rising, falling), 0, None))


def cepstra(log: Floats) -> Floats:
    """The orthonormal cosine transform of type II of each row, (steps, bands)."""
    basis = cosine_basis(log.shape[1]).numpy()
    return np.asarray(log @ basis.T)


def slopes(values: Floats) -> Floats:
    """The change a frame of each column by least squares over REACH frames on either side.

    The ends are held, so that the first and last frames of a ramp have a smaller slope.
    """
    wide = np.pad(values, ((REACH, REACH), (0, 0)), mode="edge")
    count = len(values)
    weights = range(-REACH, REACH + 1)
    total = sum(w * wide[REACH + w : REACH + w + count] for w in weights)
    return np.asarray(total / sum(w * w for w in weights))
