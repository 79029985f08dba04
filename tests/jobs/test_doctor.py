"""`marey doctor`: every fault is found and named, and no check can break the examination."""

import json
import os
import shutil
import sys
import tempfile
import time
from collections import namedtuple
from collections.abc import Callable
from dataclasses import asdict
from importlib import import_module
from importlib.resources import files
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from marey import cli
from marey.core.errors import EnvironmentFault
from marey.io.video.codecs import CODECS, CodecTrial, try_codec
from marey.jobs.doctor import Finding, machine, runtimes, show_health, software
from marey.jobs.doctor.examine import EXAMINATIONS, Examination, examine
from marey.jobs.doctor.finding import worst_verdict
from marey.jobs.doctor.guard import run_guarded, run_isolated
from marey.jobs.doctor.machine import Memory, check_folder, check_memory, check_text, read_memory
from marey.jobs.doctor.pictures import check_renderer, check_video, judge_picture
from marey.jobs.doctor.shipped import check_assets, read_card
from marey.jobs.doctor.software import (
    Requirement,
    check_extras,
    check_marey,
    check_packages,
    check_python,
    list_requirements,
)

HERE = "tests.jobs.test_doctor"
GIGABYTE = 1e9

Usage = namedtuple("Usage", "total used free")


def fine() -> Finding:
    return Finding(name="sample", verdict="ok", found="all well")


def sample(verdict: str) -> Callable[[], Finding]:
    mend = "" if verdict == "ok" else "Mend it."
    return lambda: Finding(name=f"the {verdict} one", verdict=verdict, found="seen", mend=mend)


# What a child process runs; children find this module because the tests run at the root.


def raise_strangely() -> Finding:
    raise RuntimeError("a library\nis broken")


def crash() -> Finding:
    os.kill(os.getpid(), 9)
    return fine()


def hang() -> Finding:
    time.sleep(60)
    return fine()


def chatter() -> Finding:
    sys.stdout.write("some library greets\n")
    sys.stdout.flush()
    return Finding(name="sample", verdict="ok", found="Tänzer 舞")


@pytest.fixture
def children(monkeypatch, request):
    """Let child processes import this module."""
    monkeypatch.setenv("PYTHONPATH", str(request.config.rootpath))


# The examination survives its checks.


def test_a_check_that_raises_is_a_finding():
    finding = run_guarded("sample", raise_strangely, timeout=5)
    assert (finding.name, finding.verdict) == ("sample", "fail")
    assert finding.found == "RuntimeError: a library is broken"
    assert finding.mend


def test_a_check_that_hangs_is_given_up():
    before = time.monotonic()
    finding = run_guarded("sample", hang, timeout=0.2)
    assert time.monotonic() - before < 5
    assert (finding.verdict, finding.found) == ("fail", "no answer within 0 s")


@pytest.mark.parametrize(
    ("function", "verdict", "found"),
    [
        ("raise_strangely", "fail", "RuntimeError: a library is broken"),
        ("crash", "fail", "the process was killed by signal 9"),
        ("nowhere", "fail", "AttributeError: module"),
        ("chatter", "ok", "Tänzer 舞"),
    ],
)
def test_a_check_in_a_process_of_its_own(children, function, verdict, found):
    finding = run_isolated("sample", f"{HERE}:{function}", timeout=60)
    assert finding.name == "sample"
    assert finding.verdict == verdict
    assert finding.found.startswith(found)


def test_a_process_that_hangs_is_killed(children):
    finding = run_isolated("sample", f"{HERE}:hang", timeout=1.0)
    assert (finding.verdict, finding.found) == ("fail", "no answer within 1 s")


def test_a_broken_package_is_named(children):
    torch = next(item for item in EXAMINATIONS if item.name == "torch")
    finding = run_isolated("torch", f"{HERE}:crash", timeout=60, mend=torch.mend)
    assert finding.mend == "Run: pip install --force-reinstall torch"


def test_children_run_even_where_the_current_folder_is_gone(tmp_path, monkeypatch):
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    finding = run_isolated("torch", "marey.jobs.doctor.runtimes:check_torch", timeout=60)
    assert finding.verdict == "ok", finding


def test_a_file_in_the_current_folder_is_not_taken_for_a_package(tmp_path, monkeypatch):
    # Without -P, Python would look into the current folder first.
    (tmp_path / "json.py").write_text("raise RuntimeError('I am not json')")
    monkeypatch.chdir(tmp_path)
    finding = run_isolated("python", "marey.jobs.doctor.software:check_python", timeout=60)
    assert finding.verdict == "ok", finding


def test_an_absent_module_is_a_finding(monkeypatch):
    # None in sys.modules makes every `import torch` fail.
    monkeypatch.setitem(sys.modules, "torch", None)
    finding = run_guarded("torch", runtimes.check_torch, timeout=20)
    assert finding.verdict == "fail"
    assert "torch" in finding.found
    assert runtimes.check_gpu().found == "not known, since torch does not load"


def test_findings_come_in_the_order_of_the_checks():
    def late() -> Finding:
        time.sleep(0.1)
        return sample("warn")()

    checks = [Examination(name="a", check=late), Examination(name="b", check=fine)]
    assert [finding.name for finding in examine(checks)] == ["the warn one", "sample"]


# Software.


@pytest.mark.parametrize(
    ("version", "pointer_bytes", "verdict"),
    [((3, 11, 0), 8, "ok"), ((3, 10, 14), 8, "fail"), ((3, 12, 1), 4, "fail")],
)
def test_old_or_narrow_pythons_fail(version, pointer_bytes, verdict):
    assert check_python(version, pointer_bytes).verdict == verdict


@pytest.mark.parametrize(
    ("installed", "verdict", "mend"),
    [(None, "warn", "pip install ."), ("0.0.1", "warn", "--force-reinstall marey")],
)
def test_a_marey_that_is_not_the_installed_one_is_named(installed, verdict, mend):
    finding = check_marey(lambda name: installed)
    assert finding.verdict == verdict
    assert mend in finding.mend


def test_requirements_are_read_from_package_metadata():
    lines = [
        "av>=18",
        "numpy[more]>=1.26,<3",
        'ezc3d >= 1.5 ; extra == "c3d"',
        'colorama>=0.4; platform_system == "Windows"',
    ]
    assert list_requirements(lines) == [
        Requirement(package="av", oldest="18", extra=""),
        Requirement(package="numpy", oldest="1.26", extra=""),
        Requirement(package="ezc3d", oldest="1.5", extra="c3d"),
    ]


NEEDS = [
    Requirement(package="av", oldest="18", extra=""),
    Requirement(package="torch", oldest="2.6", extra=""),
    Requirement(package="ezc3d", oldest="1.5", extra="c3d"),
    Requirement(package="pyarrow", oldest="", extra="parquet"),
    Requirement(package="viser", oldest="0.2", extra="view"),
]


def test_packages_that_are_absent_or_old_fail():
    present = {"av": "17.9.1"}
    finding = check_packages(NEEDS, present.get)
    assert finding.verdict == "fail"
    assert finding.found == "av 17.9.1 (older than 18), torch (absent)"


def test_newer_packages_will_do():
    present = {"av": "18.0", "torch": "2.13.0+cpu"}
    finding = check_packages(NEEDS, present.get)
    assert (finding.verdict, finding.found) == ("ok", "av 18.0, torch 2.13.0+cpu")


def test_absent_extras_are_no_fault_and_name_their_line():
    finding = check_extras(NEEDS, {"pyarrow": "20.0", "ezc3d": "1.4"}.get)
    assert finding.verdict == "ok"
    assert finding.found == (
        "installed: parquet; c3d lacks ezc3d 1.4 (older than 1.5); view lacks viser (absent)"
    )
    assert finding.mend == 'If you need them: pip install "marey[c3d,view]"'


# Assets.


@pytest.fixture
def assets(tmp_path) -> Path:
    """A copy of the smallest assets, one with a line and one with a table in its card."""
    for name in ("demo", "marey-h"):
        shutil.copytree(Path(str(files("marey.assets"))) / name, tmp_path / name)
    return tmp_path


def test_sound_assets_are_as_on_their_cards(assets):
    finding = check_assets(assets)
    assert finding.verdict == "ok"
    assert finding.found.startswith("3 files of 2 assets")


def test_cards_with_lines_and_with_tables_are_read(assets):
    assert set(read_card(assets / "demo" / "card.md")) == {"balance.mp4"}
    assert set(read_card(assets / "marey-h" / "card.md")) == {"body.npz", "body_light.npz"}


@pytest.mark.parametrize("name", ["demo/balance.mp4", "marey-h/body_light.npz"])
def test_one_flipped_bit_in_an_asset_is_found(assets, name):
    path = assets / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.chmod(0o644)
    path.write_bytes(content)
    finding = check_assets(assets)
    assert finding.verdict == "fail"
    assert f"{name} has sha256" in finding.found
    assert "pip install --force-reinstall" in finding.mend


def test_absent_files_and_cards_are_found(assets, tmp_path):
    (assets / "demo" / "balance.mp4").unlink()
    (assets / "marey-h" / "card.md").unlink()
    found = check_assets(assets).found
    assert "demo/balance.mp4 is absent" in found
    assert "marey-h has no card" in found
    (tmp_path / "none").mkdir()
    assert check_assets(tmp_path / "none").verdict == "fail"


# Video and pictures.


@pytest.mark.parametrize("codec", CODECS)
def test_a_codec_is_tried_for_real(codec):
    trial = try_codec(codec)
    assert trial.decodes == (trial.problem == ""), trial


def test_a_decoder_that_gives_other_pictures_is_found(monkeypatch):
    monkeypatch.setattr("marey.io.video.codecs._decode", lambda memory: [0.0] * 4)
    trial = try_codec("mjpeg")
    assert not trial.decodes
    assert "came back as" in trial.problem


@pytest.mark.parametrize(
    ("broken", "verdict"), [((), "ok"), (("av1",), "warn"), (("h264", "av1"), "fail")]
)
def test_a_missing_decoder_warns_and_a_missing_h264_fails(broken, verdict):
    def try_one(codec: str) -> CodecTrial:
        if codec in broken:
            return CodecTrial(codec=codec, decodes=False, encoder="", problem="no decoder")
        return CodecTrial(codec=codec, decodes=True, encoder="some")

    finding = check_video(try_one)
    assert finding.verdict == verdict
    assert all(f"{codec}: no decoder" in finding.found for codec in broken)


def test_without_an_encoder_nothing_is_claimed():
    finding = check_video(lambda codec: CodecTrial(codec=codec, decodes=True, encoder=""))
    assert finding.verdict == "warn"
    assert "untried (no encoder)" in finding.found
    assert "no encoder for overlays" in finding.found


def test_the_renderer_draws_a_figure():
    assert check_renderer().verdict == "ok"


@pytest.mark.parametrize("color", [[0, 0, 0], [240, 240, 240], [40, 90, 200]])
def test_a_picture_of_one_color_is_no_figure(color):
    assert judge_picture([color] * 100).verdict == "fail"


# The machine.


def write_system(folder: Path, **limits: str) -> tuple[Path, Path]:
    """A /proc of 16 GB, 12 of them free, and a control group."""
    (folder / "meminfo").write_text("MemTotal: 15625000 kB\nMemAvailable: 11718750 kB\n")
    for name, text in limits.items():
        (folder / name.replace("__", ".")).write_text(text)
    return folder, folder


def test_memory_of_a_plain_machine(tmp_path):
    memory = read_memory(*write_system(tmp_path, memory__max="max\n"))
    assert memory == Memory(total=16e9, available=12e9, limit=None)


def test_a_containers_limit_counts_and_its_file_cache_does_not(tmp_path):
    proc, group = write_system(
        tmp_path,
        memory__max="2000000000\n",
        memory__current="1500000000\n",
        memory__stat="anon 5\ninactive_file 300000000\n",
    )
    assert read_memory(proc, group) == Memory(total=16e9, available=0.8e9, limit=2e9)


def test_the_older_kind_of_control_group(tmp_path):
    (tmp_path / "memory").mkdir()
    write_system(tmp_path)
    (tmp_path / "memory" / "memory.limit_in_bytes").write_text("4000000000")
    (tmp_path / "memory" / "memory.usage_in_bytes").write_text("1000000000")
    assert read_memory(tmp_path, tmp_path) == Memory(total=16e9, available=3e9, limit=4e9)


@pytest.mark.parametrize(
    ("available", "verdict"), [(8e9, "ok"), (1.5e9, "warn"), (0.5e9, "fail"), (None, "ok")]
)
def test_memory_must_hold_a_solve(available, verdict):
    memory = Memory(total=16e9, available=available, limit=None)
    assert check_memory(lambda: memory).verdict == verdict


def test_half_a_processor_is_a_warning(tmp_path):
    (tmp_path / "cpu.max").write_text("50000 100000\n")
    finding = machine.check_processor(tmp_path)
    assert finding.verdict == "warn"
    assert "this container may use 0.5" in finding.found


@pytest.mark.parametrize(("free", "verdict"), [(9e9, "ok"), (1e9, "warn"), (1e6, "fail")])
def test_a_disk_must_have_room(tmp_path, monkeypatch, free, verdict):
    monkeypatch.setattr(machine.shutil, "disk_usage", lambda folder: Usage(1e12, 1e12, int(free)))
    finding = check_folder("folder", tmp_path, "Clear it.")
    assert finding.verdict == verdict
    assert finding.mend == ("" if verdict == "ok" else "Clear it.")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser writes into read-only folders too")
def test_a_read_only_folder_fails(tmp_path):
    tmp_path.chmod(0o500)
    finding = check_folder("folder", tmp_path, "Go elsewhere.")
    tmp_path.chmod(0o700)
    assert (finding.verdict, finding.mend) == ("fail", "Go elsewhere.")


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs Linux's /proc")
def test_a_folder_that_takes_no_files_fails_for_everyone():
    finding = check_folder("folder", Path("/proc"), "Go elsewhere.")
    assert finding.verdict == "fail"
    assert "/proc cannot be written to" in finding.found


def test_a_disk_that_fills_up_while_writing_fails(tmp_path, monkeypatch):
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(machine.os, "fsync", full)
    assert "No space left" in check_folder("folder", tmp_path, "Clear it.").found


def test_a_removed_current_folder_fails(tmp_path, monkeypatch):
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert machine.check_current_folder().found == "it has been removed"


def test_no_temporary_folder_fails(monkeypatch):
    def refuse() -> str:
        raise FileNotFoundError(2, "no usable temporary directory")

    monkeypatch.setattr(tempfile, "gettempdir", refuse)
    finding = machine.check_temporary_folder()
    assert finding.verdict == "fail"
    assert "TMPDIR" in finding.mend


def test_a_plain_screen_is_a_warning(tmp_path):
    assert check_text(tmp_path, "utf-8").verdict == "ok"
    finding = check_text(tmp_path, "ISO-8859-1")
    assert finding.verdict == "warn"
    assert "PYTHONUTF8=1" in finding.mend


def test_a_folder_without_unicode_is_a_warning():
    if not Path("/proc/self").is_dir():
        pytest.skip("needs Linux's /proc")
    assert check_text(Path("/proc"), "utf-8").verdict == "warn"


def test_a_card_without_its_driver_is_named(tmp_path):
    driver = tmp_path / "version"
    driver.touch()
    finding = runtimes.check_gpu(driver)
    assert finding.verdict == "ok"
    assert "works on the processor" in finding.found


def test_cards_that_torch_sees_are_listed(monkeypatch):
    card = SimpleNamespace(name="Some Card", total_memory=80e9)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda index: card)
    finding = runtimes.check_gpu()
    assert finding.found == "Some Card (80 GB), Some Card (80 GB); marey works on the processor"


# The screen and the exit code.


def test_the_worst_verdict_counts():
    assert worst_verdict([]) == "ok"
    findings = [sample(verdict)() for verdict in ("ok", "fail", "warn")]
    assert worst_verdict(findings) == "fail"
    assert worst_verdict(findings[::2]) == "warn"


def test_a_machine_with_warnings_is_fit(capsys):
    checks = [Examination(name=v, check=sample(v)) for v in ("ok", "warn")]
    show_health(examinations=checks)
    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert lines == [
        "check               found",
        "the ok one    ok    seen",
        "the warn one  warn  seen",
        "                    Mend it.",
        "fit for marey, 1 with a warning",
    ]


def test_a_failing_check_is_the_environments_fault(capsys):
    checks = [Examination(name=v, check=sample(v)) for v in ("fail", "ok")]
    with pytest.raises(EnvironmentFault) as stop:
        show_health(examinations=checks)
    assert stop.value.exit_code == 3
    assert str(stop.value) == (
        "this machine is not fit for marey yet: the fail one fails; do what is said there and run "
        "it again"
    )
    assert "Mend it." in capsys.readouterr().out


def test_findings_for_machines(capsys):
    show_health(as_json=True, examinations=[Examination(name="sample", check=fine)])
    assert json.loads(capsys.readouterr().out) == {"verdict": "ok", "findings": [asdict(fine())]}


def test_markup_in_a_finding_is_text(capsys):
    strange = Finding(name="[red]", verdict="warn", found="[/nonsense]", mend="marey[view]")
    show_health(examinations=[Examination(name="a", check=lambda: strange)])
    printed = capsys.readouterr().out
    assert all(text in printed for text in ("[red]", "[/nonsense]", "marey[view]"))


def test_every_examination_has_its_own_name():
    names = [item.name for item in EXAMINATIONS]
    assert len(set(names)) == len(names)
    # Those in processes of their own must be found there.
    for item in EXAMINATIONS:
        if isinstance(item.check, str):
            module, function = item.check.split(":")
            assert callable(getattr(import_module(module), function))


def test_this_machine_passes(monkeypatch):
    """What the tests run on must be fit, or the other tests mean little."""
    quick = [item for item in EXAMINATIONS if not isinstance(item.check, str)]
    failed = [finding for finding in examine(quick) if finding.verdict == "fail"]
    assert failed == []
    assert software.find_version("no-such-distribution") is None


def test_the_command_ends_with_the_environments_code(capsys, monkeypatch):
    def diagnose(*, as_json: bool) -> None:
        show_health(as_json=as_json, examinations=[Examination(name="a", check=sample("fail"))])

    monkeypatch.setattr("marey.jobs.commands.diagnose", diagnose)
    with pytest.raises(SystemExit) as stop:
        cli.main(["doctor", "--json"])
    assert stop.value.code == 3
    captured = capsys.readouterr()
    assert json.loads(captured.out)["verdict"] == "fail"
    assert captured.err.startswith("marey: this machine is not fit for marey yet")
