"""The tables of the report page: sort, filter, switch the candidate, choose columns, keep the choice in the address."""

import pytest
from page_runs import stored

pytestmark = pytest.mark.browser


def column(page, table, key):
    """The texts of a column from top to bottom, of the rows in sight."""
    return [
        text.strip()
        for text in page.locator(f"{table} tbody tr:not(.out)").evaluate_all(
            "(rows, key) => rows.map((row) => key === 'head' ? row.cells[0].innerText"
            " : row.querySelector(`[data-col='${key}']`)?.innerText ?? '')",
            key,
        )
    ]


def heading(page, table, key):
    return page.locator(f"{table} thead th[data-col='{key}']")


def numbers(texts):
    """The numbers in front of texts; None for those without."""
    found = []
    for text in texts:
        digits = "".join(each for each in text.replace("\N{MINUS SIGN}", "-").split("\n")[-1] if each in "-0123456789.")
        found.append(float(digits) if digits.strip("-.") else None)
    return found


def present_then_absent(values):
    shown = [value for value in values if value is not None]
    assert values == shown + [None] * (len(values) - len(shown))
    return shown


@pytest.mark.parametrize("key", ["size", "median", "speed-up", "p95", "accuracy", "harmed"])
def test_candidates_sort_by_value_with_absences_last(open_report, key):
    page = open_report("plain")
    for direction in ("descending", "ascending", "descending"):
        heading(page, "#candidate-table", key).get_by_role("button").click()
        assert heading(page, "#candidate-table", key).get_attribute("aria-sort") == direction
        shown = present_then_absent(numbers(column(page, "#candidate-table", key)))
        assert shown == sorted(shown, reverse=direction == "descending")
        assert page.locator("#candidate-table th[aria-sort]").count() == 1
        assert "Failed" in page.locator("#candidate-table tbody tr").last.inner_text()


def test_candidates_sort_by_name_and_status(open_report):
    page = open_report("plain")
    heading(page, "#candidate-table", "candidate").get_by_role("button").click()
    names = column(page, "#candidate-table", "head")
    assert names == sorted(names, key=str.lower)
    heading(page, "#candidate-table", "status").get_by_role("button").click()
    order = ["baseline", "certified", "unrefuted", "rejected", "failed"]
    places = [order.index(status) for status in column(page, "#candidate-table", "status")]
    assert places == sorted(places)


@pytest.mark.parametrize("key", ["drop", "baseline", "candidate", "examples", "groups", "latency", "tokens"])
def test_languages_sort_by_value(open_report, key):
    page = open_report("plain")
    button = heading(page, "#language-table", key).get_by_role("button")
    for _ in range(2):
        button.click()
        direction = heading(page, "#language-table", key).get_attribute("aria-sort")
        shown = present_then_absent(numbers(column(page, "#language-table", key)))
        assert len(shown) == 24
        assert shown == sorted(shown, reverse=direction == "descending")


def test_languages_start_with_the_worst_and_sort_by_name_and_verdict(open_report):
    page = open_report("plain", "#candidate=magnitude-70")
    assert heading(page, "#language-table", "drop").get_attribute("aria-sort") == "descending"
    drops = numbers(column(page, "#language-table", "drop"))
    assert drops == sorted(drops, reverse=True)
    heading(page, "#language-table", "language").get_by_role("button").click()
    names = column(page, "#language-table", "head")
    assert names == sorted(names)
    heading(page, "#language-table", "verdict").get_by_role("button").click()
    first, last = column(page, "#language-table", "verdict")[0], column(page, "#language-table", "verdict")[-1]
    assert ("safe" in first, "harmed" in last) == (True, True)


def test_typing_a_tag_finds_the_language(open_report):
    page = open_report("plain")
    for query, found in (
        ("th", ["Thai (th)"]),
        ("TH ", ["Thai (th)"]),
        ("chin", ["Chinese (Traditional) (zh-Hant)", "Chinese (Simplified) (zh-Hans)"]),
        ("zh", ["Chinese (Traditional) (zh-Hant)", "Chinese (Simplified) (zh-Hans)"]),
        ("bokmal", ["Norwegian Bokmål (nb)"]),
        ("hi, ur", ["Hindi (hi)", "Urdu (ur)"]),
    ):
        page.locator("#language-filter").fill(query)
        assert column(page, "#language-table", "head") == found
        assert page.locator("#language-count").inner_text().startswith(f"{len(found)} of 24 languages")
        tags = page.locator("#drop-grid thead th:visible abbr").all_inner_texts()
        assert sorted(tags) == sorted(name.rsplit("(", 1)[1].rstrip(")") for name in found)
    page.locator("#language-filter").fill("klingon")
    assert column(page, "#language-table", "head") == []
    assert page.locator("#language-count").inner_text() == "0 of 24 languages: no language fits the filters"
    page.locator("#language-filter").fill("")
    assert len(column(page, "#language-table", "head")) == 24


def test_verdicts_filter_languages(open_report):
    report = stored("report-v1")
    page = open_report("plain", "#candidate=magnitude-70")
    rows = report.candidate("magnitude-70").languages
    for kind in ("safe", "inconclusive"):
        page.locator(f"#verdict-filter input[value='{kind}']").uncheck()
    harmed = sum(row.verdict == "harmed" for row in rows.values())
    assert [text.split()[-1] for text in column(page, "#language-table", "verdict")] == ["harmed"] * harmed
    assert page.locator("#language-count").inner_text() == f"{harmed} of 24 languages"
    page.locator("#candidate-choice").select_option(label="onnx (unrefuted)")
    assert column(page, "#language-table", "head") == []


def test_statuses_and_names_filter_candidates_and_the_grid(open_report):
    page = open_report("plain")
    for status in ("baseline", "unrefuted", "failed"):
        page.locator(f"#status-filter input[value='{status}']").uncheck()
    assert column(page, "#candidate-table", "head") == ["magnitude-70"]
    assert page.locator("#drop-grid tbody tr:visible th").all_inner_texts() == ["magnitude-70"]
    assert page.locator("#candidate-count").inner_text() == "1 of 8 candidates"
    page.locator("#status-filter input[value='unrefuted']").check()
    page.locator("#candidate-filter").fill("INT8")
    assert page.locator("#candidate-count").inner_text() == "3 of 8 candidates"


def test_counts_are_told_to_screen_readers(open_report):
    page = open_report("plain")
    for place in ("#candidate-count", "#language-count"):
        assert page.locator(place).get_attribute("role") == "status"


def shown_candidate(page):
    return (
        page.locator("#chosen-name").inner_text(),
        page.locator("#candidate-choice option:checked").inner_text().split(" (")[0],
        page.locator("#candidate-table tr.chosen th").inner_text(),
        page.locator("#candidate-table a[aria-current]").inner_text(),
    )


def test_the_candidate_switches_by_list_row_link_and_address(open_report):
    page = open_report("plain")
    assert shown_candidate(page) == ("int8-embeddings",) * 4
    page.locator("#candidate-choice").select_option(label="onnx (unrefuted)")
    assert shown_candidate(page) == ("onnx",) * 4
    assert page.url.endswith("#candidate=onnx")
    page.locator("#candidate-table tbody tr").nth(5).locator("td").nth(3).click()
    assert shown_candidate(page) == ("magnitude-70",) * 4
    page.locator("#candidate-table tbody th a", has_text="int8").first.click()
    assert shown_candidate(page) == ("int8",) * 4
    assert page.url.endswith("#candidate=int8")
    page.evaluate("location.hash = '#candidate=magnitude-30'")
    page.wait_for_timeout(100)
    assert shown_candidate(page) == ("magnitude-30",) * 4
    page.go_back()
    page.wait_for_timeout(100)
    assert shown_candidate(page) == ("int8",) * 4


def test_a_link_opens_the_candidate_at_its_languages(open_report):
    page = open_report("plain", "#candidate=int8&beside=onnx")
    assert shown_candidate(page) == ("int8",) * 4
    assert page.locator("#beside-choice option:checked").inner_text() == "onnx (unrefuted)"
    assert page.locator("#languages").bounding_box()["y"] < 400


@pytest.mark.parametrize("hash_", ["#candidate=gone", "#candidate=", "#candidates", "#%", "#candidate=%E0%A4%A"])
def test_an_address_that_names_nothing_is_no_fault(open_report, hash_):
    assert shown_candidate(open_report("plain", hash_)) == ("int8-embeddings",) * 4


def test_rows_say_what_the_record_says(open_report):
    report = stored("report-v1")
    page = open_report("plain")
    for name in ("int8", "magnitude-70"):
        page.locator("#candidate-choice").select_option(label=f"{name} ({report.candidate(name).status})")
        verdicts = dict(
            zip(column(page, "#language-table", "head"), column(page, "#language-table", "verdict"), strict=True)
        )
        words = {"safe": "safe", "harmed": "harmed", "inconclusive": "not proven"}
        for tag, row in report.candidate(name).languages.items():
            (shown,) = [text for head, text in verdicts.items() if head.endswith(f"({tag})")]
            assert shown.endswith(words[row.verdict])


def test_baseline_and_failures_can_be_chosen_too(open_report):
    page = open_report("plain", "#candidate=original")
    assert set(column(page, "#language-table", "drop")) == {"reference"}
    assert "72.7%" in column(page, "#language-table", "candidate")
    page.locator("#candidate-choice").select_option(label="magnitude-50-int8 (failed)")
    assert column(page, "#language-table", "head")[0].startswith("Failed: graph and model disagree")
    assert page.locator("#language-count").inner_text() == "0 of 0 languages"


def test_a_second_candidate_stands_beside(open_report):
    page = open_report("plain", "#candidate=int8")
    page.locator("#beside-choice").select_option(label="magnitude-70 (rejected)")
    assert page.url.endswith("#candidate=int8&beside=magnitude-70")
    assert len(column(page, "#language-table", "beside drop")) == 24
    heading(page, "#language-table", "beside drop").get_by_role("button").click()
    drops = numbers(column(page, "#language-table", "beside drop"))
    assert drops == sorted(drops, reverse=True)
    page.locator("#beside-choice").select_option("")
    assert page.locator("[data-beside]").count() == 0
    assert heading(page, "#language-table", "drop").get_attribute("aria-sort") == "descending"
    page.locator("#beside-choice").select_option(label="int8 (unrefuted)")
    assert page.locator("[data-beside]").count() == 0


def test_columns_are_chosen_in_a_menu_that_escape_closes(open_report):
    page = open_report("plain")
    assert not heading(page, "#language-table", "chance").is_visible()
    menu = page.locator("#language-columns")
    menu.locator("summary").focus()
    page.keyboard.press("Enter")
    menu.locator("input[value='chance']").check()
    menu.locator("input[value='groups']").uncheck()
    assert heading(page, "#language-table", "chance").is_visible()
    assert not heading(page, "#language-table", "groups").is_visible()
    page.keyboard.press("Escape")
    assert not menu.locator(".panel").is_visible()
    assert page.evaluate("document.activeElement.textContent") == "Columns"
    page.locator("#candidate-choice").select_option(label="onnx (unrefuted)")
    assert heading(page, "#language-table", "chance").is_visible()
    assert page.locator("#language-table td[data-col='groups']:visible").count() == 0
    menu.locator("summary").click()
    menu.get_by_role("button", name="Usual").click()
    assert not heading(page, "#language-table", "chance").is_visible()
    page.locator("h1").click()
    assert not menu.locator(".panel").is_visible()


def test_all_columns_of_candidates_can_be_shown(open_report):
    page = open_report("plain")
    menu = page.locator("#candidate-columns")
    menu.locator("summary").click()
    menu.get_by_role("button", name="All").click()
    page.keyboard.press("Escape")
    assert page.locator("#candidate-table thead th:visible").count() == 22
    heading(page, "#candidate-table", "p99").get_by_role("button").click()
    texts = column(page, "#candidate-table", "p99")
    assert not any(text.startswith("n/a") for text in texts[:-2])
    assert texts[-2].startswith("n/a")
