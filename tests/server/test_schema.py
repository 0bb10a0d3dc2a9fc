"""Schemathesis over the OpenAPI document: whatever it makes up, no answer is a server's fault."""

from __future__ import annotations

import pytest

from tests.server.served import Served

schemathesis = pytest.importorskip("schemathesis")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::longembed_rag.errors.LongEmbedWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]
EXAMPLES = 15


def test_no_request_is_a_fault_of_the_server(server: Served) -> None:
    """Every operation with valid and invalid values gives what is not 5xx, but 503 in time."""
    from hypothesis import HealthCheck, Phase, given, settings

    document = server.client.get("/openapi.json").json()
    schema = schemathesis.openapi.from_dict(document)
    operations = [each.ok() for each in schema.get_all_operations()]
    assert len(operations) > 10
    for operation in operations:

        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy())
        def ask(case: object) -> None:
            sent = case.as_transport_kwargs(base_url="http://127.0.0.1")  # type: ignore[attr-defined]
            sent.pop("cookies", None)
            answer = server.client.request(**sent)
            assert answer.status_code < 500 or "retry-after" in answer.headers, answer.text

        ask()
