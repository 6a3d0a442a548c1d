"""AK226 and AK227: what they say of models whose prejudice was planted."""

import pytest

from auditkit.checks.associations import Associations
from auditkit.checks.minimal_pairs import MinimalPairs
from auditkit.data.catalogue import CATALOGUE, weat
from auditkit.errors import FetchError, NotApplicable
from auditkit.results import Finding, Section, Status
from auditkit.subject import Subject
from tests.prejudiced import reader, speaker


def told(check: Associations | MinimalPairs, made: Subject) -> tuple[list[Finding], Section]:
    found = list(check.run(made))
    (section,) = (one for one in found if isinstance(one, Section))
    return [one for one in found if isinstance(one, Finding)], section


def test_a_planted_association_is_told_in_its_direction() -> None:
    found, _ = told(Associations(), reader(towards=2.0))
    first = next(one for one in found if one.where["test"].endswith("home and work"))
    assert first.message.startswith(
        "Words for women lie nearer to home than to work, compared with words for men: "
    )
    assert first.status is Status.MEASURED
    assert first.where["permutation p"] == "below .001"
    turned, _ = told(Associations(), reader(towards=-2.0))
    assert turned[0].message.startswith("Words for women lie nearer to work than to home")
    assert turned[0].value > 1.5  # the size has no sign


def test_a_control_is_called_one_and_never_fails() -> None:
    found, _ = told(Associations(max_effect=1.0), reader(towards=2.0))
    (control,) = (one for one in found if one.message.startswith("Control: "))
    assert control.where["test"] == "time and numbers, a control"
    assert control.status is Status.MEASURED
    judged = [one.status for one in found if one is not control]
    assert Status.FAILED in judged
    assert Status.MEASURED not in judged


def test_no_association_is_called_unclear_and_not_absent() -> None:
    found, section = told(Associations(), reader(towards=0.0))
    assert all("is not clear" in one.message for one in found if one.interval[0] == 0)
    assert sum(one.interval[0] == 0 for one in found) >= 4
    assert "no effect is no reassurance" in section.text


def test_words_of_several_pieces_are_no_words() -> None:
    with pytest.raises(NotApplicable, match="too few of the words"):
        list(Associations().run(reader(towards=1.0, known=False)))


def test_published_lists_are_used_only_where_they_are_at_hand(
    monkeypatch: pytest.MonkeyPatch, tmp_path
) -> None:
    monkeypatch.setenv("AUDITKIT_CACHE", str(tmp_path))
    assert not weat.is_at_hand()
    _, section = told(Associations(), reader(towards=0.0))
    assert [view.title for view in section.views] == ["Effect sizes", "The words found"]


def test_a_planted_preference_is_counted_by_set() -> None:
    found, section = told(MinimalPairs(max_share=0.6), speaker(expects=1.0))
    assert found[0].status is Status.FAILED
    assert (found[0].value, found[0].n) == (1.0, 26)
    assert found[1].value > 5
    even, _ = told(MinimalPairs(), speaker(expects=0.5))
    assert even[0].value == pytest.approx(0.5, abs=0.1)
    assert even[0].status is Status.MEASURED
    assert "26 comparisons" in even[0].message
    assert len(section.views[2].frame) == 6


def test_examples_can_be_left_out() -> None:
    _, section = told(MinimalPairs(examples=0), speaker(expects=1.0))
    assert len(section.views) == 2


def test_a_suite_that_cannot_be_had_is_no_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    def lost(name: str) -> None:
        raise FetchError(f"data set {name!r} is not in the cache and could not download it")

    monkeypatch.setattr("auditkit.data.catalogue.load", lost)
    assert "winobias" in CATALOGUE
    with pytest.raises(NotApplicable, match="could not download"):
        list(MinimalPairs(suite="winobias").run(speaker(expects=1.0)))
