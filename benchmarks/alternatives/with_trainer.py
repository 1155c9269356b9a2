"""Hugging Face: fine-tuning by `Trainer` and labelling by `pipeline`, all at their defaults but for
the number of epochs.
"""

import time

from datasets import Dataset
from job import run
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    DataCollatorWithPadding,
    Trainer,
    TrainerCallback,
    TrainingArguments,
    pipeline,
)


class Clock(TrainerCallback):
    """Seconds of each epoch."""

    def __init__(self):
        self.seconds = []

    def on_epoch_begin(self, *_args, **_options):  # noqa: D102
        self.started = time.perf_counter()

    def on_epoch_end(self, *_args, **_options):  # noqa: D102
        self.seconds.append(time.perf_counter() - self.started)


def fit(job):
    names = dict(enumerate(job["labels"]))
    tokenizer = AutoTokenizer.from_pretrained(job["encoder"])
    net = AutoModelForSequenceClassification.from_pretrained(
        job["encoder"],
        problem_type="multi_label_classification",
        num_labels=len(names),
        id2label=names,
    )
    rows = Dataset.from_dict(
        {"text": job["texts"], "labels": [[float(v) for v in row] for row in job["y"]]}
    )
    rows = rows.map(
        lambda some: tokenizer(some["text"], truncation=True), batched=True, remove_columns="text"
    )
    arguments = TrainingArguments("trained", num_train_epochs=job["epochs"])
    clock = Clock()
    Trainer(
        net,
        arguments,
        train_dataset=rows,
        data_collator=DataCollatorWithPadding(tokenizer),
        callbacks=[clock],
    ).train()
    classify = pipeline("text-classification", model=net, tokenizer=tokenizer, top_k=None)

    def predict(texts):
        found = [
            {said["label"]: said["score"] for said in row}
            for row in classify(texts, truncation=True)
        ]
        return [[row[name] for name in job["labels"]] for row in found]

    return predict, {
        "epoch_seconds": sum(clock.seconds) / len(clock.seconds),
        "batch": arguments.per_device_train_batch_size,
    }


if __name__ == "__main__":
    run(fit, ["transformers", "accelerate", "torch"])
