"""Ways to make a recording anew from less than it holds: the fakes of the demonstration.

None is a voice that says something else: each speaks the same line again, as the last stage of a
synthesiser would, and loses what such stages lose.
"""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_toeplitz
from scipy.signal import istft, lfilter, stft

from auditkit.data.audio import LogMel, mel_filters
from auditkit.detection.speech.lfcc import RATE

Floats = NDArray[np.float64]
Complex = NDArray[np.complex128]
Vocoder = Callable[[Floats, np.random.Generator], Floats]

SIZE, HOP = 512, 128  # samples
ROUNDS = 16  # of Griffin and Lim's: more changes little
MEL = LogMel(window=400, hop=HOP, size=SIZE, bands=64, low=20.0, high=7_900.0)
ORDER = 18  # of the filter of linear prediction at 16 kHz
PITCH = (RATE // 400, RATE // 70)  # samples of a period: voices of 70 to 400 Hz
VOICED = 0.35  # of a frame's power that repeats: less is breath
PEAKS = 40  # sines a frame


def _spectrum(signal: Floats) -> Complex:
    """(SIZE / 2 + 1, steps)."""
    return np.asarray(stft(signal, nperseg=SIZE, noverlap=SIZE - HOP)[2])


def _back(spectrum: Complex, count: int) -> Floats:
    signal = istft(spectrum, nperseg=SIZE, noverlap=SIZE - HOP)[1][:count]
    return np.pad(np.asarray(signal), (0, count - len(signal)))


def griffin_lim(signal: Floats, rng: np.random.Generator) -> Floats:
    """From 64 bands of mel, phases by going to and fro. Griffin & Lim 1984."""
    filters = mel_filters(MEL)
    bands = filters @ np.abs(_spectrum(signal)) ** 2
    size = np.sqrt((np.linalg.pinv(filters) @ bands).clip(0))
    phase = np.exp(2j * np.pi * rng.random(size.shape))
    for _ in range(ROUNDS):
        again = _spectrum(_back(size * phase, len(signal)))[:, : size.shape[1]]
        phase = np.exp(1j * np.angle(again))
    return _back(size * phase, len(signal))


def random_phase(signal: Floats, rng: np.random.Generator) -> Floats:
    """The sizes of a spectrogram with phases drawn at random."""
    size = np.abs(_spectrum(signal))
    return _back(size * np.exp(2j * np.pi * rng.random(size.shape)), len(signal))


def minimum_phase(signal: Floats, rng: np.random.Generator) -> Floats:
    """Each frame as the pulse that its spectrum has when all comes as early as it can."""
    log = np.log(np.abs(_spectrum(signal)) + 1e-9)
    cepstrum = np.fft.irfft(log, axis=0)
    cepstrum[1 : SIZE // 2] *= 2
    cepstrum[SIZE // 2 + 1 :] = 0
    return _back(np.exp(np.fft.rfft(cepstrum, axis=0)), len(signal))


def linear_prediction(signal: Floats, rng: np.random.Generator) -> Floats:
    """A filter for each frame, excited by pulses of its pitch or by noise. Atal & Hanauer 1971."""
    window, made, phase = np.hanning(SIZE), np.zeros(len(signal) + SIZE), 0
    for start in range(0, max(len(signal) - SIZE, 0), SIZE // 2):
        frame = signal[start : start + SIZE] * window
        near = np.correlate(frame, frame, "full")[SIZE - 1 :]
        if near[0] < 1e-9:
            continue
        near[0] *= 1 + 1e-6
        filter_ = solve_toeplitz(near[:ORDER], near[1 : ORDER + 1])
        power = max(near[0] - filter_ @ near[1 : ORDER + 1], 0.0) / SIZE
        period = PITCH[0] + int(near[PITCH[0] : PITCH[1]].argmax())
        source = rng.normal(size=SIZE)
        if near[period] > VOICED * near[0]:
            source = np.zeros(SIZE)
            source[(phase - start) % period :: period] = np.sqrt(period)
            phase = start + (phase - start) % period
        spoken = lfilter([np.sqrt(power)], np.concatenate([[1.0], -filter_]), source)
        made[start : start + SIZE] += spoken * window
    return made[: len(signal)]


def sinusoids(signal: Floats, rng: np.random.Generator) -> Floats:
    """The strongest peaks of each frame alone, their phases drawn. McAulay & Quatieri 1986."""
    size = np.abs(_spectrum(signal))
    inner = size[1:-1]
    peak = (inner > size[:-2]) & (inner >= size[2:])
    least = np.sort(np.where(peak, inner, 0), axis=0)[-PEAKS]
    kept = np.zeros(size.shape, dtype=bool)
    kept[1:-1] = peak & (inner >= least) & (inner > 0)
    near = kept | np.roll(kept, 1, 0) | np.roll(kept, -1, 0)
    drawn = np.exp(2j * np.pi * rng.random(size.shape))
    return _back(np.where(near, size * drawn, 0), len(signal))


VOCODERS: Mapping[str, Vocoder] = {
    "griffin-lim": griffin_lim,
    "random-phase": random_phase,
    "linear-prediction": linear_prediction,
    "minimum-phase": minimum_phase,
    "sinusoids": sinusoids,
}
