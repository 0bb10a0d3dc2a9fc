"""What is made, dumped and pickled needs no model: asked of a process of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PROGRAM = """
import pickle, sys
from langchain_core.load import dumps
from langchain_longembed import LongEmbeddings, LongRetriever, LongVectorStore

embeddings = LongEmbeddings(max_length=4096)
pickle.loads(pickle.dumps(embeddings)).model_dump_json()
repr(embeddings)
with LongVectorStore.open("store", embedding=embeddings) as store:
    retriever = store.as_retriever(search_kwargs={"k": 2})
    for each in (retriever, LongRetriever(library=store.library, filter={"year": 2003})):
        dumps(each)
        repr(each)
        each.model_dump(exclude={"vectorstore"})
    pickle.loads(pickle.dumps(store.embeddings))
print(sorted({"torch", "transformers", "qdrant_client"}.intersection(sys.modules)))
"""


def test_no_model_is_loaded_to_make_or_dump(tmp_path: Path) -> None:
    """Neither torch nor transformers are imported until something is embedded."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"
