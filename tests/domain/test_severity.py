import pytest

from natsconsole.domain.severity import severity_of


@pytest.mark.parametrize(
    ("line", "level", "word"),
    [
        ("2026-11-24T14:03:22Z ERROR 502 upstream closed", "error", "ERROR"),
        ("1:M # WARN memory 93% of maxmemory", "warning", "WARN"),
        ("[431] WARNING: waited 9000 ms for ShareLock", "warning", "WARNING"),
        ("2026/11/24 14:03:22 [error] 12#0: *1 open() failed", "error", "error"),
        ("<crit> raid degraded", "fatal", "crit"),
        ('{"time":"14:03","level":"error","msg":"x"}', "error", "error"),
        ("ts=14:03 lvl=warn msg=slow", "warning", "warn"),
        ("E0102 12:00:00.123 7 reflector.go:126] failed", "error", "E"),
        ("FATAL: password authentication failed", "fatal", "FATAL"),
        ("DEBUG cache miss", "debug", "DEBUG"),
        ("14:03 INFO ready", "info", "INFO"),
        ('2026-11-24T14:03:22.120Z warn msg="retrying"', "warning", "warn"),
        ("panic: runtime error", "fatal", "panic"),
        ("Error: no such file", "error", "Error"),
    ],
)
def test_a_stated_level_is_found(line: str, level: str, word: str) -> None:
    found = severity_of(line)

    assert found is not None
    assert (found.level, line[found.start : found.end]) == (level, word)


@pytest.mark.parametrize(
    "line",
    [
        "GET /ERROR/page 200",
        "an error occurred nowhere",
        "code=ERROR_NONE",
        "max_WARN=3",
        "GET /x?level2=errors 200",
        "no ERRORS found",
        "x" * 130 + " ERROR late",
        "INFORMATION desk",
        "Error-free run",
        "alert rules were loaded",
        "web-1 warn me later",
        "",
    ],
)
def test_a_word_that_only_looks_like_one_is_not(line: str) -> None:
    assert severity_of(line) is None
