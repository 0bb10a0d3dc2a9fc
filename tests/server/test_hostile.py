"""Bodies that were made to break a server: each is refused soon, and never a fault of its own."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.server.served import Served, error_of

pytestmark = pytest.mark.filterwarnings("ignore::longembed_rag.errors.LongEmbedWarning")
JSON = {"content-type": "application/json"}
#: Seconds, on a machine that does other things as well.
SOON = 30
POSTS = ("/v1/embeddings", "/v1/rerank", "/v1/highlights", "/v1/search", "/v1/documents")
DEEP = b"[" * 100_000 + b"]" * 100_000
HALF = rb'"\ud800"'


def send(server: Served, path: str, body: bytes, headers: dict[str, str] = JSON) -> Any:
    began = time.monotonic()
    answer = server.client.post(path, content=body, headers=headers)
    assert time.monotonic() - began < SOON
    return answer


BODIES = {
    "nothing": b"",
    "null": b"null",
    "a list": b"[]",
    "a number": b"1",
    "half": b'{"input": "a", "query": "a',
    "no JSON": b"\xff\xfe\x00",
    "deep": DEEP,
    "deep maps": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "NaN": b"NaN",
    "a huge number": b"9" * 5_000,
    "a strange key": rb'{"\ud800": 1}',
    "a long key": b'{"' + b"k" * 1_000_000 + b'": 1}',
    "keys": b"{" + b",".join(b'"%d": 1' % n for n in range(50_000)) + b"}",
}


@pytest.mark.parametrize("path", POSTS)
@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_bodies_that_are_none(server: Served, path: str, body: bytes) -> None:
    """Whatever comes in place of a request is 400, and told in few words."""
    answer = send(server, path, body)
    assert answer.status_code == 400
    assert len(answer.content) < 10_000
    assert set(answer.json()) == {"error"}


FIELDS = {
    "/v1/embeddings": (
        *("input", "model", "encoding_format", "dimensions", "user", "input_type", "method"),
        *("max_length", "late_chunking", "passage_tokens"),
    ),
    "/v1/rerank": ("query", "documents", "model", "top_n", "return_documents"),
    "/v1/highlights": ("query", "passages"),
    "/v1/search": (
        *("query", "queries", "mode", "limit", "adaptive", "passages", "filter", "operators"),
        *("snippets", "text"),
    ),
    "/v1/documents": ("documents",),
}
WHOLE = {
    "/v1/embeddings": {"input": b'"a"'},
    "/v1/rerank": {"query": b'"a"', "documents": b'["a"]'},
    "/v1/highlights": {"query": b'"a"', "passages": b'["a"]'},
    "/v1/search": {"query": b'"a"'},
    "/v1/documents": {"documents": b'[{"id": "hostile", "text": "a"}]'},
}
VALUES = {
    "NaN": b"NaN",
    "infinity": b"-Infinity",
    "a huge number": b"9" * 40,
    "a fraction": b"1e400",
    "nothing": b"null",
    "half a character": HALF,
    "halves": b"[" + HALF + b"]",
    "half a key": b"{" + HALF + b": 1}",
    "zero": rb'"\u0000"',
    "a list of lists": b"[[[]]]",
    "a map": b'{"a": {"$in": [NaN]}}',
    "yes": b"true",
    "fifty deep": b"[" * 50 + b"]" * 50,
    "below zero": b"-1",
}


def with_value(path: str, name: str, value: bytes) -> bytes:
    given = {**WHOLE[path], name: value}
    return b"{" + b",".join(b'"%s": %s' % (k.encode(), v) for k, v in given.items()) + b"}"


@pytest.mark.parametrize(
    ("path", "name"), [(path, name) for path, names in FIELDS.items() for name in names]
)
def test_values_of_every_kind_in_every_field(server: Served, path: str, name: str) -> None:
    """A field takes what it can take, and refuses the rest; nothing is a fault of the server."""
    for kind, value in VALUES.items():
        answer = send(server, path, with_value(path, name, value))
        assert answer.status_code < 500, (kind, answer.text[:300])
        assert answer.json() is not None


METADATA = {
    "deep": b"[" * 70 + b"]" * 70,
    "deeper": b"[" * 900 + b"]" * 900,
    "deep maps": b'{"a":' * 200 + b"1" + b"}" * 200,
    "half a character": HALF,
    "NaN": b"NaN",
    "a huge number": b"9" * 40,
    "our own fields": b'{"longembed": {"source": 1}}',
    "nothing": b"null",
}


NAMES = (b"a", b"", b"longembed", b"_node_content", b"doc_id", b"source")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        pytest.param(
            name,
            value,
            id=f"{name.decode()}-{kind}",
            # Each name with half the values, and each value with half the names.
            marks=() if (place + number) % 2 == 0 else pytest.mark.slow,
        )
        for place, name in enumerate(NAMES)
        for number, (kind, value) in enumerate(METADATA.items())
    ],
)
def test_metadata_that_could_not_be_read_again(server: Served, value: bytes, name: bytes) -> None:
    """It is refused, at once or by the job, or kept; the collection is listed as before."""
    body = b'{"documents": [{"id": "hostile", "text": "a", "metadata": {"%s": %s}}]}'
    answer = send(server, "/v1/documents", body % (name, value))
    if answer.status_code == 202:
        job = server.wait_for(answer.json()["id"])
        assert job["status"] == "done", job
        if not job["failed"]:
            found = server.client.get("/v1/documents/hostile")
            assert found.status_code == 200
            assert found.json()["source"] == "hostile"
    else:
        error_of(answer, 400, param="metadata")
    for path in ("/v1/documents", "/v1/facets", "/v1/info"):
        assert server.client.get(path).status_code == 200
    assert server.client.delete("/v1/documents/hostile").status_code in (200, 404)
    assert server.client.post("/v1/search", json={"query": "lease"}).status_code == 200


@pytest.mark.parametrize(
    "given",
    [
        b'{"$and": [' * 40 + b'{"a": 1}' + b"]}" * 40,
        b'{"$not": ' * 300 + b'{"a": 1}' + b"}" * 300,
        rb'{"a": "\ud800"}',
        rb'{"\ud800": 1}',
        rb'"\ud800=1"',
        rb'["a=1", "\udfff"]',
        b'{"a": {"$in": [' + b"[" * 60 + b"]" * 60 + b"]}}",
        b'{"a": NaN}',
        b'{"a": %s}' % (b"9" * 40),
        b'"' + b"(" * 10_000 + b'"',
    ],
    ids=lambda each: str(each)[:24],
)
def test_filters_that_no_store_understands(server: Served, given: bytes) -> None:
    """They are refused before the store is asked."""
    answer = send(server, "/v1/search", b'{"query": "a", "filter": %s}' % given)
    error_of(answer, 400, param="filter")


def test_half_a_character_is_given_back(server: Served) -> None:
    """A query that is no Unicode is a query, and comes back as it was."""
    found = send(server, "/v1/search", b'{"query": %s}' % HALF).json()
    assert found["query"] == "\ud800"


LISTS = {
    "ids": ("/v1/embeddings", b'{"input": [%s]}', b"1", 2_000_000),
    "lists of ids": ("/v1/embeddings", b'{"input": [%s]}', b"[1]", 500_000),
    "texts": ("/v1/embeddings", b'{"input": [%s]}', b'"a"', 1_000_000),
    "documents": ("/v1/documents", b'{"documents": [%s]}', b'{"id": "a", "text": "b"}', 200_000),
    "queries": ("/v1/search", b'{"queries": [%s]}', b'"a"', 1_000_000),
    "conditions": ("/v1/search", b'{"query": "a", "filter": [%s]}', b'"a=1"', 500_000),
    "numbers": ("/v1/search", b'{"query": "a", "filter": [%s]}', b"1", 500_000),
    "passages": ("/v1/highlights", b'{"query": "a", "passages": [%s]}', b'"a"', 1_000_000),
    "texts to rank": ("/v1/rerank", b'{"query": "a", "documents": [%s]}', b'"a"', 1_000_000),
}


@pytest.mark.parametrize(("path", "body", "one", "times"), LISTS.values(), ids=LISTS)
def test_lists_without_an_end(
    server: Served, path: str, body: bytes, one: bytes, times: int
) -> None:
    """Millions of anything are looked at as a whole, and no further than is taken."""
    answer = send(server, path, body % b",".join([one] * times))
    assert answer.status_code in ((200, 400) if one == b"1" else (400,))


@pytest.mark.slow
def test_a_hundred_megabytes(server: Served) -> None:
    """More than is taken is 413; as much as is taken is refused in few words."""
    error_of(send(server, "/v1/embeddings", b" " * 100_000_000), 413)
    model = b'{"input": "a", "model": "%s"}' % (b"m" * 60_000_000)
    answer = send(server, "/v1/embeddings", model)
    assert len(error_of(answer, 404, param="model")) < 3_000


@pytest.mark.parametrize(
    "kind",
    ["text/plain", "application/x-www-form-urlencoded", "application/xml", "", "x/y/z", "\x01"],
)
def test_other_kinds_of_content(server: Served, kind: str) -> None:
    """What says that it is no JSON is not read as JSON."""
    for path in POSTS:
        answer = send(server, path, b'{"input": "a"}', {"content-type": kind})
        assert answer.status_code == 400


PATHS = (
    "..%2f..%2fapp.py",
    "%2e%2e/%2e%2e/app.py",
    "....//app.py",
    "/etc/passwd",
    "%2fetc%2fpasswd",
    "index.html%00.js",
    "%ff%fe",
    "index.html",
    "\\..\\app.py",
)


@pytest.mark.parametrize("path", PATHS)
def test_the_page_serves_its_own_files_alone(server: Served, path: str) -> None:
    """No name leads out of its folder, nor do those of what shows the API."""
    for folder in ("/page/", "/static-offline-docs/"):
        assert server.client.get(folder + path).status_code == 404


@pytest.mark.parametrize("path", [*PATHS, "%00", "x" * 5_000, "%F0%28%8C%28"])
def test_documents_by_strange_names(server: Served, path: str) -> None:
    """A name that no document has is 404, whatever it is, to get and to delete."""
    for ask in (server.client.get, server.client.delete):
        error_of(ask("/v1/documents/" + path), 404)


# A file of a form that breaks off is closed when it is collected.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_form_without_an_end(server: Served) -> None:
    """A form of endless fields, a field of megabytes, and endless headers are 400."""
    post, form = server.client.post, "multipart/form-data; boundary=x"
    part = b'--x\r\nContent-Disposition: form-data; name="ids"\r\n\r\n%s\r\n'
    for body in (
        part % b"a" * 2_000 + b"--x--\r\n",
        part % (b"a" * 2_000_000) + b"--x--\r\n",
        b"--x\r\n" + b"A: b\r\n" * 100_000 + b"\r\n\r\n--x--\r\n",
        b'--x\r\nContent-Disposition: form-data; name="files"; filename="\xff\xfe"\r\n\r\na',
    ):
        answer = post("/v1/files", content=body, headers={"content-type": form})
        assert answer.status_code == 400, answer.text[:300]
