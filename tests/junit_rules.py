"""What JUnit XML may hold so that Ant's, Jenkins's, GitLab's and GitHub's readers all take it.

The rules are those on which two schemas in wide use agree: of Apache Ant's reports (Windy Road, 2011), which wants
every attribute and an order of elements, and Jenkins's ``junit-10.xsd``, which allows no others.
"""

import re
from xml.etree import ElementTree as ET

INTEGER = r"\d+"
WORDS = r"\S(.*\S)?"
TIME = r"\d{0,3}\.\d+"
ATTRIBUTES = {
    "testsuites": {},
    "testsuite": {
        "name": WORDS, "package": WORDS, "id": INTEGER, "hostname": WORDS,
        "timestamp": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d",
        "tests": INTEGER, "failures": INTEGER, "errors": INTEGER, "skipped": INTEGER, "time": TIME,
    },
    "properties": {},
    "property": {"name": WORDS, "value": r".*"},
    "testcase": {"name": WORDS, "classname": WORDS, "time": TIME},
    "failure": {"type": r".*", "message": r".*"},
    "skipped": {"type": r".*", "message": r".*"},
    "system-out": {},
    "system-err": {},
}  # fmt: skip
CHILDREN = {
    "testsuites": r"(testsuite )*",
    "testsuite": r"properties (testcase )*system-out system-err ",
    "properties": r"(property )*",
    "testcase": r"((failure|skipped) )?",
}


def parsed(xml):
    """The document, parsed and checked against the rules."""
    root = ET.fromstring(xml)  # noqa: S314 - our own
    assert root.tag == "testsuites"
    for element in root.iter():
        allowed = ATTRIBUTES[element.tag]
        assert set(element.attrib) == set(allowed), element.tag
        for name, pattern in allowed.items():
            assert re.fullmatch(pattern, element.attrib[name], re.DOTALL), (element.tag, name, element.attrib[name])
        assert re.fullmatch(CHILDREN.get(element.tag, ""), "".join(f"{child.tag} " for child in element)), element.tag
        assert element.tag in {"failure", "skipped", "system-out"} or not (element.text or "").strip()
    for number, suite in enumerate(root):
        assert suite.attrib["id"] == str(number)
        assert suite.attrib["tests"] == str(len(suite.findall("testcase")))
        assert suite.attrib["failures"] == str(len(suite.findall("testcase/failure")))
        assert suite.attrib["skipped"] == str(len(suite.findall("testcase/skipped")))
    return root
