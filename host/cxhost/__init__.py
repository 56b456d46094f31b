"""What runs on a computer: the ``cxbadge`` command, the companion, the publisher and the simulator."""
