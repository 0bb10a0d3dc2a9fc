"""Search with the real default model: what words cannot find, and what they can."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from longembed_rag.encoder.encoder import LongEncoder
from longembed_rag.files.readers import read_file
from longembed_rag.ingest.comparing import content_hash
from longembed_rag.search.search import SearchOptions, search_documents
from longembed_rag.store.store import DocumentStore
from longembed_rag.store.values import IndexedDocument

PROJECT = Path(__file__).parents[2]
COUNT = 30
WORDS = 120


@pytest.fixture(scope="module")
def rows() -> list[dict[str, str]]:
    """Questions, and facts that answer them in other words."""
    file = PROJECT / "benchmarks" / "data" / "paraphrases.jsonl"
    return [json.loads(line) for line in file.read_text().splitlines()][:COUNT]


@pytest.fixture(scope="module")
def encoder() -> LongEncoder:
    """The model that comes with the package."""
    return LongEncoder.from_pretrained(dtype="float32")


@pytest.fixture(scope="module")
def store(
    rows: list[dict[str, str]], encoder: LongEncoder, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[DocumentStore]:
    """A document for each fact, which stands among words of the demo's documents."""
    words = read_file(PROJECT / "demo" / "documents" / "alice-in-wonderland.txt").text.split()
    with DocumentStore.open(path=tmp_path_factory.mktemp("store")) as opened:
        opened.ensure(
            fingerprint=encoder.fingerprint,
            dimension=encoder.dimension,
            description=encoder.describe(),
        )
        for number, row in enumerate(rows):
            around = words[number * WORDS : (number + 1) * WORDS]
            text = " ".join([*around[: WORDS // 2], row["fact"], *around[WORDS // 2 :]])
            encoding = encoder.encode_passages(text)
            opened.upsert(
                IndexedDocument.of_encoding(
                    encoding,
                    source=row["id"],
                    text=text,
                    metadata={},
                    content_hash=content_hash(text),
                )
            )
        opened.reweigh()
        yield opened


def found(store: DocumentStore, encoder: LongEncoder, asked: dict[str, str], mode: str) -> int:
    """How many questions find their document among the first three."""
    options = SearchOptions(mode=mode, limit=3)  # type: ignore[arg-type]
    vectors = encoder.encode(list(asked.values()), kind="query").embeddings
    return sum(
        name
        in {each.source for each in search_documents(store, text, vector=vector, options=options)}
        for (name, text), vector in zip(asked.items(), vectors, strict=True)
    )


def test_questions_in_other_words_are_found_by_meaning(
    store: DocumentStore, encoder: LongEncoder, rows: list[dict[str, str]]
) -> None:
    """Where question and answer share no word, hybrid finds far more than words do."""
    asked = {row["id"]: row["question"] for row in rows}
    by_words = found(store, encoder, asked, "sparse")
    assert found(store, encoder, asked, "hybrid") >= 2 * max(by_words, 1)


def test_questions_in_the_same_words_are_not_lost_to_meaning(
    store: DocumentStore, encoder: LongEncoder, rows: list[dict[str, str]]
) -> None:
    """Where the words are there, hybrid finds as much as they do: everything."""
    asked = {row["id"]: row["fact"] for row in rows}
    assert found(store, encoder, asked, "sparse") == COUNT
    assert found(store, encoder, asked, "hybrid") == COUNT
