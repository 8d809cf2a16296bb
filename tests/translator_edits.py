"""Changes to the files of a tiny translation model: keys of its JSON files, names of its tokens."""

import json
from pathlib import Path


def edit(folder: Path, name: str = "config.json", **changes: object) -> None:
    """Change keys of a JSON file; None takes a key out."""
    path = folder / name
    content = {**json.loads(path.read_text(encoding="utf-8")), **changes}
    path.write_text(json.dumps({key: value for key, value in content.items() if value is not None}), encoding="utf-8")


def rename_tokens(folder: Path, names: dict[str, str]) -> None:
    """Give tokens of the tokenizer other names."""
    path = folder / "tokenizer.json"
    text = path.read_text(encoding="utf-8")
    for old, new in names.items():
        text = text.replace(old, new)
    path.write_text(text, encoding="utf-8")
