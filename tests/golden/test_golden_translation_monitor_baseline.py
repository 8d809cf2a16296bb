"""The stored baseline of translations of schema version 1 stays readable, and means the same."""

from build_translation_monitor_baseline import GOLDEN, build

from leanglot.results.monitor_baseline import MonitorBaseline


def test_it_is_still_written_so():
    again = "run tests/golden/build_translation_monitor_baseline.py and read the difference"
    assert build().model_dump_json(indent=1) + "\n" == GOLDEN.read_text(encoding="utf-8"), again


def test_it_is_read_again():
    found = MonitorBaseline.model_validate_json(GOLDEN.read_bytes())
    assert found == build()
    assert found.task == "translation"
    german, chinese = found.languages["en→de"], found.languages["en→zh"]
    assert (german.n, german.reach, german.correct) == (120, 0.49, 61)
    assert german.labels == {"copied": 1, "empty": 1, "translated": 115, "unfinished": 3}
    assert chinese.labels == {"translated": 30, "wrong-language": 1}
