"""`marey convert`: takes on other bodies and rigs, with what was lost said."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from marey import cli
from marey.body import load_body
from marey.body.layouts import SMPLH
from marey.core import BodyMotion, Person, Rig, Take
from marey.core.errors import InputError, NothingFoundError
from marey.io.bvh import write_bvh
from marey.io.take import read_take, write_take
from marey.jobs.export.convert import convert
from marey.synthetic.scene import synthetic_scene
from tests.body.files import random_body, write_npz

FRAMES = 20


def make_take(motion: BodyMotion) -> Take:
    motion = replace(motion, people=("anna",))
    person = Person(name="anna", start=0, num_frames=len(motion.time), motion=motion)
    return Take(time=motion.time, people=(person,), provenance={"solve": {"seed": 1}})


def walking() -> BodyMotion:
    body = load_body("marey-h", mesh="light")
    return synthetic_scene(body, "walk", num_frames=FRAMES, seed=0).motion


def test_by_skin_and_the_residual_is_written_down():
    done = convert(make_take(walking()), body="marey-h")
    (how,) = done.people
    assert how.way == "skin"
    assert how.skin is not None
    assert how.skin.shape == (FRAMES,)
    told = done.take.provenance["convert"]["people"]["anna"]
    assert told["skin_worst_mm"] < 0.1
    assert done.take.provenance["solve"] == {"seed": 1}
    np.testing.assert_allclose(
        done.take.people[0].motion.R_parent_joint, walking().R_parent_joint, atol=1e-3
    )


def test_smplh_without_its_file_goes_by_names():
    """marey-h has SMPL-H's joints and axes: the angles stay as they are."""
    motion = walking()
    smplh = BodyMotion(
        body="smplh",
        people=motion.people,
        time=motion.time,
        shape=np.ones((1, 16), np.float32),
        T_world_root=motion.T_world_root,
        R_parent_joint=motion.R_parent_joint,
        confidence=motion.confidence,
    )
    done = convert(make_take(smplh), body="marey-h")
    found = done.take.people[0].motion
    assert done.people[0].way == "names"
    assert found.body == "marey-h"
    np.testing.assert_allclose(found.R_parent_joint, motion.R_parent_joint, atol=1e-3)
    assert load_body("marey-h").joint_names == SMPLH.joints


def test_to_a_file_of_ones_own_and_the_take_names_it(tmp_path):
    path = write_npz(tmp_path / "mine.npz", random_body("smpl"))
    done = convert(make_take(walking()), body=path)
    assert done.take.people[0].motion.body == str(path.resolve())
    again = convert(done.take, body="marey-h")
    assert np.isfinite(again.take.people[0].motion.R_parent_joint).all()


def test_onto_the_rig_of_a_bvh_file_and_back(tmp_path):
    motion = walking()
    (path,) = write_bvh(motion, tmp_path / "rig.bvh", names="mixamo")
    done = convert(make_take(motion), body=path)
    found = done.take.people[0].motion
    assert isinstance(found.body, Rig)
    back = convert(done.take, body="marey-h").take.people[0].motion
    turned = np.abs((back.R_parent_joint * motion.R_parent_joint).sum(-1))
    # BVH keeps six digits of a degree; the mean shape's legs differ a little from the person's.
    assert np.degrees(2 * np.arccos(turned.clip(0, 1))).max() < 5


def test_what_cannot_be_converted(tmp_path):
    with pytest.raises(NothingFoundError, match="no motion"):
        convert(Take(time=np.zeros(0)), body="marey-h")
    with pytest.raises(InputError, match="may not ship"):
        convert(make_take(walking()), body="smplx")
    with pytest.raises(InputError, match="unknown body"):
        convert(make_take(walking()), body="mannequin")


def test_the_command_says_what_was_lost(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write_take(make_take(walking()), tmp_path / "a.take")
    cli.main(["convert", "a.take", "-o", "b.take", "--body", "marey-h"])
    assert "skin" in capsys.readouterr().out
    assert read_take(tmp_path / "b.take").provenance["convert"]["body"] == "marey-h"
    cli.main(["convert", "a.take", "-o", "c.take", "--json"])
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert told["people"]["anna"]["way"] == "skin"
    with pytest.raises(SystemExit) as stop:
        cli.main(["convert", "a.take", "-o", "a.take", "--overwrite"])
    assert stop.value.code == 2
    assert torch.is_grad_enabled()
