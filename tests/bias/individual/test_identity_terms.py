"""Words for people in the place of each other: case, articles, borders of words, and what stays."""

import re

import numpy as np
import pytest

from auditkit.bias.individual.identity_terms import are_names, sentences, swapped, swaps
from auditkit.bias.individual.identity_words import DIMENSIONS, TEMPLATES

BY_NAME = {one.name: one for one in DIMENSIONS}
GENDER = BY_NAME["gender"]
MEN, WOMEN = 0, 1


@pytest.mark.parametrize(
    ("text", "group", "wanted"),
    [
        ("My husband said he loved it.", WOMEN, "My wife said she loved it."),
        ("She's a Woman. A WOMAN!", MEN, "He's a Man. A MAN!"),
        ("an aunt, a nephew, An uncle", MEN, "an uncle, a nephew, An uncle"),
        ("a son and an  uncle", WOMEN, "a daughter and an  aunt"),
        ("my mother's coat; grandmother", MEN, "my father's coat; grandfather"),
        (
            "womanly woman-made superman mankind shell",
            MEN,
            "womanly woman-made superman mankind shell",
        ),
    ],
)
def test_words_are_swapped_whole_in_their_case_and_with_their_article(text, group, wanted):
    assert swapped(text, GENDER, group) == wanted


def test_texts_are_names_where_most_have_fewer_than_four_words():
    assert are_names(["Ann", "Mary Ann Lee", "my mother said so"])
    assert not are_names(["Ann", "my mother said so", "she told her son"])


def test_terms_of_several_words_and_of_more_than_two_groups():
    age, religion, origin = (BY_NAME[one] for one in ("age", "religion", "origin"))
    assert swapped("Old  ladies in my 60's", age, 0) == "Young ladies in my 20's"
    assert swapped("my old coat", age, 0) == "my old coat"
    assert swapped("a Hindu family", religion, 1) == "a Muslim family"
    assert swapped("a Mexican friend", origin, 0) == "an American friend"


@pytest.mark.parametrize("dimension", DIMENSIONS, ids=lambda one: one.name)
def test_there_and_back_again_is_the_same_text(dimension):
    for terms in dimension.rows:
        for group, term in enumerate(terms):
            text = f"We met {term} there."
            for other in range(len(terms)):
                assert swapped(swapped(text, dimension, other), dimension, group) == text


@pytest.mark.parametrize("dimension", DIMENSIONS, ids=lambda one: one.name)
def test_every_term_stands_in_the_list_once_and_beside_as_many_as_there_are_groups(dimension):
    terms = [term for row in dimension.rows for term in row]
    assert len(terms) == len(set(terms)) == len(dimension.place)
    assert all(term == term.casefold() for term in terms)
    assert {len(row) for row in (*dimension.rows, *dimension.nouns)} == {len(dimension.groups)}
    assert not set(dimension.ambiguous) & set(terms)


def test_own_texts_that_name_one_group_are_changed_and_the_others_are_counted():
    texts = [
        "my wife likes it",  # women
        "nobody in particular",
        "he and she",  # both
        "she wore her coat",  # her is him or his
        "boyfriend jeans for my sister",  # the jeans are no person
        "The MEN liked it",  # men
    ]
    found = swaps(texts, [GENDER])[0]
    assert found.texts == ("my wife likes it", "The MEN liked it")
    assert found.changed == ("my husband likes it", "The WOMEN liked it")
    assert found.place.tolist() == [0, 5]
    assert found.origin.tolist() == [WOMEN, MEN]
    assert found.target.tolist() == [MEN, WOMEN]
    assert (found.without, found.mixed, found.ambiguous) == (1, 1, 2)


def test_a_text_of_one_of_four_groups_has_three_versions():
    religion = BY_NAME["religion"]
    found = swaps(["a Jewish wedding", "plain"], [religion])[0]
    assert found.changed == ("a Christian wedding", "a Muslim wedding", "a Hindu wedding")
    assert found.row.tolist() == [0, 0, 0]
    assert found.target.tolist() == [0, 1, 3]


def test_some_of_the_texts_keep_their_own_versions():
    found = swaps([f"{who} came" for who in ("he", "she", "my son", "my aunt")], [GENDER])[0]
    part = found.at(np.array([1, 3]))
    assert part.texts == ("she came", "my aunt came")
    assert part.changed == ("he came", "my uncle came")
    assert part.row.tolist() == [0, 1]
    assert part.place.tolist() == [1, 3]


@pytest.mark.parametrize("dimension", DIMENSIONS, ids=lambda one: one.name)
def test_our_sentences_differ_in_the_person_alone(dimension):
    found = sentences(dimension)
    groups = len(dimension.groups)
    assert len(found.changed) == len(TEMPLATES) * len(dimension.nouns) * groups * (groups - 1) // 2
    for row, origin, target, text in zip(
        found.row, found.origin, found.target, found.changed, strict=True
    ):
        before = found.texts[row]
        assert origin < target
        kept = [
            re.sub(r"\ban?\b", "", one.replace(nouns[group], ""))
            for one, group in ((before, origin), (text, target))
            for nouns in dimension.nouns
            if nouns[origin] in before and nouns[target] in text
        ]
        assert kept[0] == kept[1]
    assert not any(re.search(r"\ba [aeiou]|\ban [^aeiouAEIOU]", one) for one in found.changed)


def test_templates_praise_blame_and_do_neither_alike():
    praise = sum(bool(re.search("love|wonderful|best|happy", one)) for one in TEMPLATES)
    blame = sum(bool(re.search("hate|terrible|worst|disappointed", one)) for one in TEMPLATES)
    assert praise == blame == len(TEMPLATES) - praise - blame
    assert all(one.count("{}") == 1 for one in TEMPLATES)


def test_a_dimension_without_any_text_is_empty_and_no_error():
    found = swaps(["nothing"], [GENDER])[0]
    assert found.texts == found.changed == ()
    assert found.row.shape == (0,)
