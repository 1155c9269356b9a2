"""Made-up passages for the benchmarks, and what a command takes in time and memory."""

import random
import subprocess
import sys
import threading
import time

import psutil


def corpus_words():
    """Every word of the packaged corpus's passages, in order."""
    from sahelclf.corpus.read import corpus_root, read_corpus

    return [w for p in read_corpus(corpus_root(None)).passages for w in p.text.split()]


def made_texts(n, words=88):
    """Runs of words of the corpus; 88 are some 110 tokens."""
    every, rng = corpus_words(), random.Random(0)
    starts = (rng.randrange(len(every) - words) for _ in range(n))
    return [" ".join(every[s : s + words]) for s in starts]


def made_rows(n, share):
    """Rows of words drawn one by one, and whether each is a copy: of one of the 1,000 rows before,
    with one word changed.
    """
    words, rng = corpus_words(), random.Random(0)
    recent = []
    for i in range(n):
        if recent and rng.random() < share:
            text = rng.choice(recent).split()
            text[rng.randrange(len(text))] = "changed"
            yield {"id": f"r{i}", "text": " ".join(text), "copy": True}
            continue
        text = " ".join(rng.choices(words, k=88))
        recent = [*recent[-999:], text]
        yield {"id": f"r{i}", "text": text, "copy": False}


def command(bundle, rows, out, *more, python=sys.executable):
    """`predict` from the shell."""
    return [
        str(python),
        "-m",
        "sahelclf",
        "predict",
        str(bundle),
        str(rows),
        "-o",
        str(out),
        *map(str, more),
    ]


def taken_by(line):
    """Seconds, peak memory in MiB of a command with all its processes (shared pages counted once),
    and its messages.
    """
    peak = 0.0
    started = time.perf_counter()
    with subprocess.Popen(line, stderr=subprocess.PIPE, text=True) as job:
        messages = []
        reading = threading.Thread(target=lambda: messages.append(job.stderr.read()))
        reading.start()
        while job.poll() is None:
            peak = max(peak, memory_of(job.pid))
            time.sleep(0.25)
        reading.join()
    if job.returncode:
        raise SystemExit(f"{' '.join(line)}\n{messages[0]}")
    return time.perf_counter() - started, peak, messages[0]


def memory_of(pid):
    """MiB of a process and its children: proportional set sizes where the system has them, else
    resident ones.
    """
    total = 0
    try:
        job = psutil.Process(pid)
        processes = [job, *job.children(recursive=True)]
    except psutil.NoSuchProcess:
        return 0.0
    for process in processes:
        try:
            about = process.memory_full_info()
            total += getattr(about, "pss", about.rss)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return total / 2**20
