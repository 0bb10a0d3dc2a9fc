"""An ingest by many processes, as a process that can be killed.

    python -m tests.kills.ray_driver URL COLLECTION FOLDER LOG ADDRESS

Every document that a model reads is a line of LOG.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from longembed_rag import Library, LongEmbedError
from longembed_rag.encoder.values import PassageEncoding
from longembed_rag.ingest.many import pipeline
from tests.store.fakes import FakeEncoder


@dataclass
class NotingEncoder(FakeEncoder):
    """Takes its time, and notes what it reads."""

    log: str = ""
    seconds: float = 0.03

    def encode_passages(self, text: str, **options: Any) -> PassageEncoding:
        time.sleep(self.seconds)
        with Path(self.log).open("a", encoding="utf-8") as file:
            file.write(f"{options.get('name')}\n")
        return super().encode_passages(text, **options)


def main() -> int:
    """Ingest; 1 where it ends with an error of ours."""
    url, collection, folder, log, address = sys.argv[1:]
    # So that many parcels are on their way: the files are small.
    pipeline._PARCEL = 1024
    try:
        with Library.open(
            url=url, collection=collection, encoder=NotingEncoder(log=log)
        ) as library:
            report = library.ingest(Path(folder), ray=address)
    except LongEmbedError as error:
        print(error, file=sys.stderr)
        return 1
    return int(bool(report.failed))


if __name__ == "__main__":
    sys.exit(main())
