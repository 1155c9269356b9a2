"""How do the models do on others' data? satp_relevant and cameo_class of the ConfliBERT suite, published split and metric.

python experiments/08-public-sets/run.py --suite FOLDER [--models tfidf embedding transformer] [--seeds 0 1 2] [--threads 1]

`--suite` is a clone of github.com/eventdata/ConfliBERT; nothing of it is stored but ids and logits. Settings are the
package's defaults, chosen on the Sahel corpus; thresholds come from the development part, where there is one. The test
part is scored once a cell, and every use of it is a line in ledger.jsonl.
"""

import argparse
import json
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from filelock import FileLock, Timeout

from sahelclf.evaluation.decide import fit_calibration, to_probabilities
from sahelclf.evaluation.tasks import decide_task, fit_task_thresholds, scores
from sahelclf.models.registry import build_model
from sahelclf.tasks.benchmarks import read_set
from sahelclf.training.compose import compose_config
from sahelclf.training.run import check
from sahelclf.training.seeds import derive_seed

HERE = Path(__file__).parent
SETS = {"satp_relevant": "example_f1", "cameo_class": "macro_f1"}


def cell(name, found, model_name, seed, threads, corpus):
    threads = [f"model.threads={threads}"] if model_name in {"transformer", "embedding"} else []
    config = compose_config([f"model={model_name}", f"seed={seed}", *threads])
    model = build_model(config.model, corpus.codebook, corpus.root)
    started = time.perf_counter()
    model.fit(found.train, seed=derive_seed(seed, "model"))
    row = {"set": name, "model": model_name, "seed": seed, "seconds": round(time.perf_counter() - started, 1)}
    thresholds = None
    if found.dev is not None:
        logits = model.logits(found.dev.texts)
        scale = fit_calibration(logits, found.dev.y, found.dev.mask)
        model.calibrate(scale.scale, scale.offset)
        p = to_probabilities(scale(logits))
        thresholds = fit_task_thresholds(found.spec, p, found.dev.y, SETS[name])
        row["dev"] = {k: round(v, 4) for k, v in scores(found.spec, decide_task(found.spec, p, thresholds), found.dev.y > 0).items() if "/" not in k}
    p = to_probabilities(model.logits(found.test.texts))
    for key, limits in (("test", thresholds), ("test_at_0.5", None)):
        row[key] = {k: round(v, 4) for k, v in scores(found.spec, decide_task(found.spec, p, limits), found.test.y > 0).items() if "/" not in k}
    with (HERE / "ledger.jsonl").open("a") as stream:
        stream.write(json.dumps({"when": datetime.now(UTC).isoformat(timespec="seconds")} | row) + "\n")
    print(json.dumps(row), flush=True)


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--suite", type=Path, required=True)
    options.add_argument("--models", nargs="*", default=["tfidf", "embedding", "transformer"])
    options.add_argument("--seeds", type=int, nargs="*", default=[0, 1, 2])
    options.add_argument("--threads", type=int, default=1)
    args = options.parse_args()
    corpus, _, _ = check(compose_config())
    (HERE / "locks").mkdir(exist_ok=True)
    for name in SETS:
        found = read_set(name, args.suite)
        for model_name in args.models:
            for seed in args.seeds:
                path = HERE / "ledger.jsonl"
                rows = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
                if any((r["set"], r["model"], r["seed"]) == (name, model_name, seed) for r in rows):
                    continue
                try:
                    with FileLock(HERE / "locks" / f"{name}-{model_name}-{seed}").acquire(timeout=0):
                        cell(name, found, model_name, seed, args.threads, corpus)
                except Timeout:
                    continue
    table()


def table():
    """Mean and spread over seeds of the published metric."""
    rows = [json.loads(line) for line in (HERE / "ledger.jsonl").read_text().splitlines()]
    lines = ["| set | metric | model | test, mean ± sd over seeds | seconds |", "|---|---|---|---|---|"]
    for name, metric in SETS.items():
        for model_name in dict.fromkeys(r["model"] for r in rows):
            own = [r for r in rows if (r["set"], r["model"]) == (name, model_name)]
            if own:
                values = [100 * r["test"][metric] for r in own]
                spread = f" ± {np.std(values, ddof=1):.1f}" if len(values) > 1 else ""
                lines.append(f"| {name} | {metric} | {model_name} | {np.mean(values):.1f}{spread} ({len(values)}) | {np.mean([r['seconds'] for r in own]):.0f} |")
    (HERE / "results.md").write_text("\n".join(lines) + "\n")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
