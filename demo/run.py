"""Embed the folder of long documents beside this file whole, and ask it a few questions.

``make demo`` runs it. It calls the same commands that anyone types, in one process so that the
libraries are loaded once, and then checks the answers against ``questions.txt``.
"""

from __future__ import annotations

import io
import json
import shlex
import shutil
import sys
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from longembed_rag import Library
from longembed_rag.cli import main as longembed

HERE = Path(__file__).resolve().parent
DOCUMENTS = HERE / "documents"
QUESTIONS = HERE / "questions.txt"
WRONG_USE = 2


@dataclass(frozen=True)
class Question:
    """A question of the demo.

    Attributes:
        text: What is asked.
        document: File name of the document that answers it.
        words: Words of the passage that does.
    """

    text: str
    document: str
    words: str


def read_questions(path: Path = QUESTIONS) -> list[Question]:
    """The questions of a file: one line each, its answer indented under it."""
    lines = [line.rstrip() for line in path.read_text(encoding="utf-8").splitlines()]
    lines = [line for line in lines if line and not line.startswith("#")]
    questions = []
    for text, answer in zip(lines[::2], lines[1::2], strict=True):
        document, words = answer.strip().split(": ", 1)
        questions.append(Question(text, document, words))
    return questions


def run(*arguments: str) -> int:
    """Run a command as if typed, after showing it; its exit code."""
    print(f"\n$ longembed-rag {shlex.join(arguments)}", flush=True)
    return int(longembed(list(arguments), standalone_mode=False) or 0)


def holds_store(folder: str) -> bool:
    """Whether a folder holds a collection of ours, and not somebody's documents."""
    with Library.open(folder) as library:
        return library.engine != "auto"


def ingest(store: str, *options: str) -> None:
    """Bring the demo's documents in; a collection of an older version is made anew.

    Raises:
        SystemExit: The command failed, with its exit code.
    """
    code = run("ingest", _shown(DOCUMENTS), *options)
    if code == WRONG_USE and holds_store(store):
        print(f"{store} was made by another version of this program: starting afresh")
        shutil.rmtree(store)
        code = run("ingest", _shown(DOCUMENTS), *options)
    if code:
        sys.exit(code)


def search_json(question: str, *options: str) -> list[dict[str, Any]]:
    """What ``search --json`` finds, best first."""
    output = io.StringIO()
    with redirect_stdout(output):
        longembed(["search", question, *options, "--json"], standalone_mode=False)
    results: list[dict[str, Any]] = json.loads(output.getvalue())["results"]
    return results


def answered(question: Question, results: list[dict[str, Any]]) -> tuple[bool, bool]:
    """Whether the right document came first, and with the passage that answers."""
    first = results[0]
    right = Path(first["source"]).name == question.document
    return right, right and question.words in " ".join((first["passage"] or "").split())


def main() -> None:
    """Run the demo.

    The first argument, if there is one, is the folder for the collection.
    """
    store = sys.argv[1] if len(sys.argv) > 1 else "demo-output"
    options = ("--path", store, "--collection", "demo")
    ingest(store, *options)
    documents = passages = 0
    questions = read_questions()
    for question in questions:
        run("search", question.text, "-k", "2", *options)
        right, exact = answered(question, search_json(question.text, "-k", "1", *options))
        documents += right
        passages += exact
    print(
        f"\n{documents} of {len(questions)} questions found their document first, "
        f"{passages} with the passage that answers. demo/questions.txt says what is right."
    )
    if documents < len(questions):
        sys.exit(1)


def _shown(path: Path) -> str:
    """A path as one would type it here."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)


if __name__ == "__main__":
    main()
