"""What each command imports: who types a question waits for no training framework."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from longembed_rag import Document, Library

#: Packages that take a tenth of a second or more to import, some of them several seconds.
HEAVY = (
    *("torch", "transformers", "sentence_transformers", "huggingface_hub", "onnxruntime"),
    *("llama_index", "qdrant_client", "pydantic", "httpx", "asyncio", "ssl", "importlib_metadata"),
    *("numpy", "scipy", "bm25s", "kreuzberg", "lxml", "pypdfium2", "py3langid", "chardet", "rich"),
    *("tokenizers", "qdrant_edge", "sqlite3"),
)
#: What of these each command imports, over an embedded store that the default model has filled.
LEDGER: dict[tuple[str, ...], set[str]] = {
    ("--help",): set(),
    ("--version", "--json"): set(),
    ("info",): {"qdrant_edge"},
    ("list",): {"qdrant_edge", "rich"},
    ("show", "lease"): {"qdrant_edge", "rich"},
    ("search", "--mode", "sparse", "who signed the lease?"): {"qdrant_edge"},
    ("search", "who signed the lease?"): {"qdrant_edge", "numpy", "tokenizers"},
    ("search", "--mode", "dense", "who signed the lease?"): {"qdrant_edge", "numpy", "tokenizers"},
}

_CODE = f"""
import atexit, json, sys
atexit.register(lambda: print(json.dumps([name for name in {HEAVY!r} if name in sys.modules]),
                              file=sys.stderr))
from longembed_rag.__main__ import main
main()
"""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two notes, embedded by the model that comes along."""
    path = tmp_path_factory.mktemp("ledger") / "store"
    with Library.open(path, device="cpu", dtype="float32") as library:
        library.add(Document(id="lease", text="The lease was signed by the tenant."))
        library.add(Document(id="garden", text="Apples are ripe in autumn."))
    return path


#: Those whose way is that of another one.
_AS_OTHERS = (("--version", "--json"), ("search", "--mode", "dense", "who signed the lease?"))


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(each, id=" ".join(each), marks=pytest.mark.slow if each in _AS_OTHERS else ())
        for each in LEDGER
    ],
)
def test_a_command_imports_what_it_needs(command: tuple[str, ...], store: Path) -> None:
    """And nothing that takes long besides."""
    where = [] if command[0].startswith("--") else ["--path", str(store)]
    ended = subprocess.run(
        [sys.executable, "-c", _CODE, *command, *where],
        capture_output=True,
        text=True,
        check=False,
        cwd=store.parent,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": ""},
    )
    assert ended.returncode == 0, ended.stderr
    imported = set(json.loads(ended.stderr.strip().splitlines()[-1]))
    assert imported == LEDGER[command]
    if command[0] == "search":
        assert "lease" in ended.stdout.partition("\n")[0]
