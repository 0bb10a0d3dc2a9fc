"""mteb evaluates an encoder, and finds what longembed-rag eval finds; the one module with mteb."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import mteb
import numpy as np
import pytest
from long_texts import TEXTS
from mteb.cache import ResultCache
from mteb.models import EncoderProtocol
from mteb.types import PromptType
from sentence_transformers import SentenceTransformer

from longembed_rag import LongEncoder
from longembed_rag.errors import ReadError, SettingsError
from longembed_sentence_transformers import LongMtebEncoder, folder_task

WORDS = [
    "harbour",
    "garden",
    "tenant",
    "signature",
    "orchard",
    "meeting",
    "minutes",
    "lease",
    "pear",
    "apple",
    "boat",
    "rain",
]


def write_task(folder: Path) -> Path:
    """Documents of several windows that share most words, so that not every query is answered."""
    chance = np.random.default_rng(0)
    folder.mkdir()
    corpus, queries, qrels = [], [], ["query-id\tcorpus-id\tscore"]
    for number in range(12):
        words = chance.choice(WORDS, 200)
        title = f"Report {number}" if number % 2 else ""
        corpus.append({"_id": f"d{number}", "title": title, "text": " ".join(words)})
        queries.append({"_id": f"q{number}", "text": " ".join(words[150:156])})
        qrels.append(f"q{number}\td{number}\t2")
        qrels.append(f"q{number}\td{(number + 1) % 12}\t1")
    for name, rows in (("corpus", corpus), ("queries", queries)):
        (folder / f"{name}.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    (folder / "qrels.tsv").write_text("\n".join(qrels) + "\n")
    return folder


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_task(tmp_path_factory.mktemp("data") / "reports")


def score_of(model: Any, data: Path, cache: ResultCache | None = None) -> float:
    task = folder_task(data)
    result = mteb.evaluate(model, task, cache=cache, co2_tracker=False, show_progress_bar=False)
    return 100 * result.task_results[0].get_score()


def test_scores_are_those_of_longembed_rag_eval(data: Path, tmp_path: Path) -> None:
    """The same folder, by mteb and by the command line, to a tenth of a point."""
    options = ["--max-length", "256", "--dtype", "float32"]
    command = [sys.executable, "-m", "longembed_rag"]
    arguments = ["eval", "--data", str(data), "--systems", "auto", "--out", str(tmp_path / "out")]
    done = subprocess.run(
        [*command, *arguments, *options], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    [row] = json.loads((tmp_path / "out" / "results.json").read_text())["results"]
    wanted = row["metrics"]["ndcg@10"]
    encoder = LongEncoder.from_pretrained(max_length=256, dtype="float32")
    found = score_of(LongMtebEncoder(encoder), data)
    assert 5 < wanted < 95
    assert found == pytest.approx(wanted, abs=0.1)


def test_an_extended_model_scores_alike(
    model: SentenceTransformer, encoder: LongEncoder, data: Path
) -> None:
    """Mteb's own wrapper around the SentenceTransformer finds the same."""
    assert score_of(model, data) == pytest.approx(score_of(LongMtebEncoder(encoder), data))


def test_results_say_what_was_measured(encoder: LongEncoder, data: Path, tmp_path: Path) -> None:
    """Mteb's files carry name, fingerprint and settings, and load again."""
    cache = ResultCache(tmp_path)
    score = score_of(LongMtebEncoder(encoder), data, cache)
    [meta] = [json.loads(file.read_text()) for file in tmp_path.rglob("model_meta.json")]
    assert meta["name"] == "longembed-rag/long-minilm"
    assert meta["revision"] == encoder.fingerprint
    assert meta["experiment_kwargs"] == {
        "method": "pcw",
        "max_length": 32768,
        "overflow": "windows",
        "original_length": 128,
        "pooling": "mean",
        "dtype": "float32",
    }
    assert meta["n_parameters"] == sum(each.numel() for each in encoder.model.parameters())
    [file] = tmp_path.rglob("reports.json")
    stored = mteb.TaskResult.from_disk(file)
    assert 100 * stored.get_score() == pytest.approx(score)
    assert str(data) not in file.read_text()


def test_the_readme_measures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its example for mteb, over a folder in the form that it names."""
    monkeypatch.chdir(tmp_path)
    write_task(tmp_path / "my-task")
    readme = (Path(__file__).resolve().parent.parent / "README.md").read_text()
    block = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)[1]
    exec(compile(block, "README.md", "exec"), {})
    assert 0 < float(capsys.readouterr().out.splitlines()[-1]) < 1


def batches(*texts: list[str]) -> Any:
    return [{"text": each} for each in texts]


def test_queries_and_documents_have_their_prompts() -> None:
    """prompt_type decides which; without one, texts are documents."""
    encoder = LongEncoder.from_pretrained(
        dtype="float32", query_prompt="query: ", document_prompt="passage: "
    )
    model = LongMtebEncoder(encoder)
    assert isinstance(model, EncoderProtocol)
    assert model.mteb_model_meta.use_instructions
    named: dict[str, Any] = {"task_metadata": None, "hf_split": "test", "hf_subset": "default"}
    texts = [TEXTS[0], TEXTS[3]]
    queries = model.encode(batches(texts), prompt_type=PromptType.query, **named)
    documents = model.encode(batches(*([text] for text in texts)), **named)
    wanted = encoder.encode(texts, kind="query").embeddings
    np.testing.assert_allclose(queries, wanted, atol=1e-6)
    np.testing.assert_allclose(documents, encoder.encode(texts).embeddings, atol=1e-6)
    assert model.encode([], **named).shape == (0, 384)
    np.testing.assert_allclose(model.similarity(queries, queries).diagonal(), 1.0, atol=1e-6)
    with pytest.raises(SettingsError, match="precision"):
        model.encode(batches(texts), precision="int8", **named)


def test_a_folder_is_no_local_path_in_results(encoder: LongEncoder, folder: Path) -> None:
    """A model from a folder is called by the folder's name only, or as one says."""
    inside = LongEncoder.from_pretrained(folder / "0_LongTransformer")
    assert LongMtebEncoder(inside).mteb_model_meta.name == "local/0_LongTransformer"
    named = LongMtebEncoder(inside, name="someone/long")
    assert named.mteb_model_meta.name == "someone/long"


def test_data_of_mteb_s_task_are_checked(data: Path) -> None:
    """Results carry the name of mteb's task only if the folder holds its data."""
    with pytest.raises(ReadError, match="does not hold the data of LEMBQMSumRetrieval"):
        folder_task(data, name="LEMBQMSumRetrieval")
    with pytest.raises(ReadError, match="not a retrieval task"):
        folder_task(data, name="STS12")
    with pytest.raises(ReadError, match="several splits"):
        folder_task(data, name="LEMBPasskeyRetrieval")


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("corpus.jsonl", '{"_id": "a"}', "line 1: wants an object"),
        ("queries.jsonl", "not json", "line 1"),
        ("qrels.tsv", "q0\td0", "line 1: wants query"),
        ("qrels.tsv", "", "no qrels"),
    ],
)
def test_broken_files_are_named(tmp_path: Path, file: str, content: str, message: str) -> None:
    """A row that cannot be read is told with its file and line."""
    broken = write_task(tmp_path / "broken")
    (broken / file).write_text(content)
    with pytest.raises(ReadError, match=message):
        folder_task(broken)
    (broken / file).unlink()
    with pytest.raises(ReadError, match=f"has no {file}"):
        folder_task(broken)


def test_a_task_s_revision_follows_its_files(data: Path, tmp_path: Path) -> None:
    """Other texts are another revision, so that mteb does not take old results for them."""
    one, same = folder_task(data).metadata.revision, folder_task(data).metadata.revision
    other = write_task(tmp_path / "reports")
    (other / "qrels.tsv").write_text("q0\td0\t1\n")
    assert one == same != folder_task(other).metadata.revision
