"""The course of a search: one recipe after the other is made, screened, measured and recorded until the budget ends."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from leanglot.config import CandidateConfig, RunConfig, SearchConfig
from leanglot.errors import ConfigError
from leanglot.judging import baseline_record
from leanglot.measure.subject import in_memory
from leanglot.report.format import duration
from leanglot.results.checkpoints import key_of
from leanglot.results.records import Candidate
from leanglot.results.searching import Levels, Origin, PartialResult, SearchRecord, Tried
from leanglot.runtimes.classifier import Classifier
from leanglot.searching.choice import choose
from leanglot.searching.clock import Clock
from leanglot.searching.kept import read_search, write_search
from leanglot.searching.measured import best_words, found_words, full_result, priced_record
from leanglot.searching.proposals import Proposals, candidate_from
from leanglot.searching.recipes import candidate_of, space_of
from leanglot.searching.screening import Screen, beaten_by, make_screen
from leanglot.searching.watch import Watch
from leanglot.stages import AbandonedError, Failed, Trial
from leanglot.trials import Bench, threads_of, try_candidate

_MOST_STARTS: Final = 3


@dataclass(frozen=True, slots=True)
class Found:
    """What a search leaves for the report.

    Attributes:
        record: Everything that was tried.
        candidates: Those to show, all measured.
    """

    record: SearchRecord
    candidates: tuple[CandidateConfig, ...]


def search_recipes(config: RunConfig, bench: Bench, measure_baseline: Callable[[], Trial], clock: Clock) -> Found:
    """Search recipes until the budget ends, the trials are used up, or nothing is left to try.

    Every step is recorded in ``search.json``: killed at any time, the same command goes on, and a search that has ended
    goes on under a larger budget.

    Args:
        config: The run, with its ``search``.
        bench: What the trials share.
        measure_baseline: Measures the baseline, whatever the budget.
        clock: The budget.

    Raises:
        ConfigError: The config asks for no search.
        RunError: The record of an earlier search is damaged.
        StorageError: The disk is full.
    """
    if config.search is None:
        raise ConfigError("No search is asked for.", "Add the key search to the config, or --search.")
    record = _resumed(config, config.search, bench)
    clock.before_s = record.spent_s
    watch = Watch(bench.observer, clock)
    before = clock.spent
    baseline = measure_baseline()
    space = space_of(bench.model, bench.making)
    training = bench.making.training if config.search.train else None
    course = _Course(
        config=config,
        plan=config.search,
        bench=replace(bench, observer=watch),
        watch=watch,
        clock=clock,
        baseline=baseline,
        compared=baseline_record(baseline, bench.environment, bench.model.notes),
        proposals=Proposals(
            space=space,
            max_drop=config.search.max_drop,
            baseline_s=clock.spent - before,
            per_second=baseline.speed.throughput_per_s,
            lessons=0 if training is None else len(training.examples),
            seed=config.seed,
            priced=config.costs is not None,
        ),
        screen=make_screen(bench, baseline.predictions.correct, config),
        record=record,
    )
    course.measure_again()
    course.go_on()
    return course.found(space.notes)


def _resumed(config: RunConfig, plan: SearchConfig, bench: Bench) -> SearchRecord:
    """The record of an earlier search of the same, else a new one."""
    making, machine = bench.making, bench.environment
    digests = [None if pool is None else pool.digest for pool in (making.calibration, making.corpus)]
    judged = (bench.model.source, bench.model.max_length, bench.exam.summary.digest, bench.batch_tokens)
    effort = [str(bench.effort), *(str(threads) for threads in (machine.threads, bench.threads))]
    measured = (machine.cpu, machine.isa, effort, making.isa)
    asked = (config.margin, config.alpha, config.seed, plan.max_drop, config.costs)
    key = key_of(judged, measured, asked, digests)
    earlier = read_search(bench.folder.path)
    if earlier is not None and earlier.key == key:
        return earlier.model_copy(update={"budget_s": plan.budget_s, "ended": None, "shown": ()})
    return SearchRecord(key=key, budget_s=plan.budget_s, max_drop=plan.max_drop, examples=len(bench.exam.examples))


@dataclass(slots=True)
class _Screening:
    """Puts one candidate on part of the data, and keeps what that showed."""

    screen: Screen
    watch: Watch
    name: str
    baseline: Classifier
    tried: tuple[Tried, ...]
    part: PartialResult | None = None

    def __call__(self, artifact: Path, candidate: Classifier) -> None:
        """Give up a candidate that is hopeless.

        Raises:
            AbandonedError: It is.
        """
        self.watch.enter(self.name, "evaluating", len(self.screen.exam.examples))
        self.part, too_much = self.screen.result(
            artifact, candidate, self.baseline, lambda steps: self.watch.advance(self.name, steps)
        )
        if (reason := too_much or beaten_by(self.part, self.tried)) is not None:
            raise AbandonedError("dropped", reason)


@dataclass(slots=True)
class _Course:
    """A search at work.

    Attributes:
        config: The run.
        plan: What of it concerns the search.
        bench: What the trials share; its observer is `watch`.
        watch: Told of everything.
        clock: The budget.
        baseline: The baseline's trial.
        compared: The baseline's record.
        proposals: Knows what to try next.
        screen: What every candidate is first tried on.
        record: What was tried as yet.
        records: What was measured, by name.
    """

    config: RunConfig
    plan: SearchConfig
    bench: Bench
    watch: Watch
    clock: Clock
    baseline: Trial
    compared: Candidate
    proposals: Proposals
    screen: Screen
    record: SearchRecord
    records: dict[str, Candidate] = field(default_factory=dict)

    def measure_again(self) -> None:
        """Take up what earlier starts measured: all of it is kept, but for what is damaged or was disturbed."""
        for tried in self.record.of("measured"):
            self._put(self._judged(tried, try_candidate(self.bench, candidate_from(tried), self.baseline)))

    def go_on(self) -> None:
        """Try recipes until something ends the search."""
        while (ended := self._step()) is None:
            pass
        self._save(ended=ended)

    def found(self, notes: tuple[str, ...]) -> Found:
        """What the report is made of."""
        told = self.proposals.training_note(self.record.tried, self.clock.left)
        shown = choose([self.compared, *self.records.values()], strict=self.config.strict)
        self._save(shown=shown, notes=(*notes, *(() if told is None else (told,))))
        self.watch.end()
        measured = {tried.name: tried for tried in self.record.of("measured")}
        return Found(self.record, tuple(candidate_from(measured[name]) for name in shown))

    def _step(self) -> str | None:
        """Try one more recipe; else why the search is over."""
        tried = self.record.tried
        finished = len(self.record.of("measured", "dropped", "failed"))
        if self.plan.trials is not None and finished >= self.plan.trials:
            return f"All {self.plan.trials:,} trials that were asked for are done."
        if self.clock.left <= 0:
            return self._out_of_time()
        following = self.proposals.following(tried, self.clock.left)
        if following is None:
            return self._nothing_follows()
        self._try(self._start(*following))
        return None

    def _nothing_follows(self) -> str:
        least = self.proposals.least_expected(self.record.tried)
        if least is None:
            return "Every recipe that can be tried was tried."
        left = f"{duration(max(0.0, self.clock.left))} were left"
        return (
            f"{self._out_of_time()} {left}, and the quickest recipe yet to try was expected to take {duration(least)}."
        )

    def _out_of_time(self) -> str:
        budget = f"The budget of {duration(self.clock.budget_s)} has no time for another recipe."
        if any(each.part is not None or each.full is not None for each in self.record.tried):
            return budget
        return f"{budget} No candidate fitted in: the baseline alone took {duration(self.proposals.baseline_s)}."

    def _start(self, levels: Levels, origin: Origin) -> Tried:
        """Record that a recipe is at work, before it is."""
        for earlier in self.record.of("started", "cut"):
            if earlier.levels == levels:
                begun = earlier.model_copy(update={"state": "started", "reason": None, "starts": earlier.starts + 1})
                self._put(begun)
                return begun
        candidate = candidate_of(levels, self.proposals.space.depth)
        if candidate is None:
            raise ConfigError(f"No engine carries out {levels}.", "This is a fault of the search: please report it.")
        begun = Tried(
            name=candidate.name,
            runtime=candidate.runtime,
            recipe=candidate.recipe,
            levels=levels,
            origin=origin,
            state="started",
        )
        self._put(begun)
        return begun

    def _try(self, tried: Tried) -> None:
        """Make, screen and measure one recipe, and record what became of it."""
        if tried.starts > _MOST_STARTS:
            reason = f"The process ended {_MOST_STARTS} times while it was at work on this."
            self._put(tried.model_copy(update={"state": "failed", "reason": reason}))
            return
        began, opponent = self.clock.spent, in_memory(self.bench.model, threads_of(self.bench, self.baseline.made))
        screening = _Screening(self.screen, self.watch, tried.name, opponent, self.record.tried)
        self.watch.bound(bounded=True)
        try:
            trial: Trial | Failed | AbandonedError = try_candidate(
                self.bench, candidate_from(tried), self.baseline, screening
            )
        except AbandonedError as error:
            trial = error
        finally:
            self.watch.bound(bounded=False)
        seconds = tried.seconds + self.clock.spent - began
        tried = tried.model_copy(update={"seconds": seconds, "part": screening.part})
        tried = self._abandoned(tried, trial) if isinstance(trial, AbandonedError) else self._judged(tried, trial)
        self._put(tried)
        self.watch.sum_up(tried.name, found_words(tried), best_words(self.record))

    def _abandoned(self, tried: Tried, error: AbandonedError) -> Tried:
        self.watch.enter(tried.name, error.state)
        if error.state == "dropped":  # it is never tried again, and would only fill the disk
            shutil.rmtree(self.bench.folder.candidate(tried.name).path, ignore_errors=True)
        return tried.model_copy(update={"state": error.state, "reason": error.reason})

    def _judged(self, tried: Tried, trial: Trial | Failed) -> Tried:
        """The recipe with what was measured, and its record kept for the report."""
        if isinstance(trial, Failed):
            self.records.pop(tried.name, None)
            return tried.model_copy(update={"state": "failed", "reason": trial.reason, "full": None})
        record = priced_record(trial, self.baseline, self.compared, self.config, self.bench.environment)
        full = full_result(record, self.compared)
        if isinstance(full, str):
            return tried.model_copy(update={"state": "failed", "reason": full, "full": None})
        self.records[tried.name] = record
        return tried.model_copy(update={"state": "measured", "reason": None, "full": full})

    def _put(self, tried: Tried) -> None:
        """Record a recipe in its place, or as the last one."""
        names = [each.name for each in self.record.tried]
        entries = list(self.record.tried)
        if tried.name in names:
            entries[names.index(tried.name)] = tried
        else:
            entries.append(tried)
        self._save(tried=tuple(entries))

    def _save(self, **changes: object) -> None:
        self.record = self.record.model_copy(update={"spent_s": self.clock.spent, **changes})
        write_search(self.bench.folder.path, self.record)
