"""Templates: what they may use, and what they may not."""

import pytest

from services.notifications.templates.domain import VARIABLES, Code, Filling, Template, faults_of
from shared.contracts import Text

GOOD = Text(zh="好", en="good")
FILLING = Filling(name="李娜", number="1", item="居住证申领", department="公安局", missing=["照片", "身份证"])


def both(source: str) -> Text:
    return Text(zh=source, en=source)


def codes(source: str, code: Code = "case-accepted") -> set[str]:
    return {fault.code for fault in faults_of(code, GOOD, both(source))}


@pytest.mark.parametrize("code", VARIABLES)
def test_each_code_has_its_variables(code: Code) -> None:
    assert codes(" ".join(f"{{{{ {name} }}}}" for name in VARIABLES[code]), code) == set()
    others = set().union(*VARIABLES.values()) - VARIABLES[code]
    assert all(codes(f"{{{{ {name} }}}}", code) == {"template_variable"} for name in others)


@pytest.mark.parametrize(
    "source",
    [
        "{{ number.__class__ }}",
        "{{ number.format(1) }}",
        "{{ number * 1000000000 }}",
        "{{ '%1000000000d' % 1 }}",
        "{{ 9 ** 9 ** 9 }}",
        "{{ 1 / 0 }}",
        "{{ number.nothing }}",
        "{% include 'x' %}",
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    ],
)
def test_what_does_not_render_is_refused(source: str) -> None:
    assert codes(source) == {"template_fails"}


@pytest.mark.parametrize("source", ["{{ number", "{% if %}", "{{ number|center(1000000000) }}", "{% endif %}"])
def test_what_does_not_parse_is_refused(source: str) -> None:
    assert codes(source) <= {"template_syntax", "template_fails"}
    assert codes(source)


@pytest.mark.parametrize("source", ["{{ range(3) }}", "{{ cycler }}", "{{ lipsum() }}"])
def test_nothing_but_the_variables_is_there(source: str) -> None:
    assert codes(source) == {"template_variable"}


def test_both_outcomes_are_tried() -> None:
    assert codes("{% if outcome == 'refused' %}{{ 1 / 0 }}{% endif %}", "case-decided") == {"template_fails"}


def test_a_subject_is_one_short_line() -> None:
    assert {f.pointer for f in faults_of("case-accepted", both(" {{ '' }} "), GOOD)} == {"/subject/zh", "/subject/en"}
    assert faults_of("case-accepted", both("x" * 201), GOOD)
    template = Template(id="case-accepted", subject=both("a\n{{ number }}\r\nBcc: x"), body=GOOD)
    assert template.render("zh", FILLING)[0] == "a 1 Bcc: x"


def test_texts_are_plain_and_not_escaped() -> None:
    template = Template(id="case-accepted", subject=GOOD, body=both("{{ name }}"))
    assert template.render("en", FILLING.model_copy(update={"name": "A & B <c>"}))[1] == "A & B <c>\n"


def test_what_people_are_called_is_no_template() -> None:
    template = Template(id="case-accepted", subject=both("{{ name }}"), body=GOOD)
    assert template.render("en", FILLING.model_copy(update={"name": "{{ number }}"}))[0] == "{{ number }}"


def test_lists_are_written_line_by_line() -> None:
    source = "{% for one in missing %}\n{{ loop.index }}. {{ one }}\n{% endfor %}\n{{ missing|join(', ') }}"
    template = Template(id="supplement-requested", subject=GOOD, body=both(source))
    assert template.render("zh", FILLING)[1] == "1. 照片\n2. 身份证\n照片, 身份证\n"
