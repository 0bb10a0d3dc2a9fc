"""What can be tried with a model: methods and scales."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from longembed_rag import Planner

#: What a setting is judged by: whole-document vectors, best passages, or the mean of both.
By = Literal["both", "documents", "passages"]

#: Scales that are tried, as multiples of the model's own length.
SCALES = (2, 4, 8)
#: The temperature that is tried.
TEMPERATURE = 0.9
#: Methods that never read past the window, and have no scale.
_WINDOWED = ("pcw", "truncate")
#: Methods that are tried in one go only: their frequencies follow from each text's own length.
_WHOLE = ("dynamic_ntk", "ntk_by_parts", "abf", "longrope")
#: Methods that attention scaling leaves alone.
_OWN_FACTOR = ("none", "yarn", "longrope")


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A setting, and what was measured of it in the last round that it took part in.

    Attributes:
        settings: What it sets; empty for what is set.
        label: What it is called, such as ``"gp, up to 1,024 tokens at once"``.
        documents: How many documents it was measured on; 0 if it was not.
        of_documents: nDCG@10 of whole-document vectors, in points.
        of_passages: nDCG@10 of the best passage, in points.
        tokens_per_second: Speed.
        refused: Why it was left out, if it was.
    """

    settings: Mapping[str, Any]
    label: str
    documents: int = 0
    of_documents: float = 0.0
    of_passages: float = 0.0
    tokens_per_second: float = 0.0
    refused: str | None = None

    def score(self, by: By) -> float:
        """What it is judged by."""
        if by == "both":
            return (self.of_documents + self.of_passages) / 2
        return self.of_documents if by == "documents" else self.of_passages

    def to_dict(self) -> dict[str, Any]:
        """Every field by name, ready for JSON."""
        return {
            "settings": dict(self.settings),
            "label": self.label,
            "documents": self.documents,
            "of_documents": round(self.of_documents, 2),
            "of_passages": round(self.of_passages, 2),
            "tokens_per_second": round(self.tokens_per_second, 1),
            "refused": self.refused,
        }


def candidates_for(planner: Planner, *, longest: int) -> list[Candidate]:
    """What can be tried with a model: what is set first, then every method and scale.

    Args:
        planner: The model, with the settings that stay.
        longest: Tokens of the longest document; larger scales would change nothing.
    """
    found = [Candidate(settings={}, label=f"as it is ({planner.method})")]
    own, most = planner.original_length, planner.max_length
    rotary = planner.family.positions == "rotary"
    # Factors that were just made, or are set, are what is most wanted to be known.
    order = ("longrope", *(each for each in planner.methods if each != "truncate"), "truncate")
    for method in dict.fromkeys(each for each in order if each in planner.methods):
        if method in _WINDOWED:
            if method != planner.method:
                found.append(Candidate(settings={"method": method}, label=method))
            continue
        lengths = {scale * own for scale in SCALES if scale * own < min(longest, most)}
        if method in _WHOLE:
            lengths = set()
        if rotary:
            lengths.add(most)  # in one go, as long as they are
        for length in sorted(lengths) or [most]:
            if (method, length) == (planner.method, most):
                continue  # that is how it is
            settings = {"method": method, "max_length": length}
            found.append(Candidate(settings=settings, label=f"{method}, {length:,} tokens at once"))
    return found + _refined(planner)


def _refined(planner: Planner) -> list[Candidate]:
    """What can be set besides a method: whole wavelengths, a temperature, YaRN's factor."""
    found, most = [], planner.max_length
    if planner.family.positions == "rotary" and not planner.settings.resonance:
        for method in ("ntk", "yarn"):
            settings = {"method": method, "max_length": most, "resonance": True}
            label = f"{method} with whole wavelengths, {most:,} tokens at once"
            found.append(Candidate(settings=settings, label=label))
    if planner.method in _WINDOWED or planner.family.positions == "alibi":
        return found
    if planner.settings.attention_temperature is None:
        told = {"attention_temperature": TEMPERATURE}
        label = f"as it is, at an attention temperature of {TEMPERATURE:g}"
        found.append(Candidate(settings=told, label=label))
    if planner.method not in _OWN_FACTOR and planner.settings.attention_scaling != "yarn":
        label = f"as it is ({planner.method}), with YaRN's attention factor"
        found.append(Candidate(settings={"attention_scaling": "yarn"}, label=label))
    return found
