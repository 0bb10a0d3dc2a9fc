"""Many documents: the same vectors as one by one, several a pass, each with its own trouble."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from longembed_rag.encoder.batching import Job
from longembed_rag.encoder.documents import DocumentReader
from longembed_rag.encoder.reading import DocumentReading, Reading
from longembed_rag.encoder.token_vectors import TokenOptions
from longembed_rag.encoder.tokens import TokenizedText
from longembed_rag.encoder.values import Coverage, PassageEncoding, ReadDocument
from longembed_rag.errors import EmptyTextError, InputError, OutOfMemoryError, SettingsError
from longembed_rag.extension.windows import Window

if TYPE_CHECKING:
    from longembed_rag import LongEncoder
    from tests.conftest import EncoderFactory

TEXTS: list[Any] = [
    "note able acid " * 3,
    "idea",
    "note able acid army " * 90,
    "able " * 40,
    7,
    "acid note",
]
EVERY = TokenOptions(pool=1, bits=False)
Text = tuple[str | None, str]


def named(texts: Sequence[str]) -> list[Text]:
    return [(f"text {number}", text) for number, text in enumerate(texts)]


@pytest.mark.parametrize(
    ("family", "options"),
    [("bert", {"method": "pcw"}), ("xlm-roberta", {}), ("mistral", {"method": "ntk"})],
)
def test_vectors_are_those_of_each_alone(
    load_encoder: EncoderFactory, family: str, options: dict[str, Any]
) -> None:
    """Whatever shares a pass: its vector, passages and tokens; what is no text is named."""
    encoder = load_encoder(family, **options)
    found = list(encoder.encode_documents(named(TEXTS), passage_tokens=8, tokens=EVERY))
    assert [each.name for each in found] == [f"text {number}" for number in range(len(TEXTS))]
    for each, text in zip(found, TEXTS, strict=True):
        if not isinstance(text, str):
            with pytest.raises(InputError, match="text 4 is of type int"):
                each.get()
            continue
        one, alone = each.get(), encoder.encode_passages(text, passage_tokens=8, tokens=EVERY)
        assert (one.passages, one.coverage) == (alone.passages, alone.coverage)
        assert one.tokens is not None
        assert alone.tokens is not None
        np.testing.assert_allclose(one.embedding, alone.embedding, atol=1e-5)
        np.testing.assert_allclose(one.embeddings, alone.embeddings, atol=1e-5)
        np.testing.assert_allclose(one.tokens.vectors, alone.tokens.vectors, atol=1e-5)
        assert each.seconds > 0


def test_small_documents_share_a_pass(
    load_encoder: EncoderFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As many as fit into it; a longer one is read alone, and order stays."""
    encoder = load_encoder("bert", method="pcw", batch_tokens=64)
    passes: list[int] = []
    real = encoder._forward.encode_documents

    def count(documents: Sequence[DocumentReading], **options: Any) -> list[PassageEncoding]:
        passes.append(len(documents))
        return real(documents, **options)

    monkeypatch.setattr(encoder._forward, "encode_documents", count)
    texts = ["note able"] * 20 + ["acid " * 300] + ["idea"] * 3
    assert len(list(encoder.encode_documents(named(texts)))) == 24
    assert sum(passes) == 24
    assert passes[-2:] == [1, 3]
    assert len(passes) < 10


def test_what_one_cannot_be_read_for_is_not_the_others(
    load_encoder: EncoderFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pass that one text spoils is read again text by text."""
    encoder = load_encoder("bert")
    real = encoder._forward._wholes

    def pool(readings: Sequence[Reading], batch: Sequence[Job], states: Any) -> Any:
        if any(job.name == "text 1" for job in batch):
            raise OutOfMemoryError("too large")
        return real(readings, batch, states)

    monkeypatch.setattr(encoder._forward, "_wholes", pool)
    found = list(encoder.encode_documents(named(["note", "able", "acid"])))
    assert [each.error is None for each in found] == [True, False, True]


def test_without_passages_there_is_the_whole_alone(load_encoder: EncoderFactory) -> None:
    """The vector of ``encode``, and no passages."""
    encoder = load_encoder("bert")
    (found,) = encoder.encode_documents([(None, "note able")], passage_tokens=None)
    assert found.get().passages == ()
    assert found.get().embeddings.shape == (0, encoder.dimension)
    alone = encoder.encode(["note able"]).embeddings[0]
    np.testing.assert_allclose(found.get().embedding, alone, atol=1e-6)


def test_wrong_settings_are_told_at_once(load_encoder: EncoderFactory) -> None:
    """Before the first document is asked for."""
    encoder: LongEncoder = load_encoder("bert")
    with pytest.raises(SettingsError, match="passage_tokens=0"):
        encoder.encode_documents([], passage_tokens=0)
    with pytest.raises(SettingsError, match="another model's"):
        encoder.encode_documents([], token_centre=np.zeros(3, dtype=np.float32))


class Fake:
    """Finds a token in each character, and notes which texts were read together."""

    def __init__(self, bad: Sequence[str] = ()) -> None:
        self.groups: list[list[str]] = []
        self.bad = bad
        self.ahead = 0

    def prepare(self, text: str, name: str | None) -> DocumentReading:
        if text in self.bad:
            raise EmptyTextError(f"{name} is empty")
        nothing = np.zeros(0, dtype=np.int64)
        content = np.zeros(len(text), dtype=np.int64)
        tokenized = TokenizedText(nothing, content, nothing, nothing.reshape(0, 2))
        window = Window(0, len(text), 1.0, 0)
        coverage = Coverage(len(text), len(text), 1, "none")
        return DocumentReading(str(name), Reading(tokenized, (window,), coverage), [])

    def read(self, group: Sequence[DocumentReading]) -> list[PassageEncoding]:
        self.groups.append([each.name for each in group])
        vector = np.zeros(1, dtype=np.float32)
        return [PassageEncoding(vector, (), vector[None], each.reading.coverage) for each in group]

    def run(self, texts: Iterator[Text | None], budget: int) -> list[ReadDocument]:
        reader = DocumentReader(prepare=self.prepare, read=self.read, budget=budget)
        return list(reader.all(texts))


@given(st.lists(st.one_of(st.none(), st.integers(0, 30)), max_size=40), st.integers(1, 40))
def test_budgets_hold_and_order_stays(sizes: list[int | None], budget: int) -> None:
    """Nothing is lost or doubled; a pass is over its budget only with a single document."""
    fake = Fake(bad=[""])
    given = [None if size is None else (str(n), "x" * size) for n, size in enumerate(sizes)]
    found = fake.run(iter(given), budget)
    wanted = [each for each in given if each is not None]
    assert [each.name for each in found] == [name for name, _ in wanted]
    assert [each.error is None for each in found] == [bool(text) for _, text in wanted]
    lengths = {name: len(text) for name, text in wanted if name is not None}
    for group in fake.groups:
        assert len(group) == 1 or sum(lengths[name] for name in group) <= budget
    assert [name for group in fake.groups for name in group] == [n for n, t in wanted if t]


def test_what_is_not_there_yet_is_not_waited_for() -> None:
    """At a None, what is there is read; before it is, no more is asked for."""
    fake = Fake()

    def texts() -> Iterator[Text | None]:
        yield "a", "xx"
        yield "b", "xx"
        yield None
        assert fake.groups == [], "one look ahead while the first are read"
        yield None
        assert fake.groups == [["a", "b"]]
        yield "c", "xx"

    fake.run(texts(), 100)
    assert fake.groups == [["a", "b"], ["c"]]


def test_how_much_is_taken_ahead_is_bounded() -> None:
    """However many there are, and however long: characters, not documents, are counted."""
    fake, budget, taken = Fake(), 10, 0

    def texts() -> Iterator[Text]:
        nonlocal taken
        for number in range(500):
            taken += 1
            yield str(number), "xxxx"

    reader = DocumentReader(prepare=fake.prepare, read=fake.read, budget=budget)
    for read, _ in enumerate(reader.all(texts()), start=1):
        assert (taken - read) * 4 <= 10 * budget
    assert taken == 500
