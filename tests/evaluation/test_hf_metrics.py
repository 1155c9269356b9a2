import os
import sys

import evaluate
import numpy as np
import pytest
from sklearn.metrics import f1_score

from sahelclf.evaluation.hf_metrics import ExampleF1, JointF1, StanceF1, TopicF1, decide_heads
from sahelclf.evaluation.predictions import Names
from support import output_of

NAMES = Names(("t", "u"), ("pro", "con"))
# topics t u, then t=pro t=con, u=pro u=con
GOLD = [[1, 0, 1, 0, 0, 0], [1, 1, 0, 1, 1, 0], [0, 0, 0, 0, 0, 0]]
PREDICTED = [[1, 0, 1, 0, 1, 0], [0, 1, 1, 0, 1, 0], [0, 0, 1, 0, 0, 1]]


def made(seed, names=NAMES, n=80):
    rng = np.random.default_rng(seed)
    heads = len(names.topics) * (1 + len(names.stances))
    predicted, gold = (decide_heads(rng.normal(size=(n, heads)), names) for _ in range(2))
    t, s = len(names.topics), len(names.stances)
    gold[:, t:] *= np.repeat(gold[:, :t], s, axis=1)
    return predicted, gold


def test_scores_of_a_worked_example():
    # topics: t tp 1 fn 1 -> 2/3, u tp 1 -> 1, macro 5/6
    # rows: {t} {t} -> 1, {u} of {t, u} -> 2/3, the empty row is dropped: 5/6
    # stance on gold pairs: pro pro, con predicted pro, pro pro -> pro 4/5, con 0, macro 2/5
    # joint: predicted t=pro u=pro, gold t=pro t=con u=pro -> tp 2 fn 1 -> 4/5
    assert TopicF1(NAMES).compute(predictions=PREDICTED, references=GOLD) == pytest.approx(
        {"topic/macro_f1": 5 / 6, "topic/t/f1": 2 / 3, "topic/u/f1": 1}
    )
    assert ExampleF1(NAMES).compute(predictions=PREDICTED, references=GOLD) == pytest.approx(
        {"example_f1": 5 / 6}
    )
    assert StanceF1(NAMES).compute(predictions=PREDICTED, references=GOLD) == pytest.approx(
        {"stance/macro_f1": 2 / 5, "stance/pro/f1": 4 / 5, "stance/con/f1": 0}
    )
    assert JointF1(NAMES).compute(predictions=PREDICTED, references=GOLD) == pytest.approx(
        {"joint/f1": 4 / 5}
    )


@pytest.mark.parametrize("seed", range(3))
def test_scores_are_scikit_learns(seed):
    names = Names(("a", "b", "c", "d"), ("x", "y", "z"))
    predicted, gold = made(seed, names)
    found = evaluate.combine([m(names) for m in (TopicF1, StanceF1, JointF1, ExampleF1)]).compute(
        predictions=predicted, references=gold
    )
    held, holds = gold[:, :4].astype(bool), predicted[:, :4].astype(bool)
    assert found["topic/macro_f1"] == pytest.approx(
        f1_score(held, holds, average="macro", zero_division=0), abs=1e-12
    )
    kept = (held | holds).any(axis=1)
    assert found["example_f1"] == pytest.approx(
        f1_score(held[kept], holds[kept], average="samples", zero_division=0), abs=1e-12
    )
    stance, gold_stance = (x[:, 4:].reshape(-1, 4, 3) for x in (predicted, gold))
    on_gold = f1_score(
        gold_stance.argmax(axis=2)[held],
        stance.argmax(axis=2)[held],
        labels=[0, 1, 2],
        average="macro",
        zero_division=0,
    )
    assert found["stance/macro_f1"] == pytest.approx(on_gold, abs=1e-12)
    pairs = (stance * holds[:, :, None]).reshape(-1, 12)
    assert found["joint/f1"] == pytest.approx(
        f1_score(gold_stance.reshape(-1, 12), pairs, average="micro", zero_division=0), abs=1e-12
    )
    assert len(found) == 1 + 4 + 1 + 3 + 1 + 1


def test_decisions_of_logits():
    logits = np.array([[0.1, -0.1, -3, -2, 5, 4], [-1, 2, 0, 0, -900, -800]])
    assert decide_heads(logits, NAMES).tolist() == [[1, 0, 0, 1, 1, 0], [0, 1, 1, 0, 0, 1]]
    # the sigmoid of -0.1 is 0.475, of 0.1 0.525
    assert decide_heads(logits, NAMES, [0.6, 0.4])[0, :2].tolist() == [0, 1]
    assert decide_heads(logits[:, :2], Names(("t", "u"), ())).tolist() == [[1, 0], [0, 1]]
    with pytest.raises(ValueError, match=r"logits: rows \[1\] hold NaN"):
        decide_heads(np.array([[0.0, 0], [np.nan, 0]]), Names(("t", "u"), ()))


def test_a_plain_multilabel_task_is_names_without_stances():
    names = Names(("t", "u"), ())
    topics = lambda rows: np.array(rows)[:, :2]
    assert TopicF1(names).compute(predictions=topics(PREDICTED), references=topics(GOLD))[
        "topic/macro_f1"
    ] == pytest.approx(5 / 6)
    with pytest.raises(ValueError, match="the names have no stances"):
        JointF1(names).compute(predictions=topics(PREDICTED), references=topics(GOLD))


def test_whole_batches_and_single_rows_give_the_same():
    predicted, gold = made(1)
    whole = JointF1(NAMES).compute(predictions=predicted, references=gold.astype(np.float32))
    metric = JointF1(NAMES)
    for at in range(0, 80, 30):
        metric.add_batch(predictions=predicted[at : at + 30], references=gold[at : at + 30])
    assert metric.compute() == whole
    for s, g in zip(predicted.tolist(), gold.astype(bool), strict=True):
        metric.add(prediction=s, reference=g)
    assert metric.compute() == whole


def test_what_trainer_hands_over_is_scored():
    from transformers import EvalPrediction

    metrics = evaluate.combine([TopicF1(NAMES), JointF1(NAMES)])
    compute = lambda seen: metrics.compute(
        predictions=decide_heads(seen.predictions, NAMES), references=seen.label_ids
    )
    logits = np.array(PREDICTED, dtype=np.float32) * 8 - 4
    found = compute(EvalPrediction(predictions=logits, label_ids=np.array(GOLD, dtype=np.float32)))
    assert (found["topic/macro_f1"], found["joint/f1"]) == pytest.approx((5 / 6, 4 / 5))


def test_rows_that_cannot_be_scored_are_refused_and_the_metric_goes_on():
    predicted, gold = made(2)
    metric = StanceF1(NAMES)
    good = metric.compute(predictions=predicted, references=gold)
    with pytest.raises(
        ValueError, match=r"predictions: found \[-0.5, 0.5\], expected 0 and 1; decide_heads"
    ):
        metric.compute(predictions=predicted - 0.5, references=gold)
    with pytest.raises(
        ValueError,
        match=r"references: found shape \(80, 2\), expected \(n, 6\): 2 topics, and 2 stances",
    ):
        metric.compute(predictions=predicted, references=gold[:, :2])
    with pytest.raises(ValueError, match=r"predictions: rows of \[1, 6\] columns"):
        metric.compute(predictions=[[1], PREDICTED[0]], references=GOLD[:2])
    with pytest.raises(
        ValueError, match=r"predictions: row 1: 0 stances on 'u', expected one of \['pro', 'con'\]"
    ):
        metric.compute(predictions=[PREDICTED[0], [0, 1, 1, 0, 0, 0]], references=GOLD[:2])
    with pytest.raises(ValueError, match="references: row 0: 2 stances on 't'"):
        metric.compute(predictions=PREDICTED, references=[[1, 0, 1, 1, 0, 0], *GOLD[1:]])
    assert metric.compute(predictions=predicted, references=gold) == good


SCRIPT = """
import socket
def refuse(*args, **kwargs):
    raise AssertionError(f"network: {args}")
socket.socket.connect = socket.getaddrinfo = refuse
import evaluate
from sahelclf.evaluation.hf_metrics import ExampleF1, JointF1, StanceF1, TopicF1
from sahelclf.evaluation.predictions import Names
names = Names(("t",), ("pro", "con"))
rows = [[1, 1, 0], [0, 0, 1]]
metrics = evaluate.combine([m(names) for m in (TopicF1, StanceF1, JointF1, ExampleF1)])
found = metrics.compute(predictions=rows, references=[[1, 1, 0], [0, 0, 0]])
print(found["joint/f1"])
"""


@pytest.mark.slow
def test_no_network_is_asked_and_no_file_is_left(tmp_path):
    home, work = tmp_path / "home", tmp_path / "work"
    home.mkdir()
    work.mkdir()
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("HF_", "XDG_"))}
    environment = kept | {
        "HOME": str(home),
        "HF_EVALUATE_OFFLINE": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    printed = output_of([sys.executable, "-c", SCRIPT], cwd=work, env=environment)
    assert printed == "1.0\n"
    assert [*home.rglob("*"), *work.rglob("*")] == []
