"""What becomes of the words of files: before, by pypdf, and now, over a folder that is given.

Counts, over all files of a kind: those that cannot be read, and those without text; the words that
come out; words broken at the end of a line, ligature characters, words that are spaced out
letter by letter, and control characters, which are a font's codes; CPU seconds. Every file is read
by both in the same run, in processes of their own, the earlier reader too given up after a minute.

    python benchmarks/readers.py FOLDER --out FILE
"""

from __future__ import annotations

import argparse
import io
import json
import multiprocessing
import platform
import re
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

from longembed_rag import ReadOptions, __version__
from longembed_rag.errors import ReadError
from longembed_rag.files.readers import read_file
from longembed_rag.files.suffixes import is_readable_type

TIMEOUT = 60.0
FAULTS = {
    "broken": re.compile(r"[^\W\d_](?:[-\u00ad\u2010]\s*\n|\ufffe)\s*[a-z]"),
    "ligatures": re.compile("[\ufb00-\ufb06]"),
    "spaced": re.compile(r"(?:\b\w ){4,}\w\b"),
    "codes": re.compile(r"[\x00-\x08\x0e-\x1f\ufffe]"),
}
WORD = re.compile(r"[^\W_]{2,}")


def before(path: Path) -> str:
    """A PDF as releases up to the one with READERS_VERSION 1 read it."""
    from pypdf import PdfReader

    reader = PdfReader(io.BytesIO(path.read_bytes()))
    if reader.is_encrypted and not reader.decrypt(""):
        raise ReadError(f"{path}: encrypted")
    return "\n\n".join(page.extract_text() for page in reader.pages)


def now(path: Path) -> str:
    """Any file as it is read now; no text is recognised, which the other reader cannot do."""
    return read_file(path, options=ReadOptions(ocr_language="none")).text


def _answer(read: Callable[[Path], str], path: Path, answers: Connection) -> None:
    began = time.process_time()
    try:
        text, failure = read(path), ""
    except Exception as error:  # noqa: BLE001 - what a parser raises is what is counted here
        text, failure = "", f"{type(error).__name__}: {error}"[:200]
    answers.send((text, failure, time.process_time() - began))


def apart(read: Callable[[Path], str], path: Path) -> tuple[str, str, float]:
    """The text of a file, why there is none, and CPU seconds, from a process that can be ended."""
    ours, theirs = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.Process(target=_answer, args=(read, path, theirs))
    process.start()
    theirs.close()
    try:
        if ours.poll(TIMEOUT):
            answer: tuple[str, str, float] = ours.recv()
            return answer
        return "", f"over {TIMEOUT:g} s", TIMEOUT
    except EOFError:
        return "", "its process ended", 0.0
    finally:
        process.kill()
        process.join()


def main() -> None:
    """Read every file both ways, and count."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    files = sorted(path for path in options.folder.rglob("*") if path.is_file())
    counts: dict[str, dict[str, Counter[str]]] = defaultdict(lambda: defaultdict(Counter))
    seconds: dict[str, Counter[str]] = defaultdict(Counter)
    reasons: dict[str, str] = {}
    for path in filter(is_readable_type, files):
        kind = path.suffix.lower()
        for name, read in (("before", before), ("now", now)):
            if name == "before" and kind != ".pdf":
                continue
            text, failure, took = apart(read, path)
            seconds[kind][name] += took
            tally = counts[kind][name]
            tally["files"] += 1
            tally["failed"] += bool(failure) and "no text" not in failure
            tally["without text"] += not text.strip() and (not failure or "no text" in failure)
            tally["words"] += len(WORD.findall(text))
            tally.update({fault: len(found.findall(text)) for fault, found in FAULTS.items()})
            if failure and name == "now" and "no text" not in failure:
                reasons[path.name] = failure.replace(str(path), path.name)
    result = {
        "command": f"python benchmarks/readers.py FOLDER --out {options.out}",
        "version": __version__,
        "machine": f"{platform.system()} {platform.machine()}",
        "counts": counts,
        "cpu_seconds": {
            kind: {name: round(value, 1) for name, value in by.items()}
            for kind, by in seconds.items()
        },
        "failed_now": reasons,
    }
    options.out.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n")
    for kind, by in counts.items():
        for name, tally in by.items():
            print(kind, name, dict(tally), f"{seconds[kind][name]:.1f} s")


if __name__ == "__main__":
    main()
