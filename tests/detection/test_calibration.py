import json
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from auditkit.detection.calibration import MADE, Answer, Calibration, answers, calibrated
from auditkit.detection.conformal import Tail
from auditkit.detection.members.table import MEMBERS, VOTING
from auditkit.detection.panel import Readings
from auditkit.errors import DataError

Rng = np.random.Generator
M = len(MEMBERS)
LEVELS = (0.01, 0.05, 0.1, 0.3, 0.5)


def readings(logits: np.ndarray, rng: Rng, spectra: np.ndarray | None = None) -> Readings:
    """Spectra that fall by chance steps, sides of 64 pixels."""
    steps = 0.3 * rng.standard_t(5, (len(logits), 32)) - 1.0
    return Readings(
        logits=logits,
        spectra=steps.cumsum(axis=1) if spectra is None else spectra,
        sides=np.full((len(logits), 2), 64),
    )


def panel(
    rng: Rng, real: int, made: int, shift: float = 3.0, crops: int = 1
) -> tuple[Readings, np.ndarray, np.ndarray]:
    """Readings of originals with `crops` images each, alike; made ones are said to be by shift."""
    original = np.repeat(np.arange(real + made), crops)
    fake = original >= real
    own = rng.standard_t(4, (real + made, M))[original]
    logits = own + 0.3 * rng.normal(size=own.shape) + shift * fake[:, None]
    return readings(logits, rng), fake, original


def alike(read: Readings) -> Readings:
    """The same, all with the spectrum of the first."""
    return replace(read, spectra=np.tile(read.spectra[0], (len(read.spectra), 1)))


@pytest.fixture(scope="module")
def law() -> Calibration:
    return calibrated(*panel(np.random.default_rng(0), 300, 300))


def test_a_p_value_counts_the_image_itself_and_ties() -> None:
    tail = Tail.of(np.arange(1, 20), np.arange(19))
    assert_allclose(tail.p_value([19.5, 19, 18.5, 1, 0]), np.array([1, 2, 2, 20, 20]) / 20)


def test_a_photograph_counts_once_however_many_crops_it_has() -> None:
    tail = Tail.of([3.0, 1.0, 2.0], ["a", "a", "b"])
    # Of a half its crops lie above 2.5, of b none; at 2 b is tied.
    assert_allclose(tail.p_value([2.5, 2.0, 4.0]), [(1 + 0.5) / 3, (1 + 0.5 + 1) / 3, 1 / 3])
    again = Tail.of([3.0, 1.0, 2.0, 2.0, 2.0], ["a", "a", "b", "b", "b"])
    assert again == tail


def test_a_short_file_makes_a_p_value_larger_by_little_and_never_smaller() -> None:
    rng = np.random.default_rng(1)
    known, new = rng.normal(size=5000), rng.normal(size=2000)
    exact = (1 + (known[None] >= new[:, None]).sum(axis=1)) / 5001
    tail = Tail.of(known, np.arange(5000))
    assert len(tail.edges) <= 200
    assert np.all(tail.p_value(new) >= exact - 1e-9)
    near = exact < 0.1
    assert_allclose(tail.p_value(new)[near], exact[near], atol=0.004)


@pytest.mark.parametrize("largest", [1, 20, 400])
def test_false_alarms_over_2000_calibrations_are_as_rare_as_promised(largest: int) -> None:
    """20 photographs, the first with up to 400 crops: `of_crops` is what counting each would do."""
    rng = np.random.default_rng(2)
    original = np.repeat(np.arange(20), [largest] + 19 * [min(largest, 2)])
    each, of_crops = [], []
    for _ in range(2000):
        own, noise = rng.normal(size=21), 0.3 * rng.normal(size=len(original) + 1)
        known, new = own[original] + noise[1:], own[-1] + noise[0]
        each.append(Tail.of(known, original).p_value([new])[0])
        of_crops.append((1 + (known >= new).sum()) / (len(known) + 1))
    for level in LEVELS:
        error = np.sqrt(level * (1 - level) / 2000)
        assert np.mean(np.array(each) <= level) <= level + 3 * error
    if largest == 400:
        assert np.mean(np.array(of_crops) <= 0.05) > 0.2


@pytest.mark.parametrize("crops", [1, 5])
def test_a_whole_calibration_keeps_its_promise(crops: int) -> None:
    rng = np.random.default_rng(3)
    rates = []
    for _ in range(30):
        learned = calibrated(*panel(rng, 25, 25, crops=crops))
        new, _, _ = panel(rng, 100, 0)
        found = answers(new, learned)
        rates.append([(found["p_value"] <= 0.05).mean(), (found["answer"] == "fake").mean()])
    mean, error = np.mean(rates, axis=0), np.std(rates, axis=0) / np.sqrt(30)
    assert np.all(mean <= 0.05 + 2 * error)


def test_new_images_of_the_same_law_are_strange_as_rarely_as_said(law: Calibration) -> None:
    new, _, _ = panel(np.random.default_rng(4), 2000, 0)
    assert 0 < (answers(new, law)["strange"] <= 0.01).mean() <= 0.025


def test_a_spectrum_unlike_all_others_is_not_judged_and_a_trace_is_no_such(
    law: Calibration,
) -> None:
    rng = np.random.default_rng(5)
    usual, fake, _ = panel(rng, 50, 50, shift=6.0)
    noise = replace(usual, spectra=0.1 * rng.normal(size=(100, 32)))
    said = answers(noise, law)
    assert (said["answer"] == Answer.ABSTAIN).all()
    assert (said["reason"] == "unlike anything the detector was calibrated on").all()
    trace = usual.spectra.copy()
    trace[:, 20:] += 50  # high frequencies, where generators leave theirs
    assert_array_equal(
        answers(replace(usual, spectra=trace), law)["strange"], answers(usual, law)["strange"]
    )
    assert (answers(usual, law)["answer"][fake] == Answer.FAKE).mean() > 0.9


def test_doubling_every_crop_changes_nothing() -> None:
    rng = np.random.default_rng(6)
    read, fake, original = panel(rng, 60, 60)
    twice = Readings(
        logits=np.repeat(read.logits, 2, axis=0),
        spectra=np.repeat(read.spectra, 2, axis=0),
        sides=np.repeat(read.sides, 2, axis=0),
    )
    new, _, _ = panel(rng, 50, 50)
    once = answers(new, calibrated(read, fake, original))
    again = answers(new, calibrated(twice, np.repeat(fake, 2), np.repeat(original, 2)))
    assert_array_equal(once["answer"], again["answer"])
    assert_allclose(once["p_value"], again["p_value"], atol=1e-5)
    assert_allclose(once["probability"], again["probability"], atol=1e-4)


def test_the_scale_of_a_member_does_not_matter() -> None:
    rng = np.random.default_rng(7)
    scale, off = np.exp(rng.normal(size=M)), 10 * rng.normal(size=M)
    (read, fake, original), (new, _, _) = panel(rng, 80, 80), panel(rng, 60, 60)
    plain = answers(new, calibrated(read, fake, original))
    moved = calibrated(replace(read, logits=read.logits * scale + off), fake, original)
    other = answers(replace(new, logits=new.logits * scale + off), moved)
    assert_array_equal(plain["answer"], other["answer"])
    assert_allclose(plain["p_value"], other["p_value"], atol=0.02)
    assert_allclose(plain["probability"], other["probability"], atol=1e-4)


def test_more_suspicion_never_makes_an_image_more_likely_real(law: Calibration) -> None:
    steps = np.linspace(-10, 20, 400)
    rng = np.random.default_rng(8)
    for member in range(M):
        logits = np.tile(rng.normal(size=M), (400, 1))
        logits[:, member] = steps
        found = answers(alike(readings(logits, rng)), law)
        assert np.all(np.diff(found["probability"]) >= 0)
        assert np.all(np.diff(found["p_value"]) <= 0)


def test_one_member_alone_cannot_call_an_image_fake(law: Calibration) -> None:
    logits = np.zeros((len(VOTING), M))
    for row, name in enumerate(VOTING):
        logits[row, list(MEMBERS).index(name)] = 1e6
    found = answers(readings(logits, np.random.default_rng(9)), law)
    assert not (found["answer"] == Answer.FAKE).any()
    controls = [place for place, name in enumerate(MEMBERS) if name not in VOTING]
    logits = np.zeros((2, M))
    logits[1, controls] = 1e6
    quiet = answers(alike(readings(logits, np.random.default_rng(9))), law)
    assert quiet["score"].nunique() == 1


def test_members_that_differ_leave_the_question_open(law: Calibration) -> None:
    logits = np.zeros((1, M))
    logits[0, : len(VOTING) // 2] = 2.2  # half of them, and hardly
    found = answers(readings(logits, np.random.default_rng(1)), law)
    assert found["answer"][0] == Answer.ABSTAIN
    assert "disagree" in found["reason"][0] or "not settled" in found["reason"][0]


def test_what_is_too_small_or_without_a_number_has_no_answer(law: Calibration) -> None:
    read, _, _ = panel(np.random.default_rng(10), 1, 3, shift=8.0)
    logits = read.logits.copy()
    logits[1, 0], logits[2, 0] = np.nan, np.inf
    sides = np.array([[64, 64], [64, 64], [64, 64], [15, 400]])
    found = answers(replace(read, logits=logits, sides=sides), law)
    assert list(found["answer"][1:]) == [Answer.ABSTAIN] * 3
    assert found["reason"][1] == found["reason"][2] == "its members gave no number"
    assert found["reason"][3] == "too small: the shorter side has fewer than 16 pixels"
    assert np.isfinite(found.drop(columns=["answer", "reason"]).to_numpy(float)).all()


@pytest.mark.parametrize("shift", [0.0, -3.0])
def test_a_panel_that_knows_nothing_calls_nothing_fake(shift: float) -> None:
    rng = np.random.default_rng(11)
    read, fake, original = panel(rng, 100, 100, shift=shift)
    if shift == 0:
        read.logits[fake], read.spectra[fake] = read.logits[~fake], read.spectra[~fake]
    learned = calibrated(read, fake, original)
    found = answers(panel(rng, 100, 100, shift=shift)[0], learned)
    assert not (found["answer"] == Answer.FAKE).any()
    assert_allclose(found["probability"], 0.5, atol=1e-3)


def test_the_probability_is_right_where_fakes_are_as_many_as_reals() -> None:
    rng = np.random.default_rng(12)
    law = calibrated(*panel(rng, 300, 900, shift=1.0))  # its own shares do not matter
    new, fake, _ = panel(rng, 3000, 3000, shift=1.0)
    said = answers(new, law)["probability"].to_numpy()
    for low, high in ((0.0, 0.2), (0.2, 0.8), (0.8, 1.0)):
        some = (said >= low) & (said <= high)
        assert abs(said[some].mean() - fake[some].mean()) < 0.06
    assert said.max() <= 301 / 302


def test_a_probability_is_no_surer_than_so_few_originals_allow() -> None:
    rng = np.random.default_rng(13)
    learned = calibrated(*panel(rng, 20, 30, shift=100.0))
    assert answers(panel(rng, 20, 20, shift=100.0)[0], learned)["probability"].max() == 21 / 22


def test_fake_must_be_rare_in_every_kind_of_real_image() -> None:
    rng = np.random.default_rng(14)
    read, fake, original = panel(rng, 200, 200, shift=6.0)
    source = np.where(original % 2, "suspicious", "plain")
    read.logits[~fake & (source == "suspicious")] += 3.0
    apart = calibrated(read, fake, original, source=source)
    assert set(apart.reals) == {"suspicious", "plain"}
    assert set(apart.clouds) == {"suspicious", "plain", MADE}
    real = panel(rng, 2000, 0)[0]
    suspicious = replace(real, logits=real.logits + 3.0)
    together = calibrated(read, fake, original)
    by, mixed = ((answers(suspicious, one)["p_value"] <= 0.05).mean() for one in (apart, together))
    assert by <= 0.05
    assert mixed > by + 0.01  # together it holds on average alone


def test_a_source_is_a_kind_or_one_with_others_and_of_few_originals_a_guard() -> None:
    rng = np.random.default_rng(15)
    read, fake, original = panel(rng, 150, 40, crops=2)
    source = np.select([original < 60, original < 100, original < 130], ["a", "b", "c"], "d")

    def kinds() -> dict[str, int]:
        found = calibrated(read, fake, original, source=source).reals
        return {name: one.originals for name, one in found.items()}

    # c has 30 originals, d has 20, together 50; of d there are 40 images.
    guards = {"c, image by image": 60, "d, image by image": 40}
    assert kinds() == {"a": 60, "b": 40, "c, d": 50} | guards
    source[source == "d"] = "a"  # c is alone, and enough for a p-value that reaches .05
    assert kinds() == {"a": 80, "b": 40, "c": 30, "c, image by image": 60}
    source[original >= 118] = "a"  # 18 are not
    assert kinds() == {"a": 92, "b": 40}
    assert set(calibrated(read, fake, original, source=source).promised) == {"a", "b"}
    source = np.full(len(original), "one set")
    assert kinds() == {"one set": 150}
    source = np.where(original % 10 == 0, "x", (original % 5).astype(str))
    assert kinds()["0, 1, 2, 3, 4, x"] == 150  # none is large: all together


def test_a_few_photographs_guard_others_like_them_though_nothing_is_promised() -> None:
    rng = np.random.default_rng(16)
    read, fake, original = panel(rng, 200, 200)
    read.logits[190:200] += 3.0  # 10 photographs that look made, of 20 crops each
    some = np.concatenate([np.arange(400), np.repeat(np.arange(190, 200), 19)])
    few = Readings(logits=read.logits[some], spectra=read.spectra[some], sides=read.sides[some])
    source = np.where((some >= 190) & (some < 200), "photographs", "drawings")
    real = panel(rng, 1000, 0)[0]
    photographs = replace(real, logits=real.logits + 3.0)
    apart = calibrated(few, fake[some], original[some], source=source)
    together = calibrated(few, fake[some], original[some])
    rates = [(answers(photographs, one)["p_value"] <= 0.05).mean() for one in (apart, together)]
    assert rates[0] < 0.15 < 0.25 < rates[1]


def test_a_calibration_survives_json(law: Calibration) -> None:
    text = json.dumps(law.to_dict(), allow_nan=False)
    back = Calibration.from_dict(json.loads(text))
    assert back == law
    assert len(text) < 60_000
    new = panel(np.random.default_rng(16), 20, 20)[0]
    pd.testing.assert_frame_equal(answers(new, back), answers(new, law))


HOSTILE: dict[str, Any] = {
    "centre": [[0.0], [0.0] * 10_001, ["0"] * M, [None] * M, "0000", [float("nan")] * M],
    "spread": [[0.0] * M, [-1.0] * M, [float("inf")] * M, [1e300] * M],
    "edges": [None, {}, [True] * M],
    "slope": [-1.0, "1", None, float("nan"), True, []],
    "surest": [1.0, 0.2, "0.9"],
    "reals": [{}, [], None, {"a": 1}, {"a": {}}, {str(i): {} for i in range(101)}],
    "clouds": [{}, {"a": {"mean": [0.0], "white": [1.0], "far": None}}],
}


@pytest.mark.parametrize(
    ("name", "value"), [(name, one) for name, values in HOSTILE.items() for one in values]
)
def test_a_card_that_nobody_could_have_written_is_refused(
    law: Calibration, name: str, value: object
) -> None:
    with pytest.raises(DataError, match="calibration"):
        Calibration.from_dict(law.to_dict() | {name: value})


@pytest.mark.parametrize(
    "change",
    [
        {"edges": [2.0, 1.0]},
        {"shares": [0.5, 0.9]},
        {"shares": [1.5, 0.5]},
        {"shares": [0.5]},
        {"shares": [0.5, 0.0]},
        {"edges": [], "shares": []},
        {"originals": 0},
        {"originals": True},
        {"originals": 2.5},
        {"edges": [float("nan"), 1.0]},
    ],
)
def test_steps_that_do_not_fall_are_refused(change: dict[str, Any]) -> None:
    right = {"edges": [1.0, 2.0], "shares": [1.0, 0.5], "originals": 2}
    assert asdict(Tail.from_dict(right)) == {
        "edges": (1.0, 2.0),
        "shares": (1.0, 0.5),
        "originals": 2,
    }
    with pytest.raises(DataError, match="calibration"):
        Tail.from_dict(right | change)


def test_too_few_originals_are_refused_however_many_crops_they_have() -> None:
    with pytest.raises(DataError, match="of 19 originals and made ones of 40"):
        calibrated(*panel(np.random.default_rng(17), 19, 40, crops=30))


def test_a_member_without_a_number_is_refused() -> None:
    read, fake, original = panel(np.random.default_rng(18), 30, 30)
    read.logits[3, 0] = np.nan
    with pytest.raises(DataError, match="no number"):
        calibrated(read, fake, original)


def test_a_member_that_says_the_same_of_all_is_no_error() -> None:
    rng = np.random.default_rng(19)
    read, fake, original = panel(rng, 40, 40)
    read.logits[:, 0] = 1.0
    new = panel(rng, 10, 10)[0]
    new.logits[:, 0] = 1.0
    assert np.isfinite(answers(new, calibrated(read, fake, original))["score"]).all()


def test_nothing_to_answer_is_an_empty_frame(law: Calibration) -> None:
    none = Readings(
        logits=np.zeros((0, M)), spectra=np.zeros((0, 32)), sides=np.zeros((0, 2), dtype=np.int64)
    )
    assert len(answers(none, law)) == 0


def sized(rng: Rng, sides: np.ndarray, shift: np.ndarray) -> tuple[Readings, np.ndarray]:
    """Half of the images made, said to be so by their own shift; all of the shorter sides given."""
    fake = np.arange(len(sides)) % 2 == 1
    logits = rng.standard_t(4, (len(sides), M)) + (fake * shift)[:, None]
    return replace(readings(logits, rng), sides=np.stack([sides, sides], axis=1)), fake


def test_small_images_are_held_to_small_ones_and_large_to_large() -> None:
    rng = np.random.default_rng(20)
    sides = np.repeat([32, 96], 1500)
    read, fake = sized(rng, sides, np.full(3000, 4.0))
    read.logits[sides == 96] += 5.0  # large images, real ones as well, look like small fakes
    law = calibrated(read, fake, np.arange(3000))
    assert law.small is not None
    assert set(law.promised) == {"real images", "real images under 48 pixels"}
    assert law.of((200, 47)) is law.small
    assert law.of((48, 200)) is law
    new, made = sized(rng, sides, np.full(3000, 4.0))
    new.logits[sides == 96] += 5.0
    found = answers(new, law)
    for size in (32, 96):
        at = sides == size
        called = (found["p_value"] <= 0.05).to_numpy()
        assert called[at & ~made].mean() <= 0.08
        assert called[at & made].mean() > 0.9
    assert Calibration.from_dict(json.loads(json.dumps(law.to_dict()))) == law


def test_images_of_a_size_that_is_too_few_are_held_to_all() -> None:
    rng = np.random.default_rng(21)
    read, fake = sized(rng, np.repeat([32, 96], [30, 300]), np.full(330, 4.0))
    assert calibrated(read, fake, np.arange(330)).small is None


def test_members_that_tell_more_weigh_more_and_none_below_nothing() -> None:
    rng = np.random.default_rng(22)
    original = np.arange(600)
    fake = original >= 300
    logits = rng.normal(size=(600, M))
    logits[:, 0] += 3 * fake
    logits[:, 1] -= 3 * fake  # a member that is surely wrong has no say
    weights = np.array(calibrated(readings(logits, rng), fake, original).weights)
    assert weights[0] == weights.max() > 0.5
    assert weights[1] == 0
    assert weights.sum() == pytest.approx(1)


def test_weights_are_learned_of_others_so_that_noise_alone_is_called_as_rarely_as_promised() -> (
    None
):
    rng, called = np.random.default_rng(23), []
    for _ in range(25):
        learned = calibrated(*panel(rng, 25, 25, shift=0.0))
        called.append((answers(panel(rng, 200, 0)[0], learned)["p_value"] <= 0.05).mean())
    assert np.mean(called) <= 0.05 + 2 * np.std(called) / 5
