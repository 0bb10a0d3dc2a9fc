"""Pass keys hidden in filler: can a system tell a hundred all but equal documents apart?

LongEmbed's personalised pass key retrieval (arXiv 2404.12096, section 3.1), which follows the test
of Mohtashami and Jaggi (arXiv 2305.16300).
"""

from __future__ import annotations

from itertools import cycle, product

from longembed_eval.tasks.synthetic import (
    DOCUMENTS,
    QUERIES,
    hide,
    random_for,
    require_counts,
    require_length,
    sentences,
    task_of_hidden,
    words_of,
)
from longembed_eval.tasks.values import Task

FILLER = "The grass is green. The sky is blue. The sun is yellow. Here we go. There and back again."
#: The persons' names: no first name ends with another one, no last name begins with another one.
FIRST_NAMES = """
Adela Bruno Carmen Dmitri Eleni Farid Greta Hiroshi Imani Jonas Keiko Lucia Mateo Nadia Oscar Priya
Quentin Rosalind Samir Tamara Ulrich Valeria Wendell Yusuf
"""
LAST_NAMES = """
Abernathy Bianchi Castillo Dubois Eriksen Fairbanks Goldberg Hashimoto Iyer Jankowski Kowalski
Lindgren Moreau Nakamura Okafor Petrov Quigley Rahman Silva Thornton Underhill Vasquez Whitaker
Zimmermann
"""

_SOURCE = "made by longembed-rag after LongEmbed (arXiv 2404.12096, section 3.1)"
_NOTE = "Names and keys are this project's own: numbers compare with the paper's only in shape."


def passkey_task(
    length: int, *, seed: int = 0, documents: int = DOCUMENTS, queries: int = QUERIES
) -> Task:
    """Documents of one length, each of which hides another person's pass key.

    Args:
        length: Tokens of each document, from 64 to 1,048,576; it has 0.75 words for each.
        seed: Decides on names, keys and depths, and on who is asked for.
        documents: How many documents, 576 at most.
        queries: How many of the persons are asked for.

    Returns:
        ``passkey-<length>``, the same for the same arguments on every platform.

    Raises:
        SettingsError: A number is out of range; says which ones are allowed.
    """
    require_length(length)
    everyone = [
        f"{first} {last}" for first, last in product(FIRST_NAMES.split(), LAST_NAMES.split())
    ]
    require_counts(documents, queries, available=len(everyone), what="names")
    rng, same = random_for("passkey", length, seed), random_for("passkey", None, seed)
    names = same.sample(everyone, documents)
    keys = same.sample(range(10_000, 100_000), documents)
    filler = [sentence._replace(gap=" ") for sentence in sentences(FILLER)]
    return task_of_hidden(
        "passkey",
        length,
        hidden=[
            hide(_piece(name, key), cycle(filler), words=words_of(length), rng=rng)
            for name, key in zip(names, keys, strict=True)
        ],
        questions=[f"What is the pass key for {name}?" for name in names],
        queries=queries,
        chance=same,
        source=_SOURCE,
        notes=(_NOTE,),
    )


def _piece(name: str, key: int) -> str:
    return f"{name}'s pass key is {key}. Remember it. {key} is the pass key for {name}."
