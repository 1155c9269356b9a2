"""Speed and memory of the linear labeller, as ratios to scikit-learn's own transform and score.

python benchmarks/linear.py [BUNDLE] [--rows 20000]

Without a bundle, one is trained. All timings are of one run, each of one process with one thread
(and one core where the system allows it). The made-up rows have 100 words, drawn from the
vocabulary of the packaged corpus in its proportions.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from measured import peak_of

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


def made_rows(n):
    from sahelclf.corpus.read import corpus_root, read_corpus

    words = [w for p in read_corpus(corpus_root(None)).passages for w in p.text.split()]
    rng = random.Random(0)
    for _ in range(n):
        start = rng.randrange(len(words) - 100)
        yield " ".join(words[start : start + 100])


def timed(function, texts):
    function(texts[:300])
    started = time.perf_counter()
    function(texts)
    return len(texts) / (time.perf_counter() - started)


def main():
    options = argparse.ArgumentParser()
    options.add_argument("bundle", nargs="?")
    options.add_argument("--rows", type=int, default=20_000)
    args = options.parse_args()
    import sahelclf
    from sahelclf.bundle.sklearn import build_pipeline
    from sahelclf.corpus.language import recognise
    from sahelclf.models.runtime.linear import normalise

    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        python = [sys.executable, "-m", "sahelclf"]
        bundle = args.bundle
        train_seconds = None
        if bundle is None:
            started = time.perf_counter()
            bundle = str(
                folder
                / subprocess.run(
                    [*python, "train"], cwd=folder, check=True, capture_output=True, text=True
                ).stdout.split()[-1]
            )
            train_seconds = time.perf_counter() - started
        texts = list(made_rows(5000))
        labeller = sahelclf.load(bundle)
        pipeline = build_pipeline(Path(bundle))
        ours, theirs = timed(labeller.runtime.logits, texts), timed(pipeline.predict_proba, texts)
        print(
            f"rows of 100 words a second, one core: plain reader {ours:,.0f}; scikit-learn "
            f"transform and score {theirs:,.0f}; ratio {ours / theirs:.2f}"
        )
        print(
            f"of which: normalise {timed(lambda t: [normalise(x) for x in t], texts):,.0f}/s, "
            f"language {timed(lambda t: [recognise(x) for x in t], texts):,.0f}/s, rows as Python "
            f"objects {timed(labeller.predict, texts):,.0f}/s"
        )
        peaks = []
        for n in (args.rows // 10, args.rows):
            path = folder / f"{n}.jsonl"
            with path.open("w") as stream:
                stream.writelines(
                    json.dumps({"id": i, "text": t}) + "\n" for i, t in enumerate(made_rows(n))
                )
            seconds, peak = peak_of(
                [*python, "predict", bundle, str(path), "-o", str(folder / "o.jsonl")]
            )
            peaks.append(peak)
            print(
                f"predict, {n:,} rows: {seconds:.1f} s, {n / seconds:,.0f} rows a second with "
                f"start-up, peak {peak:.0f} MiB"
            )
        print(f"peak of the larger over the smaller: {peaks[1] / peaks[0]:.3f}")
        one = folder / "one.jsonl"
        one.write_text(json.dumps({"text": texts[0]}) + "\n")
        print(
            "predict of one passage from the shell: "
            f"{min(peak_of([*python, 'predict', bundle, str(one)])[0] for _ in range(3)):.2f} s"
        )
        for command in ("", "train", "predict", "corpus", "doctor"):
            seconds = min(
                peak_of([*python, *([command] if command else []), "--help"])[0] for _ in range(3)
            )
            print(f"--help of {command or 'the program'}: {seconds:.2f} s")
        if train_seconds:
            print(f"python -m sahelclf train: {train_seconds:.1f} s")


if __name__ == "__main__":
    main()
