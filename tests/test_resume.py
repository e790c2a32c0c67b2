"""Runs that are cut off and go on: `digits.experiment.resume`, and both scripts."""

import argparse
import hashlib
import io
import json
import multiprocessing
import os
import signal
from pathlib import Path

import numpy as np
import pytest

import CNN_MNIST
import tf_cnn
from benchmarks.kills import history_of, variables_of
from conftest import TINY
from digits import UserError
from digits.experiment import checkpoint, resume
from digits.experiment.resume import Place, Run, Training
from digits.terminal import files

EPOCHS, STEPS = 3, 4


class Number:
    """A variable, as TensorFlow's."""

    def __init__(self, value=0.0):
        self.value = np.array(value, np.float32)

    def assign(self, value):
        self.value = np.array(value)

    def numpy(self):
        return self.value

    @property
    def shape(self):
        return self.value.shape


class CutOff(BaseException):
    """What a process that is killed would not even raise."""


def run_of(**flags):
    """Return a Run in the folder out."""
    given = {"resume": False, "restart": False, "checkpoint_seconds": 0.0, "seed": 3}
    args = argparse.Namespace(**given | {"output_dir": "out"} | flags)
    summary = {"script": "x.py", "command": "x.py -s", "arguments": vars(args)}
    Path("out").mkdir(exist_ok=True)
    return Run("out", args, summary)


def learn(run, cut_off_at=None, networks=2):
    """Train two networks whose steps depend on all that was before; return numbers."""
    steps, numbers = 0, []
    for network in range(1, networks + 1):
        number, momentum = Number(network), Number()
        name = f"network {network}"
        run.track(name, [number, momentum])
        for epoch in run.epochs(network, EPOCHS):
            (total,) = run.place.sums or (0.0,)
            for step in range(run.place.step, STEPS):
                if steps == cut_off_at:
                    raise CutOff
                momentum.assign(0.7 * momentum.value + np.sin(number.value + step))
                number.assign(number.value + 0.1 * momentum.value)
                total += float(number.value)
                steps += 1
                run.step([total])
            run.rows.append({"network": network, "epoch": epoch, "total": total})
        run.track(f"trained {network}", [number], instead_of=name)
        numbers.append(float(number.value))
    return numbers


def cut_off(at, **flags):
    with pytest.raises(CutOff), run_of(**flags) as run:
        learn(run, at)


EVERY_STEP = [(at, 0.0) for at in range(2 * EPOCHS * STEPS)]
SOME = [(at, 1000.0) for at in (0, 1, 4, 11, 12, 18, 23)]


@pytest.mark.parametrize(("at", "seconds"), EVERY_STEP + SOME)
def test_a_run_cut_off_anywhere_ends_the_same(at, seconds):
    whole = Training()
    expected = learn(whole)
    cut_off(at, checkpoint_seconds=seconds)
    with run_of(resume=True, checkpoint_seconds=seconds) as run:
        done = EPOCHS * (run.place.network - 1) + run.place.epoch
        assert STEPS * done + run.place.step == (at if not seconds else at // 4 * 4)
        assert learn(run) == expected
        assert run.rows == whole.rows
    assert os.listdir("out") == [".lock"]


def test_time_goes_on(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(resume.time, "monotonic", lambda: now[0])
    with pytest.raises(CutOff), run_of() as run:
        now[0] = 160.0
        run.keep()
        raise CutOff
    now[0] = 1000.0
    with run_of(resume=True) as run:
        assert run.seconds() == 60
        now[0] = 1007.0
        assert run.seconds() == 67
        assert run.summary["command"] == "x.py -s"


def test_two_checkpoints_are_kept():
    cut_off(7)
    names = ["checkpoint-00000009", "checkpoint-00000008"]  # one of the epoch, too
    assert [path.name for path in checkpoint.paths(Path("out/unfinished"))] == names


def test_a_damaged_checkpoint_falls_back_to_the_one_before(capsys):
    expected = learn(Training())
    cut_off(7)
    newest, _ = checkpoint.paths(Path("out/unfinished"))
    content = bytearray(newest.read_bytes())
    content[len(content) // 2] ^= 1
    newest.write_bytes(content)
    with run_of(resume=True) as run:
        assert run.place.step == 2  # not 3
        assert learn(run) == expected
    message = f"{newest}: damaged\n"
    assert capsys.readouterr().err.count(message) == 1


@pytest.mark.parametrize("content", [b"", b"x" * 20, b"x" * 1000])
@pytest.mark.parametrize("resumes", [False, True])
def test_checkpoints_that_are_all_damaged_stay(content, resumes, capsys):
    cut_off(1)
    for path in checkpoint.paths(Path("out/unfinished")):
        path.write_bytes(content)
    refusal = pytest.raises(
        UserError, match=r"cannot be read \(damaged\); give it up: add --restart"
    )
    with refusal, run_of(resume=resumes):
        pass
    assert capsys.readouterr().err.count("damaged") == 2
    assert len(checkpoint.paths(Path("out/unfinished"))) == 2
    Path("out/unfinished/pages.kept").write_bytes(b"of another run")
    with run_of(restart=True) as run:
        run.keep()
        assert os.listdir("out/unfinished") == ["checkpoint-00000001"]


def test_a_folder_of_the_same_name_stays():
    Path("out/unfinished").mkdir(parents=True)
    Path("out/unfinished/novel.txt").write_text("Chapter 1", encoding="utf-8")
    refusal = pytest.raises(UserError, match=r"novel\.txt: no run made it")
    with refusal, run_of() as run:
        run.keep()
    with run_of():  # that trains nothing
        pass
    assert os.listdir("out/unfinished") == ["novel.txt"]


def test_a_file_that_is_no_checkpoint_is_named(tmp_path, capsys):
    def head(number, text):
        arrays = {checkpoint.HEAD: [np.array(text)]}
        checkpoint.write(tmp_path / f"checkpoint-{number}", arrays)

    checkpoint.write(tmp_path / "checkpoint-1", {"other": [np.arange(3)]})
    head(2, "{}")
    head(3, "[1]")
    head(4, "no JSON")
    rest = b"no archive"
    path = tmp_path / "checkpoint-5"
    path.write_bytes(hashlib.sha256(rest).digest() + rest)
    (tmp_path / "checkpoint-6").mkdir()
    with pytest.raises(UserError, match="cannot be read"):
        checkpoint.newest(tmp_path)
    faults = [line.split(": ")[1] for line in capsys.readouterr().err.splitlines()]
    assert faults == ["Is a directory", *["damaged"] * 5]


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda head: head.pop("rows"), "damaged"),
        (lambda head: head.update(rows=[1]), "damaged"),
        (lambda head: head.update(seconds=-1.0), "damaged"),
        (lambda head: head.update(place=[1, 0, 2]), "damaged"),
        (lambda head: head.update(place=[1, 0.5, 2, []]), "damaged"),
        (lambda head: head.update(place=[1, 0, -2, []]), "damaged"),
        (lambda head: head.update(place=[1, 0, 2, ["x"]]), "damaged"),
        (lambda head: head.update(place=[1, 0, 2, ""]), "damaged"),
        (lambda head: head["summary"].pop("command"), "damaged"),
        (lambda head: head.update(place=[1, 0, 2, [1, 2]]), "ValueError: too many"),
    ],
)
def test_a_checkpoint_that_was_changed(change, fault):
    """And has the right SHA-256: what a training does not expect is its fault."""
    cut_off(2)
    newest, before = checkpoint.paths(Path("out/unfinished"))
    before.unlink()
    arrays = checkpoint.read(newest)
    head = json.loads(str(arrays[checkpoint.HEAD][0]))
    change(head)
    checkpoint.write(newest, arrays | {checkpoint.HEAD: [np.array(json.dumps(head))]})
    refusal = pytest.raises(UserError, match=rf"out: .* cannot be read \({fault}")
    with refusal, run_of(resume=True) as run:
        learn(run)
    assert newest.exists()


def test_our_own_faults_are_none_of_a_checkpoint():
    cut_off(2)
    with pytest.raises(ValueError, match="our own"), run_of(resume=True) as run:
        run.step([])
        raise ValueError("our own")
    with pytest.raises(ValueError, match="our own"), run_of(restart=True) as run:
        raise ValueError("our own")


def test_a_packed_checkpoint_is_not_unpacked(tmp_path):
    content = io.BytesIO()
    np.savez_compressed(content, **{"head/000000": np.zeros(10**6)})
    digest = hashlib.sha256(content.getvalue()).digest()
    (tmp_path / "checkpoint-1").write_bytes(digest + content.getvalue())
    with pytest.raises(ValueError, match="too large"):
        checkpoint.read(tmp_path / "checkpoint-1")


def test_nothing_is_given_up_before_the_new_run_begins():
    cut_off(5)
    with pytest.raises(UserError), run_of(restart=True):
        raise UserError("gone.hdf5: no such file")
    with run_of(resume=True) as run:
        assert learn(run) == learn(Training())


def test_a_run_that_has_ended_meanwhile_is_not_begun_anew():
    refusal = pytest.raises(UserError, match="out: its unfinished run has ended")
    with refusal, run_of(resume=True):
        pass


def test_a_failure_after_the_last_epoch_is_told_as_it_is():
    """It is none of the checkpoint."""
    with pytest.raises(CutOff), run_of() as run:
        learn(run)
        raise CutOff
    with pytest.raises(ZeroDivisionError), run_of(resume=True) as run:
        learn(run)
        raise ZeroDivisionError


def test_a_lock_that_is_none(tmp_path):
    Path("out/.lock").mkdir(parents=True)
    with pytest.raises(UserError, match=r"out/.lock: "), run_of():
        pass


def test_other_versions_and_networks_are_refused(monkeypatch):
    cut_off(5)
    refusal = pytest.raises(UserError, match="out: its unfinished run is of another")
    with refusal, run_of(resume=True) as run:
        run.track("network 1", [Number()])
    monkeypatch.setattr(resume, "versions", lambda: {"python": "2"})
    refusal = pytest.raises(UserError, match="out: its unfinished run needs the")
    with refusal, run_of(resume=True):
        pass


def test_an_unfinished_run_is_resumed_or_given_up():
    cut_off(5)
    message = "out: holds an unfinished run.*x.py --resume --output_dir out.*--restart"
    with pytest.raises(UserError, match=f"(?s){message}"), run_of():
        pass
    with run_of(restart=True) as run:
        assert run.place == Place() and not run.rows
        assert learn(run) == learn(Training())


def test_two_runs_in_a_folder_are_refused():
    with run_of() as run:
        run.keep()
        with pytest.raises(UserError, match="out: another run writes"), run_of():
            pass
        learn(run)
    with run_of() as run:  # the folder is free again
        learn(run)


def test_what_takes_long_is_made_once():
    made = []

    def make():
        made.append(1)
        return np.arange(5), np.ones((2, 3), np.uint8)

    def kept(**flags):
        with pytest.raises(CutOff), run_of(**flags) as run:
            first, second = run.kept("pages", make)
            np.testing.assert_array_equal(first, np.arange(5))
            assert second.shape == (2, 3) and second.dtype == np.uint8
            raise CutOff
        return len(made)

    assert kept() == 1
    assert kept(resume=True) == 1
    path = Path("out/unfinished/pages.kept")
    path.write_bytes(path.read_bytes()[:-1])  # damaged: it is made again
    assert kept(resume=True) == 2
    assert kept(restart=True) == 3


@pytest.mark.parametrize("name", ["write_bytes", "make_folder"])
def test_a_full_disk_costs_the_checkpoints_only(name, monkeypatch, capsys):
    def full(path, *_):
        raise UserError(f"{path}: not written: No space left on device")

    with pytest.raises(CutOff), run_of() as run:
        monkeypatch.setattr(files, name, full)
        assert [*run.kept("pages", lambda: [np.arange(2)])[0]] == [0, 1]
        assert learn(run) == learn(Training())
        raise CutOff
    printed = capsys.readouterr().err
    assert "No space left on device; the run goes on without" in printed
    assert "--resume" not in printed  # there is nothing to resume


@pytest.mark.parametrize("received", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_after_the_step(received, capsys):
    before = signal.getsignal(received)
    with pytest.raises(KeyboardInterrupt), run_of(checkpoint_seconds=1000.0) as run:
        number = Number()
        run.track("number", [number])
        for _ in run.epochs(1, 1):
            os.kill(os.getpid(), received)
            number.assign(2)  # the step goes on
            run.step([])
            pytest.fail("it was not stopped")
    assert signal.getsignal(received) is before
    assert "python3" in capsys.readouterr().err.splitlines()[-1]
    with run_of(resume=True) as run:
        run.track("number", [number := Number()])
        assert number.value == 2 and run.place.step == 1


def test_a_second_signal_does_not_wait():
    with pytest.raises(KeyboardInterrupt), run_of() as run:
        for _ in run.epochs(1, 1):
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGINT)
            pytest.fail("it was not stopped")


def test_without_steps_a_signal_does_not_wait():
    with pytest.raises(KeyboardInterrupt), run_of():
        os.kill(os.getpid(), signal.SIGTERM)
    assert os.listdir("out") == [".lock"]


SCRIPTS = [tf_cnn, CNN_MNIST]
SAVED = ["-s", "1", "-w", "a.hdf5"]


def begun(script):
    """Let a run of a script be cut off before its first step."""
    args = script.parse_args([*TINY, *SAVED, "--seed", "4", "--output_dir", "out"])
    name = f"{script.__name__}.py"
    summary = {"script": name, "command": "", "arguments": vars(args)}
    Path("out").mkdir()
    with pytest.raises(CutOff), Run("out", args, summary) as run:
        run.keep()
        raise CutOff


@pytest.mark.parametrize("script", SCRIPTS)
def test_flags_are_those_that_the_run_began_with(script, capsys, monkeypatch):
    begun(script)
    again = ["--resume", "--output_dir", "out"]
    args = script.parse_args(again)
    assert (args.seed, args.filters, args.resume) == (4, [4, 8, 8], True)
    assert script.parse_args([*again, "--seed", "4"]).seed == 4
    with pytest.raises(SystemExit, match="2"):
        script.parse_args([*again, "--epochs", "7"])
    assert "--epochs: the run began with 1; drop the flag" in capsys.readouterr().err
    with pytest.raises(SystemExit, match="2"):
        script.parse_args([*again, "--restart"])
    args = script.parse_args([*again, "-w", "b.hdf5", "--checkpoint_seconds", "5"])
    assert (args.save_weights, args.checkpoint_seconds) == ("b.hdf5", 5)
    (other,) = set(SCRIPTS) - {script}
    assert other.main(again) == 1
    message = f"out: holds an unfinished run of {script.__name__}.py"
    assert message in capsys.readouterr().err
    assert script.main(["--resume", "--output_dir", "other"]) == 1
    assert "other: holds no unfinished run" in capsys.readouterr().err
    Path("elsewhere").mkdir()
    here = os.getcwd()
    monkeypatch.chdir("elsewhere")
    assert script.main(["--resume", "--output_dir", "../out"]) == 1
    assert f"../out: resume it in {here}" in capsys.readouterr().err


@pytest.mark.parametrize("script", SCRIPTS)
@pytest.mark.parametrize(
    "change",
    [
        {"filters": [4, "8"]},
        {"filters": 4},
        {"filters": []},
        {"filters": [10**9]},
        {"epochs": 1.5},
        {"epochs": None},
        {"seed": True},
        {"activation": "swish"},
        {"save_model": 7},
        {"save_model": 0},  # --save_weights needs it
        {"tensorboard": 3},
        {"more": 1},
    ],
)
def test_flags_that_the_script_does_not_take(script, change, capsys):
    begun(script)
    (path,) = checkpoint.paths(Path("out/unfinished"))
    arrays = checkpoint.read(path)
    head = json.loads(str(arrays[checkpoint.HEAD][0]))
    head["summary"]["arguments"] |= change
    checkpoint.write(path, {checkpoint.HEAD: [np.array(json.dumps(head))]})
    capsys.readouterr()
    assert script.main(["--resume", "--output_dir", "out"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: out: its unfinished run cannot be read (other flags")


@pytest.fixture(scope="module")
def processes():
    """A context that starts processes which have the imports done."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["digits.training.export", "tf_cnn", "CNN_MNIST"])
    return context


def run_in(processes, script, *argv, kill_at=None):
    """Run a script's main in a process; return its exit status.

    kill_at: kill it once it has written so many checkpoints.
    """
    process = processes.Process(target=script.main, args=(argv,))
    process.start()
    while process.is_alive():
        written = checkpoint.paths(Path("killed/unfinished"))
        if kill_at and written and int(written[0].name[-8:]) >= kill_at:
            process.kill()
        process.join(0.005)
    return process.exitcode


@pytest.mark.slow
@pytest.mark.parametrize("script", SCRIPTS)
def test_a_killed_run_ends_the_same(script, processes):
    """Killed twice: while it learns, and at the end of an epoch."""
    flags = [*TINY, "--batch_size", "200", "--epochs", "2", "-s", "1"]
    whole = [*flags, "-w", "whole.hdf5", "--output_dir", "whole"]
    assert run_in(processes, script, *whole) == 0
    first = [*flags, "-w", "killed.hdf5", "--output_dir", "killed"]
    first += ["--checkpoint_seconds", "0"]
    again = ["--resume", "--output_dir", "killed"]
    for flags, kill_at in ((first, 3), (again, 9)):
        status = run_in(processes, script, *flags, kill_at=kill_at)
        assert status == -signal.SIGKILL
    assert run_in(processes, script, *again) == 0
    whole, after = variables_of("whole.hdf5"), variables_of("killed.hdf5")
    assert whole and whole.keys() == after.keys()
    for name, value in whole.items():
        np.testing.assert_array_equal(value, after[name], err_msg=name)
    assert history_of("whole") == history_of("killed")
    results = [
        json.loads(Path(folder, "results.json").read_text(encoding="utf-8"))
        for folder in ("whole", "killed")
    ]
    assert results[0]["wrong_indices"] == results[1]["wrong_indices"]
    assert not Path("killed/unfinished").exists()
