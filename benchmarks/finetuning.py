"""Fine-tuning beside what a user would pick instead, Hugging Face's `Trainer` with its defaults: time, memory, F1, in one run.

python benchmarks/finetuning.py [--suite FOLDER] [--texts 480] [--ours-only]

Both start from the packaged encoder, on the same texts, each in a process of its own on every core. `--suite` is a clone of
github.com/eventdata/ConfliBERT (satp_relevant, scored on its development part); without it: one fold of the corpus's topics.
Needs `pip install accelerate`, without which Trainer does not start.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np


def parts(suite):
    """Training and held-out rows."""
    if suite:
        from sahelclf.tasks.benchmarks import read_set

        found = read_set("satp_relevant", Path(suite))
        return found.train, found.dev
    from sahelclf.corpus.splits import make_folds
    from sahelclf.tasks.base import HeadLayout, TaskData
    from sahelclf.tasks.labeller import passage_data
    from sahelclf.training.compose import compose_config
    from sahelclf.training.run import check
    from sahelclf.training.seeds import derive_seed

    corpus, _, development = check(compose_config())
    data = passage_data(corpus, development)
    n = len(corpus.codebook.topics)
    data = TaskData(HeadLayout(data.layout.names[:n]), data.ids, data.groups, data.texts, data.y[:, :n], data.mask[:, :n])
    fold_of = dict(zip(development, make_folds(corpus, development, 5, derive_seed(0, "folds")), strict=True))
    fold = np.array([fold_of[d] for d in data.groups])
    return data.take(np.flatnonzero(fold != 0)), data.take(np.flatnonzero(fold == 0))


def ours(train, held):
    from sahelclf.models.base import Watch
    from sahelclf.models.transformer import Transformer
    from sahelclf.training.compose import compose_config

    model = Transformer(compose_config(["model=transformer"]).model)
    ticks = []
    model.fit(train, seed=0, watch=Watch(lambda *_: ticks.append(time.perf_counter())))
    epochs, per_epoch = model.config.epochs, len(ticks) // model.config.epochs
    epoch = (ticks[-1] - ticks[per_epoch - 1]) / (epochs - 1)
    return epoch, epochs, model.logits(held.texts), model.computed_with


def trainer(train, held):
    import torch
    from transformers import (
        AutoModelForSequenceClassification,
        AutoTokenizer,
        DataCollatorWithPadding,
        Trainer,
        TrainerCallback,
        TrainingArguments,
    )

    from sahelclf.models.encoder import find_encoder

    folder = find_encoder(None).folder
    tokenizer = AutoTokenizer.from_pretrained(folder)
    net = AutoModelForSequenceClassification.from_pretrained(folder, num_labels=len(train.layout), problem_type="multi_label_classification")

    def rows(data):
        given = tokenizer(list(data.texts), truncation=True, max_length=256, padding=False)
        return [{k: v[i] for k, v in given.items()} | {"labels": data.y[i].astype(np.float32)} for i in range(len(data))]

    ends = []

    class Clock(TrainerCallback):
        def on_epoch_begin(self, *_args, **_options):
            ends.append(time.perf_counter())

        def on_epoch_end(self, *_args, **_options):
            ends.append(time.perf_counter())

    with tempfile.TemporaryDirectory() as scratch:
        arguments = TrainingArguments(scratch, save_strategy="no", disable_tqdm=True, logging_strategy="no")
        run = Trainer(net, arguments, train_dataset=rows(train), data_collator=DataCollatorWithPadding(tokenizer), callbacks=[Clock()])
        run.train()
        logits = run.predict(rows(held)).predictions
    epoch = float(np.mean([b - a for a, b in zip(ends[::2], ends[1::2], strict=True)]))
    return epoch, int(arguments.num_train_epochs), logits, {"batch": arguments.per_device_train_batch_size, "threads": torch.get_num_threads()}


def one(which, suite, texts):
    train, held = parts(suite)
    train = train.take(range(min(texts or len(train), len(train))))
    started = time.perf_counter()
    epoch, epochs, logits, about = {"ours": ours, "trainer": trainer}[which](train, held)
    from sahelclf.evaluation.decide import best_f1
    from sahelclf.evaluation.tasks import scores
    from sahelclf.tasks.base import TaskSpec

    spec = TaskSpec("heads", "multilabel", train.layout.names, "macro_f1", may_be_empty=True)
    found = scores(spec, logits > 0, held.y > 0)
    best = np.mean([best_f1(logits[:, k], held.y[:, k]) for k in range(logits.shape[1])])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(json.dumps({
        "what": which, "texts": len(train), "seconds_per_epoch": round(epoch, 1), "epochs": epochs, "seconds": round(time.perf_counter() - started, 1),
        "macro_f1": round(found["macro_f1"], 4), "macro_f1_at_the_best_thresholds": round(float(best), 4),
        "example_f1": round(found["example_f1"], 4), "peak_GiB": round(peak, 2), "computed_with": about,
    }))


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--suite")
    options.add_argument("--texts", type=int, help="train on the first so many texts alone")
    options.add_argument("--ours-only", action="store_true")
    options.add_argument("--one")
    args = options.parse_args()
    if args.one:
        one(args.one, args.suite, args.texts)
        return
    found = {}
    for which in ("ours",) if args.ours_only else ("ours", "trainer"):
        command = [sys.executable, __file__, "--one", which, *(["--suite", args.suite] if args.suite else []), *(["--texts", str(args.texts)] if args.texts else [])]
        line = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()[-1]
        found[which] = json.loads(line)
        print(line, flush=True)
    if "trainer" in found:
        print(f"an epoch of Trainer takes {found['trainer']['seconds_per_epoch'] / found['ours']['seconds_per_epoch']:.1f} times ours")


if __name__ == "__main__":
    main()
