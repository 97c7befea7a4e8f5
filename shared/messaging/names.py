"""Names as they stand in the cluster: a prefix lets tests and several installations share one."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Names:
    """Maps the register's names to the cluster's and back."""

    prefix: str = ""
    spine_partitions: int = 12

    def topic(self, name: str) -> str:
        """The topic's name in the cluster."""
        return f"{self.prefix}{name}"

    def group(self, name: str) -> str:
        """The consumer group's name in the cluster."""
        return f"{self.prefix}{name}"

    def logical(self, topic: str) -> str:
        """The register's name of a topic of the cluster."""
        return topic.removeprefix(self.prefix)
