"""Other tools that read our bundles: size of the environment, cold start, speed, agreement.

python benchmarks/tools.py LINEAR_BUNDLE TRANSFORMER_BUNDLE [--environments FOLDER] [--texts 400]

Every tool runs in its own clean environment, with the lines of docs/elsewhere.md, as in
tests/tools. The environments are built in FOLDER and stay there; without it, in a temporary folder.
Cold start: from the shell to the labels of the first passage, the best of three. Passages: runs of
88 words of the packaged corpus, some 110 tokens, all in one call, one process with all cores.
Agreement: with the golden outputs. The table goes to standard output and into docs/elsewhere.md.
"""

import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
sys.path.insert(0, str(REPOSITORY / "tests"))

from made import made_texts  # noqa: E402
from measured import processor  # noqa: E402

from elsewhere import (  # noqa: E402
    DECIDE,
    PYFUNC,
    READER,
    TEXT,
    expected_rows,
    flat,
    manifest_of,
    outputs_of,
    python_blocks,
    section,
    short_ones,
)
from environments import CLEAN, python_of  # noqa: E402

MANY_PYFUNC = 'model.predict(pd.DataFrame({"text": text}))'
MANY_READER = "labeller.rows([str(i) for i in range(len(text))], text)"


@dataclass
class Tool:
    """One row: the section of the docs, its blocks, what they give for one `text` and what is timed
    for a list of them.
    """

    name: str
    environment: str
    title: str
    bundle: str
    one: str
    many: str
    blocks: list[str]
    each: bool = False
    short: bool = False


def the_tools():
    mlflow, reader = python_blocks("MLflow")[:1], python_blocks("Numpy alone")
    onnx = python_blocks("Onnxruntime")
    small = [
        onnx[1].replace('load("bundles/transformer")', 'load("bundles/transformer", fast=True)')
    ]
    decide = python_blocks(DECIDE)
    return [
        Tool(
            "numpy alone, linear",
            "Numpy alone",
            "Numpy alone",
            "tfidf",
            READER,
            MANY_READER,
            reader,
        ),
        Tool(
            "scikit-learn, linear",
            "Scikit-learn",
            "Scikit-learn",
            "tfidf",
            "labels",
            "pipeline.predict_proba(text)",
            python_blocks("Scikit-learn") + decide,
            each=True,
        ),
        Tool("MLflow, linear", "MLflow", "MLflow", "tfidf", PYFUNC, MANY_PYFUNC, mlflow),
        Tool(
            "MLflow, transformer",
            "MLflow, encoder",
            "MLflow",
            "transformer",
            PYFUNC,
            MANY_PYFUNC,
            [mlflow[0].replace("/tfidf", "/transformer")],
        ),
        Tool(
            "Transformers, transformer",
            "Transformers",
            "Transformers",
            "transformer",
            "labels",
            "classify(text)",
            python_blocks("Transformers") + decide,
            each=True,
            short=True,
        ),
        Tool(
            "onnxruntime, transformer",
            "Onnxruntime",
            "Onnxruntime",
            "transformer",
            READER,
            MANY_READER,
            onnx[1:2],
        ),
        Tool(
            "onnxruntime, transformer in eight bits",
            "Onnxruntime",
            "Onnxruntime",
            "transformer",
            READER,
            MANY_READER,
            small,
        ),
    ]


def megabytes(folder):
    return (
        sum(p.stat().st_size for p in folder.rglob("*") if p.is_file() and not p.is_symlink()) / 1e6
    )


def measured(tool, python, work, texts):
    """A row of the table."""
    once, each = ([], tool.blocks) if tool.each else (tool.blocks, [])
    cold = []
    for _ in range(3):
        started = time.perf_counter()
        outputs_of(python, work, tool.one, [TEXT], CLEAN, once=once, each=each)
        cold.append(time.perf_counter() - started)
    clock = "__import__('time').perf_counter()"
    timed = f"[(start := {clock}), len({tool.many}), {clock} - start][2]"
    _, seconds = outputs_of(python, work, timed, [texts[:20], texts], CLEAN, once=tool.blocks)
    manifest = manifest_of(work / "bundles" / tool.bundle)
    golden = short_ones(work / "bundles" / tool.bundle) if tool.short else manifest["golden"]
    rows = outputs_of(
        python, work, tool.one, [g["text"] for g in golden], CLEAN, once=once, each=each
    )
    agreement = agreed([flat(r) for r in rows] if tool.each else rows, manifest, golden)
    return [
        tool.name,
        f"[lines](#{tool.title.lower().replace(' ', '-')})",
        f"{megabytes(python.parents[1]):,.0f}",
        f"{min(cold):.1f}",
        f"{len(texts) / seconds:,.0f}",
        agreement,
    ]


def agreed(rows, manifest, golden):
    """The largest difference of a probability, and decisions that differ."""
    expected = expected_rows(manifest, [g["logits"] for g in golden])
    pairs = [
        (found[name], wanted)
        for found, row in zip(rows, expected, strict=True)
        for name, wanted in row.items()
    ]
    decisions = [
        (bool(a), bool(b)) for a, b in pairs if isinstance(b, bool) or type(b).__name__ == "bool"
    ]
    worst = max(
        abs(float(a) - float(b))
        for a, b in pairs
        if not (isinstance(b, bool) or type(b).__name__ == "bool")
    )
    return f"{worst:.0e}; {sum(a != b for a, b in decisions)} of {len(decisions)} decisions differ"


def measured_server(python, work, texts):
    """MLflow's server: from the shell to its first answer, and requests of all passages at once."""
    import urllib.request

    line = section("A server")[0][1].replace("5001", "15001").split()
    paths = CLEAN | {"PATH": f"{python.parent}{os.pathsep}{CLEAN['PATH']}"}
    started = time.perf_counter()
    server = subprocess.Popen(
        [str(python.parent / line[0]), *line[1:]],
        cwd=work,
        env=paths,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )

    def ask(given):
        data = json.dumps({"dataframe_records": [{"text": t} for t in given]}).encode()
        request = urllib.request.Request(
            "http://127.0.0.1:15001/invocations", data, {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=300) as answer:
            return json.load(answer)["predictions"]

    try:
        while True:
            try:
                ask([TEXT])
                break
            except OSError:
                if server.poll() is not None:
                    raise SystemExit("the server ended") from None
                time.sleep(0.05)
        cold = time.perf_counter() - started
        started = time.perf_counter()
        ask(texts)
        seconds = time.perf_counter() - started
        manifest = manifest_of(work / "bundles" / "tfidf")
        agreement = agreed(
            ask([g["text"] for g in manifest["golden"]]), manifest, manifest["golden"]
        )
    finally:
        os.killpg(server.pid, 15)
        server.wait()
    return [
        "MLflow's server, linear",
        "[lines](#a-server)",
        f"{megabytes(python.parents[1]):,.0f}",
        f"{cold:.1f}",
        f"{len(texts) / seconds:,.0f}",
        agreement,
    ]


def measured_r(work, texts):
    """R, where it is installed."""
    script = section("R")[1][1]
    (work / "texts.json").write_text(json.dumps(texts), encoding="utf-8")
    manifest = manifest_of(work / "bundles" / "tfidf")
    (work / "golden.json").write_text(
        json.dumps([g["text"] for g in manifest["golden"]]), encoding="utf-8"
    )

    def run(code):
        started = time.perf_counter()
        done = subprocess.run(
            ["Rscript", "-e", code], cwd=work, env=CLEAN, check=True, capture_output=True, text=True
        )
        return time.perf_counter() - started, done.stdout

    cold = min(run(script)[0] for _ in range(3))
    told = run(
        script
        + '\ntexts <- jsonlite::fromJSON("texts.json"); '
        + 'cat("seconds", system.time(label(labeller, texts))[["elapsed"]])'
    )[1]
    rows = run(
        script
        + '\ncat(jsonlite::toJSON(label(labeller, jsonlite::fromJSON("golden.json")), digits = NA))'
    )[1]
    agreement = agreed(json.loads(rows[rows.index("[{") :]), manifest, manifest["golden"])
    seconds = float(told.rsplit("seconds", 1)[1])
    return [
        "R, linear",
        "[lines](#r)",
        "",
        f"{cold:.1f}",
        f"{len(texts) / seconds:,.0f}",
        agreement,
    ]


def prepared(work, options):
    """The folder that the lines of the docs expect."""
    for name in ("tfidf", "transformer"):
        shutil.copytree(getattr(options, name), work / "bundles" / name)
    for form, to in (("sklearn", "form"), ("r", "r-form")):
        subprocess.run(
            [sys.executable, "-m", "sahelclf", "export", "bundles/tfidf", "--to", form, "-o", to],
            cwd=work,
            check=True,
            capture_output=True,
        )
    for path in (work / "r-form").iterdir():
        shutil.copyfile(path, work / "form" / path.name)


def table(rows, texts, folder):
    from tabulate import tabulate

    from sahelclf.versions import installed_versions

    headers = [
        "tool",
        "how",
        "environment, MB",
        "cold start, s",
        "passages a second",
        "golden outputs: largest difference of a probability",
    ]
    from tokenizers import Tokenizer

    counts = [
        len(e.ids)
        for e in Tokenizer.from_file(
            str(folder / "bundles" / "transformer" / "tokenizer.json")
        ).encode_batch(texts)
    ]
    versions = ", ".join(
        f"{k} {v}"
        for k, v in installed_versions(
            ("mlflow", "transformers", "torch", "onnxruntime", "scikit-learn", "numpy")
        ).items()
    )
    sizes = f"{len(texts)} passages, median {statistics.median(counts):.0f} tokens"
    about = f"{sizes}; {os.cpu_count()} cores ({processor()}); {versions}."
    return (
        tabulate(rows, headers=headers, tablefmt="github", disable_numparse=True) + f"\n\n{about}\n"
    )


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("tfidf", type=Path)
    parser.add_argument("transformer", type=Path)
    parser.add_argument("--environments", type=Path)
    parser.add_argument("--texts", type=int, default=400)
    options = parser.parse_args()
    texts = made_texts(options.texts)
    with tempfile.TemporaryDirectory() as scratch:
        work = Path(scratch) / "work"
        prepared(work, options)
        environments = options.environments or Path(scratch)
        pythons = {
            name: python_of(name, environments) for name in {t.environment for t in the_tools()}
        }
        rows = []
        for tool in the_tools():
            rows.append(measured(tool, pythons[tool.environment], work, texts))
            print(*rows[-1], sep=" | ", flush=True)
        rows.append(measured_server(pythons["MLflow"], work, texts))
        if shutil.which("Rscript"):
            rows.append(measured_r(work, texts))
        found = table(rows, texts, work)
    print(found)
    page = REPOSITORY / "docs" / "elsewhere.md"
    text = page.read_text(encoding="utf-8")
    page.write_text(
        re.sub(
            r"<!-- tools -->.*<!-- /tools -->",
            lambda _: f"<!-- tools -->\n{found}<!-- /tools -->",
            text,
            flags=re.DOTALL,
        ),
        encoding="utf-8",
    )


if __name__ == "__main__":
    main()
