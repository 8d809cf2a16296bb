"""Builds the golden report of a translation run: run as a script, it writes ``report-v2-translation.md`` beside itself.

``report-v2-translation.json`` stays as the first version of the records wrote it.
"""

import sys
from pathlib import Path

FOLDER = Path(__file__).parent
sys.path.insert(0, str(FOLDER.parent))

from leanglot.report.markdown import render_markdown  # noqa: E402
from translated_runs import run  # noqa: E402

NAME = "report-v2-translation"

if __name__ == "__main__":
    report = run()
    (FOLDER / f"{NAME}.md").write_text(render_markdown(report), encoding="utf-8")
    stored = FOLDER / f"{NAME}.json"
    if not stored.exists():
        stored.write_text(report.model_dump_json(indent=1) + "\n", encoding="utf-8")
