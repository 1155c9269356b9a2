"""SetFit on the same encoder: one-vs-rest heads, its default sampling of pairs, and limited steps.

One epoch of its defaults is every pair of texts, some 590,000 for 1,085 texts; SetFit is meant for
a few dozen texts. Its setting `max_steps` limits the pairs: here each text goes through the encoder
as often as in `epochs` of fine-tuning.
"""

import math

from datasets import Dataset
from job import run
from setfit import SetFitModel, Trainer, TrainingArguments


def fit(job):
    arguments = TrainingArguments("trained")
    texts_a_step = 2 * arguments.embedding_batch_size
    arguments.max_steps = math.ceil(job["epochs"] * len(job["texts"]) / texts_a_step)
    model = SetFitModel.from_pretrained(job["encoder"], multi_target_strategy="one-vs-rest")
    rows = Dataset.from_dict({"text": job["texts"], "label": job["y"]})
    Trainer(model, arguments, train_dataset=rows).train()
    return lambda texts: model.predict_proba(texts, as_numpy=True), {"steps": arguments.max_steps}


if __name__ == "__main__":
    run(fit, ["setfit", "sentence-transformers", "transformers", "torch"])
