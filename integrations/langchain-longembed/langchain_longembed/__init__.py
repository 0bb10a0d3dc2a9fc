"""Long documents, read whole and found again by their passages, in LangChain.

`LongEmbeddings` is the encoder, `LongRetriever` searches a library of documents, and
`LongVectorStore` also keeps them: whole documents go in, passages come out.
"""

from langchain_longembed.embeddings import LongEmbeddings
from langchain_longembed.retrievers import LongRetriever
from langchain_longembed.vectorstores import LongVectorStore

__all__ = ["LongEmbeddings", "LongRetriever", "LongVectorStore"]
