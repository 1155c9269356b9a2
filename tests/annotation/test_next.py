"""What to label next: scores worked out by hand, and probabilities as they are drawn."""

import numpy as np
import pytest

from sahelclf.annotation.next import (
    dictionary_strata,
    draw_by_size,
    equal_scores,
    group_probabilities,
    mixed_sizes,
    sharpened,
    topic_weights,
    uncertainty,
    unit_groups,
)
from sahelclf.annotation.sampling import assign
from sahelclf.corpus.read import read_corpus
from sahelclf.errors import RequestError


def test_rare_topics_weigh_more():
    # 1 / (1 + 1) and 1 / (5 + 1), over their mean 1/3
    assert topic_weights([1, 5]) == pytest.approx([1.5, 0.5])


def test_uncertainty_by_hand():
    p = np.array([[0.5, 1.0], [0.0, 0.25]])
    stance = np.array([[[0.5, 0.5], [1.0, 0.0]], [[0.5, 0.5], [0.5, 0.5]]])
    # first: H(.5) + .5 * 1 bit = 1.5; the other topic and its stance are sure
    # second: 0 + 0 * 1; H(.25) = .811278, + .25 * 1 bit
    found = uncertainty(p, stance, np.array([1.5, 0.5]))
    assert found == pytest.approx([1.5 * 1.5, 0.5 * (0.811278 + 0.25)], abs=1e-6)


def test_uncertainty_without_stances_is_that_of_the_topics():
    found = uncertainty(np.array([[0.5], [0.25]]), np.zeros((2, 1, 0)), np.ones(1))
    assert found == pytest.approx([1.0, 0.811278], abs=1e-6)


def test_a_share_of_the_sizes_is_by_chance():
    # .4 / 4 each, and .6 in proportion to 0, 1, 1, 2
    sizes = mixed_sizes(np.array([0.0, 1.0, 1.0, 2.0]), 0.4)
    assert sizes == pytest.approx([0.1, 0.25, 0.25, 0.4])
    assert mixed_sizes(np.zeros(4), 0.4) == pytest.approx([0.25] * 4)


def test_probabilities_stay_below_one():
    # 3 * .6 and then 2 * .3 / .4 are over 1: both are certain, the third draw is among the rest
    p = group_probabilities(np.array([0.6, 0.3, 0.05, 0.05]), 3)
    assert p == pytest.approx([1, 1, 0.5, 0.5])


def test_units_are_drawn_with_the_probabilities_that_are_written():
    size = np.array([0.30, 0.02, 0.08, 0.05, 0.05, 0.20, 0.10, 0.20])
    group = np.array([7, 7, 3, 3, 3, 9, 4, 5])
    # groups: .32, .18, .20, .10, .20; three draws: .96, .54, .60, .30, .60
    expected = np.array([0.90, 0.06, 0.24, 0.15, 0.15, 0.60, 0.30, 0.60])
    rng = np.random.default_rng(1)
    count = np.zeros(8)
    total = []
    for _ in range(4000):
        drawn = draw_by_size(size, group, 3, rng)
        assert len(set(group[drawn.rows])) == 3
        assert drawn.probability == pytest.approx(expected[drawn.rows])
        count[drawn.rows] += 1
        total.append((1 / drawn.probability).sum())
    # the standard error of each share is at most .008, of the mean number of units .07
    assert count / 4000 == pytest.approx(expected, abs=0.03)
    assert np.mean(total) == pytest.approx(8, abs=0.3)


def test_the_drawn_say_whether_chance_chose_them():
    size = mixed_sizes(np.array([0.0, 3.0, 1.0]), 0.4)
    rng = np.random.default_rng(2)
    chance = np.zeros((3, 2))
    for _ in range(4000):
        [row], _, [by_chance] = draw_by_size(size, np.arange(3), 1, rng, random=0.4)
        chance[row, int(by_chance)] += 1
    # sizes .1333, .5833, .2833: chance has .1333 of each
    assert chance.sum(axis=1) / 4000 == pytest.approx(size, abs=0.03)
    assert chance[:, 1] / 4000 == pytest.approx([0.4 / 3] * 3, abs=0.03)
    assert chance[0, 0] == 0


def test_a_draw_of_more_than_there_are_documents_is_refused():
    with pytest.raises(RequestError, match="--n 3; expected 1 to 2, the documents"):
        draw_by_size(np.ones(4), np.array([1, 1, 2, 2]), 3, np.random.default_rng(0))


def test_documents_and_near_duplicates_are_one_group():
    long = "the boat crews landed a catch of herring and cod at the quay on monday morning"
    stock = "the minister said so"
    texts = [long, f"{long} again", "a dredger dug mud", stock, stock, "rain fell"]
    groups = unit_groups(texts, ["a", "b", "c", "d", "e", "b"])
    assert [groups[0] == g for g in groups] == [True, True, False, False, False, True]
    assert groups[3] != groups[4]


def test_a_first_batch_gives_every_stratum_the_same_sum(harbour):
    assert equal_scores(["a", "a", "b"]).tolist() == [0.5, 0.5, 1]
    corpus = read_corpus(harbour)
    texts = ["A boat came", "the boat, the boat and a dredger", "rain", "a dredger, a catch"]
    strata = dictionary_strata(harbour / "keywords.yaml", corpus.codebook, texts)
    # boats are in three texts, dredgers in two: these are the rarer
    assert strata == ["fishing", "dredging", "(none)", "dredging"]


def test_the_draw_goes_with_the_fourth_power_of_the_uncertainty():
    assert sharpened(np.array([2.0, 1.0, 0.0])) == pytest.approx([1, 1 / 16, 0])
    assert sharpened(np.zeros(2)).tolist() == [0, 0]


def test_annotators_share_units_and_divide_the_rest():
    assert assign(5, ["anna", "ben"], 0.4) == [[], [], ["anna"], ["ben"], ["anna"]]
    assert assign(2, ["anna"], 0.0) == [[], []]
    assert assign(2, [], 0.5) == [[], []]
