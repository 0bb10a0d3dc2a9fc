"""How often each token of a model's tokenizer occurs in general text, for ``--pooling sif``.

Every file of texts counts the same, however long it is, so that the table leans on no one of them.
A file is plain text, or has a JSON object a line (``.jsonl``, ``.jsonl.xz``), whose ``text`` or
``pos`` is read, each text once. What comes out is a JSON list: how many of a million tokens are the
token of that id, rounded. In a model's folder under the name ``token_frequencies.json``, it is what
that model is pooled by.

    python benchmarks/token_frequencies.py MODEL --texts FILE ... --out FILE

The table for BERT's uncased vocabulary, which lies in the package, was made from four million
characters each of ten collections of English: an encyclopaedia (three), a factbook, books,
textbooks, medical abstracts, and proposals for Python, Rust and Ethereum.
"""

from __future__ import annotations

import argparse
import json
import lzma
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from longembed_rag.encoder.planner import Planner
from longembed_rag.encoder.sif import vocabulary_hash
from longembed_rag.whole_files import write_whole

BATCH = 200
MILLION = 1_000_000


def texts_of(file: Path) -> Iterator[str]:
    """Every text of a file, once."""
    with (lzma.open if file.suffix == ".xz" else open)(file, "rt", encoding="utf-8") as lines:
        if ".jsonl" not in file.suffixes:
            yield from (line for line in lines if line.strip())
            return
        seen: set[str] = set()
        for row in map(json.loads, lines):
            text = row["text"] if "text" in row else row["pos"]
            if text.strip() and text not in seen:
                seen.add(text)
                yield text


def count(planner: Planner, file: Path, characters: int) -> np.ndarray:
    """How often each token id occurs in the first so many characters of a file."""
    counts = np.zeros(len(planner.tokenizer.vocabulary), dtype=np.int64)
    texts, read = [], 0
    for text in texts_of(file):
        texts.append(text)
        read += len(text)
        if read > characters:
            break
    for at in range(0, len(texts), BATCH):
        for each in planner.tokenizer(texts[at : at + BATCH]):
            counts += np.bincount(each.content, minlength=len(counts))
    print(f"{file.name}: {counts.sum():,} tokens, {(counts > 0).sum():,} different")
    return counts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", help="folder or Hugging Face name")
    parser.add_argument("--texts", type=Path, nargs="+", required=True)
    parser.add_argument("--characters", type=int, default=4_000_000, help="most of each file")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    planner = Planner.from_pretrained(arguments.model)
    counts = [count(planner, file, arguments.characters) for file in arguments.texts]
    shares = np.mean([each / each.sum() for each in counts if each.any()], axis=0)
    table = [round(float(share) * MILLION) for share in shares]
    write_whole(arguments.out, json.dumps(table, separators=(",", ":")) + "\n")
    print(f"vocabulary {vocabulary_hash(planner.tokenizer.vocabulary)}: {arguments.out}")


if __name__ == "__main__":
    main()
