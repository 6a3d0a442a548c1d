import io
import math
import sys
from pathlib import Path

import numpy as np
import pytest

from auditkit.data import audio
from auditkit.data.audio import FLOOR, LogMel, decode, features, log_mel, mel_filters
from auditkit.errors import DataError, UsageError

FRONT = LogMel()


def tone(frequency: float, rate: int = 16_000, seconds: float = 0.5) -> np.ndarray:
    return np.sin(2 * np.pi * frequency * np.arange(round(rate * seconds)) / rate)


def noise(samples: int = 8_000) -> np.ndarray:
    return 0.1 * np.random.default_rng(7).standard_normal(samples)


def wav(samples: np.ndarray, rate: int) -> bytes:
    soundfile = pytest.importorskip("soundfile")
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, rate, format="WAV", subtype="FLOAT")
    return buffer.getvalue()


def test_there_are_fifty_frames_a_second_and_a_short_sound_has_one() -> None:
    assert log_mel(noise(16_000), 16_000, FRONT).shape == (1 + (16_000 - 400) // 320, 24)
    assert log_mel(noise(400), 16_000, FRONT).shape == (1, 24)
    assert log_mel(noise(3), 16_000, FRONT).shape == (1, 24)
    assert log_mel(noise(), 16_000, FRONT).dtype == np.float32


@pytest.mark.parametrize("band", [3, 10, 20])
def test_a_tone_is_loud_in_its_band_and_nowhere_else(band: int) -> None:
    energies = log_mel(tone(FRONT.centres[band]), 16_000, FRONT)
    assert (energies.argmax(axis=1) == band).all()
    # The bands beside it begin at its middle; all others get less than a thousandth.
    far = np.abs(np.arange(24) - band) > 1
    assert (energies[:, band, None] - energies[:, far]).min() > math.log(1_000)


def test_the_power_of_a_tone_is_a_quarter_of_its_squared_amplitude() -> None:
    # 1,000 Hz is bin 32 of 512, exactly: its power is 1/4. Beside it the window's own shape.
    front = LogMel(bands=1, low=960.0, high=1_040.0, window=512)
    weights = mel_filters(front)[0]
    assert list(np.flatnonzero(weights)) == [31, 32, 33]  # 968.75, 1,000 and 1,031.25 Hz
    # The transform of a Hann window is a half at the neighbours: a quarter of the power.
    by_hand = 0.25 * (weights[32] + 0.25 * (weights[31] + weights[33]))
    assert np.exp(log_mel(tone(1_000), 16_000, front)) == pytest.approx(by_hand, rel=1e-4)


def test_silence_is_the_floor_and_not_minus_infinity() -> None:
    energies = log_mel(np.zeros(4_000), 16_000, FRONT)
    assert energies == pytest.approx(math.log(FLOOR))


def test_doubling_the_samples_adds_twice_the_logarithm_of_two() -> None:
    quiet, loud = (log_mel(scale * noise(), 16_000, FRONT) for scale in (1, 2))
    assert loud - quiet == pytest.approx(2 * math.log(2), abs=1e-5)


def test_a_delay_of_one_hop_moves_the_frames_by_one() -> None:
    sound = noise()
    late = log_mel(np.concatenate([np.zeros(FRONT.hop), sound]), 16_000, FRONT)
    assert late[1:] == pytest.approx(log_mel(sound, 16_000, FRONT), abs=1e-5)


def test_one_frame_agrees_with_the_sums_written_out() -> None:
    front = LogMel(rate=800, window=20, hop=20, size=32, bands=3, low=50.0, high=390.0)
    sound = noise(20)
    window = [0.5 - 0.5 * math.cos(2 * math.pi * n / 20) for n in range(20)]
    mel = [2595 * math.log10(1 + f / 700) for f in (50.0, 390.0)]
    edges = [700 * (10 ** ((mel[0] + k / 4 * (mel[1] - mel[0])) / 2595) - 1) for k in range(5)]
    expected = []
    for left, middle, right in zip(edges, edges[1:], edges[2:], strict=False):
        energy = 0.0
        for k in range(17):
            turns = [2 * math.pi * k * n / 32 for n in range(20)]
            real = sum(w * s * math.cos(t) for w, s, t in zip(window, sound, turns, strict=True))
            imag = sum(w * s * math.sin(t) for w, s, t in zip(window, sound, turns, strict=True))
            f = k * 25.0
            weight = (f - left) / (middle - left) if f < middle else (right - f) / (right - middle)
            energy += max(0.0, weight) * (real**2 + imag**2) / sum(window) ** 2
        expected.append(math.log(energy))
    assert log_mel(sound, 800, front)[0] == pytest.approx(expected, abs=1e-5)


def test_between_the_outermost_middles_the_filters_share_each_frequency() -> None:
    weights, centres = mel_filters(FRONT), FRONT.centres
    frequencies = np.fft.rfftfreq(512, 1 / 16_000)
    inside = (frequencies >= centres[0]) & (frequencies <= centres[-1])
    assert weights[:, inside].sum(axis=0) == pytest.approx(1)
    assert not weights[:, (frequencies <= 60) | (frequencies >= 7_600)].any()
    assert (weights.max(axis=1) > 0.5).all()  # no band falls between two bins
    steps = np.diff(np.log10(1 + centres / 700))
    assert steps == pytest.approx(steps[0])


@pytest.mark.parametrize("rate", [22_050, 44_100])
def test_the_sampling_rate_of_a_recording_does_not_matter(rate: int) -> None:
    sound, same = (sum(tone(f, r) for f in (300, 900, 2_500)) for r in (rate, 16_000))
    ours, theirs = log_mel(sound, rate, FRONT)[2:-2], log_mel(same, 16_000, FRONT)[2:-2]
    loud = theirs > -6
    assert loud.any()
    assert ours[: len(theirs)][loud] == pytest.approx(theirs[loud], abs=0.02)


def test_decoding_averages_the_channels() -> None:
    left, right = noise(100), noise(100)[::-1]
    samples, rate = decode(wav(np.stack([left, right], axis=1), 22_050), "x.wav")
    assert rate == 22_050
    assert samples == pytest.approx((left + right) / 2, abs=1e-6)
    assert samples.dtype == np.float32


def test_what_is_no_recording_is_named() -> None:
    pytest.importorskip("soundfile")
    with pytest.raises(DataError, match=r"x\.ogg cannot be read as a recording"):
        decode(b"OggS, but no more", "x.ogg")
    with pytest.raises(DataError, match=r"x\.wav holds no sound: it has 0 samples"):
        decode(wav(np.zeros(0), 8_000), "x.wav")
    with pytest.raises(DataError, match="holds no sound"):
        decode(wav(np.array([0.0, np.nan]), 8_000), "x.wav")


def test_without_soundfile_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "soundfile", None)
    with pytest.raises(UsageError, match=r"pip install 'auditkit\[audio\]'") as caught:
        decode(b"", "fillets/a.ogg")
    assert "\n" not in str(caught.value)


@pytest.fixture
def recordings() -> dict[str, bytes]:
    """Two sounds of 0.1 and 0.2 s, not in the order of their names."""
    return {"b": wav(tone(500, seconds=0.2), 16_000), "a": wav(tone(900, seconds=0.1), 16_000)}


def test_features_are_made_once_and_come_in_the_order_of_names(
    recordings: dict[str, bytes], cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = features(recordings, FRONT, "tiny")
    assert [(name, len(one)) for name, one in made.items()] == [("a", 4), ("b", 9)]
    assert made["a"] == pytest.approx(log_mel(tone(900, seconds=0.1), 16_000, FRONT), abs=1e-3)
    monkeypatch.setattr(audio, "decode", lambda *_: pytest.fail("decoded twice"))
    again = features(dict(sorted(recordings.items())), FRONT, "tiny")
    assert all((again[name] == made[name]).all() for name in made)
    assert len(list((cache / "derived").iterdir())) == 1


def test_another_front_end_other_recordings_and_damage_are_made_anew(
    recordings: dict[str, bytes], cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    features(recordings, FRONT, "tiny")
    (kept,) = (cache / "derived").iterdir()
    whole = kept.read_bytes()
    for damaged in (whole[:-1], b"", whole[:40] + b"?" + whole[41:]):
        kept.write_bytes(damaged)
        assert len(features(recordings, FRONT, "tiny")["b"]) == 9
        assert kept.read_bytes() == whole
    assert features(recordings, LogMel(bands=8), "tiny")["b"].shape == (9, 8)
    features({"a": recordings["a"]}, FRONT, "tiny")
    monkeypatch.setattr(audio, "FRONT_END", 99)
    features(recordings, FRONT, "tiny")
    assert len(list((cache / "derived").iterdir())) == 4
