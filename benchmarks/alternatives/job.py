"""The job of every tool: fit on labelled texts, then give the probability of each label on new
texts.

python with_TOOL.py JOB.json OUT.json [MODEL]

JOB.json holds `texts` and `y` to fit on (one row of 0 and 1 for each text, columns as in `labels`),
`held` texts to label, and the folder of the `encoder`, `epochs` and `threads`, the same for all
tools. OUT.json then holds probabilities (held texts x labels), seconds of fitting and of labelling
(without imports and reading the job), and what the tool reports about itself.
"""

import json
import sys
import time
from importlib.metadata import version
from pathlib import Path


def run(fit, packages):
    """Run a tool: `fit(job)` gives a function from texts to probabilities, and a dictionary about
    itself.
    """
    job = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    started = time.perf_counter()
    predict, about = fit(job)
    fitted = time.perf_counter()
    probabilities = predict(job["held"])
    ended = time.perf_counter()
    out = {
        "fit_seconds": fitted - started,
        "predict_seconds": ended - fitted,
        "probabilities": [[float(p) for p in row] for row in probabilities],
        "about": about,
        "versions": {name: version(name) for name in packages},
    }
    Path(sys.argv[2]).write_text(json.dumps(out), encoding="utf-8")
