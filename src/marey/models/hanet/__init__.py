"""HANet refines windows of noisy 2D, 3D or rotation sequences (Jin et al., WACV 2023).

`docs/hanet.md` describes the network, its settings and what differs from the released code.
"""

from marey.models.hanet.checkpoint import import_state as import_state
from marey.models.hanet.checkpoint import load_checkpoint as load_checkpoint
from marey.models.hanet.config import HANetConfig as HANetConfig
from marey.models.hanet.config import MaskMode as MaskMode
from marey.models.hanet.config import Representation as Representation
from marey.models.hanet.config import check_config as check_config
from marey.models.hanet.inference import Untold as Untold
from marey.models.hanet.kinematics import sampled_frames as sampled_frames
from marey.models.hanet.losses import Loss as Loss
from marey.models.hanet.losses import LossOptions as LossOptions
from marey.models.hanet.losses import hanet_loss as hanet_loss
from marey.models.hanet.network import HANet as HANet
from marey.models.hanet.network import interpolate as interpolate
from marey.models.hanet.online import OnlineFrame as OnlineFrame
from marey.models.hanet.online import OnlineRefiner as OnlineRefiner
from marey.models.hanet.refine import Refined as Refined
from marey.models.hanet.refine import RefineOptions as RefineOptions
from marey.models.hanet.refine import refine_sequence as refine_sequence
from marey.models.hanet.schedule import Schedule as Schedule
from marey.models.hanet.weights import load_hanet as load_hanet
from marey.models.hanet.weights import save_hanet as save_hanet
from marey.models.hanet.windows import merge_windows as merge_windows
from marey.models.hanet.windows import window_starts as window_starts
