"""What a collection's record says of how its vectors were made."""

from __future__ import annotations

from longembed_rag.encoder.planner import Planner
from longembed_rag.store.record import differences
from tests.models import TinyModels


def test_what_auto_makes_of_tokens_is_no_other_setting(tiny_models: TinyModels) -> None:
    """Collections made before planners told of late interaction have the settings they had."""
    now = Planner.from_pretrained(tiny_models.folder("bert")).describe()
    before = {name: value for name, value in now.items() if "late_interaction" not in name}
    assert len(before) == len(now) - 2
    assert differences(before, now) == []
    assert differences(before | {"pooling": "cls"}, now) == [
        "pooling is 'cls' in the collection and 'mean' now"
    ]
