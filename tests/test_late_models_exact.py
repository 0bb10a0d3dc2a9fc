"""Models made for late interaction, against their own library and brute force in float64."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from longembed_rag.encoder.token_vectors import TokenOptions, TokenVectors
from tests.exact import TOLERANCE, options_of
from tests.late_models import (
    DIMENSION,
    SKIPPED,
    colbert_folder,
    native_folder,
    pylate_folder,
)
from tests.models import TinyModels, open_encoder
from tests.reference.definitions import Settings
from tests.reference.late import LateReference
from tests.tokenizers_of_tests import text_of

EXACT = TokenOptions(pool=1, bits=False)
QUERIES = ["note able, acid back.", "note", "note ball band bank"]
DOCUMENTS = ["note able, acid back. Lake lamp, land.", "note rain", "note ball, band . bank"]
LONG = text_of(60).replace("k ", "k, ")


def tokens_of(encoder: Any, text: str, **options: Any) -> TokenVectors:
    """The token vectors of a document, as they are."""
    tokens = encoder.encode_passages(text, tokens=EXACT, **options).tokens
    assert isinstance(tokens, TokenVectors)
    return tokens


def agree(folder: Path, queries: list[str] = QUERIES) -> None:
    """Compare with sentence-transformers' own multi-vector encoder, read from the same folder."""
    library = pytest.importorskip("sentence_transformers")
    if not hasattr(library, "MultiVectorEncoder"):
        pytest.skip("multi-vector encoders came with sentence-transformers 6.2")
    theirs = library.MultiVectorEncoder(str(folder), device="cpu")
    ours = open_encoder(folder)
    expected = theirs.encode_query(queries, convert_to_numpy=True)
    for mine, wanted in zip(ours.encode_query_tokens(queries), expected, strict=True):
        assert mine.shape == wanted.shape
        assert np.abs(mine - wanted).max() < 1e-5
    expected = theirs.encode_document(DOCUMENTS, convert_to_numpy=True)
    for text, wanted in zip(DOCUMENTS, expected, strict=True):
        mine = tokens_of(ours, text).vectors
        assert mine.shape == wanted.shape
        assert np.abs(mine - wanted).max() < 1e-5


@pytest.mark.parametrize("family", ["bert", "modernbert"])
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"attend_to_expansion_tokens": True, "skiplist_words": []},
        {"do_query_expansion": False, "skiplist_words": None, "model_type": None},
    ],
    ids=["unseen", "attended", "not-filled-up"],
)
@pytest.mark.filterwarnings("ignore::longembed_rag.errors.UnknownTokensWarning")
def test_pylate_folders(
    family: str, settings: dict[str, Any], tiny_models: TinyModels, tmp_path: Path
) -> None:
    """What PyLate saves has the vectors that sentence-transformers reads out of it."""
    agree(pylate_folder(tiny_models, family, tmp_path / "model", **settings))


@pytest.mark.parametrize("family", ["xlm-roberta", "qwen3", "modernbert"])
def test_native_folders(family: str, tiny_models: TinyModels, tmp_path: Path) -> None:
    """Its own folders, too: another filler, queries with a skip list, prompts of several tokens."""
    folder = native_folder(
        tiny_models,
        family,
        tmp_path / "model",
        expansion={"strategy": "min", "length": 12, "attend": False, "token": "?"},
        skipped=(".",),
        skip_in=("query", "document"),
        prompts={"query": "search query: ", "document": "passage: "},
    )
    agree(folder, [*QUERIES, text_of(20)])


def test_what_the_library_saves_is_read(tiny_models: TinyModels, tmp_path: Path) -> None:
    """A folder that sentence-transformers has written itself is understood alike."""
    library = pytest.importorskip("sentence_transformers")
    if not hasattr(library, "MultiVectorEncoder"):
        pytest.skip("multi-vector encoders came with sentence-transformers 6.2")
    first = pylate_folder(tiny_models, "modernbert", tmp_path / "first")
    library.MultiVectorEncoder(str(first), device="cpu").save(str(tmp_path / "second"))
    agree(tmp_path / "second")
    before, after = (open_encoder(tmp_path / name) for name in ("first", "second"))
    np.testing.assert_array_equal(
        before.encode_query_tokens(QUERIES)[0], after.encode_query_tokens(QUERIES)[0]
    )


@pytest.mark.parametrize("artifact", [{}, {"query_maxlen": 14, "attend_to_mask_tokens": True}])
@pytest.mark.filterwarnings("ignore::longembed_rag.errors.UnknownTokensWarning")
def test_colbert_folders(artifact: dict[str, Any], tiny_models: TinyModels, tmp_path: Path) -> None:
    """ColBERT's own form has its Dense among the weights, and defaults where it says nothing."""
    agree(colbert_folder(tiny_models, tmp_path / "model", **artifact))


@pytest.mark.parametrize(
    ("family", "method"),
    [
        ("bert", "pcw"),
        ("bert", "gp"),
        ("modernbert", "pcw"),
        ("modernbert", "ntk"),
        ("modernbert", "self_extend"),
    ],
)
def test_beyond_the_window(
    family: str, method: str, tiny_models: TinyModels, tmp_path: Path
) -> None:
    """Long documents are read on as by any model, the marker and the Dense in every window."""
    folder = pylate_folder(tiny_models, family, tmp_path / "model")
    reference = LateReference(folder, family, marker="[D] ", skipped=SKIPPED)
    settings = Settings(method=method, max_length=50)
    options = options_of(settings)
    del options["document_prompt"]
    encoder = open_encoder(folder, **options)
    encoding = encoder.encode_passages(LONG, passage_tokens=11, tokens=EXACT)
    assert encoding.tokens is not None
    assert encoding.coverage.complete
    sizes = [passage.tokens for passage in encoding.passages]
    for number, wanted in enumerate(reference.passages(LONG, settings, sizes)):
        mine = encoding.tokens.of(number)
        assert mine.shape == wanted.shape
        assert np.abs(mine - wanted).max() < TOLERANCE
    vector = encoder.encode([LONG]).embeddings[0]
    assert np.abs(vector - reference.vector(LONG, settings)).max() < TOLERANCE
    np.testing.assert_array_equal(vector, encoding.embedding)
    assert encoding.embeddings.shape == (len(sizes), DIMENSION)


def test_long_queries_are_read_on(tiny_models: TinyModels, tmp_path: Path) -> None:
    """A query beyond the length to fill up to loses nothing, and has nothing put behind it."""
    filled = open_encoder(pylate_folder(tiny_models, "bert", tmp_path / "filled"))
    plain = open_encoder(
        pylate_folder(tiny_models, "bert", tmp_path / "plain", do_query_expansion=False)
    )
    for words in (14, 25, 70):
        query = text_of(words)
        (mine,), (wanted,) = (each.encode_query_tokens([query]) for each in (filled, plain))
        np.testing.assert_array_equal(mine, wanted)
    assert len(filled.encode_query_tokens(["note"])[0]) == 16
    narrow = open_encoder(tmp_path / "filled", max_length=15)
    assert len(narrow.encode_query_tokens(["note"])[0]) == 4


def test_queries_do_not_see_their_neighbours(tiny_models: TinyModels, tmp_path: Path) -> None:
    """A query's vectors are the same alone and beside queries and documents of any length."""
    encoder = open_encoder(pylate_folder(tiny_models, "modernbert", tmp_path / "model"))
    queries = [*QUERIES, text_of(14), text_of(40)]
    together = encoder.encode_queries(queries)
    np.testing.assert_array_equal(
        together.embeddings, encoder.encode(queries, kind="query").embeddings
    )
    for query, tokens in zip(queries, together.tokens, strict=True):
        assert np.abs(encoder.encode_query_tokens([query])[0] - tokens).max() < 1e-5
    mean = together.tokens[0].mean(axis=0)
    assert np.abs(together.embeddings[0] - mean / np.linalg.norm(mean)).max() < 1e-5


def test_kept_as_bits_and_pooled(tiny_models: TinyModels, tmp_path: Path) -> None:
    """Their token vectors are kept like any others, and an empty skip list leaves none out."""
    encoder = open_encoder(pylate_folder(tiny_models, "bert", tmp_path / "model"))
    tokens = encoder.encode_passages("note able, acid", tokens=TokenOptions(pool=2)).tokens
    assert tokens is not None
    assert (tokens.as_bits, tokens.dimension) == (True, DIMENSION)
    # [CLS], marker, three words and [SEP] in pairs; the comma is left out.
    assert tokens.counts.tolist() == [3]
    assert encoder.token_centre.shape == (DIMENSION,)
