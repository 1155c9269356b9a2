"""The page's server: labels as `predict` gives them, guards, Label Studio's ML backend."""

import json
import re
import socket
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest

from look.server import Client, running
from sahelclf.bundle.labeller import Labeller
from sahelclf.errors import RequestError
from sahelclf.evaluation import decide
from sahelclf.look.guard import MOST_BYTES
from sahelclf.look.serve import _listen
from sahelclf.look.why import _left_out
from sahelclf.workflows.predict import predict_file

PAGE = """Home

The boat crews landed a catch of herring at the quay. Residents welcomed the catch and praised it.

The dredger dug mud from the channel for the harbour works, and residents protested against it.

Share this article

The choir sang in the church while rain fell on the market square.
"""


@pytest.fixture(scope="module")
def labeller(bundle):
    return Labeller.load(bundle)


@pytest.fixture(scope="module")
def client(labeller):
    with running(labeller) as one:
        yield one


@pytest.fixture(scope="module")
def predicted(bundle, tmp_path_factory):
    """What `predict` gives for the same page."""
    path = tmp_path_factory.mktemp("page") / "text.txt"
    path.write_text(PAGE, encoding="utf-8")
    [row] = predict_file(bundle, path).rows
    return row


def test_a_document_has_the_json_of_predict(client, predicted):
    status, _, row = client("POST", "/api/label", {"text": PAGE, "id": "text.txt"})
    assert (status, row) == (200, predicted)
    assert [d["text"] for d in row["dropped"]]  # the page's own lines, with reasons
    assert client("POST", "/api/label", {"text": PAGE, "unit": "document"})[2]["id"] == "text"


def test_a_passage_has_the_json_of_the_labeller(client, labeller):
    text = "The boat crews landed a catch of herring."
    status, _, row = client("POST", "/api/label", {"text": text, "unit": "passage", "id": "0"})
    assert (status, row) == (200, labeller.predict([text])[0])


def test_words_explain_a_linear_labeller(client):
    answer = client("POST", "/api/explain", {"text": PAGE, "id": "x"})[2]
    row, terms = answer["row"], answer["why"]["terms"]
    assert len(terms) == len(row["passages"])
    for passage, of_topics in zip(row["passages"], terms, strict=True):
        assert {t for t, v in passage["topics"].items() if v["holds"]} == set(of_topics)
        for words in of_topics.values():
            assert all(word in passage["text"].lower() for word, _ in words)
            assert [v for _, v in words] == sorted((v for _, v in words), reverse=True)
    assert any(terms)


def test_without_a_passage_the_document_is_that_of_the_others(labeller, predicted):
    passages = predicted["passages"][:2]
    without = _left_out(labeller, passages)
    documents = labeller.manifest["documents"]
    for topic in labeller.topics:
        other = passages[1]["topics"][topic]["probability"]
        logit = decide.to_logits(other) * documents["scale"][topic] + documents["offset"][topic]
        assert without[topic][0] == pytest.approx(decide.to_probabilities(logit), abs=1e-4)


def test_files_are_read_as_predict_reads_them(client, predicted):
    status, _, done = client("POST", "/api/file?name=A.TXT", PAGE.encode())
    assert (status, done["rejects"], done["more"]) == (200, [], False)
    assert done["rows"][0]["row"]["topics"] == predicted["topics"]
    table = b"id;text\na;The boat crews landed a catch of herring\nb;NA\n"
    done = client("POST", "/api/file?name=a.csv", table)[2]
    assert [r["row"]["id"] for r in done["rows"]] == ["a"]
    assert done["rows"][0]["text"] == "The boat crews landed a catch of herring"
    assert "missing value (NA)" in done["rejects"][0]
    html = f"<html><body><article><h1>Quay</h1><p>{'The boat landed a catch. ' * 20}</p></article>"
    done = client("POST", "/api/file?name=a.html", html.encode())[2]
    assert done["rows"][0]["row"]["unit"] == "document"
    many = b"text\n" + b"The boat crews landed a catch\n" * 101
    done = client("POST", "/api/file?name=m.csv", many)[2]
    assert (len(done["rows"]), done["more"]) == (100, True)


@pytest.mark.parametrize(
    ("path", "body", "message"),
    [
        ("/api/label", {"text": "  "}, "text: empty"),
        ("/api/label", {"text": "La récolte de harengs a été très bonne cette année."}, "language"),
        ("/api/file?name=a.pdf", b"%PDF-1.4", "form '.pdf'; expected"),
        ("/api/file?name=a.csv", b"id;body\na;b\n", "'text'"),
        ("/api/file?name=a.csv", b"  ", "the file is empty"),
        ("/predict", {"tasks": [{"data": {"body": "x"}}]}, "task 1: no data.text"),
    ],
)
def test_what_cannot_be_labelled_is_refused_with_the_reason(client, path, body, message):
    status, _, answer = client("POST", path, body)
    told = answer["rejects"][0] if status == 200 else answer["detail"]
    assert status == (200 if "rejects" in answer else 422)
    assert message in told


def test_another_language_is_labelled_where_asked(client):
    text = "La récolte de harengs a été très bonne cette année, disent les pêcheurs."
    status, _, row = client("POST", "/api/label", {"text": text, "any_language": True})
    assert (status, row["language"]) == (200, "fr")
    assert client("POST", "/api/label", {"text": text})[0] == 422  # the switch is of one request


def test_a_body_that_is_too_long_is_refused(client):
    status, headers, answer = client("POST", "/api/label", {"text": "x" * MOST_BYTES})
    assert (status, "more than 2 MB at once" in answer["detail"]) == (413, True)
    assert "default-src 'none'" in headers["content-security-policy"]
    client.connection.close()
    chunks = (b"x" * 500_000 for _ in range(5))  # no Content-Length
    client.connection.request("POST", "/api/label", chunks, encode_chunked=True, headers={
        "transfer-encoding": "chunked", "content-type": "application/json"})  # fmt: skip
    assert client.connection.getresponse().status == 413
    client.connection.close()


def test_other_hosts_and_other_pages_are_refused(client):
    body = {"text": "The boat crews landed a catch."}
    for host in ("evil.example", f"evil.example:{client.port}", "127.0.0.1.evil.example", ""):
        status, _, answer = client("POST", "/api/label", body, host=host)
        assert (status, "Host" in answer["detail"]) == (403, True)
        client.connection.close()
    for origin in ("http://evil.example", "null", "http://127.0.0.1:1", f"https://{client.port}"):
        status, _, answer = client("POST", "/api/label", body, origin=origin)
        assert (status, "Origin" in answer["detail"]) == (403, True)
        client.connection.close()
    assert client("POST", "/api/label", body, origin=client.address)[0] == 200
    assert client("GET", "/api/model", host=f"localhost:{client.port}")[0] == 200


def test_it_listens_on_the_loopback_address_alone(client):
    listening = [
        c.laddr for c in psutil.Process().net_connections() if c.status == psutil.CONN_LISTEN
    ]
    assert [a.ip for a in listening if a.port == client.port] == ["127.0.0.1"]


def test_a_port_that_is_taken_is_refused(client):
    with pytest.raises(RequestError, match=f"--port {client.port}: .*choose another"):
        _listen(client.port)
    with pytest.raises(RequestError, match="--port 70000"):
        _listen(70000)
    assert isinstance(_listen(None), socket.socket)


def test_pages_make_no_request_elsewhere(client):
    for path in ("/", "/docs", "/static/look.js", "/static/look.css"):
        status, headers, text = client("GET", path)
        assert status == 200
        policy = headers["content-security-policy"]
        assert "connect-src 'self'" in policy
        assert "unsafe" not in policy
        outside = [a for a in re.findall(r"https?://[^\s\"'<]+", text) if "127.0.0.1" not in a]
        assert outside == []
    assert client("GET", "/static/look.html")[0] == 404


def test_the_documented_interface_is_the_one_there_is(client):
    api = client("GET", "/openapi.json")[2]
    docs = client("GET", "/docs")[2]
    for path, methods in api["paths"].items():
        for method in methods:
            assert f"{method.upper()} {path}" in docs
    assert {"/api/label", "/api/file", "/predict", "/health"} <= set(api["paths"])
    assert "any_language" in docs


def test_label_studio_gets_a_choice_for_each_topic(client, labeller):
    assert client("GET", "/health")[2]["status"] == "UP"
    config = {"project": "1.1", "schema": "<View/>", "hostname": "http://localhost:8080"}
    version = client("POST", "/setup", config)[2]["model_version"]
    texts = ["The boat crews landed a catch; residents welcomed it.", "The choir sang in church."]
    tasks = [{"id": k, "data": {"text": t, "unit": str(k)}} for k, t in enumerate(texts)]
    body = {"tasks": tasks, "project": "1.1", "label_config": "<View/>", "params": {}}
    results = client("POST", "/predict", body)[2]["results"]
    rows = labeller.predict(texts)
    for result, row in zip(results, rows, strict=True):
        assert result["model_version"] == version
        answers = {r["from_name"]: r["value"]["choices"] for r in result["result"]}
        expected = {f"topic_{t}": [v["stance"] or "no"] for t, v in row["topics"].items()}
        assert answers == expected
        assert {r["to_name"] for r in result["result"]} == {"text"}
    assert results[0]["result"][0]["value"]["choices"] != ["no"]
    assert client("POST", "/predict", {"tasks": []})[2] == {"results": []}


def test_many_requests_at_once_are_all_answered_alike(client):
    texts = [f"The boat crews landed a catch of herring, item {n}." for n in range(8)]
    alone = [client("POST", "/api/label", {"text": t})[2] for t in texts]

    def ask(start: int) -> list[bool]:
        one = Client(client.port)
        answers = [
            one("POST", "/api/label", {"text": texts[n % 8]}) for n in range(start, start + 50)
        ]
        one.connection.close()
        return [a[::2] == (200, alone[n % 8]) for n, a in enumerate(answers, start)]

    with ThreadPoolExecutor(4) as pool:
        same = [s for part in pool.map(ask, range(0, 200, 50)) for s in part]
    assert (len(same), all(same)) == (200, True)


def test_the_page_holds_the_model_and_no_text(client):
    page = client("GET", "/")[2]
    assert "Harbour news" in page
    assert json.dumps(client("GET", "/api/model")[2]["topics"]) == '["fishing", "dredging"]'
