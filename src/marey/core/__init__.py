"""The nouns of marey: plain frozen values without torch, and the rules they share."""

from marey.core.cameras import Cameras as Cameras
from marey.core.candidates import Candidates2D as Candidates2D
from marey.core.clip import Clip as Clip
from marey.core.keypoints import Keypoints2D as Keypoints2D
from marey.core.keypoints import Keypoints3D as Keypoints3D
from marey.core.motion import BodyMotion as BodyMotion
from marey.core.motion import BodyTouch as BodyTouch
from marey.core.motion import Rig as Rig
from marey.core.skeleton import Skeleton as Skeleton
from marey.core.skeleton import convert_keypoints as convert_keypoints
from marey.core.skeleton import list_skeletons as list_skeletons
from marey.core.skeleton import load_skeleton as load_skeleton
from marey.core.take import Person as Person
from marey.core.take import Take as Take
from marey.core.tracks import Detections as Detections
from marey.core.tracks import Track as Track
from marey.core.tracks import Tracks as Tracks
