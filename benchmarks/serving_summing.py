"""From what the rounds of the serving benchmark gave to percentiles, ratios, checks and goals."""

import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from peer_records import Goal, Spread
from serving_measuring import BATCH, Measured, Right, Run
from serving_peers import BARE, LIMITED, OURS, PLAIN, Peer, Weights, read_answers
from serving_records import ADDED_MS, ENOUGH, TIMES, Alone, Batched, Checked, Latencies, Loaded, Row


def bare_rows(measured: Measured) -> dict[str, Alone]:
    """ONNX Runtime called bare."""
    rows = {}
    for name, rounds in measured.bare.items():
        call, session = ([each[key] for each in rounds] for key in ("call_ms", "session_ms"))
        rows[name] = Alone(latencies(call), session=latencies(session))
    return rows


def server_rows(
    peers: Sequence[Peer], measured: Measured, right: Mapping[Weights, Right], memory: Mapping[str, int]
) -> tuple[Row, ...]:
    """The servers."""
    return tuple(
        Row(
            name=peer.name,
            how=peer.how,
            alone=_alone(peer, measured, right[peer.weights]),
            loaded=_loaded(peer, measured, right[peer.weights]),
            rss_bytes=memory[peer.name],
        )
        for peer in peers
    )


def latencies(rounds: Sequence[Sequence[float]]) -> Latencies:
    """Percentiles of all rounds' samples, and how those of the rounds spread."""
    samples = np.concatenate([np.asarray(each) for each in rounds])
    value, spread = {}, {}
    for rank, enough in ENOUGH.items():
        value[rank] = float(np.percentile(samples, rank)) if len(samples) >= enough else None
        each = [float(np.percentile(one, rank)) for one in rounds if len(one) >= enough]
        spread[rank] = spread_of(each) if len(each) == len(rounds) else None
    return Latencies(len(samples), value, spread)


def check(runs: Sequence[Run], right: Right) -> Checked:
    """Compare a server's answers with those of ONNX Runtime called bare."""
    ids: Counter[str] = Counter()
    refused = other = good = bare_good = said_all = 0
    for place, status, body in (answer for run in runs for answer in run.answers):
        if status != 200:
            refused += 1
            continue
        (said,) = read_answers(body)
        if said.id is not None:
            ids[said.id] += 1
        said_all += 1
        other += said.label != right.labels[place]
        good += said.label == right.gold[place]
        bare_good += right.labels[place] == right.gold[place]
    return Checked(
        sent=sum(run.sent for run in runs),
        answered=sum(len(run.answers) for run in runs),
        refused=refused,
        repeated=sum(count - 1 for count in ids.values()),
        other=other,
        accuracy=good / said_all if said_all else None,
        bare_accuracy=bare_good / said_all if said_all else None,
    )


def batched_rows(right: Mapping[Weights, Right]) -> dict[str, Batched]:
    """What batches do to the answers of ONNX Runtime called bare."""
    rows = {}
    for weights, each in right.items():
        pairs = zip(each.labels, each.batched, each.margins, strict=True)
        margins = [margin for alone, together, margin in pairs if alone != together]
        rows[BARE[weights]] = Batched(BATCH, len(each.labels), len(margins), max(margins, default=None))
    return rows


def spread_of(values: Sequence[float]) -> Spread:
    """Median and extremes."""
    return Spread(median=float(np.median(values)), low=min(values), high=max(values))


def _alone(peer: Peer, measured: Measured, right: Right) -> Alone:
    runs = measured.alone[peer.name]
    bare = measured.bare[BARE[peer.weights]]
    added = [
        float(np.median(run.latencies_ms) - np.median(base["call_ms"])) for run, base in zip(runs, bare, strict=True)
    ]
    return Alone(latencies([run.latencies_ms for run in runs]), spread_of(added), checked=check(runs, right))


def _loaded(peer: Peer, measured: Measured, right: Right) -> Loaded:
    runs, cores = measured.loaded[peer.name], os.cpu_count() or 1
    seconds, answers = sum(run.seconds for run in runs), sum(len(run.latencies_ms) for run in runs)
    client, whole = sum(run.cpu_s for run in runs), sum(run.whole_s for run in runs)
    others = {name: measured.loaded[name] for name in (PLAIN, LIMITED) if name != peer.name}
    return Loaded(
        rate=float(np.median([_rate(run) for run in runs])),
        against={name: _ratios(runs, each, _rate) for name, each in others.items()},
        tail={name: _tail(runs, each) for name, each in others.items()},
        latency=latencies([run.latencies_ms for run in runs]),
        checked=check(runs, right),
        client_us=client / answers * 1e6,
        client_share=client / seconds / cores,
        busy=sum(run.server_cpu_s for run in runs) / whole / cores,
    )


def _ratios(runs: Sequence[Run], others: Sequence[Run], value: Callable[[Run], float]) -> Spread:
    return spread_of([value(run) / value(other) for run, other in zip(runs, others, strict=True)])


def _tail(runs: Sequence[Run], others: Sequence[Run]) -> Spread | None:
    """Ratio of the p99; None where a round has too few samples for one."""
    if min(len(run.latencies_ms) for run in (*runs, *others)) < ENOUGH[99]:
        return None
    return _ratios(runs, others, lambda run: float(np.percentile(run.latencies_ms, 99)))


def _rate(run: Run) -> float:
    return len(run.latencies_ms) / run.seconds


def judge_goals(rows: Sequence[Row]) -> tuple[Goal, ...]:
    """How the goals stand; the first and the last one bind all answers of the run."""
    named = {row.name: row for row in rows}
    goals = [_answered(rows)]
    for name in OURS.values():
        added = named[name].alone.added
        if added is None:
            continue
        told = f"{added.median:+.2f} ms, rounds {added.low:+.2f} to {added.high:+.2f}"
        goals.append(Goal(goal=f"{name}: added p50 below {ADDED_MS} ms", met=added.median < ADDED_MS, detail=told))
    for name in OURS.values():
        for other, ratio in named[name].loaded.against.items():
            told = f"{ratio.median:.2f}, rounds {ratio.low:.2f} to {ratio.high:.2f}"
            words = f"{name}: at least {TIMES:g} times the throughput of {other}"
            goals.append(Goal(goal=words, met=ratio.median >= TIMES, detail=told))
    return (*goals, _same(rows))


def _answered(rows: Sequence[Row]) -> Goal:
    checks = [checked for row in rows for checked in (row.alone.checked, row.loaded.checked) if checked is not None]
    sent, answered, refused, repeated = (
        sum(getattr(checked, key) for checked in checks) for key in ("sent", "answered", "refused", "repeated")
    )
    told = f"{sent} sent, {answered} answered, {refused} not with 200, {repeated} identifiers repeated"
    met = sent == answered and refused == repeated == 0
    return Goal(goal="every request is answered, once", met=met, detail=told)


def _same(rows: Sequence[Row]) -> Goal:
    """FP32 may never answer otherwise than bare, INT8 not with one client: batches change its activations' ranges."""
    held = {f"{row.name}, one client": row.alone.checked for row in rows}
    held |= {f"{row.name}, many": row.loaded.checked for row in rows if row.name != OURS["int8"]}
    found = {words: checked.other for words, checked in held.items() if checked is not None and checked.other}
    told = "; ".join(f"{words}: {count} others" for words, count in found.items()) or "no other answer"
    return Goal(goal="the answers are those of ONNX Runtime called bare", met=not found, detail=told)
