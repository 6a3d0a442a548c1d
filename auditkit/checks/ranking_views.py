"""What a report shows of rankings: groups of users, and items by popularity."""

from collections.abc import Mapping, Sequence

import pandas as pd

from auditkit.bias.contrast import Contrast
from auditkit.bias.rankings.exposure import Exposure
from auditkit.bias.rankings.ranking import MEASURES
from auditkit.checks.contrasts import picture
from auditkit.results import Intervals, Section, Table, Unit

Gaps = Mapping[str, Mapping[str, Contrast]]  # of each column, of each measure


def users_section(
    gaps: Gaps, per_user: pd.DataFrame, left: Sequence[str], *, k: int, relevant_from: float
) -> Section:
    """A picture and a table for each column of groups; left are the columns not compared."""
    views: list[Intervals | Table] = [
        picture(by_measure["ndcg"], title=f"NDCG@{k} by {column}", what="NDCG")
        for column, by_measure in gaps.items()
    ]
    views += [_users_table(column, by_measure) for column, by_measure in gaps.items()]
    short = int((per_user["candidates"] <= k).sum())
    notes = [f"{short:,} users have no more than {k} items."] * (short > 0)
    notes += [f"{', '.join(left)} differs between rows of one user: not compared."] * bool(left)
    return Section(
        title="Whom the ranking serves",
        text=f"NDCG@{k} is 100 % where a user's best-rated items come first, and counts "
        f"an error the less the further down it is. Recall@{k} is the share of what a "
        f"user rates {relevant_from:.3g} or more that is among the first {k}. The "
        "reciprocal rank is 1 where the first item is such a one, 1/2 where the second is the "
        "first such. Candidates are the items that the user rated, and no others: what a user "
        f"never met is not ranked here. Each user counts once. {' '.join(notes)}".strip(),
        views=tuple(views),
    )


def _users_table(column: str, by_measure: Mapping[str, Contrast]) -> Table:
    parts = [
        gap.groups[["value"]].rename(columns={"value": MEASURES[measure]})
        for measure, gap in by_measure.items()
    ]
    frame = pd.concat(parts, axis=1).round(4)
    frame.insert(0, "users", by_measure["ndcg"].groups["n"])
    return Table(
        title=f"All measures by {column}",
        frame=frame.reset_index(names="group"),
        shares=tuple(MEASURES.values()),
    )


def items_section(
    shown: Exposure, within: pd.DataFrame, table: pd.DataFrame, *, k: int, trained: bool
) -> Section:
    """Attention beside relevance, by popularity; table says how often items were rated."""
    frame = shown.groups
    times = [f"{least:,} to {most:,}" for least, most in table[["from", "to"]].to_numpy()]
    listed = pd.DataFrame(
        {
            "items": frame["items"],
            "times rated": times,
            "of the catalogue": shown.of_catalogue,
            "of the rating points": frame["merit"],
            "of the attention": frame["exposure"],
            "in the users' own order": frame["ideal"],
            f"recall@{k}": frame["recall"],
            f"NDCG@{k} among their own": within["ndcg"],
            "in random order": within["random"],
        }
    )
    drawn = frame.dropna(subset=["low"]).reset_index(names="items are")
    picture = Intervals(
        title="Attention over rating points, by popularity",
        frame=drawn[["items are", "ratio", "low", "high"]],
        label="items are",
        value="ratio",
        low="low",
        high="high",
        unit=Unit.NUMBER,
        reference=1.0,
        reference_label="in proportion",
        text="Above 1 items get more attention than their share of the rating points.",
    )
    where = "the rows learned from" if trained else "the audited rows"
    return Section(
        title="Which items are shown",
        text=f"The first place of a ranking gets the most attention, 1 / log2(1 + rank), and "
        f"none is left after place {k}; each user has as much of it. An item's due is its "
        "share of the same users' ratings (Singh & Joachims 2018). Popular items are the most "
        f"rated ones that hold a third of {where}, middling those up to two thirds. Even the "
        "users' own order favours popular items where these are rated better: look at both.",
        views=(
            picture,
            Table(
                title="Items by popularity",
                frame=listed.round(4).reset_index(names="items are"),
                shares=tuple(listed.columns[2:]),
            ),
        ),
    )
