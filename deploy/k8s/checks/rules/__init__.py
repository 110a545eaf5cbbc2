"""What the schemas cannot see. A rule takes all manifests and yields what it finds."""

from deploy.k8s.checks.rules.broker import lasting, little_access, names
from deploy.k8s.checks.rules.flows import denied_by_default, named_flows, reachable
from deploy.k8s.checks.rules.links import evictable, no_secrets, references, scaled, selectors, watched
from deploy.k8s.checks.rules.pods import ends_in_time, of_a_version, probed, spread, within_limits, without_rights

RULES = (
    without_rights,
    within_limits,
    probed,
    ends_in_time,
    of_a_version,
    spread,
    selectors,
    evictable,
    scaled,
    references,
    watched,
    no_secrets,
    denied_by_default,
    named_flows,
    reachable,
    lasting,
    little_access,
    names,
)
