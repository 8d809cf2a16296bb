"""What OpenVINO's graphs store, by the names PyTorch gives the weights."""

import pytest

from leanglot.errors import ModelError
from leanglot.export.openvino import export_openvino
from leanglot.models.openvino_graph import DATA_NAME, GRAPH_NAME, module_of, weight_arrays


@pytest.fixture(scope="module")
def exported(tiny_classifier, tmp_path_factory):
    folder = tmp_path_factory.mktemp("openvino")
    export_openvino(tiny_classifier, folder)
    return folder


def test_every_parameter_is_found_by_its_name(tiny_classifier, exported):
    expected = {
        name: ("float32", 4 * weight.numel())
        for name, weight in tiny_classifier.module.named_parameters()
        if "token_type" not in name  # both of its rows are one
    }
    arrays = weight_arrays(exported)
    assert {name: arrays[name] for name in expected} == expected


def test_the_bytes_add_up_to_the_file(exported):
    assert sum(size for _, size in weight_arrays(exported).values()) == (exported / DATA_NAME).stat().st_size


def test_what_is_no_parameter_is_named_by_its_module(exported):
    others = {name for name, (kind, _) in weight_arrays(exported).items() if kind.startswith("int")}
    assert others
    assert {name.split("/")[0].split(".")[0] for name in others} <= {"roberta", "classifier"}


def layer(number, kind, name, data=""):
    return f'<layer id="{number}" name="{name}" type="{kind}" version="opset1">{data}</layer>'


def constant(number, name, offset, size, kind="f32"):
    data = f'<data element_type="{kind}" shape="1" offset="{offset}" size="{size}" />'
    return layer(number, "Const", name, data)


def write(folder, layers, edges=()):
    lines = [f'<edge from-layer="{first}" from-port="0" to-layer="{then}" to-port="0" />' for first, then in edges]
    text = f"<net><layers>{''.join(layers)}</layers><edges>{''.join(lines)}</edges></net>"
    (folder / GRAPH_NAME).write_text(text, encoding="utf-8")


def test_constants_that_share_their_bytes_count_once(tmp_path):
    write(tmp_path, [constant(0, "a.weight", 0, 64), constant(1, "b.weight", 0, 64), constant(2, "c.weight", 64, 8)])
    assert weight_arrays(tmp_path) == {
        "a.weight": ("float32", 64),
        "b.weight": ("float32", 0),
        "c.weight": ("float32", 8),
    }


def test_the_parts_of_a_quantized_weight_are_named_after_it(tmp_path):
    parts = [
        constant(0, "Constant_1", 0, 32, "i8"),
        layer(1, "Convert", "Convert_2"),
        constant(2, "Constant_3", 32, 8),
        layer(3, "Multiply", "a.dense/aten::linear/MatMul/fq_weights_1"),
        layer(4, "MatMul", "a.dense/aten::linear/MatMul"),
    ]
    write(tmp_path, parts, [(0, 1), (1, 3), (2, 3), (3, 4)])
    assert weight_arrays(tmp_path) == {"a.dense.weight": ("int8", 32), "a.dense.weight/scale": ("float32", 8)}


def test_equal_names_stay_apart(tmp_path):
    users = [layer(2, "Add", "a.dense/aten::linear/Add"), layer(3, "Add", "a.dense/aten::linear/Add_1")]
    parts = [constant(0, "Constant_1", 0, 4), constant(1, "Constant_2", 4, 4), *users]
    write(tmp_path, parts, [(0, 2), (1, 3)])
    assert weight_arrays(tmp_path) == {"a.dense.bias": ("float32", 4), "a.dense.bias/Constant_2": ("float32", 4)}


def test_a_constant_of_no_module_keeps_its_name_and_an_unknown_type_its_own(tmp_path):
    write(tmp_path, [constant(0, "Constant_7", 0, 2, "nf4"), layer(1, "Relu", "Relu_8")], [(0, 1)])
    assert weight_arrays(tmp_path) == {"Constant_7": ("nf4", 2)}


@pytest.mark.parametrize(
    "text",
    [
        "<net><layers>",
        "<net><layers><layer/></layers></net>",
        '<net><layers><layer id="0" name="a.b" type="Const"/></layers></net>',
        f"<net><layers>{constant(0, 'a.b', 0, 'many')}</layers></net>",
    ],
)
def test_a_damaged_graph_is_refused(tmp_path, text):
    (tmp_path / GRAPH_NAME).write_text(text, encoding="utf-8")
    with pytest.raises(ModelError, match=r"model\.xml cannot be read"):
        weight_arrays(tmp_path)


def test_a_missing_graph_is_refused(tmp_path):
    with pytest.raises(ModelError, match=r"model\.xml cannot be read"):
        weight_arrays(tmp_path)


@pytest.mark.parametrize(
    ("operator", "module"),
    [("bert.pooler.dense/aten::linear/MatMul", "bert.pooler.dense"), ("classifier/aten::linear/Add", "classifier")],
)
def test_an_operator_belongs_to_its_module(operator, module):
    assert module_of(operator) == module
    assert module_of("Constant_7") == ""
