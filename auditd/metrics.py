"""What the operator's monitoring reads of an audit, in Prometheus' form."""

from collections.abc import Iterable

from attrs import frozen
from prometheus_client import REGISTRY, CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from auditd.audit import Audit

_COUNTERS = {
    "frames": "Frames that left the node and were seen.",
    "dropped": "Frames that were not seen because the capture could not keep up.",
    "foreign": "Frames without IP.",
    "dissected": "Odd packets that were taken apart.",
    "unread": "Odd packets that were counted under their sender only.",
    "folded": "Flows that lost their addresses because there were too many at once.",
}


@frozen(eq=False)
class _Watching(Collector):
    audit: Audit

    def collect(self) -> Iterable[Metric]:
        for name, doc in _COUNTERS.items():
            yield CounterMetricFamily(f"plfed_audit_{name}", doc, self.audit.counts.get(name, 0))
        yield GaugeMetricFamily("plfed_audit_open_flows", "Flows that go on.", len(self.audit.flows))
        yield GaugeMetricFamily("plfed_audit_flow_records", "Flow records of the last hour.", len(self.audit.hour))
        unknown = int((self.audit.flows.all()["slice"] == 0).sum())
        yield GaugeMetricFamily("plfed_audit_unknown_flows", "Open flows whose slice is not known.", unknown)
        lost = float(bool(self.audit.owners_error))
        yield GaugeMetricFamily("plfed_audit_owners_lost", "1 while the node manager does not tell owners.", lost)


def watched(audit: Audit, registry: CollectorRegistry = REGISTRY) -> None:
    """Let monitoring see ``audit``."""
    registry.register(_Watching(audit))
