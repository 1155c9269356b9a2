"""What the language recogniser must read of a text.

python experiments/14-language-opening/run.py

Texts: every second passage and fourth document of the packaged corpus; news in ten other languages,
three sentences of texts.yaml in all orders; English documents after a menu; English passages after
a line in another language; texts in other languages after 120 characters of English. For each
length read, in characters: how many decisions differ from those by the whole text (is it surely
foreign to a model trained on English, and which language), and microseconds a text.
"""

import time
from itertools import permutations
from pathlib import Path

import yaml

from sahelclf.corpus.language import recognise_all
from sahelclf.corpus.read import corpus_root, read_corpus

LENGTHS = (100, 150, 200, 300, 500, 1000, 3000)
WHOLE = 10_000
HERE = Path(__file__).parent
MENU = "English | Français | العربية | Hausa\nAccueil Actualités Politique Économie Sport Contact\n"


def collections():
    """Texts by the name of their collection."""
    corpus = read_corpus(corpus_root(None))
    passages = [p.text for p in corpus.passages]
    documents = [
        "\n\n".join(p.text for p in corpus.passages_of[d.id]) for d in corpus.documents[::4]
    ]
    sentences = yaml.safe_load((HERE / "texts.yaml").read_text(encoding="utf-8"))
    foreign = [" ".join(order) for five in sentences.values() for order in permutations(five, 3)]
    lines = [five[0] for five in sentences.values()]
    english = [p for p in passages if len(p) > 400][:600]
    return {
        "passages of the corpus": passages[::2],
        "documents of the corpus": documents,
        "other languages": foreign,
        "English, after a menu": [MENU + p for p in documents],
        "English, after a foreign line": [f"{lines[k % 10]}\n{p}" for k, p in enumerate(english)],
        "foreign, after an English line": [f"{english[k][:120]}\n{t}" for k, t in
                                           enumerate(foreign)],
    }  # fmt: skip


def compared(texts, whole, read):
    """Rejections and languages that differ from those by the whole text, and the time a text."""
    started = time.process_time()
    found = recognise_all(texts, read, ["en"])
    micros = (time.process_time() - started) / len(texts) * 1e6
    pairs = [*zip(found, whole, strict=True)]
    rejected = sum(a.surely_foreign != b.surely_foreign for a, b in pairs)
    return rejected, sum(a.language != b.language for a, b in pairs), micros


def main():
    recognise_all(["The first text loads the recogniser, which takes a second or so."])
    rows = []
    for name, texts in collections().items():
        cells, whole = [f"{name} ({len(texts):,})"], recognise_all(texts, WHOLE, ["en"])
        for read in LENGTHS:
            rejected, other, micros = compared(texts, whole, read)
            cells.append(f"{rejected} / {other} / {micros:.0f}")
        rows.append("| " + " | ".join(cells) + " |")
        print(rows[-1], flush=True)
    head = "| texts | " + " | ".join(f"{n:,}" for n in LENGTHS) + " |"
    rule = "|---|" + "---|" * len(LENGTHS)
    about = (
        "Characters read: rejections that differ from those by the whole text / languages that "
        "differ / microseconds of processor time a text."
    )
    lines = ["# What is read of a text to know its language", "", about, "", head, rule, *rows]
    (HERE / "results.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
