"""The subcommand that translates: texts from the command line, or line by line from a pipe."""

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from itertools import islice
from typing import TYPE_CHECKING, Annotated, BinaryIO, Final

import typer

from leanglot.cli.console import stoppable
from leanglot.cli.options import AllowPickle, Model, Threads
from leanglot.errors import DataError

if TYPE_CHECKING:
    from leanglot.runtimes.seq2seq import Decoding
    from leanglot.runtimes.translation_router import TranslationRouter
    from leanglot.runtimes.translator import Translation, Translator

    AnyTranslator = Translator | TranslationRouter

_AT_ONCE: Final = 256  # lines of a pipe that are translated together


def translate(
    model: Model,
    texts: Annotated[
        list[str] | None, typer.Argument(help="What to translate; without any, the lines of standard input.")
    ] = None,
    to: Annotated[
        str | None, typer.Option("--to", help="Language to translate into; not needed where there is only one.")
    ] = None,
    source: Annotated[
        str | None, typer.Option("--from", help="Language of the texts; not needed where the model is not told.")
    ] = None,
    beam: Annotated[
        int | None, typer.Option(min=1, max=32, help="Beam width; 1 is greedy, and the model's own the default.")
    ] = None,
    max_tokens: Annotated[
        int | None,
        typer.Option(min=1, max=4096, help="Most tokens of a translation; the model's own limit by default."),
    ] = None,
    threads: Threads = None,
    allow_pickle: AllowPickle = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object per text, with confidence and counts.")
    ] = False,
) -> None:
    """Translate texts with an artifact, a router or a model folder; a pipe gets one line for each of its lines."""
    from leanglot.measure.translation_subject import open_any_translator
    from leanglot.models.hub import resolve_model

    folder = resolve_model(model, allow_pickle=allow_pickle)
    translator = open_any_translator(folder, threads, allow_pickle=allow_pickle)
    pair = translator.pair_of(source, to)
    decoding = _decoding(translator, beam, max_tokens)
    with stoppable(lambda: "What was translated is above."):
        if texts:
            _show(
                0,
                texts,
                translator.translate(texts, pairs=[pair] * len(texts), decoding=decoding),
                pair,
                as_json=as_json,
            )
            return
        done = 0
        for lines in _batches(_lines(sys.stdin.buffer)):
            _pass_on(translator, (done, lines), pair, decoding, as_json=as_json)
            done += len(lines)


def _decoding(translator: "AnyTranslator", beam: int | None, max_tokens: int | None) -> "Decoding":
    """The model's own search, with what was asked for."""
    from dataclasses import replace

    own = translator.decoding
    return replace(own, beam=beam or own.beam, max_tokens=min(max_tokens or own.max_tokens, own.max_tokens))


def _pass_on(
    translator: "AnyTranslator", place: tuple[int, Sequence[str]], pair: str, decoding: "Decoding", *, as_json: bool
) -> None:
    """Translate some lines of a pipe; what is blank stays blank."""
    done, lines = place
    said = [number for number, line in enumerate(lines) if line.strip()]
    found = translator.translate([lines[number] for number in said], pairs=[pair] * len(said), decoding=decoding)
    answers: list[Translation | None] = [None] * len(lines)
    for number, answer in zip(said, found, strict=True):
        answers[number] = answer
    _show(done, lines, answers, pair, as_json=as_json)


def _show(
    done: int, texts: Sequence[str], answers: Sequence["Translation | None"], pair: str, *, as_json: bool
) -> None:
    """One line per text; what is to be known of one goes to standard error."""
    for number, (text, answer) in enumerate(zip(texts, answers, strict=True), done + 1):
        if as_json:
            facts = {"text": ""} if answer is None else asdict(answer)
            line = json.dumps(
                {"pair": pair, "source": text, "translation": facts.pop("text"), **facts}, ensure_ascii=False
            )
        else:
            line = "" if answer is None else " ".join(answer.text.splitlines())
        typer.echo(line)
        if answer is not None and not as_json:
            for remark in _remarks(answer):
                typer.echo(f"Text {number} {remark}", err=True)
    sys.stdout.flush()


def _remarks(answer: "Translation") -> Iterator[str]:
    if answer.parts > 1:
        cut = ", some of them cut between words" if answer.cut else ""
        yield f"was longer than the model reads, and translated in {answer.parts} parts{cut}."
    if not answer.finished:
        yield "reached the most tokens of a translation before it ended."


def _lines(stream: BinaryIO) -> Iterator[str]:
    """The lines of a stream of UTF-8.

    Raises:
        DataError: A line is not UTF-8.
    """
    for number, line in enumerate(stream, 1):
        try:
            yield line.decode("utf-8").rstrip("\r\n")
        except UnicodeDecodeError as error:
            raise DataError(
                f"Line {number} of standard input is not UTF-8: {error.reason} at byte {error.start}.",
                "Convert it, for example with: iconv -f latin1 -t utf-8",
            ) from error


def _batches(lines: Iterable[str]) -> Iterator[list[str]]:
    remaining = iter(lines)
    while batch := list(islice(remaining, _AT_ONCE)):
        yield batch
