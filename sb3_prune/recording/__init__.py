"""Recording: store the activations of an agent's hidden units while it plays."""

from sb3_prune.recording.activations import recent_activations as recent_activations
from sb3_prune.recording.activations import record_activations as record_activations
from sb3_prune.recording.inputs import recent_inputs as recent_inputs
from sb3_prune.recording.player import Player as Player
from sb3_prune.recording.playing import play_inputs as play_inputs
from sb3_prune.recording.recorder import record_episodes as record_episodes
from sb3_prune.recording.recording import Recording as Recording
from sb3_prune.recording.samples import sample_activations as sample_activations
