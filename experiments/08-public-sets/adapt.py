"""Adapt an encoder to unlabelled news of conflict. On cameo_class it loses against the plain
encoder.

python experiments/08-public-sets/adapt.py --root CLONE --news AG_NEWS_TEST_CSV --out FOLDER

Masked-language modelling (Devlin et al. 2019; Gururangan et al. 2020 for the idea) on 71,678 texts
with 2.4 million tokens: the sentences of the training parts in the ConfliBERT clone
(IndiaPoliceEvents, insightCrime, satp_relevant, MUC-4), the development part of 20news, samples of
its pre-training text, our corpus, and the test file of AG News (World and Business). Sentences of
cameo_class are left out. The encoder has no head for this task: a new one is trained alone for 600
steps, then everything at a rate of 1e-4. Two epochs (`--epochs 2`) take 85 minutes on one thread
beside other work. FOLDER is then `--encoder` of the variant `defaults adapted` of cameo.py.
"""

import argparse
import csv
import json
import math
import re
import shutil
from itertools import count
from pathlib import Path

import numpy as np

from sahelclf.corpus.read import corpus_root, read_corpus
from sahelclf.models.encoder_files import find_encoder, quiet_transformers
from sahelclf.models.finetune import MULTIPLE, length_buckets, schedule
from sahelclf.models.runtime.windows import padded
from sahelclf.studies.benchmark.sets import read_set

BATCH, ALONE, RATE, MASKED, LONGEST = 48, 600, 1e-4, 0.15, 80
CLS, SEP, MASK, FIRST_WORD = 101, 102, 103, 1000  # of the packaged tokenizer
WORDS = (8, 70)


def sentences(text):
    return [s.strip() for s in re.split(r'(?<=[.!?])\s+(?=[A-Z"])', text)]


def strings(value):
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from strings(inner)


def first_column(path):
    return [
        max(line.split("\t"), key=len).strip('"')
        for line in path.read_text(encoding="utf-8").splitlines()
    ]


def pool(root, news):
    """Unlabelled texts, each once; not those of cameo_class."""
    data = root / "data"
    texts = first_column(data / "IndiaPoliceEvents_sents/train.tsv")
    for name in ("insightCrime/train.tsv", "satp_relevant/train.tsv"):
        texts += [s for t in first_column(data / name) for s in sentences(t)]
    texts += [s for t in first_column(data / "20news/dev.tsv") for s in sentences(t)][:6000]
    muc = strings(json.loads((data / "muc4/train.json").read_text(encoding="utf-8")))
    texts += [s for t in muc if len(t.split()) > 30 for s in sentences(t.replace("\n", " "))]
    texts += [s for p in read_corpus(corpus_root(None)).passages for s in sentences(p.text)]
    with news.open(encoding="utf-8") as stream:
        items = [row for row in csv.reader(stream) if row[0] in "13"]
    texts += [
        f"{title}. " + re.sub(r"^[^-]{0,60} - ", "", body).replace("\\", " ")
        for _, title, body in items
    ]
    for path in (root / "pretrain-corpora/Samples").rglob("*.txt"):
        texts += [
            s
            for line in path.read_text(encoding="utf-8", errors="replace").splitlines()
            for s in sentences(line)
        ]
    cameo = read_set("cameo_class", root)
    held = {plain(t) for part in (cameo.train, cameo.test) for t in part.texts}
    return [
        t
        for t in dict.fromkeys(texts)
        if WORDS[0] <= len(t.split()) <= WORDS[1] and plain(t) not in held
    ]


def plain(text):
    return re.sub(r"\W+", "", text.lower())


def masked(batch, rng, vocabulary):
    """Inputs, attention, which tokens are to be said again, and what they were."""
    tokens = padded(batch, [np.zeros_like(ids) for ids in batch], pad=0, multiple=MULTIPLE)
    gold, attention = tokens["input_ids"], tokens["attention_mask"]
    picked = (rng.random(gold.shape) < MASKED) & (attention == 1) & (gold != CLS) & (gold != SEP)
    how, given = rng.random(gold.shape), gold.copy()
    given[picked & (how < 0.8)] = MASK
    other = picked & (how >= 0.9)
    given[other] = rng.integers(FIRST_WORD, vocabulary, other.sum())
    return given, attention, picked, gold[picked]


def rates(step, total):
    """Of the encoder and of the head: first the head alone, then up over a twentieth of the steps
    and down in a line.
    """
    if step < ALONE:
        return 0.0, 1e-3
    share = schedule(step - ALONE, total - ALONE, 0.05)
    return RATE * share, 5e-4 * share + 1e-5


def main():
    import torch
    from transformers import AutoModelForMaskedLM, AutoTokenizer

    options = argparse.ArgumentParser()
    for name in ("--root", "--news", "--out"):
        options.add_argument(name, type=Path, required=True)
    options.add_argument("--epochs", type=int, default=2)
    args = options.parse_args()
    quiet_transformers()
    torch.manual_seed(0)
    files = find_encoder(None)
    tokenizer = AutoTokenizer.from_pretrained(files.folder)
    texts = pool(args.root, args.news)
    ids = [np.array(e) for e in tokenizer(texts, truncation=True, max_length=LONGEST)["input_ids"]]
    lengths = np.array([len(i) for i in ids])
    print(f"{len(texts):,} texts, {lengths.sum():,} tokens", flush=True)
    net = AutoModelForMaskedLM.from_pretrained(files.folder, dtype=torch.float32).train()
    for module in net.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    of_head = [n.startswith("cls") and "decoder.weight" not in n for n, _ in net.named_parameters()]
    groups = [
        {
            "params": [
                p for (_, p), h in zip(net.named_parameters(), of_head, strict=True) if h == head
            ]
        }
        for head in (False, True)
    ]
    optimizer = torch.optim.AdamW(groups, lr=RATE, weight_decay=0.01, fused=True)
    total, losses = ALONE + math.ceil(len(ids) / BATCH) * args.epochs, []
    batches = (
        (b, rng)
        for e in count()
        for rng in [np.random.default_rng(e)]
        for b in length_buckets(lengths, BATCH, rng)
    )
    for step, (rows, rng) in zip(range(total), batches, strict=False):
        for group, rate in zip(optimizer.param_groups, rates(step, total), strict=True):
            group["lr"] = rate
        given, attention, picked, gold = map(
            torch.from_numpy, masked([ids[i] for i in rows], rng, len(tokenizer))
        )
        with torch.autocast("cpu", dtype=torch.bfloat16):
            with torch.set_grad_enabled(step >= ALONE):
                states = net.bert(input_ids=given, attention_mask=attention).last_hidden_state
            logits = net.cls(states[picked])
        loss = torch.nn.functional.cross_entropy(logits.float(), gold)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        if step < ALONE:
            net.bert.zero_grad(set_to_none=True)
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        losses.append(float(loss.detach()))
        if step % 200 == 199:
            print(step + 1, total, round(float(np.mean(losses[-200:])), 3), flush=True)
    net.bert.save_pretrained(args.out)
    tokenizer.save_pretrained(args.out)
    shutil.copy(files.folder / "tokenizer.json", args.out / "tokenizer.json")


if __name__ == "__main__":
    main()
