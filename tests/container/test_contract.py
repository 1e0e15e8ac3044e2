"""The container driver does what every driver must."""

from tests.container.ground import Ground
from tests.node_manager.contract import DriverContract


class ContainerContract(DriverContract, Ground):
    sliver = DriverContract.sliver
    running = DriverContract.running
