"""What a server counts, for Prometheus."""

from __future__ import annotations

from typing import Any

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
_TEXTS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)


class Metrics:
    """Counters of one server."""

    def __init__(self) -> None:
        from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

        registry = self._registry = CollectorRegistry()
        self._requests = Counter(
            "longembed_requests",
            "Requests, by route, method and status.",
            ("route", "method", "status"),
            registry=registry,
        )
        self._latency = Histogram(
            "longembed_request_seconds",
            "How long requests took, by route.",
            ("route",),
            buckets=_SECONDS,
            registry=registry,
        )
        self._tokens = Counter(
            "longembed_tokens", "Tokens that the model read.", ("kind",), registry=registry
        )
        self._waiting = Gauge(
            "longembed_waiting_characters",
            "Characters of texts that wait for the model or are read.",
            registry=registry,
        )
        self._batch = Histogram(
            "longembed_batch_texts",
            "Texts that were read together.",
            buckets=_TEXTS,
            registry=registry,
        )
        self._reading = Histogram(
            "longembed_batch_seconds",
            "How long reading some together took.",
            buckets=_SECONDS,
            registry=registry,
        )
        self._characters = Counter(
            "longembed_characters", "Characters of texts that were read.", registry=registry
        )
        self._jobs = Counter(
            "longembed_jobs", "Jobs that ended, by how.", ("status",), registry=registry
        )

    def answered(self, *, route: str, method: str, status: int, seconds: float) -> None:
        """A request was answered."""
        self._requests.labels(route, method, str(status)).inc()
        self._latency.labels(route).observe(seconds)

    def waiting(self, characters: int) -> None:
        """So many characters wait now."""
        self._waiting.set(characters)

    def passed(self, *, texts: int, characters: int, seconds: float) -> None:
        """Texts were read together."""
        self._batch.observe(texts)
        self._reading.observe(seconds)
        self._characters.inc(characters)

    def read(self, kind: str, tokens: int) -> None:
        """The model has read tokens."""
        self._tokens.labels(kind).inc(tokens)

    def job_ended(self, status: str) -> None:
        """A job is over."""
        self._jobs.labels(status).inc()

    def text(self) -> tuple[bytes, str]:
        """All of it as Prometheus reads it, and the type that it has."""
        from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

        found: Any = generate_latest(self._registry)
        return found, CONTENT_TYPE_LATEST
