"""A router ready to answer: each text by the variant of its language, told by the caller or detected."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from leanglot.errors import DataError, ModelError
from leanglot.languages import canonical_tag
from leanglot.results.router_manifest import (
    VARIANTS,
    RouterManifest,
    read_router_manifest,
    variant_for,
    verify_router,
)
from leanglot.runtimes.batching import DEFAULT_BATCH_TOKENS
from leanglot.runtimes.classifier import Classifier, Prediction, checked_texts
from leanglot.runtimes.identifier import Identifier, load_identifier
from leanglot.runtimes.loading import load
from leanglot.runtimes.variants import answered_by_variant


@dataclass(frozen=True, slots=True)
class Router:
    """Several variants of one classifier, and who answers what.

    Attributes:
        manifest: Languages, variants, labels.
        classifiers: The loaded variants by name.
        identifier: Tells languages that the caller does not; None where nothing does.
    """

    manifest: RouterManifest
    classifiers: Mapping[str, Classifier]
    identifier: Identifier | None = None

    def predict(
        self,
        texts: Iterable[str],
        batch_tokens: int = DEFAULT_BATCH_TOKENS,
        *,
        languages: Sequence[str | None] | None = None,
    ) -> list[Prediction]:
        """Classify texts, each by the variant of its language.

        Args:
            texts: Any number of texts; none of them empty.
            batch_tokens: Largest batch in tokens, padding included.
            languages: BCP 47 tag of each text; None, for one or for all, has the language detected.

        Returns:
            One prediction per text, in the order given.

        Raises:
            DataError: A text or a tag cannot be used, or they are not equally many.
        """
        texts = checked_texts(texts)

        def answer(name: str, places: list[int]) -> list[Prediction]:
            return self.classifiers[name].predict([texts[place] for place in places], batch_tokens)

        return answered_by_variant(self.routes(texts, languages), answer)

    def routes(self, texts: Sequence[str], languages: Sequence[str | None] | None = None) -> list[str]:
        """Name of the variant that answers each text.

        A language that the router does not know goes where its nearest wider one goes, ``de-AT`` where ``de`` does. One
        that is still unknown, or was not told and cannot be detected, goes to the fallback.

        Args:
            texts: The texts.
            languages: BCP 47 tag of each, or None.

        Raises:
            DataError: A tag is none, or there are not as many as texts.
        """
        return [self.variant_of(tag) for tag in self.languages_of(texts, languages)]

    def languages_of(self, texts: Sequence[str], languages: Sequence[str | None] | None = None) -> list[str | None]:
        """Language of each text as it is routed: the told one, else the detected one; None where it is unknown."""
        told = _canonical(languages, len(texts))
        silent = [place for place, tag in enumerate(told) if tag is None]
        if silent and self.identifier is not None:
            for place, tag in zip(silent, self.identifier.tell([texts[place] for place in silent]), strict=True):
                told[place] = tag
        return told

    def variant_of(self, tag: str | None) -> str:
        """Name of the variant that answers a language, given by its canonical tag."""
        return variant_for(tag, self.manifest.languages, self.manifest.fallback)

    def warm(self, text: str) -> None:
        """Answer a text by every variant, and tell its language."""
        for classifier in self.classifiers.values():
            classifier.predict([text])
        if self.identifier is not None:
            self.identifier.tell([text])


def load_router(router: str | Path, threads: int | None = None, *, verify: bool = False) -> Router:
    """Load a router with all its variants.

    Args:
        router: The router's folder.
        threads: Threads each engine may use; None takes what suits each variant.
        verify: Compare every file with the hashes of the manifest first.

    Raises:
        ModelError: The folder is no router, or is damaged.
    """
    folder = Path(router)
    manifest = read_router_manifest(folder)
    if manifest.task == "translation":
        raise ModelError(f"{folder} is a router of translation models.", "Load it with: leanglot.load(FOLDER)")
    if verify:
        verify_router(folder, manifest)
    identifier = None if manifest.identifier is None else load_identifier(folder, manifest.identifier)
    classifiers = {name: load(folder / VARIANTS / name, threads) for name in manifest.variants}
    for name, classifier in classifiers.items():
        if classifier.manifest.labels != manifest.labels:
            raise ModelError(
                f"The variant {name} of {folder} answers with other labels, or in another order, than the router.",
                "Make the router again with: leanglot route RUN --out ROUTER",
            )
    return Router(manifest, classifiers, identifier)


def _canonical(languages: Sequence[str | None] | None, number: int) -> list[str | None]:
    """One tag in its normal spelling for each text, or None.

    Raises:
        DataError: A tag is none, or there are not as many as texts.
    """
    if languages is None:
        return [None] * number
    if isinstance(languages, str):
        raise DataError("languages takes one tag per text, got one string.", f"Pass [{languages!r}] * len(texts).")
    if len(languages) != number:
        raise DataError(
            f"There are {number} texts and {len(languages)} languages.",
            "Pass one tag per text; None is to be detected.",
        )
    return [None if tag is None else canonical_tag(tag) for tag in languages]
