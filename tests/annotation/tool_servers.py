"""Label Studio, doccano and Potato as servers on loopback, and their users by HTTP."""

import io
import os
import signal
import socket
import subprocess
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import requests

from environments import CLEAN

PASSWORD = "Sahel-2026x"
TOKEN = "0123456789abcdef0123456789abcdef01234567"
Answers = Mapping[str, Mapping[str, str]]  # answers by unit, then by topic


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


@contextmanager
def process(command: Sequence[object], folder: Path, env: Mapping[str, str]) -> Iterator[Path]:
    """A process with its children, ended at the end; gives the file of what it prints."""
    log = folder / f"{Path(str(command[0])).name}-{time.monotonic_ns()}.log"
    with log.open("wb") as out:
        running = subprocess.Popen(
            [str(c) for c in command],
            cwd=folder,
            env={**CLEAN, "HOME": str(folder), **env},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield log
    finally:
        os.killpg(running.pid, signal.SIGTERM)
        try:
            running.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(running.pid, signal.SIGKILL)
            running.wait(20)


def run(command: Sequence[object], folder: Path, env: Mapping[str, str]) -> None:
    done = subprocess.run(
        [str(c) for c in command],
        cwd=folder,
        env={**CLEAN, "HOME": str(folder), **env},
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]


def wait_for(what: Callable[[], object], log: Path, seconds: float = 1200) -> object:
    """What a function returns as soon as that is true; connections may fail until then."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            value = what()
        except requests.ConnectionError:
            value = None
        if value:
            return value
        time.sleep(0.5)
    raise AssertionError(log.read_text(encoding="utf-8", errors="replace")[-3000:])


class User:
    """A session with a server; a status of 400 or more is a failure."""

    def __init__(self, base: str, log: Path, headers: Mapping[str, str] = {}) -> None:
        self.base, self.log, self.session = base, log, requests.Session()
        self.session.headers.update(headers)

    def __call__(self, method: str, path: str, **values) -> requests.Response:
        token = self.session.cookies.get("csrftoken")
        headers = {"X-CSRFToken": token, "Referer": self.base} if token else {}
        answer = self.session.request(
            method, self.base + path, headers=headers, timeout=120, **values
        )
        assert answer.status_code < 400, (method, path, answer.status_code, answer.text[:1000])
        return answer


@contextmanager
def label_studio(python: Path, folder: Path) -> Iterator[User]:
    """Label Studio; gives its owner."""
    port = free_port()
    env = {
        "COLLECT_ANALYTICS": "False",
        "LATEST_VERSION_CHECK": "False",
        "LABEL_STUDIO_DISABLE_SIGNUP_WITHOUT_LINK": "False",
    }
    command = [python.parent / "label-studio", "start", "--no-browser", "--data-dir", folder]
    command += ["--internal-host", "127.0.0.1", "-p", port, "--username", "owner@example.org"]
    command += ["--password", PASSWORD, "--user-token", TOKEN, "--enable-legacy-api-token"]
    with process(command, folder, env) as log:
        owner = User(f"http://127.0.0.1:{port}", log, {"Authorization": f"Token {TOKEN}"})
        wait_for(lambda: requests.get(f"{owner.base}/health", timeout=60).ok, log)
        yield owner


def label_studio_project(owner: User, config: Path, tasks: Path) -> int:
    """A project with our configuration and tasks."""
    text = config.read_text(encoding="utf-8")
    project = owner("POST", "/api/projects", json={"title": "Batch", "label_config": text}).json()
    with tasks.open("rb") as stream:
        files = {"file": (tasks.name, stream, "application/json")}
        owner("POST", f"/api/projects/{project['id']}/import", files=files)
    return project["id"]


def label_studio_user(owner: User, name: str) -> User:
    user = User(owner.base, owner.log)
    user("GET", "/user/signup/")
    fields = {
        "email": f"{name}@example.org",
        "password": PASSWORD,
        "csrfmiddlewaretoken": user.session.cookies["csrftoken"],
    }
    user("POST", "/user/signup/", data=fields)
    return user


def label_studio_tasks(owner: User, project: int) -> dict[str, int]:
    """Ids of tasks by unit."""
    tasks = owner("GET", f"/api/tasks?project={project}&page_size=100&fields=all").json()["tasks"]
    return {t["data"]["unit"]: t["id"] for t in tasks}


def label_studio_export(owner: User, project: int, path: Path, people: bool) -> Path:
    """The export 'JSON'; with `people`, a snapshot that says who the users are."""
    base = f"/api/projects/{project}"
    if not people:
        path.write_bytes(owner("GET", f"{base}/export?exportType=JSON").content)
        return path
    options = {"annotations__completed_by": {"only_id": False}}
    made = owner("POST", f"{base}/exports", json={"serialization_options": options}).json()["id"]
    one = f"{base}/exports/{made}"
    wait_for(lambda: owner("GET", one).json()["status"] == "completed", owner.log, 60)
    path.write_bytes(owner("GET", f"{one}/download?exportType=JSON").content)
    return path


@contextmanager
def doccano(python: Path, folder: Path) -> Iterator[User]:
    """doccano and its task queue; gives its owner. `doccano webserver` is not for loopback."""
    port = free_port()
    command = python.parent / "doccano"
    env = {"DOCCANO_HOME": str(folder / "home")}
    run([command, "init"], folder, env)
    run([command, "createuser", "--username", "owner", "--password", PASSWORD], folder, env)
    code = "import backend, pathlib; print(pathlib.Path(backend.__file__).parent)"
    source = subprocess.run(
        [python, "-c", code], capture_output=True, text=True, check=True, timeout=60
    ).stdout.strip()
    web = env | {
        "STANDALONE": "True",
        "DJANGO_SETTINGS_MODULE": "config.settings.production",
        "DATABASE_URL": f"sqlite:///{folder / 'home' / 'db.sqlite3'}",
        "MEDIA_ROOT": str(folder / "home/media"),
    }
    server = [python.parent / "gunicorn", "--chdir", source, "-b", f"127.0.0.1:{port}"]
    with ExitStack() as stack:
        log = stack.enter_context(process([*server, "config.wsgi"], folder, web))
        stack.enter_context(process([command, "task", "--concurrency", 1], folder, env))
        base = f"http://127.0.0.1:{port}/v1"
        wait_for(lambda: requests.get(f"{base}/auth/login/", timeout=60).status_code, log)
        yield doccano_user(base, log, "owner")


def doccano_user(base: str, log: Path, name: str) -> User:
    user = User(base, log)
    user("POST", "/auth/login/", json={"username": name, "password": PASSWORD})
    return user


def doccano_project(owner: User, labels: Path, documents: Path, members: Sequence[str]) -> str:
    """A project with our labels and documents; gives its path."""
    fields = {
        "name": "Batch",
        "description": "A batch",
        "project_type": "DocumentClassification",
        "resourcetype": "TextClassificationProject",
        "collaborative_annotation": False,
        "single_class_classification": False,
    }
    path = f"/projects/{owner('POST', '/projects', json=fields).json()['id']}"
    roles = {r["name"]: r["id"] for r in owner("GET", "/roles").json()}
    for name in members:
        new = {"username": name, "password1": PASSWORD, "password2": PASSWORD}
        user = owner("POST", "/users/create", json=new).json()
        owner("POST", f"{path}/members", json={"user": user["id"], "role": roles["annotator"]})
    with labels.open("rb") as stream:
        owner("POST", f"{path}/category-type-upload", files={"file": stream})
    with documents.open("rb") as stream:
        upload = owner("POST", "/fp/process/", files={"filepond": stream}).text
    options = {
        "format": "JSONL",
        "task": "DocumentClassification",
        "uploadIds": [upload],
        "column_data": "text",
        "column_label": "label",
        "encoding": "Auto",
    }
    task = owner("POST", f"{path}/upload", json=options).json()["task_id"]
    status = f"/tasks/status/{task}"
    done = wait_for(lambda: (s := owner("GET", status).json())["ready"] and s, owner.log, 120)
    assert (done["error"], done["result"]) == (None, {"error": []})
    return path


def doccano_annotate(user: User, project: str, answers: Answers, note: str) -> None:
    labels = {t["text"]: t["id"] for t in user("GET", f"{project}/category-types").json()}
    texts = user("GET", f"{project}/examples?limit=100").json()["results"]
    ids = {t["meta"]["unit"]: t["id"] for t in texts}
    for unit, topics in answers.items():
        example = f"{project}/examples/{ids[unit]}"
        for topic, answer in topics.items():
            user("POST", f"{example}/categories", json={"label": labels[f"{topic}={answer}"]})
        user("POST", f"{project}/comments?example={ids[unit]}", json={"text": note})


def doccano_export(owner: User, project: str, folder: Path) -> list[Path]:
    """The unpacked export, a file a user."""
    options = {"format": "JSONL", "exportApproved": False}
    task = owner("POST", f"{project}/download", json=options).json()["task_id"]

    def packed() -> bytes:
        answer = owner("GET", f"{project}/download?taskId={task}")
        return answer.content if answer.content[:2] == b"PK" else b""

    content = wait_for(packed, owner.log, 120)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        archive.extractall(folder)
    return sorted(folder.glob("*.jsonl"))


@contextmanager
def potato(python: Path, config: Path) -> Iterator[tuple[str, Path]]:
    """Potato with our project; gives its address."""
    port = free_port()
    command = [python.parent / "potato", "start", config.name, "-p", port, "--host", "127.0.0.1"]
    with process(command, config.parent, {}) as log:
        base = f"http://127.0.0.1:{port}"
        wait_for(lambda: requests.get(base, timeout=60).ok, log)
        yield base, log


def potato_annotate(base: str, log: Path, name: str, answers: Answers, note: str) -> None:
    """Answer units in order; the answer to each question is changed once."""
    user = User(base, log)
    user("POST", "/auth", data={"email": name, "action": "login", "pass": ""})
    user("GET", "/annotate")
    for unit, topics in answers.items():
        for given in (dict.fromkeys(topics, "against"), topics):
            values = {f"topic_{t}:{a}": a for t, a in given.items()} | {"note:text_box": note}
            update = {"instance_id": unit, "annotations": values, "span_annotations": []}
            user("POST", "/updateinstance", json=update)
        user("POST", "/annotate", json={"action": "next_instance", "instance_id": unit})
