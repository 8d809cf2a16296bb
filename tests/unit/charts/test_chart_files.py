import xml.etree.ElementTree as ET

import matplotlib as mpl
import pytest
from chart_texts import overlapping, upright
from matplotlib._pylab_helpers import Gcf

from leanglot.charts.files import CHARTS, drawings, png_bytes, svg_bytes, write_charts
from leanglot.errors import StorageError

RUNS = ["golden", "bare", "hollow", "crowded"]


@pytest.fixture(scope="module", params=[(run, name) for run in RUNS for name in CHARTS], ids="-".join)
def figure(request):
    run, name = request.param
    return CHARTS[name](request.getfixturevalue(run))


def test_charts_draw_any_report_inside_of_the_figure(figure):
    drawn = figure.get_tightbbox()
    width, height = figure.get_size_inches()
    assert drawn.x0 >= 0
    assert drawn.y0 >= 0
    assert drawn.x1 <= width
    assert drawn.y1 <= height


def test_no_two_texts_overlap(figure):
    assert not overlapping(upright(figure))


def test_files_are_the_same_bytes_every_time(golden, tmp_path):
    first = [path.read_bytes() for path in write_charts(golden, tmp_path / "a")]
    second = [path.read_bytes() for path in write_charts(golden, tmp_path / "b")]
    assert first == second


def test_every_chart_is_written_twice(golden, tmp_path):
    paths = write_charts(golden, tmp_path / "new" / "folder")
    assert [path.name for path in paths] == [f"{name}.{kind}" for name in drawings(golden) for kind in ("png", "svg")]
    assert sorted(path.name for path in (tmp_path / "new" / "folder").iterdir()) == sorted(path.name for path in paths)


def test_svg_is_well_formed_and_png_is_png(bare):
    figure = CHARTS["overview"](bare)
    assert ET.fromstring(svg_bytes(figure)).tag.endswith("svg")  # noqa: S314 - written a line above
    assert png_bytes(figure).startswith(b"\x89PNG")


def test_charts_hold_no_pictures_or_dates(golden):
    svg = svg_bytes(CHARTS["drop_heatmap"](golden)).decode()
    assert "<image" not in svg
    assert "<dc:date" not in svg


def test_the_users_settings_neither_matter_nor_change(golden):
    plain = svg_bytes(CHARTS["overview"](golden))
    with mpl.rc_context({"font.size": 30, "axes.facecolor": "red", "svg.hashsalt": "mine"}):
        before = dict(mpl.rcParams)
        assert svg_bytes(CHARTS["overview"](golden)) == plain
        assert dict(mpl.rcParams) == before


def test_pyplot_is_not_involved(golden):
    CHARTS["overview"](golden)
    assert not Gcf.figs


def test_a_file_in_place_of_the_folder_is_an_error_with_a_hint(bare, tmp_path):
    (tmp_path / "charts").write_text("in the way")
    with pytest.raises(StorageError) as caught:
        write_charts(bare, tmp_path / "charts")
    assert caught.value.hint is not None
