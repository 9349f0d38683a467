"""Networks: OFEXiNet and its parts, and the perceptrons of an agent."""

from sb3_prune.networks.ofexinet import OFEXiConfig as OFEXiConfig
from sb3_prune.networks.ofexinet import OFEXiNet as OFEXiNet
