"""The ledger of peers on the tiny model, through the functions that the benchmark itself runs."""

import dataclasses
import sys
from pathlib import Path

import pytest
from tokenizers import Tokenizer

from leanglot.data.examples import Examples
from leanglot.models.text_classifier import TextClassifier

_BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
_LENGTHS = (8, 12)


@pytest.mark.slow
def test_every_engine_is_a_row_with_figures_or_a_reason(
    tiny_model: Path,
    tiny_classifier: TextClassifier,
    tiny_rows: list[dict[str, str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.syspath_prepend(str(_BENCHMARKS))
    import peer_engines
    import peer_shapes
    import peer_tables
    import peer_timing
    import peers

    tokenizer = Tokenizer.from_file(str(tiny_model / "tokenizer.json"))
    tokenizer.no_padding()
    texts, labels, languages = (tuple(row[key] for row in tiny_rows) for key in ("text", "label", "language"))
    test = Examples(texts, labels, languages)
    work = peer_shapes.make_workload(tokenizer, texts, test, tiny_classifier.labels, _LENGTHS)
    shape = peer_shapes.Shape("tiny", "a tiny model", tiny_model, trained=True)
    broken = dataclasses.replace(peer_engines.ENGINES[0], name="broken", variant="none", module="no_such_engine")
    engines = [*peer_engines.chosen_engines([peer_engines.OURS]), broken]
    plan = peers.Plan(engines, [], peer_timing.QUICK, 1, lambda _: None)

    ledger = peers.measure_shape(shape, work, tmp_path, plan)

    rows = {row.engine: row for row in ledger.rows}
    reference, ours = rows[peer_engines.REFERENCE], rows[peer_engines.OURS]
    assert reference.reason is None
    assert ours.reason is None
    assert set(ours.latency) == set(_LENGTHS)
    assert reference.latency[8].lead.median == ours.latency[8].against_reference.median > 0
    assert reference.agreement is not None
    assert reference.agreement.relative_error == 0
    assert ours.agreement is not None
    assert ours.agreement.texts == len(test)
    assert 0 < ours.agreement.relative_error < 0.2
    assert "no_such_engine" in (rows["broken"].reason or "")
    assert rows["broken"].latency == {}
    text = peer_tables.render_shape(ledger)
    assert "- broken: " in text
    assert "as fast as the fastest peer at length 12" in text


@pytest.fixture(autouse=True)
def _benchmarks_leave_no_modules() -> object:
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if name.startswith("peer"):
            del sys.modules[name]
