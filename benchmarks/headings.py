"""Whether the headings above a passage help to find it.

A manual as HTML pages with an index that people made (DocBook: PostgreSQL's, Debian's package
``postgresql-doc-15``). Its pages are put together to chapters, which are the documents; a query is
an entry of the index ("array accessing"), and right is the passage at which the entry points.
Passages are ranked by BM25, by their vectors, and by both (reciprocal ranks), as they are and with
the headings above them: as words of the passage beside its own, counted a number of times, and as
a vector that is added to its own with a weight.

    python benchmarks/headings.py FOLDER --out FILE
"""

from __future__ import annotations

import argparse
import html
import json
import platform
import re
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from longembed_rag import LongEncoder, __version__
from longembed_rag.files.formats.html_reader import read_html
from longembed_rag.layout import Heading, Layout
from longembed_rag.words.analyzer import get_analyzer
from longembed_rag.words.terms import K1, B

TIMES = (0.0, 0.5, 1.0, 2.0)
WEIGHTS = (0.0, 0.1, 0.25, 0.5)
DEPTH = 10
_UP = re.compile(r'accesskey="u" href="([^"]+)"')
_WHOLE = re.compile(
    r'<div class="(appendix|bibliography|book|chapter|part|preface|refentry|reference)"'
)
_NEXT = re.compile(r'<link rel="next" href="([^"]+)"')
_NAVIGATION = re.compile(r'<div[^>]*class="nav(header|footer)".*?</div>|<hr[^>]*>', re.DOTALL)
_ID = re.compile(r'<(?!html|head|body)[a-z0-9]+[^>]*\sid="([^"]+)"[^>]*>')
_MARK = re.compile(r"qxanchor(\d+)xq ?")


@dataclass
class Chapter:
    """A document: its text, its headings, and where its anchors stand."""

    text: str
    headings: list[Heading]
    anchors: dict[str, int]


def read_pages(folder: Path) -> list[Chapter]:
    """The manual's pages, in the order of reading, put together to chapters."""
    chapters: dict[str, Chapter] = {}
    name = "index.html"
    seen = set()
    while name and name not in seen and (folder / name).is_file():
        seen.add(name)
        page = (folder / name).read_text(encoding="utf-8", errors="replace")
        up, following = _UP.search(page), _NEXT.search(page)
        home = name if up is None or up[1] not in chapters or _WHOLE.search(page) else up[1]
        chapter = chapters.setdefault(home, Chapter("", [], {}))
        add_page(chapter, name, page, is_first=home == name)
        chapters.setdefault(name, chapter)
        name = following[1] if following else ""
    return list({id(chapter): chapter for chapter in chapters.values()}.values())


def add_page(chapter: Chapter, name: str, page: str, *, is_first: bool) -> None:
    """Put a page at the end of a chapter, its headings below the chapter's own."""
    names: list[str] = []

    def mark(match: re.Match[str]) -> str:
        names.append(match[1])
        return f"{match[0]}qxanchor{len(names) - 1}xq "

    body = _ID.sub(mark, _NAVIGATION.sub("", page))
    content = read_html(body.encode(), name)
    start = len(chapter.text) + 2 if chapter.text else 0
    pieces, end, shift = [], 0, []
    length = start
    chapter.anchors[name] = start
    for match in _MARK.finditer(content.text):
        pieces.append(content.text[end : match.start()])
        length += match.start() - end
        chapter.anchors[f"{name}#{names[int(match[1])]}"] = length
        shift.append((match.start(), match.end() - match.start()))
        end = match.end()
    pieces.append(content.text[end:])
    chapter.text += ("\n\n" if chapter.text else "") + "".join(pieces)
    for each in content.layout.headings:
        gone = sum(size for place, size in shift if place < each.start)
        level = each.level + (0 if is_first else 1)
        title = " ".join(_MARK.sub("", each.text).split())
        chapter.headings.append(Heading(start + each.start - gone, level, title))


def entries(index: str) -> Iterator[tuple[str, str]]:
    """Entries of the index: the words from the outermost to the innermost, and the one target."""
    path: list[str] = []
    depth = 0
    for piece in re.split(r"(<dl>|</dl>|<dt[^>]*>.*?</dt>)", index):
        if piece == "<dl>":
            depth += 1
        elif piece == "</dl>":
            depth -= 1
        elif piece.startswith("<dt"):
            words = html.unescape(re.sub(r"<a .*?</a>|<[^>]+>", "", piece)).strip(" ,\n")
            path = [*path[: depth - 1], words]
            targets = re.findall(r'<a class="indexterm" href="([^"]+)"', piece)
            if len(targets) == 1 and words:
                yield " ".join(path), targets[0]


def bm25(queries: list[Counter[str]], passages: list[Counter[str]]) -> NDArray[np.float64]:
    """Scores of passages, shape ``[queries, passages]``; lengths are those of the first words."""
    lengths = np.array([sum(each.values()) for each in passages])
    holding = Counter(term for each in passages for term in each)
    half = K1 * (1 - B + B * lengths / max(lengths.mean(), 1e-9))
    found: dict[str, list[int]] = {}
    for number, each in enumerate(passages):
        for term in each:
            found.setdefault(term, []).append(number)
    scores = np.zeros((len(queries), len(passages)))
    for row, query in enumerate(queries):
        for term, times in query.items():
            where = np.array(found.get(term, []), dtype=int)
            if len(where):
                counts = np.array([passages[each][term] for each in where], dtype=float)
                rarity = np.log(1 + (len(passages) - holding[term] + 0.5) / (holding[term] + 0.5))
                scores[row, where] += times * rarity * counts / (counts + half[where])
    return scores


def ranks(scores: NDArray[np.float64], right: list[int]) -> NDArray[np.int64]:
    """The rank of each query's right passage, from 1; equals rank in the middle."""
    own = scores[np.arange(len(right)), right][:, None]
    better, equal = (scores > own).sum(axis=1), (scores == own).sum(axis=1)
    return (better + (equal + 1) // 2).astype(np.int64)


def told(found: NDArray[np.int64]) -> dict[str, float]:
    """MRR@10 and the share of queries whose passage is among the first ten, in per cent."""
    near = found <= DEPTH
    return {
        "mrr": round(100 * float(np.where(near, 1 / found, 0).mean()), 2),
        "found": round(100 * float(near.mean()), 2),
    }


def main() -> None:
    """Measure, and write the result down."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--queries", type=int, default=500)
    parser.add_argument("--chapters", type=int, default=60)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    began = time.process_time()
    chance = np.random.default_rng(0)
    chapters = [each for each in read_pages(options.folder) if len(each.text) > 4_000]
    chosen = chance.permutation(len(chapters))[: options.chapters]
    chapters = [chapters[number] for number in sorted(chosen)]
    encoder, analyzer = LongEncoder.from_pretrained(), get_analyzer("english")
    texts: list[str] = []
    paths: list[str] = []
    vectors: list[NDArray[np.float32]] = []
    places: dict[str, int] = {}
    for chapter in chapters:
        encoding = encoder.encode_passages(chapter.text)
        layout = Layout(headings=tuple(sorted(chapter.headings, key=lambda each: each.start)))
        for target, place in chapter.anchors.items():
            for number, passage in enumerate(encoding.passages):
                if passage.start <= place + 1 < passage.end:
                    places[target] = len(texts) + number
                    break
        for passage in encoding.passages:
            texts.append(chapter.text[passage.start : passage.end])
            where = layout.place(chapter.text, passage.start, passage.end)
            paths.append(" > ".join(where.heading))
        vectors.append(encoding.embeddings)
    index = (options.folder / "bookindex.html").read_text(encoding="utf-8")
    asked = sorted({(query, target) for query, target in entries(index) if target in places})
    asked = [asked[number] for number in chance.permutation(len(asked))[: options.queries]]
    right = [places[target] for _, target in asked]
    queries = [Counter(analyzer.stems(query)) for query, _ in asked]
    own = [Counter(analyzer.stems(text)) for text in texts]
    above = [Counter(analyzer.stems(path)) for path in paths]
    by_words = {}
    for times in TIMES:
        both = [
            Counter({term: words[term] + times * path[term] for term in words | path})
            for words, path in zip(own, above, strict=True)
        ]
        by_words[times] = bm25(queries, both)
    passages = np.concatenate(vectors)
    unit = lambda matrix: matrix / np.linalg.norm(matrix, axis=1, keepdims=True)  # noqa: E731
    headings = encoder.encode([path or "-" for path in paths]).embeddings
    asking = encoder.encode([query for query, _ in asked], kind="query").embeddings
    by_vectors = {
        weight: asking @ unit(unit(passages) + weight * unit(headings)).T for weight in WEIGHTS
    }

    def reciprocal(scores: NDArray[np.float64]) -> NDArray[np.float64]:
        order = np.argsort(np.argsort(-scores, axis=1), axis=1)
        return 1 / (60 + order)

    result = {
        "command": f"python benchmarks/headings.py FOLDER --queries {options.queries} "
        f"--chapters {options.chapters} --out {options.out}",
        "version": __version__,
        "machine": f"{platform.system()} {platform.machine()}",
        "documents": len(chapters),
        "passages": len(texts),
        "with headings": sum(map(bool, paths)),
        "queries": len(asked),
        "words, the headings' counted so often": {
            str(times): told(ranks(scores, right)) for times, scores in by_words.items()
        },
        "vectors, the headings' added with a weight": {
            str(weight): told(ranks(scores, right)) for weight, scores in by_vectors.items()
        },
        "both": {
            f"{times}, {weight}": told(
                ranks(reciprocal(by_words[times]) + reciprocal(by_vectors[weight]), right)
            )
            for times in TIMES
            for weight in WEIGHTS
        },
        "cpu_seconds": round(time.process_time() - began, 1),
    }
    options.out.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
