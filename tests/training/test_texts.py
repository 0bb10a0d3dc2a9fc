"""Pairs and passages from files: every ending, what is held out, and every wrong line."""

from __future__ import annotations

import gzip
import json
import lzma
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longembed_rag.errors import ReadError, SettingsError
from longembed_rag.training.texts import (
    HELD_OUT_SHARE,
    Pair,
    TrainingTexts,
    is_held_out,
    read_texts,
)
from tests.training.material import as_line, some_pairs, write_lines

WRITERS: dict[str, Callable[..., object]] = {
    ".jsonl": lambda path, data: path.write_bytes(data),
    ".jsonl.gz": lambda path, data: path.write_bytes(gzip.compress(data)),
    ".jsonl.xz": lambda path, data: path.write_bytes(lzma.compress(data)),
}


def known_text(*, held_out: bool) -> str:
    """A passage that is, or is not, kept for measuring."""
    return next(text for text in map(str, range(10_000)) if is_held_out(text) is held_out)


@pytest.mark.parametrize("ending", WRITERS)
def test_every_ending_is_read(ending: str, tmp_path: Path) -> None:
    """Plain and packed files hold the same; blank lines are no lines, the file names the source."""
    text = known_text(held_out=False)
    lines = [{"query": "wer?", "pos": f"{text}"}, {"text": text, "source": "other"}]
    data = "\n\n".join(json.dumps(line) for line in lines).encode()
    WRITERS[ending](tmp_path / f"grün.v2{ending}", data)
    texts = read_texts([tmp_path / f"grün.v2{ending}"])
    assert texts.pairs == (Pair("wer?", text, "grün.v2"),)
    assert texts.passages == (text,)
    assert texts.sources == ("grün.v2",)


def test_folders_are_read_in_order_of_names(tmp_path: Path) -> None:
    """All files of pairs in a folder, and nothing else that lies there."""
    pairs = [pair for pair in some_pairs(40) if not is_held_out(pair.passage)]
    write_lines(tmp_path / "b.jsonl", [as_line(pairs[1])])
    write_lines(tmp_path / "a.jsonl", [as_line(pairs[0])])
    (tmp_path / "notes.txt").write_text("not JSON")
    texts = read_texts([tmp_path])
    assert [pair.source for pair in texts.pairs] == ["a", "b"]
    assert [pair.query for pair in texts.pairs] == [pair.query for pair in pairs[:2]]


def test_held_out_sources_are_only_measured_on(tmp_path: Path) -> None:
    """Neither their pairs nor their passages are trained on."""
    seen, unseen = known_text(held_out=False), known_text(held_out=True)
    lines = [
        {"query": "q", "pos": seen, "source": "known"},
        {"query": "q", "pos": seen, "source": "other"},
        {"query": "q", "pos": unseen, "source": "other"},
        {"text": seen, "source": "other"},
    ]
    path = write_lines(tmp_path / "all.jsonl", lines)
    texts = read_texts([path], hold_out=["other"])
    assert [pair.source for pair in texts.pairs] == ["known"]
    assert [pair.source for pair in texts.unseen] == ["other", "other"]
    assert texts.passages == ()
    assert texts.held_out == ()


def test_the_split_depends_on_the_text_alone(tmp_path: Path) -> None:
    """A passage is held out wherever it stands and whatever is asked of it."""
    seen, unseen = known_text(held_out=False), known_text(held_out=True)
    one = [{"query": "q", "pos": seen}, {"query": "q", "pos": unseen}, {"text": unseen}]
    two = [{"query": "other", "pos": unseen, "source": "s"}, {"query": "x", "pos": seen}]
    for lines in (one, two):
        texts = read_texts([write_lines(tmp_path / "some.jsonl", lines)])
        assert {pair.passage for pair in texts.pairs} == {seen}
        assert {pair.passage for pair in texts.held_out} == {unseen}
        assert unseen not in texts.passages


def test_about_one_in_so_many_is_held_out() -> None:
    """The share is what the constant says, within chance, and never changes between releases."""
    found = [number for number in range(6400) if is_held_out(f"text {number}")]
    assert 60 <= len(found) <= 140
    assert HELD_OUT_SHARE == 64
    assert found[:3] == [14, 80, 90]


@given(st.text(max_size=40))
def test_every_text_can_be_asked(text: str) -> None:
    """Lone surrogates included, and the answer is the same each time."""
    assert is_held_out(text + "\ud800") == is_held_out(text + "\ud800")
    assert is_held_out(text) in (True, False)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('{"query": "q", "pos"', "delimiter"),
        ("[1, 2]", "not a JSON object"),
        ('{"query": "q"}', "neither a pair"),
        ('{"query": "q", "pos": "p", "text": "t"}', "neither a pair"),
        ('{"passage": "p"}', "neither a pair"),
        ('{"query": "q", "pos": ["p"]}', "must be texts"),
        ('{"query": "q", "pos": "p", "source": 3}', "must be texts"),
        ('{"query": " ", "pos": "p"}', "is empty"),
        ('{"query": "q", "pos": ""}', "is empty"),
        ('{"text": "\\n"}', "'text' is empty"),
        ('{"text": "t", "neg": ["n"]}', "'neg' belongs to a pair"),
        ('{"query": "q", "pos": "p", "neg": "n"}', "'neg' must be a list of texts"),
        ('{"query": "q", "pos": "p", "neg": [" "]}', "none of them empty"),
        ('{"query": "q", "pos": "p", "neg": ["n", "p"]}', "'neg' holds the text of 'pos'"),
        ('{"query": "q", "pos": "p", "neg": ["n"], "scores": [1]}', r"one for 'pos' .* \(2\)"),
        ('{"query": "q", "pos": "p", "neg": ["n"], "scores": [1, NaN]}', "a list of numbers"),
        ('{"query": "q", "pos": "p", "neg": ["n"], "scores": [true, 1]}', "a list of numbers"),
    ],
)
def test_wrong_lines_are_named(line: str, told: str, tmp_path: Path) -> None:
    """File, line and what is wrong with it."""
    path = tmp_path / "pairs.jsonl"
    path.write_text(f'{{"query": "q", "pos": "p"}}\n\n{line}\n', encoding="utf-8")
    with pytest.raises(ReadError, match=told) as caught:
        read_texts([path])
    assert str(caught.value).startswith(f"{path}, line 3: ")


def test_negatives_and_scores(tmp_path: Path) -> None:
    """Those that are held out, by their text or with their source, go with their scores."""
    seen, apart = known_text(held_out=False), known_text(held_out=True)
    pair = {"query": "q", "pos": seen, "neg": ["a", apart, "b"], "scores": [3, 2, 1, -1.5]}
    plain = {"query": "q", "pos": seen, "source": "s"}
    other = {"query": "q", "pos": "b", "source": "other"}
    assert not is_held_out("a")
    assert not is_held_out("b")
    path = write_lines(tmp_path / "hard.jsonl", [pair, {**plain, "neg": []}, other])
    texts = read_texts([path], hold_out=["other"])
    assert texts.pairs == (
        Pair("q", seen, "hard", ("a",), (3.0, 2.0)),
        Pair("q", seen, "s"),
    )
    whole = read_texts([path])
    assert whole.pairs[0].negatives == ("a", "b")
    assert whole.pairs[0].scores == (3.0, 2.0, -1.5)
    assert [each.to_dict() for each in texts.pairs] == [
        {"query": "q", "pos": seen, "source": "hard", "neg": ["a"], "scores": [3.0, 2.0]},
        plain,
    ]


def test_negatives_are_in_the_fingerprint() -> None:
    """With their scores; without any it is what it was before there were some."""

    def printed(*more: tuple[float, ...] | tuple[str, ...]) -> str:
        pair = Pair("q", "p", "s", *more)  # type: ignore[arg-type]
        return TrainingTexts((pair,), ("t",), (), ()).fingerprint

    assert printed() == "7213f2bfa2e305ee8ee0ae3b"
    assert len({printed(), printed(("n",)), printed(("n", "m")), printed(("n",), (1.0, 2.0))}) == 4


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    """A file in another encoding is named."""
    path = tmp_path / "latin.jsonl"
    path.write_bytes('{"text": "grün"}'.encode("latin-1"))
    with pytest.raises(ReadError, match=r"latin\.jsonl, line 1: .*utf-8"):
        read_texts([path])


@pytest.mark.parametrize("ending", [".jsonl.gz", ".jsonl.xz"])
@pytest.mark.parametrize("damage", ["cut", "garbled", "another"])
def test_damaged_archives_are_named(ending: str, damage: str, tmp_path: Path) -> None:
    """Cut off, with a flipped byte inside, or something else under that name."""
    path = tmp_path / f"pairs{ending}"
    lines = [json.dumps({"text": f"text {n * n * 7919}"}) for n in range(2000)]
    WRITERS[ending](path, "\n".join(lines).encode())
    data = path.read_bytes()
    if damage == "cut":
        path.write_bytes(data[: len(data) // 2])
    elif damage == "garbled":
        middle = len(data) // 2
        path.write_bytes(data[:middle] + bytes(64) + data[middle + 64 :])
    else:
        path.write_bytes(b"certainly no archive")
    with pytest.raises(ReadError, match=r"pairs\.jsonl\.\w+, line \d+: "):
        read_texts([path])


def test_places_without_pairs(tmp_path: Path) -> None:
    """A path that is not there, a folder without files, and another ending each say so."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "pairs.csv").write_text("q,p")
    for name, told in (
        ("nowhere", "no such file or folder"),
        ("empty", "holds no file of pairs"),
        ("pairs.csv", "is not a file of pairs"),
    ):
        with pytest.raises(ReadError, match=told) as caught:
            read_texts([tmp_path / name])
        assert name in str(caught.value)


def test_unknown_held_out_sources_are_named(tmp_path: Path) -> None:
    """With the sources that there are."""
    path = write_lines(tmp_path / "mine.jsonl", [{"query": "q", "pos": "p"}])
    with pytest.raises(SettingsError, match=r"source theirs; there are: mine"):
        read_texts([path], hold_out=["theirs"])


def test_nothing_to_train_on(tmp_path: Path) -> None:
    """Passages alone, or only pairs that are held out, are refused."""
    passages = write_lines(tmp_path / "passages.jsonl", [{"text": "t"}])
    mine = write_lines(tmp_path / "mine.jsonl", [{"query": "q", "pos": "p"}])
    with pytest.raises(SettingsError, match=r"no pairs to train on in .*passages\.jsonl"):
        read_texts([passages])
    with pytest.raises(SettingsError, match="no pairs to train on"):
        read_texts([mine], hold_out=["mine"])
