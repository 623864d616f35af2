"""Repositories that are broken or mean harm: nothing runs, nothing hangs, nothing is lost without a word."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from tests.pipelines.repositories import MAIN, Repository, Workshop, link

ROOT = Path(__file__).parents[3]


@pytest.fixture
def repo(tmp_path):
    repo = Repository(tmp_path / "app", bare=False)
    for number in range(6):
        repo.commit({"a": "line = 1\n" * number, f"f{number}": f"text = {number}\nmore = {number}\n"})
    return repo


@pytest.fixture
def workshop(tmp_path):
    return Workshop(tmp_path / "out")


def commits(repo):
    return repo.git("rev-list", "--reverse", MAIN).decode().split()


def lines_of(workshop):
    return dict(workshop.lake.read("git_changes").group_by("commit_sha").agg(pl.col("lines_raw").sum()).rows())


# where git would look elsewhere, or wait


def refuse(workshop, path, reason, **options):
    read = workshop.ingest(path, **options)
    assert read.status == "refused"
    assert read.error
    assert workshop.quarantine() == [(reason, "")]
    assert workshop.lake.read("git_commits").height == 0
    return read


def test_no_repository(workshop, tmp_path):
    refuse(workshop, tmp_path / "nowhere", "not_found")
    (tmp_path / "folder").mkdir()
    refuse(workshop, tmp_path / "folder", "not_a_repository")


def test_a_branch_that_is_not_there(workshop, repo):
    refuse(workshop, repo, "no_such_branch", mainline="release")


@pytest.mark.parametrize("name", ["main", "refs/heads/main", "heads/main"])
def test_names_of_a_branch(workshop, repo, name):
    assert workshop.ingest(repo, mainline=name).commits == 6


def test_remote_branches_tags_and_ids(workshop, repo):
    first = commits(repo)[0]
    repo.point("refs/remotes/origin/trunk", first)
    repo.point("refs/tags/v1", first)
    for name in ("trunk", "origin/trunk", "v1", first):
        assert workshop.ingest(repo, name, mainline=name).commits == 1


def test_an_unborn_branch_has_no_landings(workshop, tmp_path):
    repo = Repository(tmp_path / "empty")
    workshop.build(repo)
    read = workshop.ingest(repo)
    assert (read.status, read.head_sha, read.error) == ("ok", None, "the mainline has no commit yet")
    assert workshop.lake.read("landings").height == 0


def test_detached_packed_and_symbolic_heads(workshop, repo):
    second = commits(repo)[1]
    (repo.git_dir / "HEAD").write_text(second + "\n")
    assert workshop.ingest(repo, "detached").commits == 2
    (repo.git_dir / "HEAD").write_text("ref: refs/heads/packed\n")
    (repo.git_dir / "packed-refs").write_text(f"# pack-refs with: peeled\n{second} refs/heads/packed\n^{second}\n")
    assert workshop.ingest(repo, "packed").commits == 2
    (repo.git_dir / "refs/heads/packed").write_text("ref: refs/heads/main\n")
    assert workshop.ingest(repo, "symbolic").commits == 6


@pytest.mark.parametrize("head", ["", "garbage", "ref: ../../../etc/passwd", "ref: refs/heads/../../../secret", "\x00"])
def test_a_head_that_is_garbage_is_unborn(workshop, repo, head):
    (repo.git_dir.parent.parent / "secret").write_text(commits(repo)[0])
    (repo.git_dir / "HEAD").write_text(head)
    assert workshop.ingest(repo).head_sha is None


def test_a_head_that_loops(workshop, repo):
    (repo.git_dir / "HEAD").write_text("ref: refs/heads/a\n")
    (repo.git_dir / "refs/heads/a").write_text("ref: refs/heads/b\n")
    (repo.git_dir / "refs/heads/b").write_text("ref: refs/heads/a\n")
    refuse(workshop, repo, "ref_loop")


def test_packs_and_a_linked_worktree(workshop, repo, tmp_path):
    repo.git("repack", "-a", "-d", "-q")
    repo.git("pack-refs", "--all")
    repo.git("worktree", "add", "-q", "--detach", str(tmp_path / "linked"), commits(repo)[2])
    assert workshop.ingest(repo, "packed").commits == 6
    read = workshop.ingest(tmp_path / "linked", "linked")
    assert (read.status, read.commits) == ("ok", 3)


def test_a_git_file_that_is_not_confirmed(workshop, repo, tmp_path):
    (tmp_path / "thief").mkdir()
    (tmp_path / "thief/.git").write_text(f"gitdir: {repo.git_dir}\n")
    refuse(workshop, tmp_path / "thief", "unconfirmed_git_file")
    (tmp_path / "thief/.git").write_text("nothing\n")
    refuse(workshop, tmp_path / "thief", "odd_git_file")


def test_a_linked_git_folder(workshop, repo, tmp_path):
    (tmp_path / "thief").mkdir()
    (tmp_path / "thief/.git").symlink_to(repo.git_dir)
    refuse(workshop, tmp_path / "thief", "linked_git_dir")


def test_alternates_commondir_and_linked_objects(workshop, repo, tmp_path):
    thief = Repository(tmp_path / "thief")
    (thief.git_dir / "objects/info/alternates").write_text(f"{repo.git_dir}/objects\n")
    refuse(workshop, thief, "alternates")
    (thief.git_dir / "objects/info/alternates").unlink()
    (thief.git_dir / "commondir").write_text(f"{repo.git_dir}\n")
    refuse(workshop, thief, "odd_commondir")
    (thief.git_dir / "commondir").unlink()
    shutil.rmtree(thief.git_dir / "objects")
    (thief.git_dir / "objects").symlink_to(repo.git_dir / "objects")
    refuse(workshop, thief, "no_objects")


def test_a_linked_pack_folder_is_refused(workshop, repo, tmp_path):
    thief = Repository(tmp_path / "thief")
    shutil.rmtree(thief.git_dir / "objects/pack")
    (thief.git_dir / "objects/pack").symlink_to(repo.git_dir / "objects/pack")
    refuse(workshop, thief, "special_file")


PIPES = [
    *(
        "HEAD",
        "packed-refs",
        "shallow",
        "objects/info/alternates",
        "objects/pack/x.idx",
        "objects/4b",
        "refs/heads/main",
    ),
    "objects/00/" + "0" * 38,
]


def test_a_pipe_is_refused_and_nobody_waits_for_it(tmp_path):
    for number, place in enumerate(PIPES):
        repo = Repository(tmp_path / f"app{number}", bare=False)
        repo.commit({"a": "line = 1\n"})
        file = repo.git_dir / place
        file.parent.mkdir(exist_ok=True)
        if file.is_dir():
            shutil.rmtree(file)
        file.unlink(missing_ok=True)
        os.mkfifo(file)
    code = (
        "import sys; from pathlib import Path; from tests.pipelines.repositories import Workshop\n"
        "for number in range(8):\n"
        "    workshop = Workshop(Path(sys.argv[1]) / f'out{number}')\n"
        "    print(workshop.ingest(Path(sys.argv[1]) / f'app{number}').status, workshop.quarantine(), flush=True)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    refused = "refused [('special_file', '')]"
    assert dict(zip(PIPES, done.stdout.splitlines(), strict=True)) == dict.fromkeys(PIPES, refused)


@pytest.mark.parametrize("place", ["config", "info/grafts", "index", "info/attributes", "objects/info/commit-graph"])
def test_a_pipe_that_is_never_opened(repo, workshop, place):
    file = repo.git_dir / place
    file.parent.mkdir(exist_ok=True)
    file.unlink(missing_ok=True)
    os.mkfifo(file)
    assert workshop.ingest(repo).commits == 6


# what would run a program, or change numbers


def plant(repo, tmp_path):
    """A program, and every setting that would have git start it."""
    flag, program = tmp_path / "it ran", tmp_path / "program"
    program.write_text(f"#!/bin/sh\ntouch '{flag}'\ncat \"$@\" 2>/dev/null\n")
    program.chmod(0o755)
    hooks = repo.git_dir / "hooks"
    hooks.mkdir(exist_ok=True)
    for name in ("post-index-change", "post-checkout", "reference-transaction", "fsmonitor-watchman"):
        shutil.copy(program, hooks / name)
    with (repo.git_dir / "config").open("a") as config:
        config.write(
            f"[core]\n\tfsmonitor = {program}\n\tpager = {program}\n\thooksPath = {hooks}\n\tsshCommand = {program}\n"
            f"\tgitProxy = {program}\n\taskPass = {program}\n\talternateRefsCommand = {program}\n"
            f"[diff]\n\texternal = {program}\n\torderFile = {tmp_path / 'fifo'}\n\trenames = false\n\talgorithm = patience\n"
            f'[diff "evil"]\n\ttextconv = {program}\n\tcommand = {program}\n\tbinary = true\n'
            f'[filter "evil"]\n\tclean = {program}\n\tsmudge = {program}\n\tprocess = {program}\n\trequired = true\n'
            f"[log]\n\tshowSignature = true\n\tdiffMerges = remerge\n\tshowRoot = false\n\tmailmap = true\n"
            f"[gpg]\n\tprogram = {program}\n[mailmap]\n\tfile = {tmp_path / 'fifo'}\n[include]\n\tpath = {tmp_path / 'fifo'}\n"
            f"[color]\n\tui = always\n[i18n]\n\tlogOutputEncoding = UTF-16\n[core]\n\tbigFileThreshold = 1\n"
            f'[extensions]\n\tpartialClone = origin\n[remote "origin"]\n\turl = ext::{program}\n\tpromisor = true\n'
            f'\tuploadpack = {program}\n[protocol "ext"]\n\tallow = always\n[alias]\n\tlog = !{program}\n\tdiff-tree = !{program}\n'
        )
    os.mkfifo(tmp_path / "fifo")
    for place in (repo.path / ".gitattributes", repo.git_dir / "info/attributes"):
        place.parent.mkdir(exist_ok=True)
        place.write_text("* diff=evil filter=evil -text working-tree-encoding=UTF-16\n")
    return flag


@pytest.mark.parametrize("isolation", ["shadow", "mirror"])
def test_no_program_of_the_repository_runs(repo, tmp_path, isolation):
    sound = Workshop(tmp_path / "sound")
    sound.ingest(repo)
    shas = commits(repo)  # from here on no git but the one under test may touch it
    flag = plant(repo, tmp_path)
    signature = b"gpgsig -----BEGIN PGP SIGNATURE-----\n \n aGVsbG8=\n -----END PGP SIGNATURE-----\n"
    repo.commit({".gitattributes": "* diff=evil\n", "x": "1\n"}, headers=signature)
    repo.commit(
        {".mailmap": link("/etc/passwd"), ".gitmodules": '[submodule "x"]\n\tpath = x\n\turl = ext::sh -c evil\n'}
    )
    repo.object_file(repo.blob_of(repo.tip(), "f2")).unlink()  # what a promisor would be asked for
    workshop = Workshop(tmp_path / "out")
    workshop.identities = sound.identities
    read = workshop.ingest(repo, isolation=isolation)
    assert (read.status, read.commits) == ("partial", 8)
    assert not flag.exists()
    rest = set(shas) - {shas[2]}
    assert {sha: n for sha, n in lines_of(workshop).items() if sha in rest} == {
        sha: lines_of(sound)[sha] for sha in rest
    }


def test_refs_named_like_options_write_nothing(repo, workshop, tmp_path):
    target = tmp_path / "written"
    repo.point(f"refs/heads/--output={target.name}", repo.tip())
    (repo.git_dir / "HEAD").write_text(f"ref: refs/heads/--output={target.name}\n")
    assert workshop.ingest(repo).commits == 6
    assert workshop.ingest(repo, "again", mainline=f"--output={target.name}").commits == 6
    assert not list(tmp_path.rglob(target.name))
    assert not Path(target.name).exists()


def test_replacements_grafts_attributes_and_a_commit_graph_change_nothing(repo, workshop, tmp_path):
    sound = Workshop(tmp_path / "sound")
    sound.identities = workshop.identities
    sound.ingest(repo)
    shas = commits(repo)
    repo.git("commit-graph", "write", "--reachable")
    repo.point(f"refs/replace/{shas[3]}", shas[0])
    (repo.git_dir / "info").mkdir(exist_ok=True)
    (repo.git_dir / "info/grafts").write_text(f"{shas[-1]}\n")
    (repo.git_dir / "info/attributes").write_text("* -diff binary\n")
    (repo.path / ".gitattributes").write_text("* -diff\n")
    workshop.ingest(repo)
    for table in ("git_commits", "git_changes", "git_lines"):
        assert workshop.lake.read(table).rows() == sound.lake.read(table).rows()


def test_attributes_in_the_tree_hide_no_lines(repo, workshop):
    repo.commit({".gitattributes": "* -diff linguist-generated\n", "x": "one\ntwo\n"})
    workshop.ingest(repo)
    assert lines_of(workshop)[repo.tip()] == 3


def test_nothing_is_written_into_the_source(repo, workshop):
    def state():
        return {
            path.relative_to(repo.path): (path.lstat().st_mtime_ns, path.lstat().st_size)
            for path in repo.path.rglob("*")
            if not stat.S_ISDIR(path.lstat().st_mode)
        }

    repo.object_file(repo.blob_of(repo.tip(), "f3")).unlink()
    before = state()
    workshop.ingest(repo)
    workshop.ingest(repo, "mirrored", isolation="mirror")
    assert state() == before


def test_the_environment_of_the_caller_does_not_reach_git(repo, workshop, tmp_path, monkeypatch):
    flag = tmp_path / "it ran"
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\ntouch '{flag}'\n")
    program.chmod(0o755)
    for name, value in {
        "GIT_DIR": str(tmp_path), "GIT_EXTERNAL_DIFF": str(program), "GIT_TRACE": str(tmp_path / "trace"),
        "GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "diff.renames", "GIT_CONFIG_VALUE_0": "false", "GIT_PAGER": str(program),
        "GIT_OBJECT_DIRECTORY": str(tmp_path), "GIT_SHALLOW_FILE": str(program),
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    assert workshop.ingest(repo).commits == 6
    assert not flag.exists()
    assert not (tmp_path / "trace").exists()


@pytest.mark.parametrize("name", ["new\nline", 'quo"te', "co:lon", "$HOME", "-x", "\udcff", "back\\slash"])
def test_odd_names_of_the_repositorys_folder(workshop, tmp_path, name):
    repo = Repository(tmp_path / name)
    repo.commit({"a": "1\n"})
    assert workshop.ingest(repo, "odd").commits == 1
