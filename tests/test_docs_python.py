"""The Python that the README and the docs show runs, with the model that comes with the package."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from llama_index.core import Settings

from longembed_rag import Library, LongEmbedding
from tests.library.conftest import TEXTS
from tests.test_docs import PROJECT, blocks

PAGES = [PROJECT / "README.md", *sorted((PROJECT / "docs").glob("*.md"))]
FRAMEWORK = re.compile(
    r"^from (langchain|haystack|longembed_sentence|llama_index\.\w+\.longem)", re.M
)
BLOCKS = [
    pytest.param(
        block,
        id=f"{page.stem}-{number}",
        # Reads a whole book, twice, or compares systems.
        marks=pytest.mark.slow if "us-constitution" in block or "longembed_eval" in block else (),
    )
    for page in PAGES
    for number, block in enumerate(blocks(page, "python"), start=1)
    # A server and a model of the hub are out of reach here, frameworks are those of integrations/.
    if "http://" not in block and "intfloat/" not in block and not FRAMEWORK.search(block)
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder as the examples expect it; the model stays loaded for all of them."""
    folder = tmp_path_factory.mktemp("pages")
    (folder / "demo").symlink_to(PROJECT / "demo")
    (folder / "reports").mkdir()
    for name, text in TEXTS.items():
        (folder / "reports" / name).write_text(text)
    with Library.open(folder / ".longembed") as library:
        library.ingest(folder / "reports")
        encoder = library.encoder
    yield folder
    del encoder


@pytest.fixture
def _workplace(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The folder as working directory, and LlamaIndex's Settings as before."""
    monkeypatch.chdir(folder)
    before = dict(vars(Settings))
    yield
    vars(Settings).clear()
    vars(Settings).update(before)


@pytest.mark.usefixtures("_workplace")
@pytest.mark.parametrize("block", BLOCKS)
def test_python_that_is_shown_runs(block: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A block runs as it stands, in a folder with ``reports/`` and a store of them."""
    if "longembed_eval" in block:  # which needs running text to make queries of
        shutil.copy(Path("demo", "documents", "us-constitution.txt"), "reports")
    exec(block, {"__name__": "__main__"})
    if "print(hit.score" in block:
        assert "lease.txt The lease was signed by the tenant." in capsys.readouterr().out


def test_most_of_what_is_shown_is_run() -> None:
    """Only what needs a server, a service, a download or another framework is left out."""
    shown = [block for page in PAGES for block in blocks(page, "python")]
    elsewhere = sum(FRAMEWORK.search(block) is not None for block in shown)
    assert len(BLOCKS) == len(shown) - elsewhere - 3
    assert LongEmbedding("intfloat/e5-base-v2", method="gp", max_length=4096).method == "gp"
