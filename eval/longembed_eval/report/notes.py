"""What must be said beside the numbers, so that nobody reads more into them than they hold."""

from __future__ import annotations

from longembed_eval.published import column_of, published
from longembed_eval.report import summary, wording
from longembed_eval.results import SPREAD, Results, TaskInfo


def of_scores(results: Results) -> list[str]:
    """What the scores of groups are means over, and who has none."""
    notes = []
    for group in results.groups:
        if lengths := summary.lengths_of(results, group):
            told = ", ".join(str(length) for length in lengths)
            plain = "the plain mean over lengths of" if len(lengths) > 1 else "at a length of"
            notes.append(f"{group}: {plain} {told} tokens.")
    for system, group in summary.partial(results):
        notes.append(
            f"{system} was run on some lengths of {group} only: it has no mean there, since one"
            " over other lengths would not compare."
        )
    if summary.has_means(results):
        notes.append("mean: the plain mean of the columns, for systems that were run on all.")
    return notes


def of_comparability(results: Results, group: str) -> list[str]:
    """What keeps a group's scores from being set beside the paper's."""
    column, lengths = column_of(group), summary.lengths_of(results, group)
    if column is None or not lengths:
        return []
    notes, table = [], published()
    if not table.comparable(group=group, lengths=lengths):
        always = [run for run in table.runs if run.method in ("words", "PCW")]
        means = ", ".join(f"{run.name} {wording.points(run.scores[column])}" for run in always)
        notes.append(
            f"The paper's means of {column} ({means}) are over eight lengths, 256 to 32768 tokens."
            " Here other lengths were run: the means do not compare"
            + (", single lengths do." if group.startswith("longembed_") else ".")
        )
    if not group.startswith("longembed_"):
        notes.append(
            f"{group} is made in the manner of the paper's task, with other texts and other facts:"
            " shapes compare, numbers do not."
        )
    return notes


def of_times(results: Results) -> list[str]:
    """What keeps times from being compared, beside different machines."""
    beside = sum(SPREAD in row.machine for row in results.rows)
    if not beside:
        return []
    which = "All rows" if beside == len(results.rows) else f"{beside} of {len(results.rows)} rows"
    return [
        f"{which} ran spread over a Ray cluster, side by side: their times and memory do not"
        " compare, neither with each other nor with others."
    ]


def of_tasks(results: Results) -> list[tuple[str, list[TaskInfo]]]:
    """What is known of tasks, those that share it together."""
    same: dict[str, list[TaskInfo]] = {}
    for task in results.tasks.values():
        told = "; ".join(text.rstrip(".") for text in (task.source, *task.notes) if text)
        same.setdefault(f"{told}." if told else "", []).append(task)
    return list(same.items())


def of_failures(results: Results) -> list[str]:
    """What could not be run, and why."""
    return [
        f"{f'{failure.system} on ' if failure.system else ''}{failure.task}: {failure.reason}"
        for failure in results.failed
    ]
