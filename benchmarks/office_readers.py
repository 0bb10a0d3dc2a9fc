"""Words of office documents, books, mail and notebooks: by kreuzberg, and by our readers.

Over all files of a type in a folder that is given: how many each can read, the words that come out
of both, and those that come out of one only, with the commonest of these; wall seconds. Files that
neither can read are named with the reason. Attachments count where they are read.

    python benchmarks/office_readers.py FOLDER --out FILE
"""

from __future__ import annotations

import argparse
import json
import platform
import re
import time
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import kreuzberg

from longembed_rag import __version__
from longembed_rag.errors import ReadError
from longembed_rag.files.cleaning import clean
from longembed_rag.files.readers import read_file
from longembed_rag.files.suffixes import OFFICE_SUFFIXES
from longembed_rag.files.values import Content

WORD = re.compile(r"\w+")
_COMMONEST = 25
# Not all of them are in kreuzberg's type hints.
_SETTINGS: dict[str, Any] = {
    "use_cache": False,
    "enable_quality_processing": False,
    "disable_ocr": True,
}


def by_kreuzberg(path: Path) -> str:
    """What kreuzberg makes of a file, cleaned as ours."""
    mime = kreuzberg.detect_mime_type_from_path(str(path))
    config = kreuzberg.ExtractionConfig(**_SETTINGS)
    result = kreuzberg.extract_bytes_sync(path.read_bytes(), mime, config)
    inside = [child["result"].content for child in result.children or ()]
    return clean(Content("\n\n".join([result.content, *inside]))).text


def by_us(path: Path) -> str:
    """What is embedded of a file."""
    return read_file(path).text


def words(text: str) -> Counter[str]:
    """Its words, without case."""
    return Counter(word.casefold() for word in WORD.findall(text))


def main() -> None:
    """Read every file both ways, and compare."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    seconds: dict[str, Counter[str]] = defaultdict(Counter)
    only: dict[str, dict[str, Counter[str]]] = defaultdict(lambda: defaultdict(Counter))
    reasons: dict[str, str] = {}
    for path in sorted(options.folder.rglob("*")):
        kind = path.suffix.lower()
        if not path.is_file() or kind not in OFFICE_SUFFIXES:
            continue
        counts[kind]["files"] += 1
        found = {}
        for name, read in (("kreuzberg", by_kreuzberg), ("ours", by_us)):
            began = time.perf_counter()
            try:
                found[name] = words(read(path))
            except (ReadError, kreuzberg.KreuzbergError) as error:
                found[name] = Counter()
                failed = "no text" not in str(error)
                counts[kind][f"failed: {name}"] += failed
                if failed and name == "ours":
                    reasons[path.name] = str(error).replace(str(path), path.name)
            seconds[kind][name] += time.perf_counter() - began
        counts[kind]["words: both"] += sum((found["ours"] & found["kreuzberg"]).values())
        for name, other in (("ours", "kreuzberg"), ("kreuzberg", "ours")):
            extra = found[name] - found[other]
            counts[kind][f"words: only {name}"] += sum(extra.values())
            only[kind][name] += extra
    result = {
        "command": f"python benchmarks/office_readers.py FOLDER --out {options.out}",
        "version": __version__,
        "kreuzberg": kreuzberg.__version__,
        "machine": f"{platform.system()} {platform.machine()}",
        "counts": counts,
        "seconds": {k: {n: round(v, 1) for n, v in by.items()} for k, by in seconds.items()},
        "commonest": {
            kind: {name: dict(found.most_common(_COMMONEST)) for name, found in by.items()}
            for kind, by in only.items()
        },
        "failed": reasons,
    }
    options.out.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n")
    for kind, tally in counts.items():
        print(kind, dict(tally), {n: round(v, 1) for n, v in seconds[kind].items()})


if __name__ == "__main__":
    main()
