"""Searching: modes, filters, how many, and what people and programs are shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from longembed_rag import EncoderSettings
from longembed_rag.encoder.encoder import LongEncoder
from longembed_rag.encoder.sharing import SharedEncoder
from tests.cli.conftest import Run, as_json
from tests.files.making import make_pdf
from tests.stores import make_local

MODES = ("hybrid", "dense", "sparse", "passages")


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_answers_with_document_and_passage(run: Run, filled: Path, mode: str) -> None:
    """Scores fall, parts add up to them, and spans point at the passage that is shown."""
    found = as_json(run("search", "apples and a lease", "--mode", mode, "--json"))
    assert found["mode"] == mode
    assert found["results"]
    scores = [result["score"] for result in found["results"]]
    assert scores == sorted(scores, reverse=True)
    for result in found["results"]:
        assert sum(result["parts"].values()) == pytest.approx(result["score"], abs=1e-6)
        start, end = result["span"]
        assert result["passage"] == result["passages"][0]["text"]
        assert end - start == len(result["passage"])
        assert 1 <= len(result["passages"]) <= 3
        assert result["snippet"]


def test_words_are_found_and_marked(run: Run, filled: Path) -> None:
    """A word search finds the one document that holds the word, and marks it."""
    (result,) = as_json(run("search", "apple", "--mode", "sparse", "--json"))["results"]
    assert result["source"] == str(filled / "note.md")
    assert "**apples**" in result["snippet"]


def test_a_word_search_loads_no_model(
    run: Run,
    filled: Path,
    kept: dict[EncoderSettings, SharedEncoder],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Without vectors there is nothing to embed; the other modes would need the model."""

    def load(*arguments: object, **options: object) -> None:
        raise AssertionError("a model was loaded")

    monkeypatch.setattr(LongEncoder, "from_settings", load)
    kept.clear()
    assert run("search", "apples", "--mode", "sparse").exit_code == 0
    result = run("search", "apples")
    assert (result.exit_code, "a model was loaded" in result.stderr) == (1, True)


@pytest.mark.parametrize(
    ("condition", "names"),
    [
        ("path=documents/more", {"page.html"}),
        ("path=documents/note.md", {"note.md"}),
        ("file_type=md|pdf", {"note.md"}),
        ("file_name!=lease.txt", {"note.md", "page.html"}),
        ("last_modified>=2000-01-01", {"lease.txt", "note.md", "page.html"}),
        ("last_modified<2000-01-01", set()),
        ("title~note", {"note.md"}),
    ],
)
def test_filters_narrow_what_is_looked_at(
    run: Run, filled: Path, condition: str, names: set[str]
) -> None:
    """Each kind of condition lets through exactly the documents that fulfil it."""
    results = as_json(run("search", "apples", "--filter", condition, "--json"))["results"]
    assert {Path(result["source"]).name for result in results} == names


def test_all_filters_must_hold(run: Run, filled: Path) -> None:
    """Two conditions that no document fulfils together find nothing, and say so."""
    result = run(
        "search", "apples", "--filter", "file_name=note.md", "--filter", "path=documents/more"
    )
    assert (result.exit_code, result.stdout) == (0, "")
    assert "no document fulfils the filters" in result.stderr


def test_a_filter_that_cannot_be_read_is_named(run: Run, filled: Path) -> None:
    """Wrong syntax is wrong use: exit code 2 and the condition in the message."""
    result = run("search", "apples", "--filter", "nonsense")
    assert result.exit_code == 2
    assert "nonsense" in result.stderr


def test_phrases_must_and_must_not(run: Run, filled: Path) -> None:
    """Only what holds them is found; one line says how the query was understood."""
    result = run("search", '"signed by the" +tenant -apples lease', "--mode", "sparse")
    first, second, *_ = result.stdout.splitlines()
    assert first == (
        'looking for signed by the tenant lease: with "signed by the" and tenant, without apples'
    )
    assert "lease.txt" in second
    assert result.stdout.count("passage score") == 1
    found = as_json(run("search", '"signed by the" +tenant -apples lease', "--json"))
    assert [Path(each["source"]).name for each in found["results"]] == ["lease.txt"]
    assert "**signed by the** **tenant**" in found["results"][0]["snippet"]
    assert found["understood"] == {
        "text": "signed by the tenant lease",
        "phrases": ["signed by the"],
        "must": ["tenant"],
        "must_not": ["apples"],
    }
    assert "looking for" not in run("search", "apples").stdout


def test_nothing_found_by_a_phrase_says_how_to_go_on(run: Run, filled: Path) -> None:
    """It names what no document holds, and the flag that takes the query as plain text."""
    query = '"by the lease" tenant -pears'
    for flags in ([], ["--json"], ["--filter", "file_type=txt"]):
        result = run("search", query, "--mode", "sparse", *flags)
        assert 'with "by the lease", without pears; --no-operators searches' in result.stderr
        assert ("among those that fulfil the filters" in result.stderr) == ("--filter" in flags)
    plainly = as_json(run("search", query, "--no-operators", "--json"))
    assert plainly["results"]
    assert plainly["understood"]["phrases"] == []
    refused = run("search", "--", "-pears")
    assert refused.exit_code == 2
    assert "says only what is not wanted" in refused.stderr


def test_a_pasted_text_is_plain_and_says_so(run: Run, filled: Path) -> None:
    """Quotes of its author ask for nothing."""
    result = run("search", 'He wrote: "the lease".\n- "Pears", she said.', "--mode", "sparse")
    assert result.stdout
    assert "quotes and signs in it are taken as they are" in result.stderr


def test_how_many(run: Run, filled: Path) -> None:
    """-k is a limit; --adaptive stops earlier, at the largest gap."""

    def count(*flags: str) -> int:
        return len(as_json(run("search", "the lease of the tenant", *flags, "--json"))["results"])

    assert count("-k", "2") == 2
    assert count() == 3
    assert count("--adaptive") < 3


def test_search_for_people(run: Run, filled: Path) -> None:
    """Rank, score, relative source and why on one line; below it the passage and its place."""
    lines = run("search", "apples", "-k", "1").stdout.splitlines()
    assert lines[0].startswith("1. ")
    assert lines[0].split("  ")[1] == str(Path("documents", "note.md"))
    assert "words" in lines[0]
    assert all(line.startswith("   ") for line in lines[1:])
    assert lines[-1].strip().startswith("lines 1 to 3, ")
    shown = run("search", "lease", "-k", "1", "--show-passages", "3").stdout
    assert shown.count("passage score") == 3


def test_no_passages_are_kept_when_none_are_wanted(run: Run, documents: Path) -> None:
    """One vector a document and nothing else; passages cannot be searched, the rest can."""
    run("ingest", "documents", "--no-passages")
    info = as_json(run("info", "--json"))
    assert (info["passages"], info["options"]["passages"]) == (0, False)
    assert "not kept" in run("info").stdout
    refused = run("search", "apples", "--mode", "passages")
    assert refused.exit_code == 2
    assert "keeps no passages" in refused.stderr
    (result, *_) = as_json(run("search", "apples", "--json"))["results"]
    assert (result["passages"], result["passage"]) == ([], None)
    assert "**apples**" in result["snippet"]
    assert as_json(run("ingest", "documents", "--json"))["unchanged"] == 3


def test_a_collection_keeps_how_it_keeps_documents(run: Run, documents: Path) -> None:
    """Other options than those of the collection are refused, naming both."""
    run("ingest", "documents", "--passage-tokens", "32", "--language", "german")
    assert as_json(run("ingest", "documents", "--json"))["unchanged"] == 3
    same = run("ingest", "documents", "--passage-tokens", "32", "--json")
    assert as_json(same)["unchanged"] == 3
    refused = run("ingest", "documents", "--language", "english", "--json")
    assert refused.exit_code == 2
    message = as_json(refused)["error"]["message"]
    assert "'german'" in message
    assert "'english'" in message


def test_an_unknown_language_is_refused(run: Run, documents: Path) -> None:
    """It is named with those that there are, before anything is made."""
    result = run("ingest", "documents", "--language", "klingon")
    assert result.exit_code == 2
    assert "klingon" in result.stderr
    assert "german" in result.stderr
    assert not Path(".longembed").exists()


def test_a_store_of_local_mode_is_still_searched(run: Run, documents: Path) -> None:
    """The engine is found out; a new store is made by Qdrant's own."""
    make_local(Path("old"))
    for path, engine in (("old", "local"), ("new", "edge")):
        run("ingest", "documents", "--path", path)
        assert as_json(run("info", "--path", path, "--json"))["engine"] == engine
        assert as_json(run("search", "jazz", "--path", path, "--json"))["results"]


def test_a_line_says_where_a_passage_stands(run: Run) -> None:
    """Page and lines, as people cite them; in JSON every part by itself."""
    Path("papers").mkdir()
    Path("papers/lease.pdf").write_bytes(make_pdf(["A garden.", "The lease."]))
    run("ingest", "papers", "--passage-tokens", "8")
    shown = run("search", "lease signed", "--mode", "sparse").stdout
    assert "page 2, line 3, passage score" in shown
    (found,) = as_json(run("search", "lease signed", "--mode", "sparse", "--json"))["results"]
    assert (found["page"], found["lines"], found["heading"]) == (2, [3, 3], [])
    assert "page 2, line 3" in run("show", "papers/lease.pdf").stdout
