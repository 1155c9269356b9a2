"""What tests share: a small made-up corpus, and the command line as a user runs it."""

import atexit
import json
import os
import random
import re
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

from command_server import CommandServer

CODEBOOK = """
version: "0.3"
title: Harbour news
languages: [en]
stances: {pro: for it, con: against it}
bases:
  said: {stances: [pro, con]}
topics:
  fishing: {holds: boats and catches, target: the catch}
  dredging: {holds: digging the harbour, target: the works, parties: by whom}
parties: [port, state]
genres: [wire, letter]
strata: [natural, balanced]
"""
KEYWORDS = """
topics: {fishing: [boat, catch], dredging: [dredger, harbour works]}
stances:
  fishing: {pro: [welcomed], con: [protested]}
"""
WORDS = {
    "fishing": [
        "the",
        "boat",
        "crews",
        "landed",
        "a",
        "catch",
        "of",
        "herring",
        "and",
        "cod",
        "at",
        "the",
        "quay",
    ],
    "dredging": [
        "the",
        "dredger",
        "dug",
        "mud",
        "from",
        "the",
        "channel",
        "for",
        "the",
        "harbour",
        "works",
    ],
    "pro": ["residents", "welcomed", "it", "and", "praised", "the", "plan", "warmly"],
    "con": ["residents", "protested", "against", "it", "and", "denounced", "the", "plan"],
    "other": [
        "the",
        "choir",
        "sang",
        "in",
        "the",
        "church",
        "while",
        "rain",
        "fell",
        "on",
        "the",
        "market",
        "square",
    ],
}


def made_text(rng: random.Random, *parts: str) -> str:
    words = [w for part in parts for w in rng.sample(WORDS[part], 7)] + rng.sample(
        WORDS["other"], 6
    )
    return " ".join(words).capitalize() + f", item {rng.randrange(10**6)}."


def write_corpus(
    root: Path, n_documents: int = 40, seed: int = 1, *, annotators: bool = True
) -> Path:
    """A learnable corpus of two topics and two stances; every third document carries none."""
    rng = random.Random(seed)
    documents, passages = [], []
    for i in range(n_documents):
        topic = (None, "fishing", "dredging")[i % 3]
        stance = "pro" if i % 2 else "con"
        label = {"stance": stance, "basis": "said"} | (
            {"parties": ["port"]} if topic == "dredging" else {}
        )
        topics = {topic: label} if topic else {}
        document = {
            "id": f"h{i:03d}",
            "title": f"Item {i}",
            "url": f"https://example.org/{i}",
            "outlet": "The Quay",
            "date": f"20{15 + i % 9}-{1 + i // 9 % 12:02d}-01",  # a month apart or more
        }
        document |= {
            "countries": ["Chad" if i % 2 else "Mali"],
            "genre": "wire",
            "stratum": "natural",
            "event_id": f"e{i}",
            "writer": "w",
            "topics": topics,
        }
        documents.append(document)
        for k in range(3):
            held = topics if k < 2 else {}
            text = made_text(rng, *((topic, stance) if held else ("other",)))
            passages.append(
                {
                    "id": f"h{i:03d}-{k}",
                    "document_id": f"h{i:03d}",
                    "index": k,
                    "text": text,
                    "topics": held,
                }
            )
    root.mkdir(parents=True, exist_ok=True)
    (root / "codebook.yaml").write_text(CODEBOOK, encoding="utf-8")
    (root / "keywords.yaml").write_text(KEYWORDS, encoding="utf-8")
    write_lines(root / "documents.jsonl", documents)
    write_lines(root / "passages.jsonl", passages)
    if annotators:
        rows = [
            {"unit": r["id"], "round": 1, "topics": r["topics"]} for r in (*documents, *passages)
        ]
        (root / "raw").mkdir(exist_ok=True)
        for name in "ab":
            write_lines(root / "raw" / f"{name}.jsonl", rows)
    return root


def without_stances(root: Path) -> Path:
    """The corpus in `root` after its stances and bases are removed from every file."""
    import yaml

    for name, fields in (("codebook", ("stances", "bases")), ("keywords", ("stances",))):
        path = root / f"{name}.yaml"
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
        kept = {k: v for k, v in values.items() if k not in fields}
        path.write_text(yaml.safe_dump(kept, sort_keys=False), encoding="utf-8")
    for path in (root / "documents.jsonl", root / "passages.jsonl", *root.glob("raw/*.jsonl")):
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        write_lines(path, [r | {"topics": {t: {} for t in r["topics"]}} for r in rows])
    return root


def write_lines(path: Path, records: list[dict]) -> None:
    path.write_text(
        "".join(json.dumps(r, ensure_ascii=False) + "\n" for r in records), encoding="utf-8"
    )


@cache
def command_server() -> CommandServer:
    """The server of this test process; it ends with it."""
    server = CommandServer(os.environ)
    atexit.register(server.close)
    return server


def sahelclf(
    *args: str, cwd: Path, stdin: str | bytes | None = None, fresh: bool = False, **options
) -> subprocess.CompletedProcess:
    """Run the command line as a user would, in a process of its own.

    The process is forked from one that has imported the package, unless it should be a `fresh`
    one, or has other options than its environment.
    """
    data = stdin.encode() if isinstance(stdin, str) else stdin or b""
    if not fresh and not options.keys() - {"env"}:
        return command_server().run(args, cwd, data, options.get("env", os.environ))
    command = [sys.executable, "-m", "sahelclf", *args]
    done = subprocess.run(
        command, cwd=cwd, input=data, capture_output=True, timeout=300, check=False, **options
    )
    done.stdout, done.stderr = done.stdout.decode(), done.stderr.decode()
    return done


def tfidf_config(**changes):
    from sahelclf.config import train_config

    features = [
        {
            "name": "word",
            "analyzer": "word",
            "ngram_range": [1, 2],
            "min_df": 1,
            "max_features": None,
        },
        {
            "name": "char",
            "analyzer": "char_wb",
            "ngram_range": [3, 4],
            "min_df": 2,
            "max_features": None,
        },
    ]
    raw = {
        "seed": 0,
        "model": {"kind": "tfidf", "features": features, "C": 4.0, "class_weight": "balanced"},
        "corpus": None,
        "split": "grouped",
        "crossfit": 3,
        "cv": None,
        "out": None,
        "resume": None,
        "parent_run_id": None,
    }
    return train_config(raw | changes)


def output_of(command: list[str], cwd: Path, timeout: int = 300, **options) -> str:
    """Run a program that must succeed; what it prints on standard output."""
    done = subprocess.run(
        command, cwd=cwd, capture_output=True, text=True, timeout=timeout, check=False, **options
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def recipe_files(title: str) -> set[str]:
    """Files that a recipe of CONTRIBUTING.md tells to touch, such as `src/sahelclf/x/<name>.py`."""
    page = (Path(__file__).parents[1] / "CONTRIBUTING.md").read_text(encoding="utf-8")
    section = page.partition(f"\n### {title}\n")[2].partition("\n##")[0]
    return set(re.findall(r"`((?:src|conf)/[^`]+\.(?:py|yaml))`", section))


def copy_package(folder: Path) -> Path:
    """A copy of the package that a test may change, as `folder/src/sahelclf`, with its settings.

    Run it with `PYTHONPATH=folder/src`.
    """
    root = Path(__file__).parents[1]
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(root / "src" / "sahelclf", folder / "src" / "sahelclf", ignore=ignored)
    shutil.copytree(root / "conf", folder / "conf")
    (folder / "annotations").mkdir()
    shutil.copy(root / "annotations" / "codebook.yaml", folder / "annotations")
    return folder


def touched_files(copy: Path) -> set[str]:
    """Files of a copy of the package that are new or changed, relative to it."""
    root = Path(__file__).parents[1]
    files = [p for top in ("src", "conf") for p in (copy / top).rglob("*") if p.is_file()]
    names = [p.relative_to(copy).as_posix() for p in files if "__pycache__" not in p.parts]
    return {
        name
        for name in names
        if not (root / name).is_file() or (root / name).read_bytes() != (copy / name).read_bytes()
    }


def batch_unit(unit, text="a text", probability=0.5, stratum="all", title="", **more):
    """A unit of a batch with its check."""
    from sahelclf.annotation.batch import BatchUnit
    from sahelclf.annotation.units import unit_check

    return BatchUnit(
        unit=unit,
        text=text,
        title=title,
        check=unit_check(unit, probability, stratum, text),
        sampling_probability=probability,
        stratum=stratum,
        **more,
    )


def batch_in(folder, codebook, units, **info):
    """A batch in memory whose tools write into `folder`."""
    from sahelclf.annotation.batch import Batch, BatchInfo

    about = {"strategy": {}, "seed": 0, "collection": "c", "collection_sha256": ""}
    about |= {"collection_units": 2 * len(units), "codebook_sha256": ""}
    return Batch(folder, BatchInfo(**about | info), codebook, tuple(units))
