"""One system against another on the same queries."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from longembed_eval.measures import difference
from longembed_eval.report import summary
from longembed_eval.results import Difference, Results, Row


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Two systems on a group of tasks.

    Attributes:
        group: The group.
        left: The system that is looked at.
        right: What it is compared with.
        left_score: Its score, in points.
        right_score: The other's.
        difference: With its interval, where the group is one task.
        tasks: How many tasks the group has.
        ahead: On how many of them the interval leaves zero out, in favour of ``left``.
        behind: The same in favour of ``right``.
    """

    group: str
    left: str
    right: str
    left_score: float
    right_score: float
    difference: Difference | None
    tasks: int
    ahead: int
    behind: int

    @property
    def mean(self) -> float:
        """By how many points ``left`` is better."""
        return self.left_score - self.right_score


def compare(results: Results, *, group: str, left: str, right: str) -> Comparison | None:
    """Compare two systems on a group of tasks; None unless both were run on all of them."""
    scores = [summary.group_score(results, group=group, system=s) for s in (left, right)]
    left_score, right_score = scores
    if left == right or left_score is None or right_score is None:
        return None
    others = {row.task: row for row in results.of(group=group, system=right)}
    differences = [
        difference_of(row, others[row.task]) for row in results.of(group=group, system=left)
    ]
    known = [difference for difference in differences if difference is not None]
    return Comparison(
        group=group,
        left=left,
        right=right,
        left_score=left_score,
        right_score=right_score,
        difference=differences[0] if len(differences) == 1 else None,
        tasks=len(differences),
        ahead=sum(difference.low > 0 for difference in known),
        behind=sum(difference.high < 0 for difference in known),
    )


def difference_of(left: Row, right: Row) -> Difference | None:
    """The difference that the row carries or, failing that, one by paired bootstrap.

    None where the two rows do not answer the same queries.
    """
    if (known := left.versus.get(right.system)) is not None:
        return known
    if left.scores.keys() != right.scores.keys() or not left.scores:
        return None
    return _bootstrap(tuple(left.scores.values()), tuple(right.scores[q] for q in left.scores))


@lru_cache(maxsize=256)
def _bootstrap(left: tuple[float, ...], right: tuple[float, ...]) -> Difference | None:
    """Asked for more than once by a report, and the same each time."""
    names = [str(index) for index in range(len(left))]
    return difference(dict(zip(names, left, strict=True)), dict(zip(names, right, strict=True)))
