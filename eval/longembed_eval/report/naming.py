"""What the systems are, by their names."""

from __future__ import annotations

from collections.abc import Sequence

#: Methods that read a whole document into one vector.
WHOLE = (
    *("auto", "none", "pcw", "gp", "rp", "pi", "ntk", "self_extend", "yarn"),
    *("dynamic_ntk", "ntk_by_parts", "abf", "longrope"),
    *("dca", "string", "dpe"),
)

_DESCRIPTIONS = {
    "bm25": "Words only: BM25 over whole documents.",
    "truncate": "One vector per document, from its beginning: the rest is not read.",
    "auto": "One vector per document, by the method that the model gets by default.",
    "none": "One vector per document, read to the end, with positions as they are.",
    "pcw": "One vector per document: the mean over windows of the model's own length.",
    "gp": "One vector per document; neighbouring tokens share a position (grouped positions).",
    "rp": "One vector per document; positions start again and again (recurrent positions).",
    "pi": "One vector per document; positions squeezed into the range that was trained.",
    "ntk": "One vector per document; the base of rotary positions is raised (NTK).",
    "self_extend": "One vector per document; near positions exact, far ones grouped (SelfExtend).",
    "yarn": "One vector per document; rotary frequencies stretched one by one (YaRN).",
    "dynamic_ntk": "One vector per document; the base is raised by each document's own length.",
    "ntk_by_parts": "One vector per document; slow rotary frequencies are slowed, fast ones kept.",
    "abf": "One vector per document; a far larger base for all long documents (ABF).",
    "longrope": "One vector per document; a factor for each rotary frequency (LongRoPE).",
    "dca": "One vector per document; distances counted by chunks (dual chunk attention).",
    "string": "One vector per document; far distances read as nearer, well-trained ones (STRING).",
    "dpe": "One vector per document; far distances grouped, the more the slower a dimension (DPE).",
    "chunked": "A vector for each chunk, chunks read alone; the best chunk counts.",
    "chunked_mean": "One vector per document: the mean of its chunks, read alone.",
    "passages": "A vector for each passage, out of one reading of the whole; the best counts.",
    "late": "A vector for each token of each passage; the passage that fits token by token counts.",
    "hybrid": "Words and meaning of documents and passages, weighed together.",
    "st": "A sentence-transformers model as it comes, cut off where it cuts.",
}


def base(system: str) -> str:
    """The name without settings: ``"chunked"`` of ``"chunked:window=512"``."""
    return system.split(":", 1)[0]


def is_whole(system: str) -> bool:
    """Whether it reads whole documents into one vector each."""
    return base(system) in WHOLE


def description(system: str) -> str:
    """One sentence about a system; empty for one that is not known."""
    return _DESCRIPTIONS.get(base(system), "")


def first(systems: Sequence[str], wanted: str) -> str | None:
    """The system of a name: as it is or, failing that, the first with settings."""
    if wanted in systems:
        return wanted
    return next((system for system in systems if base(system) == wanted), None)
