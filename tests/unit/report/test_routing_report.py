import dataclasses
import io

import pytest
from rich.console import Console, Group

from leanglot.config.deciding import RoutingConfig
from leanglot.report.markdown import render_markdown
from leanglot.report.routing import detection_rows, language_rows, routing_sentences, variant_rows
from leanglot.report.routing_table import render_routing
from leanglot.report.terminal import render_tables
from leanglot.results.routing import Detection, RoutingFacts

DETECTION = Detection(
    examples={"de": 200, "sw": 10},
    right={"de": 0.99, "sw": 0.5},
    right_low={"de": 0.96, "sw": 0.24},
    misrouted={"de": 0.0, "sw": 0.4},
    unknown={"de": 0.01, "sw": 0.1},
    learned_from="2,000 texts of train.jsonl, none of them judged; counted on the judged texts",
    threshold=0.52,
    text_p50_ms=0.3,
)


@pytest.fixture(scope="module")
def facts(chained):
    names = [each.name for each in chained.candidates]
    return RoutingFacts(
        config=RoutingConfig(),
        main=names[-1],
        fallback=names[0],
        variants=(names[0], names[-1]),
        objective="monthly cost",
        currency="$",
        value=900.0,
        single=names[1],
        single_value=1200.0,
        chance_better=0.97,
        honest_saving=-20.0,
        memory_bytes=300_000_000,
        memory_measured=True,
        accuracy=0.91,
        detected_accuracy=0.905,
        detected_value=950.0,
        detection=DETECTION,
        reasons={"de": "Stays with the main variant, small.", "th": "small harms it by 3.0 points."},
        excluded={"slow|er": "its p95 is 30 ms"},
        notes=("The monthly cost is minimized.",),
    )


@pytest.fixture(scope="module")
def routed(chained, facts):
    return chained.model_copy(update={"routing": {"de": facts.main, "th": facts.fallback}, "routing_facts": facts})


def shown(*parts):
    stream = io.StringIO()
    Console(file=stream, width=100).print(Group(*parts))
    return " ".join(stream.getvalue().split())


def test_without_routing_there_is_nothing(chained):
    assert (variant_rows(chained), language_rows(chained), detection_rows(chained)) == ((), (), ())
    assert routing_sentences(chained) == ()
    assert render_routing(chained) == []
    assert "## Routing" not in render_markdown(chained)


def test_the_terminal_tells_who_moves_and_what_it_is_worth(routed, facts):
    printed = shown(*render_routing(routed))
    for words in (
        "1: de",
        "th: small harms it by 3.0 points.",
        "300.0 MB in one fresh process",
        f"Unknown languages go to {facts.fallback}",
        "routing saves $300, with a probability of 97% before luck is counted",
        "it saves −$20.00: what was found may be luck",
        "Languages detected: accuracy 90.5%",
        "not considered: slow|er: its p95 is 30 ms",
    ):
        assert words in printed
    assert "Routing" in shown(render_tables(routed))


def test_markdown_has_every_language_and_how_it_is_told(routed):
    text = render_markdown(routed)
    assert "| German (de) |" in text
    assert "its p95 is 30 ms" in text
    rows = detection_rows(routed)
    assert [row[0] for row in rows] == ["Swahili (sw)", "German (de)"]  # the worst first
    assert rows[0][1:] == ("10", "50.0%", "24.0%", "10.0%", "40.0%")


def test_more_moved_languages_than_fit_are_counted(routed, facts):
    routing = {f"x-{number}": facts.fallback for number in range(15)}
    reasons = dict.fromkeys(routing, "why")
    many = routed.model_copy(
        update={"routing": routing, "routing_facts": facts.model_copy(update={"reasons": reasons})}
    )
    assert "3 more languages are in report.md" in shown(*render_routing(many))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"single": None, "single_value": None}, "no single candidate is allowed for all languages"),
        ({"honest_saving": 250.0}, "it saves $250."),
        ({"memory_bytes": None, "memory_measured": False}, "unknown memory as the sum of processes"),
        ({"currency": None, "objective": "mean latency", "chance_better": None}, "The mean latency is 900.0 ms"),
    ],
)
def test_what_is_absent_is_said(routed, facts, changes, told):
    changed = routed.model_copy(update={"routing_facts": facts.model_copy(update=changes)})
    assert any(told in sentence for sentence in routing_sentences(changed))


def test_one_variant_needs_no_router(routed, facts):
    alone = facts.model_copy(update={"variants": (facts.single,), "main": facts.single, "fallback": facts.single})
    told = routing_sentences(routed.model_copy(update={"routing_facts": alone}))
    assert any("which needs no router" in sentence for sentence in told)
    assert not any("luck" in sentence for sentence in told)
    rows = variant_rows(routed.model_copy(update={"routing_facts": alone, "routing": {"de": facts.single}}))
    assert [(row.role, row.told) for row in rows] == [("fallback", "1: de")]
    idle = dataclasses.replace(rows[0], languages=())
    assert idle.told == "none by themselves"


def test_without_an_identifier_nothing_is_told_of_detection(routed, facts):
    silent = facts.model_copy(update={"detection": None})
    assert not any(
        "told right" in each for each in routing_sentences(routed.model_copy(update={"routing_facts": silent}))
    )
