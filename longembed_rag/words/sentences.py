"""What a query of several sentences, or of several questions in one, asks one by one."""

from __future__ import annotations

from functools import cache
from itertools import pairwise

import regex

# A small letter after "e.g." shows that the sentence goes on; who types questions may use no other.
_END = regex.compile(
    r"\n\s*\n|[.!…]['\"”’»)\]]*\s+(?!\p{Ll})|\?['\"”’»)\]]*\s+|[。！？｡]['\"”’」』）]*"
)

# Where one more question begins in a sentence: "..., and when does it end", "... und bis wann".
_QUESTIONS = {
    "and": "who|whom|whose|what|when|where|which|why|how",
    "und": "wer|wen|wem|wessen|was|wann|wo|wohin|woher|wie|warum|wieso|weshalb|welche[mnrs]?",
    "et": "qui|que|quoi|quand|où|comment|pourquoi|combien|quel(?:le)?s?",
    "y": "quién(?:es)?|qué|cuál(?:es)?|cuándo|a?dónde|cómo|cuánt[ao]s?",
    "e": "chi|che|quando|dove|come|perché|quant[aeio]s?|qual[ei]?|quais|quem|que|onde|como",
    "en": "wie|wat|wanneer|waar|waarom|hoe|welke?",
}
_CLOSERS = " '\"”’»)]」』）"

#: Words that a part of a query has at least: fewer ask nothing by themselves.
LEAST_WORDS = 4
#: Parts of a query at most; of a longer text neighbouring sentences are read together.
MOST_PARTS = 8

# What a full stop after it does not end a sentence: "J. Smith", "U.S. Navy", "Dr. Brown".
_SHORTENED = regex.compile(
    r"(?<![\p{L}\d])(?:\p{L}|(?:\p{L}\.)+\p{L}|Mrs?|Ms|Drs?|Prof|St|Jr|Sr|vs|No|Nos|Fig|Eq|al|cf|ca)\.$"
)
# Without blanks between words two characters are about one.
_WORD = regex.compile(
    r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]{1,2}|[\p{L}\p{M}\p{N}]+"
)


def query_parts(text: str) -> tuple[str, ...]:
    """What a query says sentence by sentence, and asks question by question, if it is several.

    Args:
        text: The query.

    Returns:
        Its sentences, in order, and of a sentence that asks several questions ("who ..., and
        when ...?") each; one of fewer than :data:`LEAST_WORDS` words goes with its
        neighbour, and of more than :data:`MOST_PARTS` the shortest neighbours go together. The
        query alone where that leaves one.
    """
    ends = [match.end() for match in _END.finditer(text) if _ends(text, match)]
    sentences = (text[a:b].strip() for a, b in pairwise([0, *ends, len(text)]))
    pieces = [piece for sentence in sentences for piece in _asked(sentence)]
    parts: list[str] = []
    words: list[int] = []
    for piece, count in ((each, len(_WORD.findall(each))) for each in pieces):
        if parts and (count < LEAST_WORDS or words[-1] < LEAST_WORDS):
            parts[-1], words[-1] = f"{parts[-1]} {piece}".strip(), words[-1] + count
        else:
            parts.append(piece)
            words.append(count)
    while len(parts) > MOST_PARTS:
        at = min(range(len(parts) - 1), key=lambda n: words[n] + words[n + 1])
        parts[at : at + 2] = [f"{parts[at]} {parts[at + 1]}"]
        words[at : at + 2] = [words[at] + words[at + 1]]
    return tuple(parts) if len(parts) > 1 else (text,)


@cache
def _question_patterns() -> tuple[regex.Pattern[str], regex.Pattern[str]]:
    """How what asks begins, and where one more question does; made when a query is first read."""
    asks = rf"[^\p{{L}}\p{{N}}]*+(?:\p{{L}}{{1,5}}\s+)?(?:{'|'.join(_QUESTIONS.values())})\b"
    one_more = "|".join(
        rf"{join}\s+(?:\p{{L}}{{1,5}}\s+)?(?:{asked})" for join, asked in _QUESTIONS.items()
    )
    return (
        regex.compile(asks, regex.IGNORECASE),
        regex.compile(rf"[\s,;](?=(?:{one_more})\b)", regex.IGNORECASE),
    )


def _asked(sentence: str) -> list[str]:
    asks, one_more = _question_patterns()
    # Who types may leave the mark out.
    if sentence.rstrip(_CLOSERS)[-1:] not in ("?", "？") and not asks.match(sentence):
        return [sentence]
    begins = [match.end() for match in one_more.finditer(sentence)]
    return [sentence[a:b].strip() for a, b in pairwise([0, *begins, len(sentence)])]


def _ends(text: str, match: regex.Match[str]) -> bool:
    begin = match.start()
    return text[begin] != "." or _SHORTENED.search(text, max(0, begin - 8), begin + 1) is None
