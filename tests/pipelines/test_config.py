"""The configuration: what is taken, what is refused, and where the mend points."""

from __future__ import annotations

import subprocess
from datetime import date
from pathlib import Path

import pytest

from pipelines.config import Config, ConfigError, load_config


def write(folder: Path, text: str) -> Path:
    path = folder / "mergeline.toml"
    path.write_text(text)
    return path


def make_repository(path: Path) -> Path:
    path.mkdir(parents=True)
    subprocess.run(["git", "init", "-q", str(path)], check=True)
    return path


@pytest.fixture(autouse=True)
def homes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of nobody, so that no test sees this user's own sessions."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv("CLAUDE_CONFIG_DIR", raising=False)
    monkeypatch.delenv("CODEX_HOME", raising=False)
    return home


def test_file_of_the_folder_is_taken_with_paths_relative_to_it(tmp_path: Path) -> None:
    make_repository(tmp_path / "src" / "app")
    (tmp_path / "roster.csv").write_text("email,engineer\n")
    write(
        tmp_path,
        """
        [[repositories]]
        path = "src/app"
        [[sessions]]
        path = "~/records"
        engineer = "ada@example.com"
        [people]
        roster = "roster.csv"
        [metrics]
        baseline = ["2023-01-01", 2023-12-31]
        assume_unmarked_is_human = 2024-05-01
        """,
    )
    config = load_config(None, folder=tmp_path)
    assert [(r.name, r.path, r.label) for r in config.repositories] == [("app", tmp_path / "src" / "app", "src/app")]
    assert config.sessions[0].path == tmp_path / "home" / "records"
    assert config.sessions[0].label == "~/records"
    assert config.people.roster == tmp_path / "roster.csv"
    assert config.metrics.baseline == (date(2023, 1, 1), date(2023, 12, 31))
    assert config.metrics.assume_unmarked_is_human == date(2024, 5, 1)
    assert config.out == tmp_path / "data"


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ('[[repositories]]\npath = "."\n\nmainlin = "x"\n', 4, ("mainlin", "did you mean 'mainline'")),
        ("[peple]\nx = 1\n", 1, ("peple", "did you mean 'people'")),
        ('[[sessions]]\npath = "a"\n[[sessions]]\npath = "b"\nformat = "cursor"\n', 5, ("format", "'claude-code'")),
        ('[privacy]\nminimum_group = "5"\n', 2, ("minimum_group", "without quotes")),
        ('[privacy]\npseudonyms = "yes"\n', 2, ("pseudonyms", "true or")),
        ('[metrics]\nbaseline = ["2024-01-01"]\n', 2, ("baseline", "2 entries")),
        ('[metrics]\nbaseline = ["2024-02-01", "2024-01-01"]\n', 2, ("before it begins", "baseline")),
        ('[calendar]\ntime_zone = "Mars/Olympus"\n', 2, ("Mars/Olympus", "IANA")),
        ('[calendar]\nworking_days = ["mon", "tues"]\n', 2, ("working_days", "'tue'")),
        ('[calendar]\nholidays = "Germany"\n', 2, ("holidays", '"DE"')),
        ("[[repositories]]\nname = 'a'\n", 1, ("path is missing", "path = ")),
        ("repositories = 3\n", 1, ("repositories", "[[repositories]]")),
        ("\n\nx = \n", 3, ("not valid TOML", "")),
        ('[people]\nroster = "nobody.csv"\n', 2, ("nobody.csv", "correct the path")),
        (
            '[[repositories]]\npath = "a"\nname = "x"\n[[repositories]]\npath = "b"\nname = "x"\n',
            5,
            ("two repositories are called 'x'", "name ="),
        ),
        ('[[repositories]]\npath = "all"\n', 2, ("all", "another name")),
        ('[[repositories]]\npath = "x"\n[[repositories]]\nname = "y"\npath = "./x"\n', 5, ("listed twice", "remove")),
    ],
)
def test_a_wrong_file_is_refused_with_its_line_and_its_mend(
    tmp_path: Path, text: str, line: int, words: tuple[str, str]
) -> None:
    path = write(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        load_config(path, folder=tmp_path)
    assert (caught.value.file, caught.value.line) == (path, line)
    message, mend = str(caught.value).split("\n", 1)
    assert message.startswith(f"{path}:{line}: ")
    assert words[0] in message + mend
    assert words[1] in mend + message


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        load_config(tmp_path / "none.toml", folder=tmp_path)


def test_a_pattern_takes_every_repository_and_leaves_other_folders_out(tmp_path: Path) -> None:
    for name in ("b", "a"):
        make_repository(tmp_path / "src" / name)
    (tmp_path / "src" / "notes").mkdir()
    subprocess.run(["git", "init", "-q", "--bare", str(tmp_path / "src" / "c.git")], check=True)
    path = write(tmp_path, '[[repositories]]\npath = "src/*"\n')
    config = load_config(path, folder=tmp_path / "home")
    assert [r.name for r in config.repositories] == ["a", "b", "c.git"]
    assert [r.label for r in config.repositories] == ["src/a", "src/b", "src/c.git"]


def test_an_entry_of_its_own_goes_before_a_pattern(tmp_path: Path) -> None:
    for name in ("a", "b"):
        make_repository(tmp_path / "src" / name)
    path = write(
        tmp_path,
        '[[repositories]]\npath = "src/*"\n[[repositories]]\npath = "src/a"\nname = "first"\nmainline = "develop"\n',
    )
    config = load_config(path, folder=tmp_path)
    assert [(r.name, r.mainline) for r in config.repositories] == [("b", "HEAD"), ("first", "develop")]


def test_a_pattern_without_match_stays_so_that_its_reader_reports_it(tmp_path: Path) -> None:
    path = write(tmp_path, '[[repositories]]\npath = "src/*"\n[[sessions]]\npath = "logs/*"\n')
    config = load_config(path, folder=tmp_path)
    assert [r.name for r in config.repositories] == ["src/*"]
    assert [s.path for s in config.sessions] == [tmp_path / "logs" / "*"]


def test_without_a_file_the_folder_and_the_agents_of_the_user_are_read(tmp_path: Path, homes: Path) -> None:
    repository = make_repository(tmp_path / "work" / "app")
    inside = repository / "deep" / "er"
    inside.mkdir(parents=True)
    (homes / ".claude" / "projects").mkdir(parents=True)
    (homes / ".codex" / "sessions").mkdir(parents=True)
    config = load_config(None, folder=inside)
    assert [(r.name, r.path) for r in config.repositories] == [("app", repository)]
    assert [(s.format, s.label) for s in config.sessions] == [
        ("claude-code", "~/.claude/projects"),
        ("codex", "~/.codex/sessions"),
    ]


def test_agents_may_keep_their_sessions_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("one/projects", "two/projects", "three/archived_sessions"):
        (tmp_path / name).mkdir(parents=True)
    monkeypatch.setenv("CLAUDE_CONFIG_DIR", f"{tmp_path / 'one'},{tmp_path / 'two'}")
    monkeypatch.setenv("CODEX_HOME", str(tmp_path / "three"))
    config = load_config(None, folder=tmp_path)
    assert [s.path.relative_to(tmp_path) for s in config.sessions] == [
        Path("one/projects"),
        Path("two/projects"),
        Path("three/archived_sessions"),
    ]


def test_nothing_to_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--repo PATH"):
        load_config(None, folder=tmp_path)


def test_named_repositories_are_all_that_is_read(tmp_path: Path, homes: Path) -> None:
    make_repository(tmp_path / "app")
    (homes / ".claude" / "projects").mkdir(parents=True)
    write(tmp_path, '[[repositories]]\npath = "elsewhere"\n')
    config = load_config(None, repositories=["app"], folder=tmp_path)
    assert [r.name for r in config.repositories] == ["app"]
    assert config.sessions == ()
    assert config.source is None


def test_arguments_take_the_place_of_the_file_s_sources_and_keep_the_rest(tmp_path: Path) -> None:
    path = write(
        tmp_path, '[[repositories]]\npath = "app"\n[[sessions]]\npath = "logs"\n[privacy]\nminimum_group = 7\n'
    )
    config = load_config(path, sessions=["mine"], folder=tmp_path)
    assert [s.path for s in config.sessions] == [tmp_path / "mine"]
    assert [r.name for r in config.repositories] == ["app"]
    assert config.privacy.minimum_group == 7


def digest_of(folder: Path, text: str) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    return load_config(write(folder, text), folder=folder).digest


def test_the_digest_changes_with_the_numbers_and_with_nothing_else(tmp_path: Path) -> None:
    first = '[[repositories]]\npath = "a"\n[[repositories]]\npath = "b"\n'
    second = '# the other way round\n[[repositories]]\npath = "b"\n[[repositories]]\npath = "a"\n[privacy]\npseudonyms = true\n'
    digests = [digest_of(tmp_path / "x", first), digest_of(tmp_path / "y", second)]
    assert digests[0] == digests[1]
    assert digest_of(tmp_path / "z", first + "[privacy]\nminimum_group = 6\n") != digests[0]


def test_the_sample_of_the_project_is_valid() -> None:
    root = Path(__file__).parents[2]
    config = load_config(None, folder=root)
    assert isinstance(config, Config)
    assert config.repositories[0].path == root


def test_repositories_of_one_folder_name_are_told_apart_by_the_folders_above(tmp_path: Path) -> None:
    for folder in ("one/repo", "two/repo", "three/other"):
        (tmp_path / folder / ".git").mkdir(parents=True)
    paths = [tmp_path / "one/repo", tmp_path / "two/repo", tmp_path / "three/other"]
    config = load_config(None, repositories=paths, folder=tmp_path)
    assert [repository.name for repository in config.repositories] == ["one/repo", "two/repo", "other"]
