"""The benchmark of longembed-rag: whole documents against chunks against BM25.

``longembed-rag eval`` and ``longembed-rag tune`` run it; :func:`evaluate` is the same in Python.
It uses only what :mod:`longembed_rag` exports, and needs the extra ``eval``.
"""

from __future__ import annotations

from longembed_eval.evaluate import Request, evaluate
from longembed_eval.results import Cost, Difference, Results, Row
from longembed_eval.spread.options import Spread
from longembed_eval.tasks.values import Query, Task
from longembed_eval.workshop import BenchOptions

__all__ = [
    "BenchOptions",
    "Cost",
    "Difference",
    "Query",
    "Request",
    "Results",
    "Row",
    "Spread",
    "Task",
    "evaluate",
]
