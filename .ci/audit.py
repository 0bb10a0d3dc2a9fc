"""Look up what is installed here among the packages with known weaknesses.

The list is on the net: where it cannot be had, one line says so, and the audit is skipped.
"""

from __future__ import annotations

import json
import subprocess
import sys

_SECONDS = 180
_PER_REQUEST = 15
_AUDIT = (
    *("-m", "pip_audit", "--local", "--skip-editable", "--format", "json"),
    *("--progress-spinner", "off", "--timeout", str(_PER_REQUEST)),
)


def audit() -> int:
    """Run pip-audit; 1 where a package that is installed has a known weakness."""
    try:
        ended = subprocess.run(
            [sys.executable, *_AUDIT],
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
        packages = json.loads(ended.stdout)["dependencies"]
    except subprocess.TimeoutExpired:
        print(f"audit skipped: no answer within {_SECONDS} s")
        return 0
    except ValueError:
        why = ended.stderr.strip().splitlines() or [f"pip-audit ended with {ended.returncode}"]
        print(f"audit skipped: {why[-1]}")
        return 0
    weak = [each for each in packages if each.get("vulns")]
    for each in weak:
        for known in each["vulns"]:
            mended = ", ".join(known["fix_versions"]) or "nowhere yet"
            print(f"{each['name']} {each['version']}: {known['id']}, mended in {mended}")
    looked_at = sum("version" in each for each in packages)
    if not looked_at:
        print("audit skipped: the package index here tells nothing of any package")
        return 0
    print(f"audit: {looked_at} packages looked up, {len(weak)} with known weaknesses")
    return int(bool(weak))


if __name__ == "__main__":
    sys.exit(audit())
