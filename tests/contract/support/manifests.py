"""The smallest manifests that are accepted."""


def node(name, **spec):
    return {"apiVersion": "caravanserai/v1", "kind": "Node", "metadata": {"name": name}, "spec": {"hostname": name, **spec}}


def project(name, image="nginx:1", **spec):
    return {"apiVersion": "caravanserai/v1", "kind": "Project", "metadata": {"name": name},
            "spec": {"services": [{"name": "web", "image": image}], **spec}}
