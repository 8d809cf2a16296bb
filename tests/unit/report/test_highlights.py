from leanglot.report.highlights import pick_highlights


def test_harm_comes_first_and_what_is_left_out_is_counted(golden):
    chosen = pick_highlights(golden)
    harmed = [row for row in chosen.rows if row.why == "harmed"]
    assert [row.why for row in chosen.rows] == ["harmed"] * 6 + ["worst drop"] * 3 + ["nearest to settled"] * 4
    assert harmed[0].tag == "th"
    assert chosen.harmed_left_out == 5


def test_nothing_is_listed_twice(golden):
    rows = [(row.candidate, row.tag) for row in pick_highlights(golden).rows]
    assert len(rows) == len(set(rows))


def test_the_nearest_are_the_cheapest_of_recommended_candidates(golden):
    rows = [row for row in pick_highlights(golden).rows if row.why == "nearest to settled"]
    needed = [row.result.samples_needed for row in rows]
    assert needed == sorted(needed)
    assert {row.candidate for row in rows} <= {answer.candidate for answer in golden.recommendations.values()}


def test_without_recommendations_all_candidates_are_looked_at(golden):
    report = golden.model_copy(update={"recommendations": {}})
    names = {row.candidate for row in pick_highlights(report).rows if row.why == "worst drop"}
    assert "magnitude-70" in names


def test_no_candidates_no_rows(bare):
    assert pick_highlights(bare).rows == ()
