"""Transplanting: carry a trained agent into other spaces or other networks."""

from sb3_prune.transplanting.donors import transplant_weights as transplant_weights
from sb3_prune.transplanting.folding import InputRules as InputRules
from sb3_prune.transplanting.modules import transplant_module as transplant_module
from sb3_prune.transplanting.names import action_names as action_names
from sb3_prune.transplanting.names import observation_names as observation_names
from sb3_prune.transplanting.outputs import NewActions as NewActions
from sb3_prune.transplanting.pairing import frames as frames
from sb3_prune.transplanting.reporting import TransplantReport as TransplantReport
from sb3_prune.transplanting.transplants import plan_transplant as plan_transplant
from sb3_prune.transplanting.transplants import transplant as transplant
from sb3_prune.transplanting.transplants import transplant_into as transplant_into
