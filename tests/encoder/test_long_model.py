"""The model that lies in the package: whole, open to others, close to what it was made from."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch

import longembed_rag
from longembed_rag import LongEncoder
from longembed_rag.encoder.planner import Planner

ROOT = Path(__file__).parents[2]
FOLDER = Planner.from_pretrained("long-minilm").model_path
CARD = (FOLDER / "README.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def encoder() -> LongEncoder:
    return LongEncoder.from_pretrained("long-minilm", dtype="float32", device="cpu")


@pytest.fixture(scope="module")
def paragraphs() -> list[str]:
    """Stretches of 120 words of the demo's documents."""
    found = []
    for path in sorted((ROOT / "demo" / "documents").glob("*.txt")):
        words = path.read_text(encoding="utf-8").split()
        found += [" ".join(words[at : at + 120]) for at in range(0, 120 * 8, 120)]
    assert len(found) >= 24
    return found


def test_it_is_small_and_whole() -> None:
    """Weights in half precision, tokenizer, card, licence and notice; all of it is installed."""
    from safetensors import safe_open

    with safe_open(FOLDER / "model.safetensors", "pt") as file:
        dtypes = {file.get_slice(name).get_dtype() for name in file.keys()}  # noqa: SIM118
    assert dtypes == {"F16"}
    files = [path for path in FOLDER.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 50e6
    names = {path.name for path in files}
    assert {"config.json", "tokenizer.json", "README.md", "LICENSE", "NOTICE"} <= names
    declared = re.search(r"^longembed_rag = \[(.*)\]$", (ROOT / "pyproject.toml").read_text(), re.M)
    assert declared is not None
    package = Path(longembed_rag.__file__).parent
    installed = {
        path for glob in re.findall(r'"([^"]+)"', declared[1]) for path in package.glob(glob)
    }
    assert set(files) <= installed


def test_the_card_says_what_it_is_made_of() -> None:
    """Origin, data with licences, what was measured, limits, and the command."""
    headings = re.findall(r"^## (.+)$", CARD, re.M)
    assert headings == ["How it was made", "Data and licences", "Measured", "Limits"]
    for word in ("all-MiniLM-L6-v2", "Apache-2.0", "CC BY-SA", "longembed-rag train rotary"):
        assert word in CARD


def test_transformers_opens_it_without_remote_code(encoder: LongEncoder) -> None:
    """Stock classes, float32 on load, and the same vectors up to the window."""
    from transformers import AutoModel, AutoTokenizer

    model = AutoModel.from_pretrained(FOLDER).eval()
    assert type(model).__name__ == "JinaEmbeddingsV3Model"
    assert model.dtype == torch.float32
    tokenizer = AutoTokenizer.from_pretrained(FOLDER)
    text = "Who signed the lease, and when does it end? " * 60
    with torch.inference_mode():
        states = model(**tokenizer(text, return_tensors="pt")).last_hidden_state[0]
    expected = torch.nn.functional.normalize(states.mean(dim=0), dim=0).numpy()
    assert np.abs(encoder.encode([text]).embeddings[0] - expected).max() < 1e-5


def test_sentence_transformers_opens_it(encoder: LongEncoder, paragraphs: list[str]) -> None:
    """Its modules say mean pooling and unit length."""
    sentence_transformers = pytest.importorskip("sentence_transformers")
    model = sentence_transformers.SentenceTransformer(str(FOLDER), device="cpu")
    assert model.max_seq_length == 8192
    vectors = model.encode(paragraphs[:4])
    assert np.abs(vectors - encoder.encode(paragraphs[:4]).embeddings).max() < 1e-5


def test_it_stays_close_to_its_teacher(encoder: LongEncoder, paragraphs: list[str]) -> None:
    """Short texts get nearly MiniLM's vectors: old queries find new documents."""
    teacher = LongEncoder.from_pretrained("all-MiniLM-L6-v2", dtype="float32", device="cpu")
    some = paragraphs[::3]
    cosines = (encoder.encode(some).embeddings * teacher.encode(some).embeddings).sum(axis=1)
    assert cosines.mean() > 0.96
    assert cosines.min() > 0.9


def test_unrelated_long_documents_do_not_collapse(encoder: LongEncoder) -> None:
    """Two long texts about other things stay apart (arXiv 2410.24200)."""
    documents = sorted((ROOT / "demo" / "documents").glob("*.txt"))[:3]
    texts = [" ".join(path.read_text(encoding="utf-8").split()[:700]) for path in documents]
    vectors = encoder.encode(texts).embeddings
    assert (vectors @ vectors.T)[np.triu_indices(3, 1)].max() < 0.7
