"""AK215: what it says of rankings whose faults were planted."""

from dataclasses import replace

import numpy as np
import pytest

from auditkit.checks.recommendation import Recommendation
from auditkit.errors import NotApplicable
from auditkit.results import Finding, Section, Status
from auditkit.subject import Subject
from tests.answers import prices
from tests.recommending import recommender


def told(made: Subject, **limits: object) -> tuple[dict[str, Finding], list[Section]]:
    found = list(Recommendation(k=5, **limits).run(made))  # type: ignore[arg-type]
    findings = {one.metric: one for one in found if isinstance(one, Finding)}
    return findings, [one for one in found if isinstance(one, Section)]


def test_a_group_that_is_served_worse_is_named_with_what_chance_gives() -> None:
    found, _ = told(recommender(loss=6.0), max_gap=0.05)
    gap = found["NDCG@5 difference"]
    assert gap.status is Status.FAILED
    assert (gap.where["lowest"], gap.where["highest"]) == ("b", "a")
    assert gap.message.startswith("By group, the NDCG@5 of b (")
    assert "chance alone would give" in gap.message
    assert gap.null < 0.05
    assert told(recommender(), max_gap=0.1)[0]["NDCG@5 difference"].status is Status.PASSED


def test_popular_items_pushed_up_leave_the_others_unseen() -> None:
    pushed = told(recommender(push=3.0), min_exposure=0.7)[0]
    least = pushed["exposure over relevance of the least exposed items"]
    assert least.status is Status.FAILED
    assert least.where["items"] in ("rare", "middling")
    assert least.message.startswith("Items that are ")
    assert "The users' own order would give 0.99 times" in least.message
    even = told(recommender(), min_exposure=0.7)[0]
    assert even["exposure over relevance of the least exposed items"].status is Status.PASSED
    gini = "Gini index of exposure above that of random orders"
    assert pushed[gini].value > even[gini].value


def test_a_blind_model_gains_nothing_over_a_random_order() -> None:
    found, _ = told(recommender(blind=True), min_gain=0.0)
    gain = found["NDCG@5 gained over a random order"]
    assert gain.interval[0] < 0 < gain.interval[1]
    assert gain.status is Status.INSUFFICIENT
    assert found["NDCG@5"].null == pytest.approx(found["NDCG@5"].value, abs=0.03)


def test_the_page_tells_of_users_and_items() -> None:
    _, (users, items) = told(recommender())
    assert [view.title for view in users.views] == ["NDCG@5 by group", "All measures by group"]
    assert users.views[1].frame["users"].tolist() == [80, 40]
    assert "rates 3 or more" in users.text
    table = items.views[1].frame
    assert table["items are"].tolist()[:3] == ["popular", "middling", "rare"]
    for share in ("of the catalogue", "of the rating points", "of the attention"):
        assert table[share].sum() == pytest.approx(1, abs=1e-3)
    assert "the rows learned from" in items.text
    assert "the audited rows" in told(recommender(known=False))[1][1].text


def test_without_a_user_or_an_item_there_is_no_ranking() -> None:
    with pytest.raises(NotApplicable, match="no column of the table says who the user is"):
        told(prices())
    with pytest.raises(NotApplicable, match="no column of the table is named 'film'"):
        told(recommender(), item="film")
    made = recommender()
    below = replace(made.table, frame=made.frame.assign(rating=-made.frame["rating"]))
    with pytest.raises(NotApplicable, match="below 0"):
        told(replace(made, table=below))


def test_rows_without_a_user_or_item_are_left_out() -> None:
    made = recommender()
    frame = made.frame.copy()
    frame.loc[frame["user"] == "5", "user"] = None
    frame.loc[frame["user"] == "6", "item"] = None
    found, _ = told(replace(made, table=replace(made.table, frame=frame)))
    assert found["NDCG@5"].n == 118


def test_a_column_that_is_no_users_own_is_not_compared() -> None:
    made = recommender()
    rng = np.random.default_rng(0)
    frame = made.frame.assign(group=rng.choice(["a", "b"], size=len(made.frame)))
    found, sections = told(replace(made, table=replace(made.table, frame=frame)))
    assert "NDCG@5 difference" not in found
    assert [one.title for one in sections] == ["Which items are shown"]


def test_users_without_an_order_are_counted() -> None:
    made = recommender()
    frame = made.frame.copy()
    frame = frame[(frame["user"] != "7") | ~frame["user"].duplicated()].reset_index(drop=True)
    found, _ = told(replace(made, table=replace(made.table, frame=frame)))
    assert found["NDCG@5"].where["users without an order"] == "1"
