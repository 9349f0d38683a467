"""Surgery: change the hidden units of a live agent."""

from sb3_prune.surgery.change import Change as Change
from sb3_prune.surgery.elementary import add as add
from sb3_prune.surgery.elementary import keep as keep
from sb3_prune.surgery.elementary import merge as merge
from sb3_prune.surgery.elementary import remove as remove
from sb3_prune.surgery.elementary import reset as reset
from sb3_prune.surgery.elementary import split as split
from sb3_prune.surgery.hidden_layer import HiddenLayer as HiddenLayer
from sb3_prune.surgery.masking import mask as mask
from sb3_prune.surgery.masking import remove_closed as remove_closed
from sb3_prune.surgery.plan import Plan as Plan
from sb3_prune.surgery.report import Report as Report
from sb3_prune.surgery.surgeon import apply as apply
from sb3_prune.surgery.weight_masks import mask_weights as mask_weights
from sb3_prune.surgery.weight_masks import masks_of as masks_of
from sb3_prune.surgery.weight_masks import remove_silent as remove_silent
from sb3_prune.surgery.wiring import Wiring as Wiring
from sb3_prune.surgery.wiring import wire as wire
