"""In how many documents and passages each term stands, where a sharded store cannot tell.

A collection of its own beside the documents, ``<documents>.words``, holds

- of each document the ids of its terms (``postings.py``), under an id that tells which version of
  which document they are of,
- *segments* (``segments.py``): counts of terms, sorted, in buckets of some hundred, over documents
  that came and went between two moments; they are never changed, only merged,
- and the *head* (``head.py``): which segments count. It is exchanged in one step, and only by who
  has seen the one before, so that a table is as it was or as it should be, whoever is killed.

``settle`` (``settling.py``) brings the table in step with the documents that are there;
:mod:`longembed_rag.search.rarity` reads the few buckets that a query needs.
"""
