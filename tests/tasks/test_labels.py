import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sahelclf.errors import RequestError
from sahelclf.tasks.base import HeadLayout, TaskData, TaskSpec
from sahelclf.tasks.labels import labels_of, layout_of, task_data

BINARY = TaskSpec("weather", "binary", ("dry", "wet"), "positive_f1")
ONE_OF = TaskSpec("sky", "multiclass", ("clear", "cloud", "fog"), "macro_f1")
SOME = TaskSpec("news", "multilabel", ("fish", "mud", "song"), "example_f1")
ANY = TaskSpec("news", "multilabel", ("fish", "mud", "song"), "example_f1", may_be_empty=True)
PAIRS = TaskSpec("side", "multiclass", ("none", "pro", "con"), "mean_f1/pro+con", uses_target=True)


def data(spec, labels, targets=None):
    n = len(labels)
    return task_data(
        spec,
        [f"r{i}" for i in range(n)],
        [f"d{i}" for i in range(n)],
        [f"text {i}" for i in range(n)],
        labels,
        targets,
    )


def problems(spec, labels, targets=None):
    with pytest.raises(RequestError) as caught:
        data(spec, labels, targets)
    return caught.value.problems


def test_heads_by_kind():
    assert layout_of(BINARY) == HeadLayout(("wet",))
    assert layout_of(ONE_OF) == HeadLayout(("clear", "cloud", "fog"), ((0, 1, 2),))
    assert layout_of(SOME) == HeadLayout(("fish", "mud", "song"))


def test_a_binary_task_of_three_labels_is_refused():
    with pytest.raises(ValueError, match="binary needs two labels"):
        layout_of(TaskSpec("x", "binary", ("a", "b", "c"), "positive_f1"))


def test_labels_become_ones_in_the_declared_order():
    assert data(BINARY, ["dry", "wet"]).y.tolist() == [[0], [1]]
    assert data(ONE_OF, ["fog", "clear"]).y.tolist() == [[0, 0, 1], [1, 0, 0]]
    made = data(ANY, [{"song", "fish"}, [], ["mud", "mud"]])
    assert made.y.tolist() == [[1, 0, 1], [0, 0, 0], [0, 1, 0]]
    assert made.mask.all()
    assert (made.ids, made.groups, made.texts) == (
        ("r0", "r1", "r2"),
        ("d0", "d1", "d2"),
        ("text 0", "text 1", "text 2"),
    )
    assert made.targets is None


def test_no_rows_are_a_task_too():
    assert data(ANY, []).y.shape == (0, 3)


@given(
    st.lists(st.sets(st.sampled_from(ANY.labels)), max_size=8),
    st.lists(st.sampled_from(ONE_OF.labels), max_size=8),
    st.lists(st.sampled_from(BINARY.labels), max_size=8),
)
def test_labels_come_back(some, one_of, binary):
    assert [set(names) for names in labels_of(ANY, data(ANY, some).y)] == some
    assert labels_of(ONE_OF, data(ONE_OF, one_of).y) == one_of
    assert labels_of(BINARY, data(BINARY, binary).y) == binary


def test_rows_that_say_no_labels_of_the_task_are_refused():
    with pytest.raises(ValueError, match=r"rows \[1, 2\] of 3 do not carry exactly one label"):
        labels_of(ONE_OF, np.array([[1, 0, 0], [0, 0, 0], [1, 1, 0]]))
    with pytest.raises(ValueError, match=r"found y \(1, 2\), expected \(n, 3\)"):
        labels_of(ANY, np.array([[1, 0]]))


def test_every_problem_is_told_at_once_with_its_row():
    assert problems(SOME, [["fish"], ["rain", "hail"], [], "fish", None]) == (
        "task 'news': id 'r1': unknown label 'rain'; expected some of ['fish', 'mud', 'song']",
        "task 'news': id 'r1': unknown label 'hail'; expected some of ['fish', 'mud', 'song']",
        "task 'news': id 'r2': no label; expected at least one of ['fish', 'mud', 'song']",
        "task 'news': id 'r3': found 'fish'; expected a collection of labels of ['fish', 'mud', "
        "'song']",
        "task 'news': id 'r4': found None; expected a collection of labels of ['fish', 'mud', "
        "'song']",
    )


def test_several_labels_where_one_is_expected_are_refused():
    found = problems(ONE_OF, ["fog", ["fog", "cloud"], "hail", ()])
    assert found == (
        "task 'sky': id 'r1': found ['fog', 'cloud']; expected one label of ['clear', 'cloud', "
        "'fog']",
        "task 'sky': id 'r2': unknown label 'hail'; expected one of ['clear', 'cloud', 'fog']",
        "task 'sky': id 'r3': found (); expected one label of ['clear', 'cloud', 'fog']",
    )


def test_many_problems_are_counted():
    found = problems(BINARY, ["snow"] * 60)
    assert len(found) == 51
    assert found[-1] == "and 10 more"


def test_targets_are_kept_with_their_rows():
    made = data(PAIRS, ["pro", "con", "none"], ["the harbour", "the quay", "the harbour"])
    assert made.targets == ("the harbour", "the quay", "the harbour")
    assert made.take([2, 1]).targets == ("the harbour", "the quay")
    assert data(BINARY, ["wet"]).take([0]).targets is None


def test_missing_and_needless_targets_are_refused():
    assert problems(PAIRS, ["pro", "rain"], ["the quay", " "]) == (
        "task 'side': id 'r1': unknown label 'rain'; expected one of ['none', 'pro', 'con']",
        "task 'side': id 'r1': no target; expected its wording",
    )
    assert problems(PAIRS, ["pro"]) == (
        "task 'side': no targets given for 1 rows; expected the wording of the target of each",
    )
    assert problems(BINARY, ["wet"], ["x"]) == (
        "task 'weather': targets given; expected none, because the task does not use a target",
    )


def test_ids_that_stand_twice_and_unequal_lengths_are_refused():
    with pytest.raises(RequestError, match="id 'a': occurs 2 times"):
        task_data(BINARY, ["a", "b", "a"], ["d"] * 3, ["t"] * 3, ["wet"] * 3)
    with pytest.raises(RequestError, match="'texts': 1, 'labels': 2"):
        task_data(BINARY, ["a", "b"], ["d"] * 2, ["t"], ["wet"] * 2)


def test_task_data_checks_the_number_of_targets():
    with pytest.raises(ValueError, match="1 ids, 2 targets"):
        TaskData(
            HeadLayout(("wet",)),
            ("a",),
            ("d",),
            ("t",),
            np.zeros((1, 1)),
            np.ones((1, 1), dtype=bool),
            ("x", "y"),
        )
