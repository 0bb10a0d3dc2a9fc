"""A chain over long documents: whole documents go in, the passages that answer come out.

It needs no key and no network; a language model would take the place of ``quote``.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from langchain_core.documents import Document
from langchain_core.runnables import RunnablePassthrough

from langchain_longembed import LongEmbeddings, LongVectorStore

NOTES = {
    "lease": ["The lease of the house was signed by the tenant in May.", "Rent is due on Fridays."],
    "garden": ["Apples and pears grow behind the house.", "The old plum tree bears no fruit."],
    "ship": ["A ship with red sails left for Iceland.", "Her captain keeps two cats on board."],
}


def quote(found: dict[str, object]) -> str:
    """Answer with the passage that fits best, and say where it stands."""
    passages = found["passages"]
    assert isinstance(passages, list)
    best = passages[0]
    text = " ".join(best.page_content.split())[:60]
    return f"{found['question']}\n  {text}... ({best.metadata['source']})"


def main() -> None:
    """Keep three documents in a folder, and ask."""
    documents = [
        Document(
            id=name,
            page_content="\n".join(
                f"{sentence} ({n})" for n in range(20) for sentence in sentences
            ),
            metadata={"source": f"notes/{name}"},
        )
        for name, sentences in NOTES.items()
    ]
    with TemporaryDirectory() as folder:
        path = Path(folder) / "index"
        with LongVectorStore.from_documents(documents, LongEmbeddings(), path=path) as store:
            retriever = store.as_retriever(search_kwargs={"k": 2})
            chain = {"question": RunnablePassthrough(), "passages": retriever} | (
                RunnablePassthrough() | quote
            )
            for answer in chain.batch(["who signed the lease?", "what sails to Iceland?"]):
                print(answer)


if __name__ == "__main__":
    main()
