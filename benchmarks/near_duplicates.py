"""Near-duplicates in a stream: our index beside datasketch and rensa, in one run.

python benchmarks/near_duplicates.py [--rows 20000]

Made-up texts of 100 words; every fourth one repeats an earlier text with some of its words changed.
All find the earlier texts whose Jaccard index over runs of five words is at least 0.6, with 16
bands of four. Recall is over all pairs by the exact index; each method is a process of its own.
"""

import argparse
import io
import json
import random
import resource
import subprocess
import sys
import time

from sahelclf.corpus.duplicates import (
    MIN_JACCARD,
    DuplicateIndex,
    jaccard,
    near_duplicates,
    word_runs,
)

METHODS = ("exact", "sahelclf", "datasketch", "rensa")


def made_texts(n, seed=1):
    """Texts, of which every fourth has 1 to 15 of the 100 words of an earlier one changed."""
    rng = random.Random(seed)
    words = [f"word{i}" for i in range(20_000)]
    texts = []
    for i in range(n):
        if i % 4 < 3:
            texts.append(rng.choices(words, k=100))
            continue
        first = rng.randrange(i)
        copy = list(texts[first])
        for k in rng.sample(range(100), rng.randrange(1, 16)):
            copy[k] = rng.choice(words)
        texts.append(copy)
    return [" ".join(text) for text in texts]


def by_sahelclf(texts):
    index = DuplicateIndex(io.BytesIO())
    ids = [str(i) for i in range(len(texts))]
    blocks = range(0, len(texts), 64)
    originals = [o for i in blocks for o in index.find(texts[i : i + 64], ids[i : i + 64])]
    return [None if o is None else int(o) for o in originals]


def by_signatures(texts, make, index):
    """The same stars: of an LSH index's candidates, the first that is near enough."""
    sets, originals = [], []
    for i, text in enumerate(texts):
        sets.append(word_runs(text))
        signature = make(map(str, sets[i].tolist()))
        near = (int(k) for k in sorted(index.query(signature)))
        originals.append(next((k for k in near if jaccard(sets[i], sets[k]) >= MIN_JACCARD), None))
        if originals[i] is None:
            index.insert(i, signature)
    return originals


def by_datasketch(texts):
    from datasketch import MinHash, MinHashLSH

    def make(runs):
        signature = MinHash(num_perm=64)
        signature.update_batch([run.encode() for run in runs])
        return signature

    return by_signatures(texts, make, MinHashLSH(num_perm=64, params=(16, 4)))


def by_rensa(texts):
    from rensa import RMinHash, RMinHashLSH

    def make(runs):
        signature = RMinHash(num_perm=64, seed=1)
        signature.update(list(runs))
        return signature

    return by_signatures(texts, make, RMinHashLSH(threshold=MIN_JACCARD, num_perm=64, num_bands=16))


def measure(method, n):
    """Seconds, MiB of memory beyond the texts, and what was found, in this process."""
    texts = made_texts(n)
    if method == "rensa":
        import rensa  # noqa: F401  its import is no part of the time
    if method == "datasketch":
        import datasketch  # noqa: F401
    word_runs(texts[0])
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()
    if method == "exact":
        rows = near_duplicates(texts)
    else:
        rows = {"sahelclf": by_sahelclf, "datasketch": by_datasketch, "rensa": by_rensa}[method](
            texts
        )
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"seconds": seconds, "mib": (peak - memory) / 1024, "rows": rows}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--method", choices=METHODS)
    options = parser.parse_args()
    if options.method:
        print(json.dumps(measure(options.method, options.rows)))
        return
    results = {}
    for method in METHODS:
        command = [sys.executable, __file__, "--rows", str(options.rows), "--method", method]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            print(f"{method:<12} {done.stderr.strip().splitlines()[-1]}")
        else:
            results[method] = json.loads(done.stdout)
    earlier = {j for _, j, _ in results["exact"]["rows"]}
    print(f"{options.rows:,} texts, {len(earlier):,} with an earlier near-duplicate")
    print(f"{'':<12} {'seconds':>8} {'MiB':>6} {'recall':>7}")
    for method, result in results.items():
        rows = result["rows"]
        named = earlier if method == "exact" else {i for i, o in enumerate(rows) if o is not None}
        recall = len(named & earlier) / len(earlier)
        print(f"{method:<12} {result['seconds']:8.1f} {result['mib']:6.0f} {recall:7.4f}")


if __name__ == "__main__":
    main()
