import json

import pytest

from leanglot.errors import RunError
from leanglot.report.files import write_report
from leanglot.report.markdown import render_markdown
from leanglot.results.folder import read_report
from leanglot.results.salvage import salvage_report


@pytest.fixture
def stored(request, tmp_path):
    """A run folder with the golden report, and a way to damage it."""
    values = json.loads((request.config.rootpath / "tests/golden/report-v1-shaped.json").read_text(encoding="utf-8"))

    class Stored:
        folder = tmp_path
        file = tmp_path / "report.json"

        def __init__(self):
            self.values = values
            self.names = [each["name"] for each in values["candidates"]]

        def candidate(self, name):
            return next(each for each in self.values["candidates"] if each["name"] == name)

        def write(self):
            self.file.write_text(json.dumps(self.values), encoding="utf-8")
            return self.folder

        def salvaged(self):
            before = self.write() / "report.json"
            content = before.read_bytes()
            found = salvage_report(self.folder)
            assert before.read_bytes() == content
            return found

    return Stored()


def lost(found):
    return [loss.what for loss in found.losses]


def test_a_whole_report_loses_nothing(stored):
    found = stored.salvaged()
    assert found.losses == ()
    assert found.report == read_report(stored.folder)


def test_damaged_candidates_are_left_out_and_told(stored):
    chain = next(iter(stored.values["chains"]))
    step = stored.values["chains"][chain][1]
    stored.candidate(step)["size_bytes"] = "big"
    stored.values["recommendations"]["size"] = {"candidate": step, "reason": "", "accuracy_tolerance": 0.0}
    found = stored.salvaged()
    assert [each.name for each in found.report.candidates] == [name for name in stored.names if name != step]
    assert f"the candidate {step}" in lost(found)
    assert "size among the recommendations" in lost(found)
    assert f"{chain} among the chains" in lost(found)
    assert "size" not in found.report.recommendations
    assert chain not in found.report.chains
    assert found.losses[0].why.startswith("size_bytes: Input should be a valid integer")


def test_what_was_lost_stands_in_every_rendering(stored):
    stored.candidate(stored.names[1])["status"] = "splendid"
    found = stored.salvaged()
    told = f"Left out of a damaged report: the candidate {stored.names[1]} (status: Input should be"
    assert any(note.startswith(told) for note in found.report.data.notes)
    assert "Left out of a damaged report" in render_markdown(found.report)
    write_report(found.report, stored.folder)
    assert json.loads(stored.file.read_text()) == stored.values


def test_nameless_and_repeated_candidates_are_left_out(stored):
    stored.values["candidates"] += [{"a": 1}, 5, stored.candidate(stored.names[1])]
    found = stored.salvaged()
    number = len(stored.names)
    assert lost(found) == [
        f"candidate {number + 1}", f"candidate {number + 2}", f"a second candidate {stored.names[1]}"
    ]  # fmt: skip
    assert [each.name for each in found.report.candidates] == stored.names


def test_parts_of_the_whole_are_left_out_one_by_one(stored):
    stored.values["recommendations"] |= {"beauty": {"candidate": None, "reason": "", "accuracy_tolerance": 0.0}}
    stored.values["recommendations"]["speed"] = {"candidate": 5}
    stored.values |= {"chains": [1], "repairs": {"int8": {}, "gone": 5}, "pricing": {"a": 1}, "future": {"a": 1}}
    stored.values |= {"routing": {"de": 5}}
    found = stored.salvaged()
    assert set(lost(found)) == {
        "beauty among the recommendations", "speed among the recommendations", "all chains",
        "int8 among the repairs", "gone among the repairs", "the part pricing", "the part 'future'", "the part routing",
    }  # fmt: skip
    assert (found.report.pricing, found.report.routing, found.report.chains) == (None, None, {})


def test_routing_that_names_a_lost_candidate_goes_with_it(stored):
    name = stored.names[1]
    stored.candidate(name)["status"] = None
    stored.values["routing"] = {"de": name}
    found = stored.salvaged()
    assert "the part routing" in lost(found)
    assert found.report.routing is None
    stored.values["routing"] = {"de": stored.values["baseline"]}
    assert stored.salvaged().report.routing == {"de": stored.values["baseline"]}


def test_half_a_routing_is_none(stored):
    stored.values |= {"routing": {"de": stored.values["baseline"]}, "routing_facts": {"a": 1}}
    found = stored.salvaged()
    assert lost(found) == ["the part routing_facts", "the rest of the routing"]
    assert found.report.routing is None


def test_without_the_baseline_nothing_is_left(stored):
    stored.candidate(stored.values["baseline"])["accuracy"] = "good"
    with pytest.raises(RunError, match="its baseline, 'original', is damaged or missing"):
        stored.salvaged()
    stored.values["candidates"] = None
    with pytest.raises(RunError, match="its baseline"):
        stored.salvaged()


@pytest.mark.parametrize("part", ["environment", "data", "margin", "created_at", "baseline", "model", "alpha"])
def test_without_what_all_hangs_on_nothing_is_left(stored, part):
    stored.values[part] = {"a": [1]}
    with pytest.raises(RunError, match=f"Nothing of .* can be used without what is damaged: {part}"):
        stored.salvaged()
    del stored.values[part]
    with pytest.raises(RunError, match=f"{part}: Field required"):
        stored.salvaged()


def test_newer_and_unreadable_reports_are_refused_as_ever(stored):
    stored.values["schema_version"] = 99
    with pytest.raises(RunError, match="newer leanglot"):
        stored.salvaged()
    stored.file.write_text('{"schema_version": 1, "cand')
    with pytest.raises(RunError, match="is damaged at line 1"):
        salvage_report(stored.folder)
    with pytest.raises(RunError, match="There is no report"):
        salvage_report(stored.folder / "nowhere")


def test_reading_says_which_candidates_are_damaged_and_how_to_read_the_rest(stored):
    first, second = stored.names[1:3]
    stored.candidate(first)["size_bytes"] = "big"
    with pytest.raises(RunError, match=f"is damaged in the candidate {first}:") as caught:
        read_report(stored.write())
    assert f"leanglot report {stored.folder} --salvage" in caught.value.hint
    stored.candidate(second)["status"] = "?"
    stored.values["candidates"].append(5)
    with pytest.raises(RunError, match=rf"in the candidates {first}, {second}, \?:"):
        read_report(stored.write())


def test_a_cut_off_report_beside_checkpoints_is_rebuilt_by_the_same_command(stored):
    stored.file.write_text('{"schema_version": 1, "cand')
    with pytest.raises(RunError) as caught:
        read_report(stored.folder)
    assert "restore the file" in caught.value.hint
    (stored.folder / "candidates" / "int8").mkdir(parents=True)
    (stored.folder / "candidates" / "int8" / "speed.json").write_text("{}")
    with pytest.raises(RunError) as caught:
        read_report(stored.folder)
    assert "the same leanglot optimize command again rebuilds the report from them in moments" in caught.value.hint
