"""Passages a second of the parts of `predict`, compared with other tools; the cost of --fast.

python benchmarks/predict.py LINEAR [--transformer BUNDLE] [--embedding BUNDLE] [--heldout BUNDLE]
python benchmarks/predict.py --prepare FOLDER

Passages are runs of 88 words of the packaged corpus, some 110 tokens (`--texts 400`, `--rows
40000`). Each contender reads all of them once in a round; the best of three rounds counts; all
cores are used unless the line says otherwise. HELDOUT is a transformer that has not seen a fifth of
the development documents: --prepare writes a corpus with such a split and prints the command that
trains it. On the passages of these documents, float32 and eight bits are compared: decisions that
differ, and topic macro-F1. Without HELDOUT, decisions are compared on made-up passages alone.
"""

import argparse
import json
import os
import shutil
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
from made import command, made_texts, taken_by

ROUNDS = 3


def rates(contenders, texts):
    """Passages a second of each function, the best of several rounds that they run in turn."""
    best = dict.fromkeys(contenders, 0.0)
    for function in contenders.values():
        function(texts[:16])
    for _ in range(ROUNDS):
        for name, function in contenders.items():
            started = time.perf_counter()
            function(texts)
            best[name] = max(best[name], len(texts) / (time.perf_counter() - started))
    return best


def told(best, base):
    for name, rate in best.items():
        print(
            f"  {name}: {rate:,.0f}/s"
            + (f", {rate / best[base]:.2f} times {base}" if name != base else ""),
            flush=True,
        )


def transformer(bundle, texts):
    """Against transformers.pipeline with its defaults."""
    from transformers import pipeline

    from sahelclf.bundle.labeller import Labeller

    contenders = {"transformers.pipeline": pipeline("text-classification", str(bundle), top_k=None)}
    plain = Labeller.load(bundle)
    contenders["predict, float32"] = plain.predict
    fast = "model.int8.onnx" in plain.manifest["files"]
    if fast:
        contenders["predict, --fast"] = Labeller.load(bundle, fast=True).predict
    lengths = [len(e.ids) for e in plain.runtime.encoder.windows.tokenizer.encode_batch(texts)]
    print(f"transformer, {len(texts)} passages of median {statistics.median(lengths):.0f} tokens")
    told(rates(contenders, texts), "transformers.pipeline")


def linear(bundle, texts):
    """One thread each: our reader, and scikit-learn's transform and score of the same weights."""
    from threadpoolctl import threadpool_limits

    from sahelclf.bundle.labeller import Labeller
    from sahelclf.bundle.sklearn import build_pipeline

    with threadpool_limits(1):
        contenders = {
            "scikit-learn": build_pipeline(bundle).predict_proba,
            "linear reader": Labeller.load(bundle).runtime.logits,
        }
        print(f"linear, one thread, {len(texts)} passages")
        told(rates(contenders, texts), "scikit-learn")


def embedding(bundle, texts):
    """The whole labeller, and its encoder alone."""
    from sahelclf.bundle.labeller import Labeller

    runtime = Labeller.load(bundle).runtime
    print(f"embedding, {len(texts)} passages")
    told(
        rates({"its encoder alone": runtime.encoder.outputs, "embedding": runtime.logits}, texts),
        "its encoder alone",
    )


def engines(bundle, n):
    """Our own two processes, and Ray with two workers: rows a second between a quarter of the rows
    and all of them, start-up left out.
    """
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        lines = [json.dumps({"id": i, "text": t}) + "\n" for i, t in enumerate(made_texts(n))]
        (folder / "all.jsonl").write_text("".join(lines))
        (folder / "quarter.jsonl").write_text("".join(lines[: n // 4]))
        best = {}
        print(f"engines, linear, {n:,} rows")
        for name, more in {
            "1 process": ["--workers", 1],
            "2 processes": ["--workers", 2],
            "Ray, 2 workers": ["--workers", 2, "--engine", "ray"],
        }.items():
            seconds = [
                taken_by(command(bundle, folder / f"{part}.jsonl", folder / "out.jsonl", *more))[0]
                for part in ("quarter", "all")
            ]
            best[name] = (n - n // 4) / max(seconds[1] - seconds[0], 1e-9)
            print(f"  {name}: {seconds[1]:.1f} s with start-up")
        told(best, "2 processes")


def cold_start(bundle, text):
    """`predict` of one passage from the shell."""
    with tempfile.TemporaryDirectory() as scratch:
        one = Path(scratch) / "one.jsonl"
        one.write_text(json.dumps({"text": text}) + "\n")
        seconds = min(
            taken_by(command(bundle, one, Path(scratch) / "o.jsonl"))[0] for _ in range(ROUNDS)
        )
    print(f"cold start of predict for one passage with {bundle.name}: {seconds:.2f} s", flush=True)


def fast_costs(bundle, texts, gold=None):
    """Decisions of topics and stances that eight bits change, and topic macro-F1 where there are
    labels, (n, topics) of 0 and 1.
    """
    from sahelclf.bundle.labeller import Labeller
    from sahelclf.bundle.onnx import decisions, decisions_flipped

    if (
        "model.int8.onnx"
        not in json.loads((bundle / "manifest.json").read_text(encoding="utf-8"))["files"]
    ):
        return print(f"{bundle}: no eight-bit graph, so no --fast")
    if not texts:
        return print(
            f"{bundle}: trained on every development passage; --prepare says how to train one "
            "that is not"
        )
    fast = Labeller.load(bundle, fast=True).runtime
    full, mixed = fast.encoder.outputs(texts), fast.logits(texts)
    flipped = decisions_flipped(fast, full, mixed)
    (holds, _), (still, _) = decisions(fast, full), decisions(fast, mixed)
    print(
        f"--fast on {len(texts)} passages: topics flipped {flipped['topics_flipped']:.2%}, "
        f"stances flipped {flipped['stances_flipped']:.2%} (of {holds.sum()})"
    )
    if gold is not None:
        from sklearn.metrics import f1_score

        before, after = (
            100 * f1_score(gold, x, average="macro", zero_division=0) for x in (holds, still)
        )
        print(
            f"  topic macro-F1 {before:.2f} in float32, {after:.2f} in eight bits: "
            f"{before - after:+.2f} points lost"
        )
    return None


def heldout_passages(bundle):
    """Texts and gold topics of development passages that a bundle was not trained on; the test part
    is left alone.
    """
    from sahelclf.corpus.duplicates import text_sha256
    from sahelclf.corpus.read import corpus_root, read_corpus
    from sahelclf.corpus.splits import read_split

    manifest = json.loads((bundle / "manifest.json").read_text(encoding="utf-8"))
    corpus = read_corpus(corpus_root(None))
    split, seen = read_split(corpus, "grouped"), set(manifest["training_texts"])
    wanted = {*split.parts["train"], *split.parts["dev"]}
    passages = [
        p
        for p in corpus.passages
        if p.document_id in wanted and text_sha256(p.text)[:20] not in seen
    ]
    return [p.text for p in passages], np.array(
        [[t in p.topics for t in manifest["topics"]] for p in passages], dtype=int
    )


def prepare(folder):
    """A copy of the packaged corpus whose split `heldout` keeps the first fold of the development
    documents from training.
    """
    from sahelclf.corpus.read import corpus_root

    shutil.copytree(corpus_root(None), folder)
    folds = json.loads((folder / "splits" / "folds.json").read_text(encoding="utf-8"))["parts"]
    parts = {
        "train": sorted(d for name, ids in folds.items() if name != "fold0" for d in ids),
        "test": folds["fold0"],
    }
    about = {
        "name": "heldout",
        "kind": "partition",
        "rule": "the development folds of 'folds'; fold0 is left out",
        "parts": parts,
    }
    (folder / "splits" / "heldout.json").write_text(
        json.dumps(about, indent=1) + "\n", encoding="utf-8"
    )
    print(
        f"python -m sahelclf train model=transformer corpus={folder} split=heldout "
        "out=bundles/heldout"
    )


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("linear", type=Path, nargs="?")
    for name in ("transformer", "embedding", "heldout", "prepare"):
        parser.add_argument(f"--{name}", type=Path)
    parser.add_argument("--texts", type=int, default=400)
    parser.add_argument("--rows", type=int, default=40_000)
    options = parser.parse_args()
    if options.prepare:
        return prepare(options.prepare)
    texts = made_texts(options.texts)
    print(f"{os.cpu_count()} cores")
    if options.transformer:
        transformer(options.transformer, texts)
        cold_start(options.transformer, texts[0])
        fast_costs(options.transformer, texts)
    if options.heldout:
        fast_costs(options.heldout, *heldout_passages(options.heldout))
    if options.embedding:
        embedding(options.embedding, texts)
    if options.linear:
        linear(options.linear, made_texts(5_000))
        engines(options.linear, options.rows)
    return None


if __name__ == "__main__":
    main()
