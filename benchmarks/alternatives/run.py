"""sahelclf and other tools for the same task, in one run on one machine: quality, seconds, peak
memory.

python benchmarks/alternatives/run.py --root CLONE [--set satp_relevant] [--threads 2] [--rows 100]

CLONE is a clone of github.com/eventdata/ConfliBERT. Every tool (`with_*.py`; `--tools` chooses
some) does the job of `job.py` in its own process: it is fitted on the training part of the set and
scored on the development part; the test part is not used. The other tools are installed once, each
into its own virtual environment under --venvs, from `with_<tool>.txt` and the versions of
requirements.lock; after that nothing uses the network. Table and figures are written to --out,
`<set>.md` and `<set>.json`.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from sahelclf.errors import RequestError
from sahelclf.evaluation.decide import best_f1
from sahelclf.evaluation.task_scores import decide_task, scores
from sahelclf.models.encoder_files import find_encoder
from sahelclf.studies.benchmark.sets import SETS, read_set
from sahelclf.training.compose import compose_config

HERE = Path(__file__).resolve().parent
sys.path.insert(1, str(HERE.parent))
from measured import peak_of, processor  # noqa: E402 - a script one folder up

LOCK = HERE.parents[1] / "requirements.lock"
OURS = ("tfidf", "embedding", "transformer")
BESIDE = {
    "sklearn": "tfidf",
    "fasttext": "tfidf",
    "trainer": "transformer",
    "setfit": "transformer",
}
NAMES = {
    "sklearn": "scikit-learn alone",
    "fasttext": "fastText",
    "trainer": "Trainer and pipeline",
    "setfit": "SetFit",
}
HEADER = (
    "tool", "example-based F1", "macro-F1", "macro-F1 at the best thresholds", "fit, s",
    "a thousand texts, s", "peak, MiB",
    "fit, labelling and peak as multiples of",
)  # fmt: skip


def environment(tool, folder):
    """The interpreter with which a tool runs, installed where it is not yet."""
    if tool in OURS:
        return Path(sys.executable)
    wanted, home = HERE / f"with_{tool}.txt", folder.resolve() / tool
    stamp, asked = home / "installed.txt", wanted.read_text() + LOCK.read_text()
    if not stamp.exists() or stamp.read_text() != asked:
        print(f"installing {tool} into {home}", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", "--clear", home], check=True)
        pip = [
            home / "bin" / "python",
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
        ]
        subprocess.run([*pip, "-c", LOCK, "-r", wanted], check=True)
        stamp.write_text(asked)
    return home / "bin" / "python"


def settings(threads, scratch):
    """Environment variables of every tool: as many threads for all, no network, caches that are
    empty at the start.
    """
    limits = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS")
    offline = {
        "HF_HUB_OFFLINE": "1",
        "HF_DATASETS_OFFLINE": "1",
        "HF_HOME": str(scratch / "huggingface"),
    }
    return (
        os.environ
        | dict.fromkeys(limits, str(threads))
        | offline
        | {"SAHELCLF_CACHE": str(scratch / "sahelclf")}
    )


def measure(tool, python, job, spec, y):
    """One tool's row: its scores on the held texts, (n, n_labels) `y`, its seconds and its peak;
    None where it failed.
    """
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        (scratch / "job.json").write_text(json.dumps(job), encoding="utf-8")
        script = HERE / f"with_{'sahelclf' if tool in OURS else tool}.py"
        command = [python, script, scratch / "job.json", scratch / "out.json", tool]
        with (scratch / "messages.txt").open("w+") as messages:
            try:
                seconds, peak = peak_of(
                    command, messages, env=settings(job["threads"], scratch), cwd=scratch
                )
            except subprocess.CalledProcessError:
                messages.seek(0)
                print(f"{tool} failed:\n{messages.read()[-3000:]}", file=sys.stderr)
                return None
        found = json.loads((scratch / "out.json").read_text(encoding="utf-8"))
    p = np.array(found.pop("probabilities"))
    at_half = scores(spec, decide_task(spec, p), y > 0)
    return {
        "tool": tool,
        "example_f1": round(at_half["example_f1"], 4),
        "macro_f1": round(at_half["macro_f1"], 4),
        "macro_f1_at_best_thresholds": round(
            float(np.mean([best_f1(p[:, k], y[:, k]) for k in range(p.shape[1])])), 4
        ),
        "fit_seconds": round(found["fit_seconds"], 3),
        "seconds_a_thousand": round(1000 * found["predict_seconds"] / len(p), 3),
        "process_seconds": round(seconds, 1),
        "peak_MiB": round(peak),
        "about": found["about"],
        "versions": found["versions"],
    }


def table(rows):
    """The rows as Markdown, the others beside the model of ours that does the same kind of work."""
    by_tool = {row["tool"]: row for row in rows}
    lines = ["| " + " | ".join(HEADER) + " |", "|---" * len(HEADER) + "|"]
    for row in rows:
        name = NAMES.get(row["tool"], f"sahelclf, {row['tool']}")
        quality = [
            f"{100 * row[k]:.1f}" for k in ("example_f1", "macro_f1", "macro_f1_at_best_thresholds")
        ]
        cost = [
            f"{row['fit_seconds']:.1f}",
            f"{row['seconds_a_thousand']:.2f}",
            f"{row['peak_MiB']:,}",
        ]
        lines.append("| " + " | ".join([name, *quality, *cost, ratios(row, by_tool)]) + " |")
    return "\n".join([*lines, *epochs(by_tool)])


def ratios(row, by_tool):
    """A tool's fit, labelling and peak over those of ours, in words; nothing for ours."""
    ours = by_tool.get(BESIDE.get(row["tool"], ""))
    if ours is None:
        return ""
    times = (f"{row[k] / ours[k]:.2g}" for k in ("fit_seconds", "seconds_a_thousand", "peak_MiB"))
    return f"{ours['tool']}: {', '.join(times)}"


def epochs(by_tool):
    """The sentence on an epoch of fine-tuning, where both were run."""
    if not {"transformer", "trainer"} <= set(by_tool):
        return []
    ours, theirs = by_tool["transformer"], by_tool["trainer"]
    seconds = [row["about"]["epoch_seconds"] for row in (ours, theirs)]
    f1 = [100 * row["macro_f1_at_best_thresholds"] for row in (ours, theirs)]
    return [
        "",
        f"An epoch of fine-tuning: {seconds[0]:.1f} s, of Trainer {seconds[1]:.1f} s, "
        f"{seconds[1] / seconds[0]:.1f} times as long; "
        f"macro-F1 at the best thresholds after the last one {f1[0]:.1f} and {f1[1]:.1f}.",
    ]


def machine(threads):
    """Processor, cores, threads given, and how busy it was before the start."""
    path = Path("/proc/cpuinfo")
    about = path.read_text() if path.exists() else ""
    units = "with" if "avx512_bf16" in about or "amx_bf16" in about else "without"
    machine = f"{processor()}, {os.cpu_count()} cores, {units} bfloat16 units, {threads} threads"
    return f"{machine}; load at the start {os.getloadavg()[0]:.1f}"


def as_job(found, rows, threads):
    """The job of `job.py` from a public set, on its first `rows` training texts or on all."""
    train = found.train if rows is None else found.train.take(range(min(rows, len(found.train))))
    return {
        "labels": found.spec.labels,
        "texts": train.texts,
        "y": train.y.astype(int).tolist(),
        "held": found.dev.texts,
        "encoder": str(find_encoder(None).folder),
        "epochs": compose_config(["model=transformer"]).model.epochs,
        "threads": threads,
    }


def main():
    import psutil

    known = [*OURS, *BESIDE]
    multilabel = [name for name, public in SETS.items() if public.kind == "multilabel"]
    options = argparse.ArgumentParser()
    options.add_argument("--root", type=Path, required=True)
    options.add_argument("--set", choices=multilabel, default="satp_relevant")
    options.add_argument("--threads", type=int, default=psutil.cpu_count(logical=False) or 1)
    options.add_argument("--tools", nargs="+", choices=known, default=known)
    options.add_argument("--rows", type=int, help="fit on the first so many texts alone")
    options.add_argument("--venvs", type=Path, default=HERE.parents[1] / ".venv-alternatives")
    options.add_argument("--out", type=Path, default=HERE / "results")
    args = options.parse_args()
    try:
        found = read_set(args.set, args.root)
    except RequestError as error:
        options.error(str(error))
    about = machine(args.threads)
    pythons = {tool: environment(tool, args.venvs) for tool in args.tools}
    job = as_job(found, args.rows, args.threads)
    rows = []
    for tool in args.tools:
        row = measure(tool, pythons[tool], job, found.spec, found.dev.y)
        if row is not None:
            rows.append(row)
            print(json.dumps(row), file=sys.stderr, flush=True)
    texts, held = len(job["texts"]), len(job["held"])
    scored = f"scored on the {held:,} of the development part"
    title = f"{args.set}: fitted on {texts:,} texts, {scored}. {about}."
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / f"{args.set}.json").write_text(
        json.dumps({"what": title, "tools": rows}, indent=1) + "\n"
    )
    (args.out / f"{args.set}.md").write_text(f"{title}\n\n{table(rows)}\n")
    print(f"{title}\n\n{table(rows)}")
    return 0 if len(rows) == len(args.tools) else 1


if __name__ == "__main__":
    sys.exit(main())
