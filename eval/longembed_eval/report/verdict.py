"""What the numbers say, in plain sentences, losses before gains."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from longembed_eval.report import naming, summary, wording
from longembed_eval.report.comparison import Comparison, compare
from longembed_eval.results import Results

Tone = Literal["behind", "mixed", "open", "ahead", "plain"]
Outcome = Literal["behind", "open", "ahead"]
_ORDER: tuple[Tone, ...] = ("behind", "mixed", "open", "ahead")

#: Of a group, which system to look at; None where there is none.
_Pick = Callable[[str], "str | None"]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One question and what the numbers say to it.

    Attributes:
        title: The question, or what is compared.
        sentences: The answer.
        evidence: Scores and intervals that it rests on.
        tone: How the system that is named first comes off: behind, ahead, some of both, or not to
            be told apart; plain where nothing is compared.
        label: The same in words, with counts.
    """

    title: str
    sentences: tuple[str, ...]
    evidence: tuple[str, ...] = ()
    tone: Tone = "plain"
    label: str = ""


def verdict(results: Results) -> tuple[Finding, ...]:
    """The findings that the rows allow: highest scores, comparisons, methods, cost."""
    compared = [
        finding
        for title, left, right in _comparisons(results)
        if (finding := _compared(results, title, left, right)) is not None
    ]
    compared.sort(key=lambda finding: _ORDER.index(finding.tone))
    around = (_highest(results), *compared, _methods(results), _cost(results))
    return tuple(finding for finding in around if finding is not None)


def chosen_afterwards(results: Results) -> bool:
    """Whether a best method is picked among several by the scores that it is judged by."""
    return len(_whole(results)) > 1


def _whole(results: Results) -> list[str]:
    return [system for system in results.systems if naming.is_whole(system)]


def _comparisons(results: Results) -> list[tuple[str, _Pick, _Pick]]:
    systems, whole = results.systems, _whole(results)

    def named(name: str) -> _Pick:
        system = naming.first(systems, name)
        return lambda _: system

    def method(group: str) -> str | None:
        return summary.best_among(results, whole, [group])

    best = whole[0] if len(whole) == 1 else "Best whole-document method"
    titles: list[tuple[str, _Pick, _Pick]] = []
    has = {name: naming.first(systems, name) for name in ("bm25", "chunked", "truncate", "hybrid")}
    if has["hybrid"] and has["bm25"]:
        titles.append((f"{has['hybrid']} against {has['bm25']}", named("hybrid"), named("bm25")))
    elif has["hybrid"] and has["chunked"]:
        pair = f"{has['hybrid']} against {has['chunked']}"
        titles.append((pair, named("hybrid"), named("chunked")))
    for other in ("bm25", "chunked", "truncate"):
        if whole and has[other]:
            titles.append((f"{best} against {has[other]}", method, named(other)))
    if not titles and has["bm25"]:
        for system in systems:
            if system != has["bm25"]:
                pick = naming.base(system) if system == naming.base(system) else system
                titles.append((f"{system} against {has['bm25']}", named(pick), named("bm25")))
    return titles


def _compared(results: Results, title: str, left: _Pick, right: _Pick) -> Finding | None:
    found: dict[Outcome, list[Comparison]] = {"behind": [], "open": [], "ahead": []}
    for group in results.groups:
        a, b = left(group), right(group)
        if a and b and (comparison := compare(results, group=group, left=a, right=b)):
            found[outcome(comparison)].append(comparison)
    behind, unclear, ahead = found["behind"], found["open"], found["ahead"]
    if not (behind or unclear or ahead):
        return None
    tone: Tone = "behind" if behind else "open"
    if ahead and (behind or len(ahead) > len(unclear)):
        tone = "mixed" if behind else "ahead"
    return Finding(
        title=title,
        sentences=tuple(
            s for s in (_by("Behind", behind), _open(unclear), _by("Ahead", ahead)) if s
        ),
        evidence=tuple(_evidence(c) for c in (*behind, *unclear, *ahead)),
        tone=tone,
        label=_label(found),
    )


def outcome(comparison: Comparison) -> Outcome:
    """How the left system comes off.

    On one task its interval decides; over several lengths at how many of them there is a difference
    that its interval tells from nothing, if the mean agrees.
    """
    ahead, behind = comparison.ahead, comparison.behind
    if behind > ahead and comparison.mean < 0:
        return "behind"
    return "ahead" if ahead > behind and comparison.mean > 0 else "open"


def _label(found: Mapping[Outcome, Sequence[Comparison]]) -> str:
    """On how many groups of tasks it comes off how."""
    names = {"behind": "behind", "open": "no clear difference", "ahead": "ahead"}
    counts = [(names[how], len(comparisons)) for how, comparisons in found.items() if comparisons]
    if sum(count for _, count in counts) == 1:
        return counts[0][0]
    return ", ".join(f"{name} on {count}" for name, count in counts)


def _by(start: str, comparisons: Sequence[Comparison]) -> str:
    parts = [
        f"by {abs(c.mean):.1f} points on {c.group}"
        for c in sorted(comparisons, key=lambda c: -abs(c.mean))
    ]
    return f"{start} {wording.listed(parts)}." if parts else ""


def _open(comparisons: Sequence[Comparison]) -> str:
    parts = [f"{c.group} ({wording.signed(c.mean)})" for c in comparisons]
    return f"No clear difference on {wording.listed(parts)}." if parts else ""


def _evidence(c: Comparison) -> str:
    """Both scores, and what makes the difference certain or not."""
    scores = (
        f"{c.group}: {c.left} {wording.points(c.left_score)},"
        f" {c.right} {wording.points(c.right_score)}"
    )
    if c.difference is not None:
        return f"{scores}; 95 % interval {wording.interval(c.difference)}"
    counts = (("behind", c.behind), ("ahead", c.ahead))
    clear = [f"{how} at {count}" for how, count in counts if count]
    lengths = f"{' and '.join(clear) or 'no clear difference at any'} of {c.tasks} lengths"
    return f"{scores}; means over lengths, {lengths}"


def _highest(results: Results) -> Finding | None:
    if len(results.systems) < 2:
        return None
    winners: dict[str, list[str]] = {}
    for group in results.groups:
        scores = summary.scores_of(results, group=group)
        best = [system for system in results.systems if system in summary.best_of(scores)]
        if best:
            told = f"{group} ({wording.points(scores[best[0]])})"
            winners.setdefault(wording.listed(best), []).append(told)
    if not winners:
        return None
    sentences = tuple(f"{who}: {wording.listed(tasks)}." for who, tasks in winners.items())
    return Finding(title="Highest scores", sentences=sentences)


def _methods(results: Results) -> Finding | None:
    """Which whole-document method is best where, and whether the next one can be told apart."""
    whole, parts = _whole(results), []
    for group in results.groups:
        best = summary.best_among(results, whole, [group])
        others = [system for system in whole if system != best]
        second = summary.best_among(results, others, [group])
        if best is None or second is None:
            continue
        c = compare(results, group=group, left=best, right=second)
        if c is None:
            continue
        if c.difference is None:
            gap = f"next {second}, {wording.points(c.right_score)}"
        elif c.difference.certain:
            gap = f"{wording.signed(c.mean)} to {second}, {wording.interval(c.difference)}"
        else:
            gap = f"not to be told apart from {second}, {wording.points(c.right_score)}"
        parts.append(f"{group}: {best} ({wording.points(c.left_score)}; {gap})")
    if not parts:
        return None
    sentences = tuple(f"{part}." for part in parts)
    return Finding(title="Which whole-document method", sentences=sentences)


def _cost(results: Results) -> Finding | None:
    """What the product's ways cost beside the plain ones, on real documents where there are any."""
    systems = results.systems
    groups = summary.real_groups(results)
    best = summary.best_among(results, _whole(results), groups)
    sentences = []
    for left, names in ((best, ("truncate", "chunked")), ("hybrid", ("bm25", "chunked"))):
        system = left if left is None or left == best else naming.first(systems, left)
        told = [naming.first(systems, name) for name in names]
        sentence = _costs_of(results, groups, system, [name for name in told if name])
        sentences.append(sentence)
    bm25 = naming.first(systems, "bm25")
    if not any(sentences) and bm25:
        sentences = [_costs_of(results, groups, s, [bm25]) for s in systems if s != bm25]
    kept = tuple(sentence for sentence in sentences if sentence)
    if not kept:
        return None
    return Finding(title=f"Cost on {wording.listed(groups)}", sentences=kept)


def _costs_of(
    results: Results, groups: Sequence[str], system: str | None, others: Sequence[str]
) -> str:
    if system is None:
        return ""
    own = summary.cost_of(results, groups=groups, system=system)
    costs = {s: summary.cost_of(results, groups=groups, system=s) for s in others}
    known = {name: cost for name, cost in costs.items() if cost is not None}
    if own is None or not known:
        return ""

    def beside(values: dict[str, str]) -> str:
        return ", ".join(f"{name} {value}" for name, value in values.items())

    index = beside({n: f"{wording.number(c.index_seconds)} s" for n, c in known.items()})
    query = beside({n: f"{wording.number(c.query_ms)} ms" for n, c in known.items()})
    size = beside(
        {n: wording.size(c.index_bytes / c.documents) for n, c in known.items() if c.documents}
    )
    return (
        f"{system} takes {wording.number(own.index_seconds)} s to index {own.documents:,} documents"
        f" ({index}), {wording.number(own.query_ms)} ms a query ({query}) and keeps"
        f" {wording.size(own.index_bytes / own.documents)} a document ({size})."
    )
