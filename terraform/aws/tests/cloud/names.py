"""That a deployment's name can't be set, changed or removed while it exists."""
import os

from scene import Scene
from rights import CONFIGS, INFRA, deployment


def names(cloud, folder, check):
    unnamed, named = (os.path.join(CONFIGS, name) for name in ("none-address-dynamic.yaml", "other/named.yaml"))
    infra = Scene(cloud, folder, "test", module=INFRA, **deployment(unnamed))
    # As people work: with the state in the bucket.
    os.remove(os.path.join(folder, "backend_override.tf.json"))
    check("init connects the folder", init(infra, unnamed).returncode == 0)
    made = infra.apply()
    check("infra is deployed", made.ok, made)
    renamed = infra.plan(config_path=named)
    check("a plan with a name is refused", not renamed.ok and any(
        "What exists here is test" in said for said in renamed.errors), renamed)
    refused = init(infra, named)
    check("init with a name is refused", refused.returncode and "can't be set, changed or removed" in refused.stdout, refused.stdout)
    gone = infra.destroy()
    check("what there is can be destroyed", gone.ok, gone)
    check("and then init takes the name", init(infra, named).returncode == 0)


def init(infra, config):
    return infra.program("./init", "test", config)
