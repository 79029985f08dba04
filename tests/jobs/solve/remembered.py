"""Networks and fits that are asked once: what was answered before is answered from memory.

For tests of what happens around them. Everything else of a solve runs as ever, and so do the
networks and the fit where a question is new.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

import numpy as np
import onnxruntime

from marey.capture import everyone
from marey.jobs.solve import fit_stage, people_stage


@contextmanager
def remember_answers() -> Iterator[None]:
    """Answer from memory what networks and fits were asked before in this block.

    Networks are opened once, and memory is not given back in between, which costs as much again.
    """
    opened, open_networks = {}, people_stage.open_networks

    def open_once(options):
        key = (options.detector, options.landmarks, options.face, options.far_people)
        if key not in opened:
            opened[key] = open_networks(options)
        return opened[key]

    with (
        _remember_networks(),
        _remember_fits(),
        patch.object(people_stage, "open_networks", open_once),
        patch.object(people_stage, "trim_heap", lambda: None),
        patch.object(fit_stage, "trim_heap", lambda: None),
    ):
        yield


@contextmanager
def _remember_networks() -> Iterator[None]:
    ask, answers = onnxruntime.InferenceSession.run, {}

    def run(session, outputs, inputs, options=None):
        key = hashlib.sha256(repr([session.get_modelmeta().graph_name, outputs]).encode())
        for given in session.get_inputs():
            key.update(repr([given.name, given.shape]).encode())
        for name, value in inputs.items():
            key.update(name.encode() + np.ascontiguousarray(value).tobytes())
        if key.digest() not in answers:
            answers[key.digest()] = ask(session, outputs, inputs, options)
        return [value.copy() for value in answers[key.digest()]]

    with patch.object(onnxruntime.InferenceSession, "run", run):
        yield


@contextmanager
def _remember_fits() -> Iterator[None]:
    fit, answers = everyone.fit_person, {}

    def fit_person(bodies, keypoints2d, keypoints3d, view, *, options, advance, scratch):
        key = hashlib.sha256(repr([bodies.body.name, view, options]).encode())
        for points in (keypoints2d, keypoints3d):
            for array in (points.position, points.confidence, points.sigma, points.time):
                key.update(b"" if array is None else np.ascontiguousarray(array).tobytes())
        if key.digest() not in answers:
            steps = []

            def note(frames: int) -> None:
                steps.append(frames)
                advance(frames)

            motion = fit(
                bodies,
                keypoints2d,
                keypoints3d,
                view,
                options=options,
                advance=note,
                scratch=scratch,
            )
            answers[key.digest()] = motion, steps
            return motion
        motion, steps = answers[key.digest()]
        for frames in steps:
            advance(frames)
        return motion

    with patch.object(everyone, "fit_person", fit_person):
        yield
