"""The one job that every tool is given: fit on labelled texts, then say how likely each label is of
texts it has not seen.

python with_TOOL.py JOB.json OUT.json [MODEL]

JOB.json holds `texts` and `y` (a row of 0 and 1 a text, columns as in `labels`) to fit on, `held`
texts to label, and the `encoder`'s folder, `epochs`, `threads` that all are to use. OUT.json then
holds probabilities (held texts x labels), seconds of fitting and of labelling (imports and reading
the job are in neither), and what the tool says of itself.
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
