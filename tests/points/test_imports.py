"""What an embedded store loads: the engine, and nothing of qdrant-client or LlamaIndex."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PROGRAM = """
import sys
from pathlib import Path
import numpy as np
from longembed_rag import Document, Library
from longembed_rag.encoder.values import Coverage, Encoding, Passage, PassageEncoding

class Settings:
    def to_dict(self):
        return {}

class Encoder:
    fingerprint, dimension, settings = "f", 4, Settings()
    def describe(self):
        return {"model": "of this test"}
    def encode(self, texts, **options):
        vectors = np.ones((len(texts), 4), dtype=np.float32)
        return Encoding(vectors, tuple(Coverage(1, 1, 1, "none") for _ in texts))
    def encode_passages(self, text, **options):
        whole = self.encode([text])
        passages = (Passage(0, len(text), 1),)
        return PassageEncoding(whole.embeddings[0], passages, whole.embeddings, whole.coverage[0])

root = Path(sys.argv[1])
with Library.open(root / "store", encoder=Encoder()) as library:
    library.add(Document(id="note", text="The lease was signed.", metadata={"year": 2024}))
    library.add(Document(id="more", text="of the and"))
    library.ingest(root / "reports")
    for mode in ("hybrid", "dense", "sparse", "passages"):
        assert library.search("lease", mode=mode, filter="year=2024")
    library.verify(repair=True), library.info(), library.documents(), library.get("note")
    library.copy(root / "copy"), library.remove("note")
heavy = ("qdrant_client", "torch", "transformers", "grpc", "sentence_transformers")
heavy += ("llama_index", "pydantic")
print(*[name for name in heavy if name in sys.modules])
"""


def test_an_embedded_store_loads_nothing_of_other_frameworks(tmp_path: Path) -> None:
    """Writing, reading, searching, checking and copying cost none of their 1.6 and 2 seconds."""
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports" / "a.txt").write_text("The tenant signed.")
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []
