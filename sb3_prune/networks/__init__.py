"""Networks of our own."""

from sb3_prune.networks.ofexinet import OFEXiConfig as OFEXiConfig
from sb3_prune.networks.ofexinet import OFEXiNet as OFEXiNet
