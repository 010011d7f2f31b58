from natsconsole.domain.alert_ages import AlertAges
from natsconsole.domain.alerts import Alert, Severity


def alert(rule: str, sentence: str = "x", severity: Severity = "critical") -> Alert:
    return Alert(rule=rule, severity=severity, sentence=sentence)


def test_an_alert_keeps_its_beginning_while_its_figures_change() -> None:
    ages = AlertAges()
    ages.note([alert("held r1", "for 1 s")], 100)
    found, rings = ages.note([alert("held r1", "for 9 s"), alert("lost r1")], 108)

    assert [(one.alert.sentence, one.since) for one in found] == [("for 9 s", 100), ("x", 108)]
    assert rings


def test_an_alert_that_ended_begins_anew() -> None:
    ages = AlertAges()
    ages.note([alert("held r1")], 100)
    ages.note([], 101)
    found, rings = ages.note([alert("held r1")], 102)

    assert found[0].since == 102
    assert rings


def test_calm_and_notices_do_not_ring() -> None:
    ages = AlertAges()
    assert not ages.note([alert("calm", severity="calm"), alert("a", severity="notice")], 1)[1]
