"""fastText, with the settings and the preparation of its tutorial for several labels."""

import re
from pathlib import Path

import fasttext
import numpy as np
from job import run

PREFIX = "__label__"


def prepared(text):
    """Punctuation apart, lower case, one line."""
    return " ".join(re.sub(r"([.!?,'/()])", r" \1 ", text).lower().split())


def fit(job):
    path = Path("fasttext.train")
    labels = [" ".join(f"{PREFIX}{k}" for k, on in enumerate(row) if on) for row in job["y"]]
    path.write_text(
        "".join(f"{of} {prepared(text)}\n" for of, text in zip(labels, job["texts"], strict=True)),
        encoding="utf-8",
    )
    model = fasttext.train_supervised(
        str(path),
        loss="ova",
        lr=0.5,
        epoch=25,
        wordNgrams=2,
        bucket=200_000,
        dim=50,
        thread=job["threads"],
        verbose=0,
    )

    def predict(texts):
        p = np.zeros((len(texts), len(job["labels"])))
        found = model.predict([prepared(t) for t in texts], k=-1)
        for row, (names, values) in enumerate(zip(*found, strict=True)):
            p[row, [int(n.removeprefix(PREFIX)) for n in names]] = values
        return p

    return predict, {"words": len(model.words)}


if __name__ == "__main__":
    run(fit, ["fasttext", "numpy"])
