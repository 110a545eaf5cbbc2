"""The page for whoever installs can be done from its top to its end."""

from __future__ import annotations

import re

from deploy.local.settings import ROOT

K8S = ROOT / "deploy/k8s"
README = (K8S / "README.md").read_text(encoding="utf-8")
NAMESPACE = "kubectl apply -f deploy/k8s/base/common/namespace.yaml"
IN_IT = re.compile(r"^kubectl (-n budstikke|apply -k) ", re.MULTILINE)


def test_the_namespace_is_made_once_before_anything_is_put_in_it() -> None:
    first = IN_IT.search(README)
    assert first is not None
    assert README.count(NAMESPACE) == 1
    assert README.index(NAMESPACE) < first.start()
