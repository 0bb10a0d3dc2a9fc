"""LongEncoder with the real embedded default, and what it says of texts."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from longembed_rag import LongEncoder
from longembed_rag.errors import SettingsError, TruncationWarning, UnknownTokensWarning

if TYPE_CHECKING:
    from tests.conftest import EncoderFactory

SEA = "The sea is deep and the whales are large. "
LAW = "The tenant shall pay the rent on the first day of each month. "


@pytest.fixture(scope="module")
def minilm() -> LongEncoder:
    return LongEncoder.from_pretrained("all-MiniLM-L6-v2", dtype="float32", device="cpu")


def test_short_texts_are_the_published_models(minilm: LongEncoder) -> None:
    """Vectors of the first sentence of MiniLM's own card, to five digits."""
    from transformers import AutoModel, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(minilm.model_path)
    model = AutoModel.from_pretrained(minilm.model_path)
    with torch.inference_mode():
        inputs = tokenizer("This is an example sentence", return_tensors="pt")
        expected = model(**inputs).last_hidden_state[0].mean(0).numpy()
    vector = minilm.encode(["This is an example sentence"]).embeddings[0]
    assert vector[:2] == pytest.approx([0.0677, 0.0635], abs=1e-4)
    assert np.abs(vector - expected / np.linalg.norm(expected)).max() < 1e-5


def test_a_fact_deep_in_a_document_moves_its_vector(minilm: LongEncoder) -> None:
    """What stands behind the 256th token counts, which it does not under truncation."""
    plain, planted = SEA * 200, SEA * 150 + LAW * 20 + SEA * 50
    query = minilm.encode(["When is the rent due?"], kind="query").embeddings[0]
    whole = minilm.encode([plain, planted]).embeddings @ query
    assert whole[1] > whole[0] + 0.05
    cut = LongEncoder.from_pretrained(
        "all-MiniLM-L6-v2", method="truncate", dtype="float32", device="cpu"
    )
    with pytest.warns(TruncationWarning, match=r"b: only 256 of 2,102 tokens"):
        vectors = cut.encode([SEA * 10, SEA * 210], names=["a", "b"])
    assert [each.complete for each in vectors.coverage] == [True, False]


def test_passages_know_where_they_stand(minilm: LongEncoder) -> None:
    """The passage that answers is the one whose vector is nearest, at its exact characters."""
    text = SEA * 60 + LAW + SEA * 60
    result = minilm.encode_passages(text, passage_tokens=48)
    query = minilm.encode(["When is the rent due?"], kind="query").embeddings[0]
    best = result.passages[int(np.argmax(result.embeddings @ query))]
    assert LAW.strip() in text[best.start : best.end]
    assert result.embedding == pytest.approx(minilm.encode([text]).embeddings[0], abs=1e-6)
    assert np.linalg.norm(result.embeddings, axis=1) == pytest.approx(1.0, abs=1e-5)


def test_threads_take_turns(minilm: LongEncoder) -> None:
    """Many threads at once get what one thread gets."""
    texts = [SEA * count for count in (1, 30, 90)]
    expected = minilm.encode(texts).embeddings
    found: dict[int, Any] = {}

    def work(index: int) -> None:
        found[index] = minilm.encode([texts[index % 3]]).embeddings[0]

    threads = [threading.Thread(target=work, args=(index,)) for index in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for index, vector in found.items():
        assert vector == pytest.approx(expected[index % 3], abs=1e-6)
    assert len(found) == 6


def test_the_model_outside_of_an_encode_is_the_stock_one(load_encoder: EncoderFactory) -> None:
    """Called directly, encoder.model attends, masks and rotates as transformers does."""
    from transformers import AutoModel

    encoder = load_encoder("modernbert", method="self_extend")
    stock = AutoModel.from_pretrained(encoder.model_path).eval()
    ids = torch.randint(5, 90, (2, 40), generator=torch.Generator().manual_seed(0))
    mask = torch.ones_like(ids)
    mask[1, 20:] = 0
    with torch.inference_mode():
        own = encoder.model(input_ids=ids, attention_mask=mask).last_hidden_state
        expected = stock(input_ids=ids, attention_mask=mask).last_hidden_state
    assert (own - expected)[mask.bool()].abs().max() < 1e-5


def test_describe_is_plain(minilm: LongEncoder) -> None:
    """Everything resolved, everything JSON."""
    import json

    described = json.loads(json.dumps(minilm.describe()))
    assert described["method"] == "pcw"
    assert described["dimension"] == 384
    assert described["dtype"] == "float32"
    assert "auto" not in described.values()


def test_too_many_dimensions_are_refused() -> None:
    """A Matryoshka cut beyond the model's width is a mistake."""
    with pytest.raises(SettingsError, match="384"):
        LongEncoder.from_pretrained(truncate_dim=500, device="cpu")


def test_progress_within_one_document(load_encoder: EncoderFactory) -> None:
    """A long document says how far it is: ever more tokens, at last all that are read."""
    encoder = load_encoder("bert", method="pcw", batch_tokens=64)
    told: list[tuple[int, int]] = []
    text = "note able acid " * 100
    result = encoder.encode_passages(text, on_progress=lambda *counts: told.append(counts))
    assert len(told) == result.coverage.windows > 3
    assert [done for done, _ in told] == sorted({done for done, _ in told})
    assert told[-1][0] == sum(passage.tokens for passage in result.passages)
    assert {total for _, total in told} == {result.coverage.tokens_read}


def test_any_iterable_of_texts(load_encoder: EncoderFactory) -> None:
    """A generator is as good as a list."""
    encoder = load_encoder("bert", method="pcw")
    texts = ["note able", "acid cake"]
    made = encoder.encode(text for text in texts)  # type: ignore[arg-type]
    assert np.array_equal(made.embeddings, encoder.encode(texts).embeddings)


def test_truncation_points_at_the_caller(load_encoder: EncoderFactory) -> None:
    """The warning stands at the line that called encode, not somewhere inside."""
    encoder = load_encoder("bert", method="truncate")
    with pytest.warns(TruncationWarning) as caught:
        encoder.encode(["note able acid " * 100])
    with pytest.warns(TruncationWarning) as again:
        encoder.encode_passages("note able acid " * 100)
    assert {caught[0].filename, again[0].filename} == {__file__}


def test_unknown_tokens_point_at_the_caller(load_encoder: EncoderFactory) -> None:
    """Over a tenth of a text in another script is said at the line that called, with its name."""
    encoder = load_encoder("bert", method="pcw")
    words, strange = "note able acid " * 7, "\u3042 "
    with pytest.warns(UnknownTokensWarning, match="b: 3 of 26 tokens are unknown") as caught:
        made = encoder.encode([words + strange * 2, words + strange * 3], names=["a", "b"])
    assert [each.tokens_unknown for each in made.coverage] == [2, 3]
    with pytest.warns(UnknownTokensWarning, match="text 0: 1 of 3") as again:
        passages = encoder.encode_passages(strange)
    assert passages.coverage == encoder.coverage(strange)
    assert {*(w.filename for w in caught), *(w.filename for w in again)} == {__file__}
    assert len(caught) == len(again) == 1
