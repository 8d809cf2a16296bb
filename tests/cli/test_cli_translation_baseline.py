"""``leanglot evaluate --save-baseline`` on a translation artifact, and the monitor that compares with what it kept."""

import json

import pytest

from leanglot.cli import main
from leanglot.config import CandidateConfig
from leanglot.results.monitor_baseline import read_monitor_baseline
from leanglot.translating.making import TranslationMaking, make_translation_artifact
from tiny_translators import load_tiny, parallel


@pytest.fixture(scope="module")
def artifact(tmp_path_factory):
    place = tmp_path_factory.mktemp("translator")
    folder = place / "artifact"
    folder.mkdir()
    candidate = CandidateConfig(name="tiny", runtime="onnxruntime")
    make_translation_artifact(
        load_tiny(place / "model", steps=150, width=32), candidate, folder, TranslationMaking(threads=1)
    )
    return folder


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_a_baseline_is_stored_and_traffic_is_compared_with_it(artifact, tmp_path, capsys):
    data = parallel()
    columns = (data.sources, data.references, data.source_languages, data.target_languages)
    names = ("source", "target", "source_language", "target_language")
    path = write(tmp_path / "test.jsonl", [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)])
    with pytest.raises(SystemExit) as ended:
        main(["evaluate", str(artifact), "--data", str(path), "--save-baseline", "--threads", "1"])
    assert ended.value.code == 0
    assert "What its monitor compares with is stored in" in " ".join(capsys.readouterr().out.split())
    baseline = read_monitor_baseline(artifact)
    assert baseline.languages["en→de"].n == 24
    line = {"language": "en→de", "prediction": "copied", "confidence": 0.4, "characters": 30, "output_characters": 30}
    log = write(tmp_path / "log.jsonl", [{**line, "time": 1_700_000_000 + second} for second in range(400)])
    with pytest.raises(SystemExit) as ended:
        main(["monitor", str(log), "--artifact", str(artifact)])
    told = " ".join(capsys.readouterr().out.split())
    assert ended.value.code == 1
    assert "en→de-failures-1: English → German (en→de): the share of translations that repeat the source rose" in told
    assert "Monitor of tiny: 400 predictions" in told
