"""Motion capture of several kinds as joint rotations of SMPL's layout; see build_pose_prior.py."""
