"""That what an earlier version has made is left as it is."""
import os
import subprocess
import tempfile

from rights import CONFIGS, INFRA, deployment
from scene import MODULE, Scene, vms

# The last version before names, placements and pools.
BEFORE = os.environ.get("LABLINK_MODULE_BEFORE", "b1a005d")
NAME = "lablink-vm-kept-1"


def upgrade(cloud, folder, check):
    with tempfile.TemporaryDirectory() as place:
        module, infra = (unpacked(path, os.path.join(place, str(n))) for n, path in enumerate((MODULE, INFRA)))
        if not (module and infra):
            print(f"       {BEFORE} is not in this clone: no upgrade from it was tried")
            return
        for group in ("lablink-cloud-init-kept", ""):
            end = "with" if group else "without"
            scene = Scene(cloud, f"{folder}-{end}", end, module=module, vms=vms(NAME), enrolment_tokens={NAME: "token"},
                          cloud_init_output_log_group=group)
            check("an earlier version makes a VM", scene.apply().ok)
            scene.use_module()
            planned = scene.plan(enrolment_tokens={}, agent_auth="required")
            check(f"this one changes nothing of it, {end} a log group", planned.ok and not planned.changes, planned)

        host = Scene(cloud, f"{folder}-infra", "test", module=infra, **deployment(
            os.path.join(CONFIGS, "none-address-dynamic.yaml")))
        check("an earlier version deploys the host", host.apply().ok)
        host.use_module(INFRA)
        planned = host.plan()
        check("this one changes the rights of its role alone", planned.ok and all(
            address.startswith("aws_iam_role_policy.host[") for address in planned.changes), planned)


def unpacked(path, place):
    """The folder as it was then. None: this clone does not go back so far."""
    archive = subprocess.run(["git", "-C", path, "archive", BEFORE, "."], stdout=subprocess.PIPE,
                             stderr=subprocess.DEVNULL, check=False)
    if archive.returncode:
        return None
    os.mkdir(place)
    subprocess.run(["tar", "-x", "-C", place], input=archive.stdout, check=True)
    return place
