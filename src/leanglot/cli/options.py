"""The options that several subcommands of the command line share."""

from pathlib import Path
from typing import Annotated

import typer

Model = Annotated[str, typer.Argument(help="A model folder, an artifact, or a name on the hub.", metavar="MODEL")]
Run = Annotated[Path, typer.Argument(help="A finished run's folder.", metavar="RUN")]
Data = Annotated[
    Path,
    typer.Option("--data", "-d", help="Labelled texts: .jsonl, .json, .csv, .tsv or .parquet.", metavar="FILE"),
]
OptionalData = Annotated[
    Path | None,
    typer.Option("--data", "-d", help="Labelled texts: .jsonl, .json, .csv, .tsv or .parquet.", metavar="FILE"),
]
TextColumn = Annotated[str, typer.Option(help="Column with the text.")]
LabelColumn = Annotated[str, typer.Option(help="Column with the label.")]
LanguageColumn = Annotated[str, typer.Option(help="Column with the language tag.")]
GroupColumn = Annotated[
    str | None, typer.Option(help="Column with the cluster an example belongs to; none ignores a column of that name.")
]
SplitColumn = Annotated[
    str | None, typer.Option(help="Column with the split; only test and validation rows count; none takes all.")
]
Threads = Annotated[
    int | None, typer.Option(min=1, max=1024, help="Threads per runtime; the physical cores by default.")
]
Limit = Annotated[int | None, typer.Option(min=1, help="Most examples per language.")]
Seed = Annotated[int, typer.Option(min=0, help="Seed of every random choice.")]
Margin = Annotated[
    float, typer.Option(min=1e-9, max=1, help="Largest drop per language that counts as harmless; 0.01 is one point.")
]
Alpha = Annotated[float, typer.Option(min=1e-9, max=0.5, help="Error level of the tests.")]
AllowPickle = Annotated[bool, typer.Option("--allow-pickle", help="Read pickled weights, which can run code.")]
Against = Annotated[str | None, typer.Option(help="A model or artifact to compare with.", metavar="MODEL")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the full record as JSON.")]
Quick = Annotated[bool, typer.Option("--quick", help="Fewer timed calls; in the demo also fewer examples.")]
NewFolder = Annotated[Path, typer.Option("--out", "-o", help="Folder for the artifact.", metavar="FOLDER")]
Combine = Annotated[str, typer.Option(help="Importance over the languages: worst keeps what any needs; mean; traffic.")]
Method = Annotated[str, typer.Option(help="taylor or gradient.")]
ImportanceTexts = Annotated[
    Path | None,
    typer.Option(help="Texts to measure importance on, labelled or not; of a column split, train rows only."),
]
RecipeOption = Annotated[
    Path | None,
    typer.Option("--recipe", help="A YAML file of candidates to try in place of the usual ones.", metavar="FILE"),
]
ImportanceSamples = Annotated[int, typer.Option(help="Texts that importance is measured on.")]
CombineTraffic = Annotated[
    list[str] | None, typer.Option(help="For --combine traffic: a language's share, such as de=0.3; repeatable.")
]
Search = Annotated[bool, typer.Option("--search", help="Search recipes by itself, in place of the usual candidates.")]
Budget = Annotated[
    str | None, typer.Option(help="Time that --search may take, such as 90s, 30m (the default) or 1.5h.")
]
SearchTrials = Annotated[
    int | None, typer.Option(min=1, help="Most recipes that --search tries; as many as the budget allows by default.")
]
SearchTrain = Annotated[
    bool, typer.Option(help="Let --search train students, where there are training examples and time.")
]
CostsFile = Annotated[
    Path | None,
    typer.Option("--costs", help="A YAML file of what predictions, errors and machines cost.", metavar="FILE"),
]
NormalizeTraffic = Annotated[
    bool, typer.Option("--normalize-traffic", help="Divide the traffic of --costs by its sum where that is not 1.")
]
Salvage = Annotated[
    bool, typer.Option("--salvage", help="Read what is whole of a damaged report.json; tells what was left out.")
]
LogWith = Annotated[
    str | None, typer.Option(help="Log the run and its candidates: mlflow.", metavar="TRACKER", show_default=False)
]
LogFolder = Annotated[
    Path, typer.Option(help="Folder of that log, where MLFLOW_TRACKING_URI names no server.", metavar="FOLDER")
]
Metric = Annotated[str, typer.Option(help="Of a translation model's verdicts: chrf or bleu.", metavar="NAME")]
Beam = Annotated[
    int | None, typer.Option(min=1, max=32, help="Beam width of a translation model, its own by default; 1 is greedy.")
]
Force = Annotated[bool, typer.Option("--force", help="Replace the folder if it exists.")]
TargetIsa = Annotated[
    str | None,
    typer.Option(help="avx2, avx512, avx512-vnni, amx or neon; this machine's own by default.", metavar="ISA"),
]
