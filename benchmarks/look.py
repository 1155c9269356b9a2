"""Requests to a running `look`: how long one takes, whether any is lost, how memory grows.

python -m sahelclf look MODEL --no-browser --port 8765 &
python benchmarks/look.py article.txt --port 8765 --requests 10000
"""

import argparse
import http.client
import json
import statistics
import time
from pathlib import Path

import psutil


def server_of(port: int) -> psutil.Process:
    """The process that listens on a port."""
    found = (c for c in psutil.net_connections("tcp4") if c.status == psutil.CONN_LISTEN)
    return psutil.Process(next(c.pid for c in found if c.laddr.port == port))


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("article", type=Path)
    p.add_argument("--port", type=int, default=8765)
    p.add_argument("--requests", type=int, default=10_000)
    options = p.parse_args()
    text = options.article.read_text(encoding="utf-8")
    server = server_of(options.port)
    connection = http.client.HTTPConnection("127.0.0.1", options.port, timeout=60)
    times, good, memory, first = [], 0, [], b""
    before = server.cpu_times()
    for number in range(options.requests):
        started = time.perf_counter()
        body = json.dumps({"text": text})
        connection.request("POST", "/api/label", body, {"content-type": "application/json"})
        answer = connection.getresponse()
        data = answer.read()
        times.append(time.perf_counter() - started)
        first = first or data
        good += answer.status == 200 and data == first
        if number % max(options.requests // 10, 1) == 0:
            memory.append(server.memory_info().rss / 2**20)
    after = server.cpu_times()
    memory.append(server.memory_info().rss / 2**20)
    used = after.user + after.system - before.user - before.system
    print(
        f"{len(text.split())} words; {options.requests} requests, {good} with the same 200 answer"
    )
    print(
        f"median {1000 * statistics.median(times):.0f} ms, 99th percentile "
        f"{1000 * statistics.quantiles(times, n=100)[98]:.0f} ms; "
        f"processor {1000 * used / options.requests:.0f} ms a request"
    )
    print("memory in MiB after each tenth:", " ".join(f"{m:.0f}" for m in memory))


if __name__ == "__main__":
    main()
