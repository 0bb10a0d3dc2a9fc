"""``/v1/embeddings``, ``/v1/models``, ``/v1/rerank``, ``/v1/highlights``."""

from __future__ import annotations

import base64
import json
from typing import Any

import numpy as np
import pytest

from longembed_rag import LongEncoder
from tests.server.conftest import TEXTS
from tests.server.served import Served, error_of

pytestmark = pytest.mark.filterwarnings("ignore::longembed_rag.errors.LongEmbedWarning")
TWO = ["apples and pears", "the ship sailed north " * 40]


@pytest.fixture
def encoder(server: Served) -> LongEncoder:
    """The one behind the server."""
    return server.library.encoder


def embed(server: Served, **body: Any) -> dict[str, Any]:
    answer = server.client.post("/v1/embeddings", json=body)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def vectors(answer: dict[str, Any]) -> np.ndarray:
    return np.array([each["embedding"] for each in answer["data"]], dtype=np.float32)


def test_vectors_are_the_encoders(server: Served, encoder: LongEncoder) -> None:
    """Float and base64 are what encode gives, number by number, in the order of the texts."""
    expected = encoder.encode(TWO)
    answer = embed(server, input=TWO)
    assert np.array_equal(vectors(answer), expected.embeddings)
    assert [each["index"] for each in answer["data"]] == [0, 1]
    assert {each["object"] for each in answer["data"]} == {"embedding"}
    packed = embed(server, input=TWO, encoding_format="base64")
    found = [np.frombuffer(base64.b64decode(x["embedding"]), "<f4") for x in packed["data"]]
    assert np.array_equal(np.stack(found), expected.embeddings)


def test_what_was_read_is_told(server: Served, encoder: LongEncoder) -> None:
    """Every text comes with its coverage, and usage is the sum of the tokens read."""
    answer = embed(server, input=TWO)
    told = encoder.encode(TWO).coverage
    assert [each["coverage"] for each in answer["data"]] == [vars(each) for each in told]
    read = sum(each.tokens_read for each in told)
    assert answer["usage"] == {"prompt_tokens": read, "total_tokens": read}
    cut = embed(server, input=TWO[1], method="truncate")["data"][0]["coverage"]
    assert cut["tokens_read"] < cut["tokens"]


def test_one_text_is_a_list_of_one(server: Served) -> None:
    """A string, a list of one and its token ids have one vector."""
    text = "cold lamp"
    assert server.library.planner is not None
    tokens = server.library.planner.tokenizer._known.ids(text)
    shapes: list[Any] = [text, [text], tokens, [tokens]]
    found = [vectors(embed(server, input=each)) for each in shapes]
    assert all(each.shape == (1, 32) for each in found)
    assert all(np.array_equal(each, found[0]) for each in found)


@pytest.mark.parametrize("kind", ["query", "search_query", "retrieval.query"])
def test_queries_are_read_as_queries(server: Served, encoder: LongEncoder, kind: str) -> None:
    """What other services call a query is one here."""
    expected = encoder.encode(["apples"], kind="query").embeddings
    assert np.array_equal(vectors(embed(server, input="apples", input_type=kind)), expected)


def test_dimensions_keep_the_leading_ones(server: Served, encoder: LongEncoder) -> None:
    """Fewer dimensions are the leading ones at unit length; all of them are all of them."""
    full = encoder.encode([TWO[0]]).embeddings
    some = vectors(embed(server, input=TWO[0], dimensions=8))
    assert some.shape == (1, 8)
    assert np.allclose(some, full[:, :8] / np.linalg.norm(full[:, :8]), atol=1e-6)
    assert np.array_equal(vectors(embed(server, input=TWO[0], dimensions=32)), full)


def test_passages_of_one_document(server: Served, encoder: LongEncoder) -> None:
    """late_chunking reads the inputs as one document: each vector is that of encode_passages."""
    parts = ["the ship sailed north", "and the crew was cold", "\nthe end"]
    text = "the ship sailed north and the crew was cold\nthe end"
    places = [(0, 21), (22, 43), (43, 51)]
    expected = encoder.encode_passages(text, passages=places)
    answer = embed(server, input=parts, late_chunking=True)
    assert np.array_equal(vectors(answer), expected.embeddings)
    assert answer["usage"]["prompt_tokens"] == expected.coverage.tokens_read
    assert not np.allclose(vectors(answer)[0], vectors(embed(server, input=parts[0]))[0])


def test_passages_beside_the_document(server: Served, encoder: LongEncoder) -> None:
    """passage_tokens gives a vector and a span for each passage, beside the document's own."""
    expected = encoder.encode_passages(TWO[1], passage_tokens=16)
    item = embed(server, input=[TWO[0], TWO[1]], passage_tokens=16)["data"][1]
    assert np.array_equal(np.array(item["embedding"], dtype=np.float32), expected.embedding)
    spans = [(each["start"], each["end"]) for each in item["passages"]]
    assert spans == [(each.start, each.end) for each in expected.passages]
    found = np.array([each["embedding"] for each in item["passages"]], dtype=np.float32)
    assert np.array_equal(found, expected.embeddings)


def test_a_request_may_read_in_its_own_way(server: Served, encoder: LongEncoder) -> None:
    """Method and max_length of one request change its vectors, and no other's."""
    before = vectors(embed(server, input=TWO[1]))
    other = encoder.reading_otherwise(method="truncate").encode([TWO[1]]).embeddings
    assert np.array_equal(vectors(embed(server, input=TWO[1], method="truncate")), other)
    assert not np.array_equal(other, before)
    other = encoder.reading_otherwise(max_length=64).encode([TWO[1]]).embeddings
    assert np.array_equal(vectors(embed(server, input=TWO[1], max_length=64)), other)
    assert not np.array_equal(other, before)
    assert np.array_equal(vectors(embed(server, input=TWO[1])), before)


WRONG: list[tuple[dict[str, Any], int, str]] = [
    ({}, 400, "input"),
    ({"input": []}, 400, "input"),
    ({"input": {"a": 1}}, 400, "input"),
    ({"input": ["a", 1]}, 400, "input"),
    ({"input": [True]}, 400, "input"),
    ({"input": [1.5]}, 400, "input"),
    ({"input": None}, 400, "input"),
    ({"input": [-1]}, 400, "input"),
    ({"input": [10**40]}, 400, "input"),
    ({"input": ["a"] * 2049}, 400, "input"),
    ({"input": "a", "model": "another"}, 404, "model"),
    ({"input": "a", "encoding_format": "int8"}, 400, "encoding_format"),
    ({"input": "a", "dimensions": 0}, 400, "dimensions"),
    ({"input": "a", "dimensions": 33}, 400, "dimensions"),
    ({"input": "a", "dimensions": "many"}, 400, "dimensions"),
    ({"input": "a", "input_type": "poem"}, 400, "input_type"),
    ({"input": "a", "method": "magic"}, 400, "method"),
    ({"input": "a", "max_length": 1}, 400, "max_length"),
    ({"input": "a", "max_length": 10**30}, 400, "max_length"),
    ({"input": "a", "passage_tokens": 0}, 400, "passage_tokens"),
    ({"input": ["a", ""], "late_chunking": True}, 400, "input"),
    ({"input": "a", "late_chunking": True, "passage_tokens": 4}, 400, "passage_tokens"),
    ({"input": "a", "late_chunking": True, "input_type": "query"}, 400, "input_type"),
    ({"input": "a", "tempreature": 1}, 400, "tempreature"),
]


@pytest.mark.parametrize(("body", "status", "param"), WRONG, ids=lambda each: str(each)[:40])
def test_what_is_wrong_is_named(
    server: Served, body: dict[str, Any], status: int, param: str
) -> None:
    """A value that cannot be is refused in OpenAI's shape, by its name."""
    error_of(server.client.post("/v1/embeddings", json=body), status, param=param)


def test_the_model_by_all_of_its_names(server: Served) -> None:
    """Models are listed and found by the name that answers give."""
    listed = server.client.get("/v1/models").json()["data"]
    assert [each["id"] for each in listed] == [embed(server, input="a")["model"]]
    name = listed[0]["id"]
    assert embed(server, input="a", model=name.rpartition("/")[2])["model"] == name
    assert server.client.get(f"/v1/models/{name}").json() == listed[0]
    error_of(server.client.get("/v1/models/gpt"), 404, param="model")


def test_rerank_orders_by_late_interaction(server: Served) -> None:
    """The texts come best first, with scores that a text has by itself, too."""
    texts = [TEXTS["lease"], "", TEXTS["garden"], "apples and pears"]
    asked = {"query": "apples and pears", "documents": texts, "return_documents": True}
    answer = server.client.post("/v1/rerank", json=asked).json()
    order = [each["index"] for each in answer["results"]]
    assert order[0] == 3
    assert order[-1] == 1, "what holds nothing fits least"
    assert [each["document"]["text"] for each in answer["results"]] == [texts[n] for n in order]
    scores = [each["relevance_score"] for each in answer["results"]]
    assert scores == sorted(scores, reverse=True)
    alone = server.client.post(
        "/v1/rerank", json={"query": "apples and pears", "documents": [{"text": texts[2]}]}
    ).json()["results"][0]
    assert alone["relevance_score"] == pytest.approx(scores[order.index(2)], abs=1e-5)
    first = server.client.post("/v1/rerank", json={**asked, "top_n": 1}).json()["results"]
    assert [each["index"] for each in first] == [3]


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"query": "", "documents": ["a"]}, "query"),
        ({"query": "a", "documents": []}, "documents"),
        ({"query": "a", "documents": ["a"] * 2049}, "documents"),
        ({"query": "a", "documents": [{"txt": "a"}]}, "documents"),
        ({"query": "a", "documents": ["a"], "top_n": 0}, "top_n"),
    ],
)
def test_rerank_names_what_is_wrong(server: Served, body: dict[str, Any], param: str) -> None:
    """As embeddings do."""
    error_of(server.client.post("/v1/rerank", json=body), 400, param=param)


def test_highlights_are_words_of_the_passage(server: Served) -> None:
    """Spans begin and end at words, in order, within each passage."""
    asked = {"query": "apples", "passages": [TEXTS["garden"], "", "apples"]}
    found = server.client.post("/v1/highlights", json=asked).json()["highlights"]
    assert len(found) == 3
    assert found[1] == []
    for spans, text in zip(found, asked["passages"], strict=True):
        assert spans == sorted(spans)
        assert all(text[start:end].isalnum() for start, end, _ in spans)


def test_answers_are_plain_json(server: Served) -> None:
    """No NaN stands in an answer, which JSON does not know."""

    def refuse(name: str) -> None:
        raise AssertionError(name)

    text = server.client.post("/v1/embeddings", json={"input": ["", " ", "a"]}).text
    assert len(json.loads(text, parse_constant=refuse)["data"]) == 3
