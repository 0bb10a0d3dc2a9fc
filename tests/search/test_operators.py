"""Phrases, must and must not: in every mode and place, against going through all texts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from longembed_rag.errors import SettingsError
from longembed_rag.points.filters import Filter, HasIdCondition
from longembed_rag.search import holding
from longembed_rag.search.filters import parse_filters
from longembed_rag.search.results import SearchResult
from longembed_rag.search.search import MODES, Mode
from longembed_rag.search.syntax import read_query
from longembed_rag.store.store import DocumentStore
from longembed_rag.store.values import IndexedDocument, document_id
from tests.search.test_search import numbers, plain
from tests.store.fakes import make_document
from tests.stores import ENGINES, ensure, filled_everywhere, in_places, scratch
from tests.stores import find as find_query

#: Stopwords and words of one stem, so that what is stored of a text says little of its phrases.
WORDS = ["the", "of", "to", "lease", "leases", "leased", "tenant", "tenants", "notice", "東京"]
RARE = "the force majeure clause of the lease"


def texts(count: int, seed: int) -> list[str]:
    """Texts of few words, cut into passages of four."""
    rng = np.random.default_rng(seed)
    return [" ".join(rng.choice(WORDS, size=rng.integers(1, 40))) for _ in range(count)]


DOCUMENTS = {
    each.source: each
    for each in (
        *(
            make_document(f"/{index}.txt", text, metadata={"kind": f"k{index % 3}"})
            for index, text in enumerate(texts(24, seed=3))
        ),
        make_document("/rare.txt", f"notice {RARE}\nFORCE\n\nMajeure", metadata={"kind": "k0"}),
        make_document("/apart.txt", "majeure force of majeure forces majeure"),
    )
}
PHRASES = ["force majeure", "leases", "the lease", "of the", "to", "tenant tenants", "東京 of"]
UNWANTED = ["zzz", "leases", "the", '"of the"', '"force majeure"']
every_mode = pytest.mark.parametrize("mode", MODES)
every_mode_somewhere = in_places(("filled", "mode"), MODES)


@pytest.fixture(scope="module")
def everywhere() -> Iterator[dict[str, DocumentStore]]:
    """The same collection in both engines and on a server."""
    with filled_everywhere(DOCUMENTS.values()) as stores:
        yield stores


@pytest.fixture(params=ENGINES)
def filled(request: pytest.FixtureRequest, everywhere: dict[str, DocumentStore]) -> DocumentStore:
    """That collection in one of the places, or where a test says; to read only."""
    return everywhere[request.param]


def find(store: DocumentStore, typed: str, **options: object) -> list[SearchResult]:
    """Search for a query with its operators."""
    return find_query(store, read_query(typed), **{"limit": 100, "passages": 100, **options})


def holds(text: str, phrase: str) -> bool:
    """Whether a phrase stands in a text of words and blanks."""
    asked, there = phrase.lower().split(), text.lower().split()
    return any(there[start : start + len(asked)] == asked for start in range(len(there)))


def sources(wanted: list[str], unwanted: list[str]) -> set[str]:
    """The documents that hold all of some phrases and none of others."""
    return {
        source
        for source, document in DOCUMENTS.items()
        if all(holds(document.text, each) for each in wanted)
        and not any(holds(document.text, each) for each in unwanted)
    }


def best_passages(document: IndexedDocument, phrase: str) -> set[tuple[int, int]]:
    """Those that hold a phrase; where none does, those that have a part of it."""
    spans = [(each.start, each.end) for each in document.passages]
    whole = {(s, e) for s, e in spans if holds(document.text[s:e], phrase)}
    if whole or not holds(document.text, phrase):
        return whole
    parts = set()
    for first in range(len(spans) - 1):
        (start, _), (_, end) = spans[first], spans[min(first + 1, len(spans) - 1)]
        if holds(document.text[start:end], phrase):
            parts |= {spans[first], spans[first + 1]}
    return parts


@in_places(("filled", "mode", "phrase"), MODES, PHRASES)
def test_only_what_holds_a_phrase_is_found(filled: DocumentStore, mode: Mode, phrase: str) -> None:
    """All documents that hold it, no others, and of each the passages in which it stands."""
    found = find(filled, f'"{phrase}"', mode=mode)
    assert {each.source for each in found} == sources([phrase], [])
    for result in found:
        spans = [(each.start, each.end) for each in result.passages]
        assert len(spans) == len(set(spans))
        assert set(spans) == best_passages(DOCUMENTS[result.source], phrase)


@every_mode_somewhere
def test_conditions_hold_together(filled: DocumentStore, mode: Mode) -> None:
    """Phrases, words and what is not wanted, with filters and limits."""
    typed = '"the lease" +tenant -"notice notice" to'
    wanted, unwanted = ["the lease", "tenant"], ["notice notice"]
    expected = sources(wanted, unwanted)
    assert 1 < len(expected) < len(DOCUMENTS)
    found = find(filled, typed, mode=mode)
    assert {each.source for each in found} == expected
    assert [each.source for each in find(filled, typed, mode=mode, limit=2)] == [
        each.source for each in found[:2]
    ]
    of_kind = {each for each in expected if DOCUMENTS[each].metadata["kind"] == "k1"}
    narrowed = find(filled, typed, mode=mode, filter=parse_filters(["kind=k1"]))
    assert {each.source for each in narrowed} == of_kind
    adaptive = find(filled, typed, mode=mode, limit=None, passages=None, adaptive=True)
    assert [each.source for each in adaptive] == [each.source for each in found[: len(adaptive)]]


@in_places(("filled", "mode", "unwanted"), MODES, UNWANTED)
def test_what_is_not_wanted_is_left_out(filled: DocumentStore, mode: Mode, unwanted: str) -> None:
    """The others stay, with the scores they have without it; stopwords can be unwanted, too."""
    whole = {each.source: each for each in find(filled, "lease tenant", mode=mode)}
    found = find(filled, f"lease tenant -{unwanted}", mode=mode)
    expected = sources([], [unwanted.strip('"')]) & whole.keys()
    assert {each.source for each in found} == expected
    if mode != "hybrid":  # how far words are trusted is told by the best document
        for result in found:
            assert result.score == pytest.approx(whole[result.source].score, abs=1e-4)


@every_mode_somewhere
def test_a_query_without_operators_is_searched_as_before(filled: DocumentStore, mode: Mode) -> None:
    """The same answers, numbers and snippets as for plain text."""
    text = "the lease of tenants - e-mail"
    plainly = find_query(filled, text, mode=mode, limit=100, passages=100)
    found = find(filled, text, mode=mode)
    assert [plain(each) for each in found] == [plain(each) for each in plainly]
    for ours, theirs in zip(found, plainly, strict=True):
        # The last digits of local mode are others each time.
        assert numbers(ours) == pytest.approx(numbers(theirs), abs=1e-7)
    if filled.engine == "edge":
        assert found == plainly


@every_mode
def test_all_places_answer_alike(everywhere: dict[str, DocumentStore], mode: Mode) -> None:
    """The same documents, passages and snippets in the same order, with the same numbers."""
    answers = [find(store, '"the lease" -leased', mode=mode) for store in everywhere.values()]
    for found in answers[1:]:
        assert [plain(each) for each in found] == [plain(each) for each in answers[0]]
        for ours, theirs in zip(found, answers[0], strict=True):
            assert numbers(ours) == pytest.approx(numbers(theirs), abs=1e-4)


def test_snippets_mark_phrases_as_a_whole(filled: DocumentStore) -> None:
    """Stopwords and blanks of a phrase, too; other words of the query by their stems."""
    (found,) = find(
        filled, '"of the lease" force', mode="sparse", filter=parse_filters(["kind=k0"])
    )[:1]
    result = next(
        each for each in find(filled, '"clause of the" force') if each.source == "/rare.txt"
    )
    assert found.snippet is not None
    assert "of the lease" in found.snippet.marked("<", ">")
    assert result.snippet is not None
    assert "<clause of the>" in result.snippet.marked("<", ">")


@every_mode_somewhere
def test_a_rare_phrase_is_found_far_below_the_best(
    filled: DocumentStore, mode: Mode, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever is ranked by: nothing depends on being among the first candidates."""
    for module in ("search", "evidence"):
        monkeypatch.setattr(f"longembed_rag.search.{module}.CANDIDATES", 2)
    found = find(filled, 'notice tenants "force majeure"', mode=mode, limit=5)
    assert [each.source for each in found] == ["/rare.txt"]


def test_where_too_many_passages_hold_it_all_of_their_documents_count(
    filled: DocumentStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same documents; those that are shown still hold it."""
    monkeypatch.setattr(holding, "MOST_PASSAGES", 3)
    for mode in MODES:
        found = find(filled, '"the lease"', mode=mode)
        assert {each.source for each in found} == sources(["the lease"], [])
        for result in found:
            spans = {(each.start, each.end) for each in result.passages}
            assert spans == best_passages(DOCUMENTS[result.source], "the lease")


def test_what_would_take_too_much_reading_is_refused(
    filled: DocumentStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says what, and what to do; what fewer documents may hold is still found."""
    monkeypatch.setattr(holding, "MOST_READ", 5)
    for typed in ("+the", "lease -the", "+lease"):
        with pytest.raises(SettingsError, match=r"documents would have to be read.*a filter"):
            find(filled, typed)
    assert len(find(filled, '"force majeure"')) == 1
    assert len(find(filled, '"the force" +majeure')) == 1


def test_a_document_that_was_replaced_meanwhile_is_passed_over(
    filled: DocumentStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is shown is looked at once more."""
    monkeypatch.setattr("longembed_rag.search.search.scope_of", lambda *a, **k: holding.Scope())
    found = find(filled, '"force majeure"')
    assert [each.source for each in found] == ["/rare.txt"]


def test_documents_without_passages_are_found(everywhere: dict[str, DocumentStore]) -> None:
    """In a collection that keeps none, in all modes that it has."""
    with scratch() as folder, DocumentStore.open(path=folder) as store:
        ensure(store, passages=False)
        for source in ("/rare.txt", "/apart.txt"):
            nothing = DOCUMENTS[source].passage_embeddings[:0]
            bare = {"passages": (), "passage_embeddings": nothing, "token_vectors": None}
            store.upsert(replace(DOCUMENTS[source], **bare))
        for mode in ("hybrid", "dense", "sparse"):
            (result,) = find(store, '"force majeure"', mode=mode)
            assert (result.source, result.passages) == ("/rare.txt", ())
            assert result.snippet is not None
            assert "<force majeure>" in result.snippet.marked("<", ">")


def test_a_stopword_of_one_language_is_a_word_of_another() -> None:
    """In a collection of several languages what one leaves out is looked for in all texts."""
    texts = {
        "de": "Die Kraft des Windes war stark, und die Pächter unterschrieben den Vertrag spät.",
        "en": "Tenants die in the war of words; the force of the wind was strong that autumn.",
    }
    with scratch() as folder, DocumentStore.open(path=folder) as store:
        ensure(store, language="auto")
        for language, text in texts.items():
            store.upsert(make_document(f"/{language}.txt", text, metadata={"language": language}))
        assert len(store.existing_record().languages) == 2
        for mode in MODES:
            for typed, expected in (
                ('"die Kraft"', {"/de.txt"}),
                ("+die wind", {"/de.txt", "/en.txt"}),
                ('"the war of"', {"/en.txt"}),
                ("+Windes", {"/de.txt"}),
                ("wind +war -Kraft", {"/en.txt"}),
                ("+pachter wind", set()),
            ):
                assert {each.source for each in find(store, typed, mode=mode)} == expected


def test_another_program_may_filter_by_ids_too(filled: DocumentStore) -> None:
    """A filter by ids and a phrase hold together."""
    holding_it = sources(["the lease"], [])
    one, other = min(holding_it), min(DOCUMENTS.keys() - holding_it)
    for chosen, expected in (([one], [one]), ([other], []), ([one, other], [one])):
        among = Filter(must=[HasIdCondition([document_id(each) for each in chosen])])
        found = find(filled, '"the lease"', filter=among)
        assert [each.source for each in found] == expected


ANY_PHRASES = st.lists(st.sampled_from(WORDS), min_size=1, max_size=3).map(" ".join)


@settings(max_examples=30)
@given(
    wanted=st.lists(ANY_PHRASES, max_size=2),
    unwanted=st.lists(ANY_PHRASES, max_size=2),
    mode=st.sampled_from(MODES),
)
def test_what_is_found_is_what_going_through_all_texts_finds(
    everywhere: dict[str, DocumentStore], wanted: list[str], unwanted: list[str], mode: Mode
) -> None:
    """Any phrases, wanted and not, in any mode."""
    typed = " ".join([*(f'"{each}"' for each in wanted), *(f'-"{each}"' for each in unwanted)])
    query = f"lease tenant notice {typed}"
    expected = sources(wanted, unwanted)
    if mode == "sparse" and not wanted:
        expected &= {
            each.source for each in find(everywhere["edge"], "lease tenant notice", mode=mode)
        }
    found = find(everywhere["edge"], query, mode=mode)
    assert {each.source for each in found} == expected
