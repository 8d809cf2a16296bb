"""Which of many measured candidates the report shows: the recommended ones and the Pareto front, a dozen at most."""

from collections.abc import Sequence

from leanglot.decide.pareto import pareto_flags
from leanglot.decide.recommend import recommend
from leanglot.decide.standing import baseline_of, standing_of
from leanglot.results.records import Candidate
from leanglot.results.searching import MOST_SHOWN


def choose(records: Sequence[Candidate], *, strict: bool = False, most: int = MOST_SHOWN) -> tuple[str, ...]:
    """Names of the candidates to show, in the order of the records.

    Taken are the recommended ones, then those on the Pareto front: first the ones that harm nobody, by speed and
    smallness together. A shown candidate off the front takes one with it that beats it, so that it does not seem to be
    on it.

    Args:
        records: All candidates, the baseline among them.
        strict: Recommend certified candidates only.
        most: Most candidates, the baseline and companions aside.
    """
    baseline = baseline_of(records)
    flags = pareto_flags(records)
    advised = [answer.candidate for answer in recommend(records, strict=strict).values()]
    others = [each for each in records if each is not baseline]
    front = [each for each in others if flags[each.name] is True]

    def rank(each: Candidate) -> tuple[bool, bool, float]:
        standing = standing_of(each, baseline)
        gain = (standing.speed or 0.0) * (standing.smallness or 0.0)
        return each.name not in advised, each.status == "rejected", -gain

    shown = sorted((each for each in others if each.name in advised or flags[each.name] is True), key=rank)[:most]
    for each in tuple(one for one in shown if flags[one.name] is False):
        if not _is_beaten(each, [baseline, *shown]):
            shown += next(([one] for one in front if _is_beaten(each, [baseline, one])), [])
    names = {each.name for each in shown}
    return tuple(each.name for each in others if each.name in names)


def _is_beaten(candidate: Candidate, others: Sequence[Candidate]) -> bool:
    beside = [each for each in others if each.name != candidate.name]
    return pareto_flags([*beside, candidate])[candidate.name] is False
