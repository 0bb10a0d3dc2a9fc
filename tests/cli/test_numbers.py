"""Numbers and devices that parse and cannot be used are told by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from longembed_rag.encoder.devices import pick_device
from longembed_rag.errors import SettingsError
from tests.cli.conftest import Run


@pytest.mark.parametrize("number", ["inf", "nan", "-1", "1e300"])
@pytest.mark.parametrize("setting", ["--timeout", "--read-timeout", "--read-memory", "--b"])
def test_a_number_that_cannot_be_is_told(
    run: Run, documents: Path, setting: str, number: str
) -> None:
    """Whatever a float can be and a setting cannot is wrong use, with the setting's name."""
    where = ("--url", "http://127.0.0.1:9") if setting == "--timeout" else ("--path", "store")
    result = run("ingest", str(documents), *where, setting, number)
    assert result.exit_code == 2
    assert setting.lstrip("-").removeprefix("read-") in result.stderr


@pytest.mark.parametrize("device", ["meta", "nonsense"])
def test_a_device_that_cannot_compute_is_told(device: str) -> None:
    """A device that torch knows and cannot run is refused before a model is loaded."""
    with pytest.raises(SettingsError, match=f"device='{device}'"):
        pick_device(device)


@pytest.mark.parametrize("content", ["[]", "3", '{"collections": []}', '{"collections": {"a": 1}}'])
def test_a_stores_file_of_another_shape_is_told(run: Run, content: str) -> None:
    """JSON that is not what the engine wrote is named with the store's folder."""
    Path("odd").mkdir()
    Path("odd/meta.json").write_text(content)
    result = run("info", "--path", "odd")
    assert result.exit_code == 1
    assert "odd cannot be opened" in result.stderr
